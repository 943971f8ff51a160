package instance

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrNameTaken is wrapped by errors about names that another instance has.
var ErrNameTaken = errors.New("name is taken")

// Create makes a directory for an instance. It gives record an id and, if it has
// none, a name. Nobody else gets that name, unless it is the generated one of a
// foreground instance, of which there may be two. Until the record is written by [Instance.Register], other
// commands do not see the instance.
func (s *Store) Create(record Record) (*Instance, error) {
	id, random := newID()
	record.Version, record.ID = recordVersion, id
	i := &Instance{Record: record, store: s, dir: s.path(id)}
	if err := os.Mkdir(i.dir, 0o700); err != nil {
		return nil, fmt.Errorf("make instance directory: %w", err)
	}
	if i.Name == "" && !i.Options.Detached {
		i.Name = generateName(random[0], random[1])
		return i, nil
	}
	if err := i.takeName(random[:]); err != nil {
		os.Remove(i.dir)
		return nil, err
	}
	return i, nil
}

// takeName reserves the name in the record, or a generated one.
func (i *Instance) takeName(random []byte) error {
	if i.Name != "" {
		if err := CheckName(i.Name); err != nil {
			return err
		}
		return i.link(i.Name)
	}
	for len(random) > 1 {
		name := generateName(random[0], random[1])
		err := i.link(name)
		if !errors.Is(err, ErrNameTaken) {
			i.Name = name
			return err
		}
		random = random[2:]
	}
	i.Name = "walisup_" + i.Short()
	return i.link(i.Name)
}

func (i *Instance) link(name string) error {
	path := i.store.namePath(name)
	err := os.Symlink("../"+i.ID, path)
	if errors.Is(err, os.ErrNotExist) { // somebody has removed the directory of names
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		err = os.Symlink("../"+i.ID, path)
	}
	if errors.Is(err, os.ErrExist) {
		i.store.dropStaleName(name)
		err = os.Symlink("../"+i.ID, path)
	}
	if errors.Is(err, os.ErrExist) {
		holder, _ := os.Readlink(path)
		return fmt.Errorf("%w: %s is instance %.*s; remove that one or choose another name",
			ErrNameTaken, name, ShortID, filepath.Base(holder))
	}
	if err != nil {
		return fmt.Errorf("name instance: %w", err)
	}
	return nil
}

func (s *Store) namePath(name string) string { return filepath.Join(s.dir, namesDir, name) }

// dropStaleName removes a name whose instance's directory is gone. The lock keeps
// it from removing the name that another command has just put there.
func (s *Store) dropStaleName(name string) {
	fd, err := unix.Open(filepath.Join(s.dir, namesDir), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	if unix.Flock(fd, unix.LOCK_EX) != nil {
		return
	}
	if _, err := os.Stat(s.namePath(name)); errors.Is(err, os.ErrNotExist) {
		os.Remove(s.namePath(name))
	}
}

// Register writes the record for the first time, at once: whoever reads it sees all of
// it or nothing.
func (i *Instance) Register() error {
	data, err := json.Marshal(&i.Record)
	if err != nil {
		return fmt.Errorf("instance record: %w", err)
	}
	if err := os.WriteFile(i.File(recordFile), pad(data, recordSize(data)), 0o600); err != nil {
		return fmt.Errorf("write instance record: %w", err)
	}
	return nil
}

// Load returns the instance that has this id.
func (s *Store) Load(id string) (*Instance, error) {
	i := &Instance{store: s, dir: s.path(id)}
	return i, i.Reload()
}

// List returns all instances, the oldest first. Records that cannot be read are
// reported by the error, beside the others.
func (s *Store) List() ([]*Instance, error) {
	ids, err := s.ids()
	if err != nil {
		return nil, err
	}
	var all []*Instance
	var failures []error
	for _, id := range ids {
		i, err := s.Load(id)
		switch {
		case err == nil:
			all = append(all, i)
		case !errors.Is(err, ErrNotFound): // just being made or removed
			failures = append(failures, err)
		}
	}
	slices.SortFunc(all, func(a, b *Instance) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
	})
	return all, errors.Join(failures...)
}

func (s *Store) ids() ([]string, error) {
	dir, err := os.Open(s.dir)
	if err != nil {
		return nil, fmt.Errorf("list instances: %w", err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("list instances: %w", err)
	}
	return slices.DeleteFunc(names, func(name string) bool { return !isID(name) }), nil
}

// Find returns the instance that reference means: its name, its id, or the
// beginning of its id if that fits no other. The error wraps ErrNotFound if there
// is none.
func (s *Store) Find(reference string) (*Instance, error) {
	if CheckName(reference) == nil {
		if target, err := os.Readlink(s.namePath(reference)); err == nil && isID(filepath.Base(target)) {
			i, err := s.Load(filepath.Base(target))
			if !errors.Is(err, ErrNotFound) {
				return i, err
			}
		}
	}
	if reference == "" {
		return nil, fmt.Errorf("%q: %w", reference, ErrNotFound)
	}
	all, failures := s.List()
	var found []*Instance
	for _, i := range all {
		if strings.HasPrefix(i.ID, reference) || i.Name == reference {
			found = append(found, i)
		}
	}
	if len(found) == 0 && failures != nil {
		return nil, failures
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("%s: %w", reference, ErrNotFound)
	case 1:
		return found[0], nil
	}
	return nil, fmt.Errorf("%s fits %d instances, among them %s and %s; give more digits of the id",
		reference, len(found), found[0].Short(), found[1].Short())
}

// gonePrefix marks directories that are being removed.
const gonePrefix = ".gone-"

// Remove removes the instance's directory and name, if check, called with the
// record as it is then, has nothing against it. The error wraps ErrNotFound if
// somebody else has removed it before.
func (i *Instance) Remove(check func(i *Instance) error) error {
	unlock, err := i.lock()
	if err != nil {
		return err
	}
	defer unlock()
	if err := i.Reload(); err != nil {
		return err
	}
	if err := check(i); err != nil {
		return err
	}
	return i.discard()
}

// Discard removes the directory and name of an instance that is the caller's own affair:
// one that was never started, or its foreground guest that has ended.
func (i *Instance) Discard() error {
	unlock, err := i.lock()
	if err != nil {
		return err
	}
	defer unlock()
	return i.discard()
}

// discard removes name and directory. Precondition: the caller holds the lock, or
// nobody else knows of the directory.
func (i *Instance) discard() error {
	if target, err := os.Readlink(i.store.namePath(i.Name)); err == nil && filepath.Base(target) == filepath.Base(i.dir) {
		os.Remove(i.store.namePath(i.Name))
	}
	// Foreground instances have nothing else.
	unix.Unlink(i.File(recordFile))
	if unix.Rmdir(i.dir) == nil {
		return nil
	}
	gone := i.store.path(gonePrefix + filepath.Base(i.dir))
	if err := os.Rename(i.dir, gone); err != nil {
		return fmt.Errorf("remove instance: %w", err)
	}
	if err := os.RemoveAll(gone); err != nil {
		return fmt.Errorf("remove instance: %w", err)
	}
	return nil
}

package instance

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Store is a state directory.
type Store struct {
	dir string // absolute
}

const namesDir = "names"

// DefaultDir returns the state directory of the calling user: /run/walisup for
// root, walisup in XDG_RUNTIME_DIR for others, and a directory in /tmp for those
// who have none.
func DefaultDir() string {
	if os.Geteuid() == 0 {
		return "/run/walisup"
	}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		// sudo and su leave the variable as it was: a directory of someone else.
		var st unix.Stat_t
		if unix.Stat(dir, &st) == nil && int(st.Uid) == os.Geteuid() {
			return filepath.Join(dir, "walisup")
		}
	}
	return "/tmp/walisup-" + strconv.Itoa(os.Geteuid())
}

// Open opens the state directory dir, or the default one if dir is empty, and
// makes it if it is missing. It refuses a directory that belongs to another user or
// that others can write to.
func Open(dir string) (*Store, error) {
	if dir == "" {
		dir = DefaultDir()
	}
	path, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("state directory %s: %w", dir, err)
	}
	s := &Store{dir: path}
	if err := s.check(); err == nil || !errors.Is(err, os.ErrNotExist) {
		return s, err
	}
	if err := os.MkdirAll(filepath.Join(path, namesDir), 0o700); err != nil {
		return nil, fmt.Errorf("make state directory: %w (name another one with --state-dir)", err)
	}
	return s, s.check()
}

// Dir returns the absolute path of the state directory.
func (s *Store) Dir() string { return s.dir }

// check examines the directory itself and not what a link in its place shows.
func (s *Store) check() error {
	var st unix.Stat_t
	if err := unix.Lstat(s.dir, &st); err != nil {
		return fmt.Errorf("state directory %s: %w", s.dir, err)
	}
	remedy := "; name another one with --state-dir"
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFDIR:
		return fmt.Errorf("state directory %s is not a directory%s", s.dir, remedy)
	case int(st.Uid) != os.Geteuid():
		return fmt.Errorf("state directory %s belongs to user %d%s", s.dir, st.Uid, remedy)
	case st.Mode&0o022 != 0:
		return fmt.Errorf("state directory %s can be written by others (mode %03o)%s", s.dir, st.Mode&0o777, remedy)
	}
	return nil
}

// path returns the directory of an instance.
func (s *Store) path(id string) string { return filepath.Join(s.dir, id) }

// BootID names the time between two starts of the machine.
func BootID() (string, error) {
	data, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(data)), nil
}

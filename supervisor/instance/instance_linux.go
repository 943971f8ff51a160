package instance

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Instance is one instance's directory and the record that was last read from it.
// It is not safe for concurrent use; several of them for one directory are.
type Instance struct {
	Record
	store *Store
	dir   string
}

// Names of files in an instance's directory.
const (
	recordFile = "record.json"
	recordTemp = "record.new"

	// StdoutFile and StderrFile are the FIFOs that a detached guest writes to.
	StdoutFile = "stdout"
	StderrFile = "stderr"

	// LogFile is what a detached guest has written, see package journal.
	LogFile = "log"

	// TerminalFile is the socket that connects to a detached guest's terminal.
	TerminalFile = "terminal"
)

// ErrNotFound is wrapped by errors about instances that are not there (any
// more).
var ErrNotFound = errors.New("no such instance")

// File returns the path of a file in the instance's directory.
func (i *Instance) File(name string) string { return filepath.Join(i.dir, name) }

// Store returns the state directory that the instance is in.
func (i *Instance) Store() *Store { return i.store }

// Short returns the id as people are shown it.
func (r *Record) Short() string { return r.ID[:min(ShortID, len(r.ID))] }

// Reload reads the record again. The error wraps ErrNotFound if the instance
// has been removed.
func (i *Instance) Reload() error {
	data, err := os.ReadFile(i.File(recordFile))
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s: %w", filepath.Base(i.dir), ErrNotFound)
	}
	if err != nil {
		return err
	}
	if len(data) == 0 || data[len(data)-1] != '\n' { // just being made, see Register
		return fmt.Errorf("%s: %w", filepath.Base(i.dir), ErrNotFound)
	}
	// Another version may hold anything.
	var version struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(data, &version); err != nil {
		return fmt.Errorf("%s: %w", i.File(recordFile), err)
	}
	if version.Version != recordVersion {
		return fmt.Errorf("%s: record of version %d, but this walisup reads version %d: "+
			"end the instance by the walisup that started it, and remove %s", i.File(recordFile), version.Version, recordVersion, i.dir)
	}
	var r Record
	if err := json.Unmarshal(data, &r); err != nil {
		return fmt.Errorf("%s: %w", i.File(recordFile), err)
	}
	i.Record = r
	return nil
}

// Update changes the record: it takes the instance's lock, reads the record,
// calls change and writes what that has left.
func (i *Instance) Update(change func(r *Record) error) error {
	unlock, err := i.lock()
	if err != nil {
		return err
	}
	defer unlock()
	if err := i.Reload(); err != nil {
		return err
	}
	if err := change(&i.Record); err != nil {
		return err
	}
	return i.write()
}

// lock waits until no other command changes the instance.
func (i *Instance) lock() (unlock func(), err error) {
	fd, err := unix.Open(i.dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil, fmt.Errorf("%s: %w", filepath.Base(i.dir), ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("lock instance: %w", err)
	}
	for {
		err = unix.Flock(fd, unix.LOCK_EX)
		if err != unix.EINTR {
			break
		}
	}
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("lock instance: %w", err)
	}
	return func() { unix.Close(fd) }, nil
}

// The size of a record is a multiple of recordStep, with at least recordSpare
// bytes to grow when no space is left.
const (
	recordStep  = 2048
	recordSpare = 1024
)

func recordSize(data []byte) int {
	return (len(data) + recordSpare + recordStep - 1) / recordStep * recordStep
}

// write replaces the record. Precondition: the caller holds the lock, or nobody
// else knows of the directory yet.
func (i *Instance) write() error {
	data, err := json.Marshal(&i.Record)
	if err != nil {
		return fmt.Errorf("instance record: %w", err)
	}
	err = os.WriteFile(i.File(recordTemp), pad(data, recordSize(data)), 0o600)
	if err == nil {
		err = os.Rename(i.File(recordTemp), i.File(recordFile))
	}
	if err != nil {
		os.Remove(i.File(recordTemp))
	}
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		if i.overwrite(data) == nil {
			return nil
		}
	}
	return err
}

// overwrite writes the record where the old one is.
func (i *Instance) overwrite(data []byte) error {
	file, err := os.OpenFile(i.File(recordFile), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	st, err := file.Stat()
	if err != nil {
		return err
	}
	if st.Size() < int64(len(data)) {
		return fmt.Errorf("%s: %w", i.File(recordFile), unix.ENOSPC)
	}
	_, err = file.WriteAt(pad(data, int(st.Size())), 0)
	return err
}

// pad appends what JSON ignores.
func pad(data []byte, size int) []byte {
	for len(data) < size-1 {
		data = append(data, ' ')
	}
	return append(data, '\n')
}

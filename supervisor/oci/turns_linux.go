package oci

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"walisup/ipc/cache"
)

// What commands that run at the same time agree on is in a directory that no container sees: in
// the cache, which containers have, one of them could hold a lock for ever.

const (
	// turns is how many modules are compiled on a node at a time. A module always has the
	// same turn, so that it is compiled once.
	turns = 4

	// queueing is how long a command waits for its turn. A module that is stuck keeps others
	// for no longer.
	queueing = time.Minute

	// forgetting is after how long a module that could not be compiled is tried again.
	// A container that is restarted again and again is not to use the node's processors, which
	// its own limits do not count, for more than that.
	forgetting = time.Hour

	// maxHopeless is how many such modules are remembered.
	maxHopeless = 1 << 10
)

// compiling is the directory of locks and of what could not be compiled.
func (r *runtime) compiling(name string) string {
	return filepath.Join(r.Config.State, "compiling", name)
}

// takeTurn waits until a module may be compiled. done ends the turn.
func (r *runtime) takeTurn(key cache.Key) (done func(), err error) {
	taken := make(chan error, 1)
	fd, err := r.openLock("turn-" + strconv.Itoa(int(key[len(key)-1])%turns))
	if err != nil {
		return nil, err
	}
	go func() { taken <- lock(fd) }()
	late := time.NewTimer(queueing)
	defer late.Stop()
	select {
	case err := <-taken:
		if err != nil {
			unix.Close(fd)
			return nil, err
		}
		return func() { unlock(fd) }, nil
	case <-late.C:
		go func() { <-taken; unlock(fd) }()
		return nil, fmt.Errorf("others have been compiling for %s", queueing)
	}
}

// takeTurnInBackground waits until no other image is being compiled on this node in the
// background, however long that takes.
func (r *runtime) takeTurnInBackground() (done func(), err error) {
	fd, err := r.openLock("background")
	if err != nil {
		return nil, err
	}
	if err := lock(fd); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return func() { unlock(fd) }, nil
}

func (r *runtime) openLock(name string) (int, error) {
	path := r.compiling(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return -1, err
	}
	fd, err := unix.Open(path, unix.O_CREAT|unix.O_RDWR|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return fd, nil
}

func lock(fd int) error {
	for {
		err := unix.Flock(fd, unix.LOCK_EX)
		if err != unix.EINTR {
			return os.NewSyscallError("flock", err)
		}
	}
}

// unlock gives the lock up even if a copy of the descriptor is left, in a thread that is ending.
func unlock(fd int) {
	unix.Flock(fd, unix.LOCK_UN)
	unix.Close(fd)
}

// hopeless is the error of a module that could not be compiled, not long ago.
func (r *runtime) hopeless(key cache.Key) error {
	info, err := os.Lstat(r.compiling(key.String()))
	if err != nil || olderThan(info.ModTime(), forgetting) {
		return nil
	}
	return errors.New("it took too much when it was last tried")
}

// giveUp remembers such a module.
func (r *runtime) giveUp(key cache.Key) {
	r.forget()
	// Failing to costs another attempt.
	os.WriteFile(r.compiling(key.String()), nil, 0o600)
}

// forget removes what is remembered for too long, or all of it if it is too much.
func (r *runtime) forget() {
	entries, err := os.ReadDir(r.compiling(""))
	if err != nil {
		return
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || len(e.Name()) != len(cache.Key{}.String()) {
			continue
		}
		if len(entries) > maxHopeless || olderThan(info.ModTime(), forgetting) {
			os.Remove(r.compiling(e.Name()))
		}
	}
}

package helper

import (
	"fmt"

	"golang.org/x/sys/unix"

	"walisup/helper/duplicate"
	"walisup/ipc"
)

// A fork has to find the threads of the process, which takes a /proc. Where the
// guest's root has none, a private descriptor of it serves. The guest cannot reach
// what lies outside of its root by it, since no call of its takes the descriptor.

// keepProc opens /proc before the process gets another root.
func (b *bootstrap) keepProc() error {
	fd, err := unix.Open("/proc", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err == nil {
		err = unix.Dup3(fd, b.first+ipc.ProcOffset, unix.O_CLOEXEC)
		unix.Close(fd)
	}
	if err != nil {
		return fmt.Errorf("open /proc: %w", err)
	}
	b.Proc = true
	b.useProc()
	return nil
}

// useProc looks into /proc by its descriptor from now on.
func (b *bootstrap) useProc() {
	b.inherit(ipc.ProcOffset, false)
	duplicate.UseProc(b.first + ipc.ProcOffset)
}

// openThreads opens the folder of the process's threads.
func (b *bootstrap) openThreads() (fd int, err error) {
	dir, name := unix.AT_FDCWD, "/proc/thread-self/.."
	if b.Proc {
		dir, name = b.first+ipc.ProcOffset, "thread-self/.."
	}
	return unix.Openat(dir, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
}

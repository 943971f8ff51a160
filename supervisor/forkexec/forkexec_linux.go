// Package forkexec starts helpers.
package forkexec

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"walisup/ipc"
	"walisup/ipc/stagezero"
)

// Surroundings is what a helper's process belongs to.
type Surroundings struct {
	Session  bool    // it leads a new session
	Terminal bool    // with its standard input as controlling terminal
	Streams  *[3]int // its standard descriptors; nil for the caller's

	// Enter moves the thread that executes the helper to where the process is to be; may be
	// nil. cgroup is a descriptor of the cgroup that the process is to be born into, -1 if
	// there is none.
	Enter func() (cgroup int, err error)

	// Confined keeps the caller's descriptors from it that are neither standard nor
	// among the Preserved next ones.
	Confined  bool
	Preserved int

	// Restrict takes rights from the thread that executes the helper; may be nil.
	Restrict func() error

	// Until, if it is not nil, lets the process live no longer than this one. It is to be
	// closed when the process has ended, not before: the process ends with it.
	Until <-chan struct{}
}

// Start starts the helper with private[i] as descriptor first+i, the
// standard descriptors as the caller had them, unless around has others, and
// every other descriptor that is not close-on-exec, unless around is confined.
//
// It works in a thread of its own with a descriptor table of its own, which end
// with it. Placing descriptors so high makes the kernel grow the table, and
// growing a table that several threads share takes 10 to 20 ms
// (synchronize_rcu in fs/file.c). It also keeps the private range out of sight
// of other threads that may be starting something at the same time.
//
// Precondition: the main goroutine is locked to the main thread, or this could
// run there, and the main thread never ends.
func Start(first int, private map[int]int, argv, env []string, dir string, around *Surroundings) (pid int, err error) {
	done := make(chan struct{})
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends here
		pid, err = start(first, private, argv, env, dir, around)
		started := err == nil
		close(done)
		if started && around.Until != nil {
			<-around.Until // the kernel means the thread when it says parent
		}
	}()
	<-done
	return pid, err
}

func start(first int, private map[int]int, argv, env []string, dir string, around *Surroundings) (pid int, err error) {
	// ForkExec hands the thread's mask on. The helper's own entry point blocks
	// signals as well, but until it does one could kill the helper.
	all := unix.Sigset_t{Val: [16]uint64{math.MaxUint64}}
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &all, nil); err != nil {
		return 0, os.NewSyscallError("rt_sigprocmask", err)
	}
	if err := unix.Unshare(unix.CLONE_FILES); err != nil {
		return 0, os.NewSyscallError("unshare", err)
	}
	if around.Confined {
		if err := unix.CloseRange(uint(3+around.Preserved), math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
			return 0, os.NewSyscallError("close_range", err)
		}
	}
	if err := placePrivate(first, private); err != nil {
		return 0, err
	}
	attributes := syscall.SysProcAttr{Setsid: around.Session, Setctty: around.Terminal}
	if around.Until != nil {
		attributes.Pdeathsig = unix.SIGKILL
	}
	if around.Enter != nil {
		cgroup, err := around.Enter()
		if err != nil {
			return 0, err
		}
		attributes.UseCgroupFD, attributes.CgroupFD = cgroup >= 0, cgroup
	}
	if around.Restrict != nil {
		if err := around.Restrict(); err != nil {
			return 0, err
		}
	}
	return syscall.ForkExec(ipc.ExecPath(first), argv, &syscall.ProcAttr{
		Dir: dir, Env: env, Files: standardFiles(around.Streams), Sys: &attributes,
	})
}

// placePrivate puts descriptors to their places in the private range.
func placePrivate(first int, private map[int]int) error {
	for i := range ipc.ReservedFDs {
		if _, err := unix.FcntlInt(uintptr(first+i), unix.F_GETFD, 0); err == nil {
			return fmt.Errorf("descriptor %d is open, but %d to %d are for walisup; choose another range with --max-files",
				first+i, first, first+ipc.ReservedFDs-1)
		}
	}
	for offset, fd := range private {
		if err := unix.Dup3(fd, first+offset, 0); err != nil {
			return fmt.Errorf("no room for descriptor %d under the hard limit of open files: %w", first+offset, err)
		}
	}
	return nil
}

// StandardError is the helper's standard error, or -1 if it has none or one that cannot
// be written to.
func (around *Surroundings) StandardError() int {
	fd := 2
	if around.Streams != nil {
		fd = around.Streams[2]
	} else if stagezero.StandardClosed(fd) {
		return -1
	}
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil || flags&unix.O_PATH != 0 || flags&unix.O_ACCMODE == unix.O_RDONLY {
		return -1
	}
	return fd
}

// standardFiles is no longer than three, because ForkExec closes what is
// missing in its list and leaves alone what lies above.
func standardFiles(streams *[3]int) []uintptr {
	files := make([]uintptr, 3)
	for fd := range files {
		files[fd] = uintptr(fd)
		if streams != nil {
			files[fd] = uintptr(streams[fd])
		} else if stagezero.StandardClosed(fd) {
			files[fd] = ^uintptr(0) // to be closed again
		}
	}
	return files
}

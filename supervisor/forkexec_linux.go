package supervisor

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"walisup/ipc"
	"walisup/ipc/stagezero"
	"walisup/supervisor/isolation"
)

// surroundings is what a helper's process belongs to.
type surroundings struct {
	session  bool    // it leads a new session
	terminal bool    // with its standard input as controlling terminal
	streams  *[3]int // its standard descriptors; nil for the caller's
	objects  *isolation.Objects

	// confined keeps the caller's descriptors from it that are neither standard nor
	// among the preserved next ones.
	confined  bool
	preserved int

	// restrict takes rights from the thread that executes the helper; may be nil.
	restrict func() error
}

// forkExec starts the helper with private[i] as descriptor first+i, the
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
func forkExec(first int, private map[int]int, argv, env []string, dir string, around surroundings) (pid int, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends here
		// ForkExec hands the thread's mask on. The helper's own entry point blocks
		// signals as well, but until it does one could kill the helper.
		all := unix.Sigset_t{Val: [16]uint64{math.MaxUint64}}
		if err = unix.PthreadSigmask(unix.SIG_SETMASK, &all, nil); err != nil {
			err = os.NewSyscallError("rt_sigprocmask", err)
			return
		}
		if err = unix.Unshare(unix.CLONE_FILES); err != nil {
			err = os.NewSyscallError("unshare", err)
			return
		}
		if around.confined {
			if err = unix.CloseRange(uint(3+around.preserved), math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
				err = os.NewSyscallError("close_range", err)
				return
			}
		}
		if err = placePrivate(first, private); err != nil {
			return
		}
		cgroup, failure := around.objects.Enter()
		if err = failure; err != nil {
			return
		}
		if around.restrict != nil {
			if err = around.restrict(); err != nil {
				return
			}
		}
		pid, err = syscall.ForkExec(ipc.ExecPath(first), argv, &syscall.ProcAttr{
			Dir:   dir,
			Env:   env,
			Files: standardFiles(around.streams),
			Sys: &syscall.SysProcAttr{
				Setsid: around.session, Setctty: around.terminal,
				UseCgroupFD: cgroup >= 0, CgroupFD: cgroup,
			},
		})
	}()
	<-done
	return pid, err
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

// standardError is the helper's standard error, or -1 if it has none or one that cannot
// be written to.
func (around surroundings) standardError() int {
	fd := 2
	if around.streams != nil {
		fd = around.streams[2]
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

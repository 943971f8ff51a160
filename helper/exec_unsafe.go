package helper

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"walisup/helper/duplicate"
	"walisup/ipc"
	"walisup/wali"
	"walisup/wali/kernel"
)

// execAgain is execHelper with arrays of ours.
func execAgain(fd int, argv, envp []*byte) unix.Errno {
	return execHelper(fd, uintptr(unsafe.Pointer(&argv[0])), uintptr(unsafe.Pointer(&envp[0])))
}

// execHelper executes the helper program at descriptor fd with arrays that the
// kernel is to read. It returns only on failure.
func execHelper(fd int, argv, envp uintptr) unix.Errno {
	r := kernel.Syscall(unix.SYS_EXECVEAT, uintptr(fd), uintptr(unsafe.Pointer(&noString[0])), argv, envp, unix.AT_EMPTY_PATH, 0)
	return unix.Errno(-r)
}

// execModule has the kernel start the module, as it has started this helper: by
// binfmt_misc. It returns only on failure.
//
// Precondition: all signals are blocked. One that comes in when the guest's mask is set is
// lost if it has a handler.
func (b *bootstrap) execModule(x *wali.Exec) unix.Errno {
	var files unix.Rlimit
	if err := unix.Prlimit(0, unix.RLIMIT_NOFILE, nil, &files); err != nil {
		return errnoOf(err, unix.EIO)
	}
	// The kernel passes on no descriptor that is close-on-exec. The next helper closes this one.
	fd := b.first + ipc.ModuleOffset
	if err := unix.Dup3(x.FD, fd, 0); err != nil {
		return errnoOf(err, unix.EMFILE)
	}
	guest := unix.Rlimit{Cur: min(x.Files, files.Max), Max: files.Max}
	if err := unix.Prlimit(0, unix.RLIMIT_NOFILE, &guest, nil); err != nil {
		unix.Close(fd)
		return errnoOf(err, unix.EIO)
	}
	var mask, old unix.Sigset_t
	mask.Val[0] = x.Mask
	unix.PthreadSigmask(unix.SIG_SETMASK, &mask, &old)
	e := execHelper(fd, x.Argv, x.Envp)
	unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil)
	unix.Prlimit(0, unix.RLIMIT_NOFILE, &files, nil)
	unix.Close(fd)
	return e
}

var noString = [1]byte{}

// compileQuietly runs a compiling helper without a guest noticing: the child is
// none that wait finds by itself or that sends SIGCHLD, and what it has to say
// goes nowhere. moduleFD is the module, result the file for the compiled one.
//
// Preconditions: all signals are blocked.
func (b *bootstrap) compileQuietly(order *ipc.Boot, moduleFD, result int) unix.Errno {
	order.CompileOnly, order.Progress, order.ListAdapted = true, false, false
	order.Channel, order.Slot, order.Generation = false, 0, 0
	record, err := ipc.WriteBoot(order)
	if err != nil {
		return errnoOf(err, unix.ENOMEM)
	}
	defer unix.Close(record)
	// The standard descriptors must be open and harmless.
	standard, err := unix.MemfdCreate("walisup-messages", unix.MFD_CLOEXEC)
	if err != nil {
		return errnoOf(err, unix.ENOMEM)
	}
	defer unix.Close(standard)
	parent := unix.Getpid()
	pid := duplicate.Fork(&duplicate.Call{Left: b.left})
	if pid < 0 {
		return unix.Errno(-pid)
	}
	if pid == 0 {
		b.becomeCompiler(parent, standard, map[int]int{
			ipc.BootOffset: record, ipc.ModuleOffset: moduleFD, ipc.EntryOffset: result,
		})
		exit(exitOwn)
	}
	var status unix.WaitStatus
	for {
		_, err := unix.Wait4(int(pid), &status, unix.WALL, nil)
		if err == nil {
			break
		}
		if err != unix.EINTR {
			return errnoOf(err, unix.EIO)
		}
	}
	switch {
	case status.Exited() && status.ExitStatus() == 0:
		return 0
	case status.Exited() && status.ExitStatus() == exitNotRunnable:
		return unix.ENOEXEC
	case status.Signaled():
		return unix.ENOMEM
	}
	return unix.EIO
}

// becomeCompiler is the child's part of compileQuietly. It returns only on
// failure.
func (b *bootstrap) becomeCompiler(parent, standard int, private map[int]int) {
	unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0)
	if unix.Getppid() != parent {
		return
	}
	if b.showPrivate(private) != 0 {
		return
	}
	for fd := range 3 {
		if unix.Dup3(standard, fd, 0) != nil {
			return
		}
	}
	// A pipe that the compiler kept open would keep its reader waiting.
	unix.CloseRange(3, uint(b.first-1), 0)
	name := append([]byte("walisup-helper"), 0)
	argv := [2]*byte{&name[0], nil}
	execHelper(b.first+ipc.HelperOffset, uintptr(unsafe.Pointer(&argv)), uintptr(unsafe.Pointer(&argv[1])))
}

package helper

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"walisup/wali/kernel/abi"
)

// lockOSThread locks the main goroutine to the main thread. Contrary to
// runtime.LockOSThread it does not make the runtime start its template thread: that
// is for threads whose state others must not inherit, and costs as much as all
// else that becoming a process with one thread costs.
//
//go:linkname lockOSThread runtime.lockOSThread
func lockOSThread()

// setDisposition makes the kernel's action for a signal SIG_DFL or SIG_IGN.
func setDisposition(sig int, handler uintptr) error {
	if e := abi.SetAction(syscall.Signal(sig), &abi.Sigaction{Handler: handler}, nil); e != 0 {
		return e
	}
	return nil
}

// setMask sets the calling thread's signal mask.
func setMask(mask uint64) {
	syscall.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&mask)), 0, 8, 0, 0)
}

// die ends the process by a signal, as the kernel would have ended it.
func die(sig syscall.Signal) {
	setDisposition(int(sig), abi.SigDefault)
	setMask(^(uint64(1) << (sig - 1)))
	unix.Tgkill(unix.Getpid(), unix.Gettid(), sig)
	// A signal whose default is not to end the process, or an init process that
	// the kernel protects.
	exit(128 + int(sig))
}

// setThreadName sets the name that ps shows; prctl(2), PR_SET_NAME.
func setThreadName(name string) {
	b := append([]byte(name), 0)
	syscall.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_NAME, uintptr(unsafe.Pointer(&b[0])), 0)
}

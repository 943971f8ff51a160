package interrupt

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"walisup/wali/kernel"
	"walisup/wali/safecopy"
)

// Read by the handlers; written by Install before the first can run.
var (
	goHandler                       uintptr // the Go runtime's handler, for faults that are not the guest's
	windowLo, windowHi, windowAbort uintptr // see kernel.Window
)

func faultHandlerPC() uintptr
func signalHandlerPC() uintptr
func trapHandlerPC() uintptr
func signalReturnPC() uintptr
func trapFlag()
func threadWord() uintptr
func setThreadWord(v uintptr)

// Handler returns the address of the handler for signals that the guest catches,
// and of the code that handlers return to, for rt_sigaction(2). The action needs
// SA_SIGINFO, SA_ONSTACK and SA_RESTORER, and a mask that blocks all signals.
func Handler() (catch, sigreturn uintptr) { return signalHandlerPC(), signalReturnPC() }

// Install puts the fault handler behind that of package safecopy, and takes
// SIGTRAP and the other signals of faulting instructions, once for the process.
func Install() error {
	if err := safecopy.Install(); err != nil {
		return fmt.Errorf("install the fault handler: %w", err)
	}
	if goHandler != 0 {
		return nil
	}
	windowLo, windowHi, windowAbort = kernel.Window()
	goHandler = safecopy.SetChain(0)
	safecopy.SetChain(faultHandlerPC())
	// A guest's thread must not notice that it has been stopped.
	more := map[unix.Signal]uintptr{Reserved: 0x10000000} // SA_RESTART
	for sig, handler := range map[unix.Signal]uintptr{
		unix.SIGTRAP: trapHandlerPC(),
		unix.SIGILL:  signalHandlerPC(),
		unix.SIGFPE:  signalHandlerPC(),
		Reserved:     reservedHandlerPC(),
	} {
		if err := setAction(sig, handler, more[sig]); err != nil {
			return fmt.Errorf("catch %s: %w", unix.SignalName(sig), err)
		}
	}
	return nil
}

// sigaction is the kernel's struct (asm/signal.h).
type sigaction struct {
	handler, flags, restorer uintptr
	mask                     uint64
}

func setAction(sig unix.Signal, handler, more uintptr) error {
	const flags = 0x4 | 0x08000000 | 0x04000000 // SA_SIGINFO, SA_ONSTACK, SA_RESTORER
	act := sigaction{handler: handler, flags: flags | more, restorer: signalReturnPC(), mask: ^uint64(0)}
	_, _, e := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(&act)), 0, 8, 0, 0)
	if e != 0 {
		return e
	}
	return nil
}

package interrupt

import (
	"fmt"

	"golang.org/x/sys/unix"

	"walisup/wali/kernel"
	"walisup/wali/kernel/abi"
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
	more := map[unix.Signal]uint64{kernel.ReservedSignal: abi.SARestart}
	for sig, handler := range map[unix.Signal]uintptr{
		unix.SIGTRAP:          trapHandlerPC(),
		unix.SIGILL:           signalHandlerPC(),
		unix.SIGFPE:           signalHandlerPC(),
		kernel.ReservedSignal: reservedHandlerPC(),
	} {
		if err := setAction(sig, handler, more[sig]); err != nil {
			return fmt.Errorf("catch %s: %w", unix.SignalName(sig), err)
		}
	}
	return nil
}

func setAction(sig unix.Signal, handler uintptr, more uint64) error {
	act := abi.Sigaction{
		Handler: handler, Flags: abi.SASiginfo | abi.SAOnstack | abi.SARestorer | more,
		Restorer: signalReturnPC(), Mask: ^uint64(0),
	}
	if e := abi.SetAction(sig, &act, nil); e != 0 {
		return e
	}
	return nil
}

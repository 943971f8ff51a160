//go:build linux && (amd64 || arm64)

package safecopy

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"

	"walisup/wali/kernel/abi"
)

// chain is where the handler jumps with a signal that is not ours. It is read
// by the assembly handler at any time; written by Install before the handler
// can run and by SetChain.
var chain uintptr

var install struct {
	sync.Mutex
	done bool
}

// handlerPC returns the address of the assembly handler.
func handlerPC() uintptr

// Install puts the handler for SIGSEGV and SIGBUS in front of the Go runtime's.
// It takes over the flags, the mask (all signals) and the restorer of the
// runtime's own action, so that a signal passed on looks to the runtime as if
// it had come from the kernel. Further calls do nothing. It fails if the present
// handlers are not such that a signal could be passed on to them, and then
// changes nothing.
func Install() error {
	install.Lock()
	defer install.Unlock()
	if install.done {
		return nil
	}
	var segv, bus abi.Sigaction
	if err := setAction(syscall.SIGSEGV, nil, &segv); err != nil {
		return fmt.Errorf("read the SIGSEGV handler: %w", err)
	}
	if err := setAction(syscall.SIGBUS, nil, &bus); err != nil {
		return fmt.Errorf("read the SIGBUS handler: %w", err)
	}
	if segv.Handler <= 1 || segv.Flags&abi.SASiginfo == 0 || segv.Flags&abi.SAOnstack == 0 {
		return errors.New("the present SIGSEGV handler is not the Go runtime's")
	}
	if segv.Handler != bus.Handler || segv.Flags != bus.Flags {
		return errors.New("SIGSEGV and SIGBUS have different handlers")
	}
	atomic.StoreUintptr(&chain, segv.Handler)
	ours := segv
	ours.Handler = handlerPC()
	if err := setAction(syscall.SIGSEGV, &ours, nil); err != nil {
		return fmt.Errorf("install the SIGSEGV handler: %w", err)
	}
	if err := setAction(syscall.SIGBUS, &ours, nil); err != nil {
		return fmt.Errorf("install the SIGBUS handler: %w", err)
	}
	install.done = true
	return nil
}

// SetChain makes pc the handler that gets the signals which are not ours, and
// returns the one before. pc must be the address of code with the C convention
// of a SA_SIGINFO handler, fit to run on any thread's alternate signal stack.
//
// Preconditions: Install has returned nil.
func SetChain(pc uintptr) (old uintptr) {
	return atomic.SwapUintptr(&chain, pc)
}

func setAction(sig syscall.Signal, act, old *abi.Sigaction) error {
	if e := abi.SetAction(sig, act, old); e != 0 {
		return e
	}
	return nil
}

//go:build linux && (amd64 || arm64)

package safecopy

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// sigaction is the kernel's struct (asm/signal.h), the same on both
// architectures.
type sigaction struct {
	handler  uintptr
	flags    uint64
	restorer uintptr
	mask     uint64
}

const (
	saSiginfo = 0x4
	saOnstack = 0x08000000
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
	var segv, bus sigaction
	if err := rtSigaction(syscall.SIGSEGV, nil, &segv); err != nil {
		return fmt.Errorf("read the SIGSEGV handler: %w", err)
	}
	if err := rtSigaction(syscall.SIGBUS, nil, &bus); err != nil {
		return fmt.Errorf("read the SIGBUS handler: %w", err)
	}
	if segv.handler <= 1 || segv.flags&saSiginfo == 0 || segv.flags&saOnstack == 0 {
		return errors.New("the present SIGSEGV handler is not the Go runtime's")
	}
	if segv.handler != bus.handler || segv.flags != bus.flags {
		return errors.New("SIGSEGV and SIGBUS have different handlers")
	}
	atomic.StoreUintptr(&chain, segv.handler)
	ours := segv
	ours.handler = handlerPC()
	if err := rtSigaction(syscall.SIGSEGV, &ours, nil); err != nil {
		return fmt.Errorf("install the SIGSEGV handler: %w", err)
	}
	if err := rtSigaction(syscall.SIGBUS, &ours, nil); err != nil {
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

func rtSigaction(sig syscall.Signal, act, old *sigaction) error {
	_, _, errno := syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(sig),
		uintptr(unsafe.Pointer(act)), uintptr(unsafe.Pointer(old)), unsafe.Sizeof(sigaction{}.mask), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

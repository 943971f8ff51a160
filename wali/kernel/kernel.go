// Package kernel issues raw Linux system calls on behalf of a guest.
//
// Three ways exist, and the choice matters:
//
//   - Syscall keeps the Go scheduler's P. For calls that return at once.
//   - Blocking gives up the P for the duration and notices a signal that
//     arrives at any instant before the kernel is entered. For calls that may
//     sleep. Only guest threads call it.
//   - Neither touches the netpoller, allocates, or grows the stack, so both may
//     be used while the heap must not be touched.
//
// All return the kernel's own result: a value, or a negative errno.
package kernel

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// ERESTARTSYS is what Blocking returns when it found a pending signal before
// the kernel acted on the call (the kernel's own name and number for it, which
// it never shows to user space). The caller runs the handlers, then issues the
// call again or returns -EINTR.
const ERESTARTSYS = 512

// Gate is what a guest thread and the raw signal handler that may interrupt it
// anywhere speak through. Only this thread and a handler on it touch the first
// two words, so plain stores suffice; the assembly knows the order.
type Gate struct {
	// Pending is nonzero while a caught signal waits for its handler. The
	// raw handler sets it, the thread clears it.
	Pending uint32
	// InHost is nonzero while a host function runs that will look at
	// Pending before it returns to wasm.
	InHost uint32
	// Away is nonzero while the thread stands still if a stop is asked for; see
	// RequestStop. Other threads read it.
	Away uint32
}

// Syscall issues a call that does not block.
//
//go:nosplit
func Syscall(nr, a0, a1, a2, a3, a4, a5 uintptr) int64 {
	return int64(raw(nr, a0, a1, a2, a3, a4, a5))
}

// Blocking issues a call that may sleep. The P is released while it does. If
// gate.Pending is set before the kernel has taken the call, the result is
// -ERESTARTSYS and the kernel has done nothing.
//
//go:nosplit
func Blocking(gate *Gate, nr, a0, a1, a2, a3, a4, a5 uintptr) int64 {
	entersyscall()
	gate.Leave()
	r := interruptible(gate, nr, a0, a1, a2, a3, a4, a5)
	gate.ComeBack()
	exitsyscall()
	return int64(r)
}

// Unless issues a call that does not sleep, unless a signal is pending: then the
// result is -ERESTARTSYS. It is for calls that change the signal mask, which
// must not happen behind the back of a caught signal.
//
//go:nosplit
func Unless(gate *Gate, nr, a0, a1, a2, a3, a4, a5 uintptr) int64 {
	return int64(interruptible(gate, nr, a0, a1, a2, a3, a4, a5))
}

// Window returns the addresses between which an interrupted program counter
// means "Blocking has looked at its pending word, or is about to, but the
// kernel has not taken the call", and the address to continue at so that the
// call is not issued. The signal handler moves such a program counter, and so
// no wake-up is lost. hi is the address of the system call instruction itself
// and belongs to the window: the kernel rewinds to it when it restarts a call.
func Window() (lo, hi, abort uintptr) {
	lo, abort = windowPC(), abortPC()
	for hi = lo; !isSyscallInstruction(hi); hi++ {
	}
	return lo, hi, abort
}

// Errno splits a kernel result into value and error number.
func Errno(r int64) (int64, unix.Errno) {
	if r < 0 && r > -4096 {
		return -1, unix.Errno(-r)
	}
	return r, 0
}

// Pointer gives a call argument for a Go object that outlives the call.
func Pointer[T any](p *T) uintptr { return uintptr(unsafe.Pointer(p)) }

func raw(nr, a0, a1, a2, a3, a4, a5 uintptr) uintptr
func interruptible(gate *Gate, nr, a0, a1, a2, a3, a4, a5 uintptr) uintptr
func windowPC() uintptr
func abortPC() uintptr

// The runtime keeps these two linkable for callers like us (go.dev/issue/67401).
//
//go:linkname entersyscall runtime.entersyscall
func entersyscall()

//go:linkname exitsyscall runtime.exitsyscall
func exitsyscall()

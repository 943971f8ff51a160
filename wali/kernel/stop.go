package kernel

import (
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"walisup/wali/kernel/abi"
)

// Guest threads can be made to stand still outside of compiled code, for a fork,
// the garbage collector, or a change of the number of Ps. A thread stands still
// when its Gate.Away is set: it has given up its P, holds no lock of ours or of
// the Go runtime's, and does not go on before it has seen that no stop is asked
// for. So a thread in a blocking call is away already and is left in peace.
//
// # No deadlock
//
// Whoever stops the threads waits for all that run. So no thread may wait for
// another one while it runs, or rather while it counts as running, with its Away
// clear: the other may stand still already. Whoever has to wait is away meanwhile
// (WaitAway, FutexAway, CallAway). There are two exceptions, which end by themselves:
//
//   - a lock whose holders never go away while they hold it: sync.Mutex in the
//     helper, the locks of the Go runtime;
//   - work for a thread that does not look at Away: the runtime's own ones, and one
//     that is about to be a guest thread (Depart).
//
// A thread that stops the others waits for none but by AwaitArrival.
//
// # How
//
// The two sides agree by each writing its own word before it reads the other's:
// a thread that is about to enter the kernel either sees the request, or is seen.
var stop struct {
	requested uint32
	arrivals  uint32 // moves when a thread has seen a request and is away
}

// RequestStop asks all guest threads to stand still when they come by. Only one
// thread at a time may do so.
func RequestStop() { atomic.StoreUint32(&stop.requested, 1) }

// StopRequested reports whether a stop is asked for.
func StopRequested() bool { return atomic.LoadUint32(&stop.requested) != 0 }

// ReleaseStop lets all threads go on.
func ReleaseStop() {
	atomic.StoreUint32(&stop.requested, 0)
	Syscall(unix.SYS_FUTEX, Pointer(&stop.requested), abi.FutexWakePrivate, 1<<31-1, 0, 0, 0)
}

// Arrivals is to be read before one looks whether threads are away, and given to
// AwaitArrival if they are not.
func Arrivals() uint32 { return atomic.LoadUint32(&stop.arrivals) }

// AwaitArrival returns when a thread has arrived since Arrivals returned seen, or
// after a time in nanoseconds.
func AwaitArrival(seen uint32, nanoseconds int64) {
	timeout := unix.NsecToTimespec(nanoseconds)
	Syscall(unix.SYS_FUTEX, Pointer(&stop.arrivals), abi.FutexWaitPrivate, uintptr(seen),
		uintptr(unsafe.Pointer(&timeout)), 0, 0)
}

// IsAway reports whether the gate's thread stands still, or would before it does
// anything else.
func (g *Gate) IsAway() bool { return atomic.LoadUint32(&g.Away) != 0 }

// Leave declares the calling thread away, and waits if a stop is asked for.
//
// Preconditions: between entersyscall and exitsyscall.
//
//go:nosplit
func (g *Gate) Leave() {
	atomic.StoreUint32(&g.Away, 1)
	awaitRelease()
}

// Depart is Leave for a thread that ends. It does not wait for the end of a stop:
// others may wait for the thread to have ended, and what it still does concerns nobody.
//
//go:nosplit
func (g *Gate) Depart() { atomic.StoreUint32(&g.Away, 1) }

// ComeBack is the opposite of Leave.
//
// Preconditions: between entersyscall and exitsyscall.
//
//go:nosplit
func (g *Gate) ComeBack() {
	for {
		atomic.StoreUint32(&g.Away, 0)
		if atomic.LoadUint32(&stop.requested) == 0 {
			return
		}
		atomic.StoreUint32(&g.Away, 1)
		awaitRelease()
	}
}

//go:nosplit
func awaitRelease() {
	if atomic.LoadUint32(&stop.requested) == 0 {
		return
	}
	atomic.AddUint32(&stop.arrivals, 1)
	Syscall(unix.SYS_FUTEX, uintptr(unsafe.Pointer(&stop.arrivals)), abi.FutexWakePrivate, 1, 0, 0, 0)
	for atomic.LoadUint32(&stop.requested) != 0 {
		Syscall(unix.SYS_FUTEX, uintptr(unsafe.Pointer(&stop.requested)), abi.FutexWaitPrivate, 1, 0, 0, 0)
	}
}

// Rest waits as long as a stop is asked for.
//
//go:nosplit
func (g *Gate) Rest() {
	entersyscall()
	g.Leave()
	g.ComeBack()
	exitsyscall()
}

// WaitAway waits on a futex of the helper's own while its word is value, and is
// away meanwhile. It may return early.
//
//go:nosplit
func (g *Gate) WaitAway(word *uint32, value uint32) {
	entersyscall()
	g.Leave()
	Syscall(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), abi.FutexWaitPrivate, uintptr(value), 0, 0, 0)
	g.ComeBack()
	exitsyscall()
}

// FutexAway is WaitAway for a word that the kernel may clear: with FUTEX_WAIT or
// FUTEX_WAIT_PRIVATE for op, and for at most so many nanoseconds. It returns the kernel's
// result.
//
//go:nosplit
func (g *Gate) FutexAway(word *uint32, op uintptr, value uint32, nanoseconds int64) int64 {
	timeout := unix.Timespec{Sec: nanoseconds / 1e9, Nsec: nanoseconds % 1e9}
	entersyscall()
	g.Leave()
	r := Syscall(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), op, uintptr(value), uintptr(unsafe.Pointer(&timeout)), 0, 0)
	g.ComeBack()
	exitsyscall()
	return r
}

// CallAway issues a system call that may sleep, without a look at pending signals.
// The helper makes it for itself; handlers that the raw handler catches meanwhile
// end it with EINTR.
//
//go:nosplit
func (g *Gate) CallAway(nr, a0, a1, a2 uintptr) int64 {
	entersyscall()
	g.Leave()
	r := Syscall(nr, a0, a1, a2, 0, 0, 0)
	g.ComeBack()
	exitsyscall()
	return r
}

// Wake wakes one waiter of WaitAway.
func Wake(word *uint32) {
	Syscall(unix.SYS_FUTEX, Pointer(word), abi.FutexWakePrivate, 1, 0, 0, 0)
}

package interrupt

import (
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"walisup/wali/kernel"
)

// Reserved is the signal by which threads are stopped; wali.ReservedSignal.
const Reserved = unix.SIGSTKFLT

// These mark the siginfo of our own signals.
var (
	stopMagic uint64 = 0x706f7473696c6177 // "walistop"
	callMagic uint64 = 0x6c6c6163696c6177 // "walicall"
)

// guestThread is the thread id that signals are passed on to which the kernel
// gave to a thread of the runtime; 0 for the main thread.
var guestThread uint32

// everyCall is what threads do that are asked to issue a system call. The assembly
// knows the layout.
var everyCall struct {
	number uintptr    // 0
	args   [3]uintptr // 8
	failed int64      // 32: a negative result
	done   uint32     // 40
	_      uint32
	_      uint64
	serial uint64 // 56
}

func reservedHandlerPC() uintptr
func exitStubPC() uintptr

// SetGuestThread names the thread that gets the unblockable signals which are
// sent to the process; 0 is the main thread.
func SetGuestThread(tid int) { atomic.StoreUint32(&guestThread, uint32(tid)) }

// GuestThread returns what SetGuestThread has set.
func GuestThread() int { return int(atomic.LoadUint32(&guestThread)) }

// Stop makes a thread call the first host function, with the signal Reserved, if
// it runs compiled code. Otherwise nothing happens.
func Stop(pid, tid int) { queue(pid, tid, Reserved, stopMagic, 0) }

// IsStop reports whether an interruption is the work of Stop.
func (i Interruption) IsStop() bool {
	return i.Signal == int(Reserved) && *(*int32)(unsafe.Pointer(&i.Info[8])) == -1 &&
		*(*uint64)(unsafe.Pointer(&i.Info[32])) == stopMagic
}

func queue(pid, tid int, sig unix.Signal, magic, serial uint64) unix.Errno {
	var info [16]uint64 // siginfo_t, of which the kernel passes on everything
	info[0] = uint64(sig)
	info[1] = 1<<32 - 1 // SI_QUEUE
	info[2] = uint64(pid)
	info[4] = magic
	info[5] = serial
	_, e := kernel.Errno(kernel.Syscall(unix.SYS_RT_TGSIGQUEUEINFO, uintptr(pid), uintptr(tid), uintptr(sig),
		uintptr(unsafe.Pointer(&info)), 0, 0))
	return e
}

// LeaveCall makes the host function that is now running return out of the wasm call
// under way, which Running has named. The call ends without a result. A handler that
// runs before that may still jump elsewhere in the call.
//
// Preconditions: the function returns soon.
func (s *State) LeaveCall() { *s.returnSlot() = exitStubPC() }

// Reset makes the state that of a new thread.
func (s *State) Reset() {
	s.realReturn, s.resumeReturn, s.context, s.busy, s.stepping = 0, 0, 0, 0, 0
	s.held = 0
	s.depth = 0
	s.frame = &s.frames[0]
}

// EveryThread makes the given threads issue a system call with up to three
// arguments, in a signal handler, wherever they are. It returns when they have, with
// an error of one of them. Threads that end meanwhile are forgiven.
//
// Preconditions: guests are threads with a State, or are idle; others are those of
// the Go runtime. One thread at a time calls this.
func EveryThread(pid int, guests, others []int, nr, a0, a1, a2 uintptr) unix.Errno {
	c := &everyCall
	c.number, c.args, c.failed = nr, [3]uintptr{a0, a1, a2}, 0
	atomic.StoreUint32(&c.done, 0)
	atomic.AddUint64(&c.serial, 1)
	asked := send(pid, guests, Reserved) + send(pid, others, unix.SIGBUS)
	for tries := 0; ; tries++ {
		done := atomic.LoadUint32(&c.done)
		if int(done) >= asked {
			break
		}
		timeout := unix.Timespec{Nsec: 1_000_000}
		r := kernel.Syscall(unix.SYS_FUTEX, kernel.Pointer(&c.done), 128 /* FUTEX_WAIT_PRIVATE */, uintptr(done),
			uintptr(unsafe.Pointer(&timeout)), 0, 0)
		if r == -int64(unix.ETIMEDOUT) && tries > 10 {
			asked = living(pid, guests) + living(pid, others)
		}
	}
	atomic.AddUint64(&c.serial, 1)
	return unix.Errno(-c.failed)
}

func send(pid int, tids []int, sig unix.Signal) (sent int) {
	for _, tid := range tids {
		if queue(pid, tid, sig, callMagic, everyCall.serial) == 0 {
			sent++
		}
	}
	return sent
}

func living(pid int, tids []int) (n int) {
	for _, tid := range tids {
		if unix.Tgkill(pid, tid, 0) == nil {
			n++
		}
	}
	return n
}

package interrupt

import (
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"walisup/wali/kernel"
	"walisup/wali/kernel/abi"
)

// These mark the siginfo of our own signals.
var (
	stopMagic uint64 = 0x706f7473696c6177 // "walistop"
	callMagic uint64 = 0x6c6c6163696c6177 // "walicall"
)

// guestThread is the thread id that signals are passed on to which the kernel
// gave to a thread of the runtime; 0 for the main thread.
var guestThread uint32

// everyCall is what threads do that are asked to issue a system call.
var everyCall everyCallOrder

type everyCallOrder struct {
	number uintptr
	args   [3]uintptr
	failed int64 // a negative result
	done   uint32
	count  uint32 // entries at asked
	asked  *askedThread
}

// askedThread is a thread that is asked.
type askedThread struct {
	tid   uint32
	state uint32 // one of the asked constants
	sig   uint32
	_     uint32
}

const (
	askedYes   = 1 + iota
	askedDone  // it has issued the call, or has ended
	askedAgain // to be signalled again: another signal came in place of ours
)

func reservedHandlerPC() uintptr

// SetGuestThread names the thread that gets the unblockable signals which are
// sent to the process; 0 is the main thread.
func SetGuestThread(tid int) { atomic.StoreUint32(&guestThread, uint32(tid)) }

// GuestThread returns what SetGuestThread has set.
func GuestThread() int { return int(atomic.LoadUint32(&guestThread)) }

// Stop makes the thread of s, which has the given id, call the first host function,
// with the signal kernel.ReservedSignal, if it runs compiled code. Otherwise nothing happens.
//
// One such signal is on its way at most, so that the thread can tell it from another's
// even if it arrives without what was sent with it: the kernel drops that if the user
// has as many signals pending as RLIMIT_SIGPENDING allows. With again another one is
// sent in any case.
func (s *State) Stop(pid, tid int, again bool) {
	if !atomic.CompareAndSwapUint64(&s.asked, 0, 1) && !again {
		return
	}
	if queue(pid, tid, kernel.ReservedSignal, stopMagic) != 0 {
		atomic.StoreUint64(&s.asked, 0)
	}
}

// Stopping reports whether a signal of Stop is on its way.
func (s *State) Stopping() bool { return atomic.LoadUint64(&s.asked) != 0 }

// PerThread is what must be zero when another kernel thread goes on in place of the
// one before.
func (s *State) PerThread() []*uint64 { return []*uint64{&s.held, &s.asked} }

// IsStop reports whether an interruption is the work of Stop. The handler has seen to
// it that the signal says so.
func (i Interruption) IsStop() bool {
	return i.Signal == int(kernel.ReservedSignal) && i.Info.Marked(stopMagic)
}

func queue(pid, tid int, sig unix.Signal, magic uint64) unix.Errno {
	var info abi.Siginfo
	info.Mark(int(sig), pid, magic)
	_, e := kernel.Errno(kernel.Syscall(unix.SYS_RT_TGSIGQUEUEINFO, uintptr(pid), uintptr(tid), uintptr(sig),
		uintptr(unsafe.Pointer(&info)), 0, 0))
	return e
}

// Reset makes the state that of a new thread.
func (s *State) Reset() {
	s.context, s.busy, s.stepping, s.layer = 0, 0, 0, 0
	s.held = 0
	s.depth = 0
	s.frame = &s.frames[0]
}

// EveryThread makes threads issue a system call with up to three arguments, in a signal
// handler, wherever they are. list returns their ids, those of guest threads, which
// have a State, apart from those of the Go runtime's own, and whether there are others
// that it cannot name yet. Who has been asked creates threads that need not be; so
// list is called until it names none that is new. The result is an error of one of the
// threads. Those that end meanwhile are forgiven.
//
// Preconditions: No signal of Stop is on its way to any of the threads. One thread at a
// time calls this.
func EveryThread(pid int, list func() (guests, others []int, more bool), nr, a0, a1, a2 uintptr) unix.Errno {
	c := &everyCall
	c.number, c.args, c.failed = nr, [3]uintptr{a0, a1, a2}, 0
	var asked []askedThread
	for waits := 0; ; {
		guests, others, more := list()
		before := len(asked)
		asked = addNew(asked, guests, kernel.ReservedSignal)
		asked = addNew(asked, others, unix.SIGBUS)
		if len(asked) == before {
			// A thread that still has no id after that will be made by one that
			// has issued the call.
			if waits++; !more || waits > birthWaits {
				break
			}
			wait(&c.done, c.done, birthWait)
			continue
		}
		c.asked = unsafe.SliceData(asked)
		atomic.StoreUint32(&c.count, uint32(len(asked)))
		for i := before; i < len(asked); i++ {
			asked[i].send(pid)
		}
		awaitDone(pid, asked[before:])
	}
	// The list stays: a handler may just be reading it.
	atomic.StoreUint32(&c.count, 0)
	return unix.Errno(-c.failed)
}

// How often and how long in nanoseconds EveryThread waits for a thread to say its id.
const (
	birthWaits = 200
	birthWait  = 50_000
)

// addNew appends the threads that are not there yet.
func addNew(asked []askedThread, tids []int, sig unix.Signal) []askedThread {
	known := map[uint32]bool{}
	for i := range asked {
		known[asked[i].tid] = true
	}
	for _, tid := range tids {
		if !known[uint32(tid)] {
			asked = append(asked, askedThread{tid: uint32(tid), sig: uint32(sig)})
		}
	}
	return asked
}

func (a *askedThread) send(pid int) {
	atomic.StoreUint32(&a.state, askedYes)
	queue(pid, int(a.tid), unix.Signal(a.sig), callMagic)
}

// awaitDone returns when the threads have issued the call or have ended.
func awaitDone(pid int, asked []askedThread) {
	for {
		done := atomic.LoadUint32(&everyCall.done)
		missing := false
		for i := range asked {
			switch atomic.LoadUint32(&asked[i].state) {
			case askedDone:
				continue
			case askedAgain:
				asked[i].send(pid)
			}
			missing = true
		}
		if !missing {
			return
		}
		if wait(&everyCall.done, done, 1_000_000) != -int64(unix.ETIMEDOUT) {
			continue
		}
		for i := range asked {
			if unix.Tgkill(pid, int(asked[i].tid), 0) == unix.ESRCH {
				atomic.StoreUint32(&asked[i].state, askedDone)
			}
		}
	}
}

func wait(word *uint32, value uint32, nanoseconds int64) int64 {
	timeout := unix.NsecToTimespec(nanoseconds)
	return kernel.Syscall(unix.SYS_FUTEX, kernel.Pointer(word), abi.FutexWaitPrivate, uintptr(value),
		uintptr(unsafe.Pointer(&timeout)), 0, 0)
}

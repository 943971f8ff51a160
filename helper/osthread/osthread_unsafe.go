package osthread

import (
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"walisup/helper/mlist"
	"walisup/wali/kernel"
	"walisup/wali/kernel/abi"
)

// Slot is a goroutine that is locked to its thread, together with the kernel's
// part of that thread while it exists.
type Slot struct {
	sp    uintptr    // where a new kernel thread goes on
	tls   uintptr    // thread pointer
	alt   [3]uintptr // stack_t of the alternate signal stack
	tid   uint32     // set and cleared by the kernel
	state uint32     // one of the slot constants
	bp    uintptr
}

const (
	slotRuns   = iota
	slotParked // the assembly knows it
	slotFailed // the goroutine has given up
)

var everything = ^uint64(0)

func park(s *Slot)
func start(s *Slot) int64
func probe(gate *uint32) int64

// Park ends the kernel thread that the calling goroutine is locked to. It returns
// on a new one, after Start, with a signal mask and with some words cleared before
// that. While it is parked the goroutine counts as away.
//
// The new thread must take the signals by which threads are stopped as soon as it
// may be asked to, which is before it has found that a stop is asked for.
//
// Preconditions: no other goroutine depends on the thread. Most signals are blocked.
//
//go:nosplit
func (s *Slot) Park(gate *kernel.Gate, mask *uint64, words ...*uint64) {
	entersyscall()
	gate.Depart()
	// From here on nobody stops the thread: it goes nowhere but to its end.
	mlist.Self().SetID(mlist.None)
	park(s)
	mlist.Self().SetID(uint64(s.TID()))
	// What came to the old thread when nobody looked any more.
	gate.Pending, gate.InHost = 0, 0
	for _, w := range words {
		atomic.StoreUint64(w, 0)
	}
	kernel.Syscall(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(mask)), 0, 8, 0, 0)
	gate.ComeBack()
	exitsyscall()
}

// Fail says that the goroutine will never be parked.
func (s *Slot) Fail() {
	atomic.StoreUint32(&s.state, slotFailed)
	kernel.Wake(&s.state)
}

// Failed reports whether Fail was called.
func (s *Slot) Failed() bool { return atomic.LoadUint32(&s.state) == slotFailed }

// Startable reports whether the goroutine is parked and its kernel thread has
// ended.
func (s *Slot) Startable() bool {
	return s.Parked() && atomic.LoadUint32(&s.tid) == 0
}

// Await returns when the slot may have become startable or failed, or after a time in
// nanoseconds. It is false if the time is over. The calling thread, whose gate is
// given, is away meanwhile.
func (s *Slot) Await(gate *kernel.Gate, nanoseconds int64) bool {
	word, value, op := &s.state, uint32(slotRuns), uintptr(abi.FutexWaitPrivate)
	if s.Parked() {
		// The kernel clears the word when the thread has ended, and wakes
		// as if it were shared.
		word, value, op = &s.tid, s.TID(), abi.FutexWait
		if value == 0 {
			return true
		}
	}
	return gate.FutexAway(word, op, value, nanoseconds) != -int64(unix.ETIMEDOUT)
}

// Parked reports whether the goroutine is parked.
func (s *Slot) Parked() bool { return atomic.LoadUint32(&s.state) == slotParked }

// TID is the kernel's id of the thread, 0 once it has ended.
func (s *Slot) TID() uint32 { return atomic.LoadUint32(&s.tid) }

// SetTID records the id of a thread that Start has not made.
func (s *Slot) SetTID(tid uint32) { atomic.StoreUint32(&s.tid, tid) }

// Start makes a kernel thread for a startable goroutine, as a child of the calling
// one: it inherits its credentials, affinity, priority and name. The error is the
// kernel's, most likely EAGAIN.
func (s *Slot) Start() (tid int, errno unix.Errno) {
	m := mlist.OfTLS(s.tls)
	m.SetID(mlist.Unborn)
	atomic.StoreUint32(&s.state, slotRuns)
	r := start(s)
	if r < 0 {
		m.SetID(mlist.None)
		atomic.StoreUint32(&s.tid, 0)
		atomic.StoreUint32(&s.state, slotParked)
		return 0, unix.Errno(-r)
	}
	return int(r), 0
}

// Probe asks the kernel for n threads, which end at once, and returns why it cannot
// have them. The Go runtime ends the process when it cannot have a thread. Between
// the probe and the runtime's own attempt another process may take the last ones;
// the runtime tries for a fifth of a second.
func Probe(n int) (e unix.Errno) {
	gate := new(uint32)
	for range n {
		if r := probe(gate); r < 0 {
			e = unix.Errno(-r)
			break
		}
	}
	atomic.StoreUint32(gate, 1)
	kernel.Syscall(unix.SYS_FUTEX, kernel.Pointer(gate), abi.FutexWakePrivate, 1<<31-1, 0, 0, 0)
	probes = append(probes, gate) // the threads look at it until they have ended
	if len(probes) > keptProbes {
		probes = append(probes[:0], probes[1:]...)
	}
	return e
}

// probes holds the words that threads of the last few probes may still look at.
var probes []*uint32

const keptProbes = 64

// The runtime keeps these two linkable for callers like us (go.dev/issue/67401).
//
//go:linkname entersyscall runtime.entersyscall
func entersyscall()

//go:linkname exitsyscall runtime.exitsyscall
func exitsyscall()

package duplicate

import (
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"walisup/helper/mlist"
	"walisup/wali/kernel"
	"walisup/wali/kernel/abi"
	"walisup/wali/safecopy"
)

// slot is the place of one thread.
type slot struct {
	context uintptr // address of the thread's ucontext on its signal stack
	m       mlist.M
	tid     uint32
	state   uint32 // one of the slot constants
	resent  uint32 // it was signalled more than once
	_       uint32
}

const (
	slotFree    = iota
	slotWanted  // signalled
	slotArrived // waits at the gate
	slotFrozen  // the thread does not exist at present
	slotAgain   // to be signalled again: another signal came in place of ours

	slotSize = unsafe.Sizeof(slot{})
)

// shared is what the handler looks at. The gate moves whenever the threads that wait
// there are to go.
var shared sharedState

type sharedState struct {
	lo, hi  uintptr // the slots
	arrived uint32  // threads at the gate
	gate    uint32
	order   uint32  // what they do then, one of the order constants
	wanted  uint32  // nonzero while threads are signalled
	next    uintptr // handler for signals that are not ours
}

const (
	orderGoOn = iota
	orderEnd
)

// magic marks our signals. It does not arrive if the user has as many signals pending
// as RLIMIT_SIGPENDING allows: the kernel then delivers a signal without what came
// with it. Such a one counts as ours in a thread that is wanted.
var magic uint64 = 0x746163696c707564 // "duplicat"

// Arguments of the handler's rt_sigtimedwait.
var (
	sigbus uint64 = 1 << (unix.SIGBUS - 1)
	noTime unix.Timespec
)

// fork is held by whoever stops threads, and in a child by the thread that
// called Fork.
var fork sync.Mutex

// sysmon is the runtime's monitor, the only thread that may be set aside while it
// sleeps for a limited time: others do that with a P, or while they wait for the world
// to stop.
var sysmon mlist.M

const (
	// stopTries is how often stop is repeated to find the other threads
	// quiescent.
	stopTries = 200

	// stopPause is how long threads get between two tries to come to rest, in
	// nanoseconds.
	stopPause = 50_000

	// birthTries is how often stop is repeated until a thread that is being made
	// exists.
	birthTries = 2000

	// birthYields is how often a stop looks whether such a thread has said its id.
	birthYields = 20

	// arrivalPause is how long a stop waits, in nanoseconds, before it looks whether
	// a thread has ended, and resendAfter after how many such times it signals again.
	arrivalPause = 1_000_000
	resendAfter  = 20
)

func parkPC() uintptr
func revive(context, tls, tid uintptr) int64

// Install adds the handler to that of package safecopy, once for the process.
//
// Preconditions: safecopy.Install has returned nil. Only one thread has a P
// (GOMAXPROCS=1).
func Install() error {
	if shared.next != 0 {
		return nil
	}
	if err := mlist.Check(); err != nil {
		return err
	}
	if e := grow(64); e != 0 {
		return e
	}
	// The handler must not run before it knows its successor.
	next := safecopy.SetChain(parkPC())
	shared.next = next
	return nil
}

func kernelMap(size uintptr) (uintptr, unix.Errno) {
	r, e := kernel.Errno(kernel.Syscall(unix.SYS_MMAP, 0, size, unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_PRIVATE|unix.MAP_ANONYMOUS, ^uintptr(0), 0))
	return uintptr(r), e
}

// grow makes room for n slots and keeps those that are frozen.
//
// Preconditions: no thread is stopped, and fork is held.
func grow(n uintptr) unix.Errno {
	awaitDeparture() // of those that still look at their slots
	area, e := kernelMap(n * slotSize)
	if e != 0 {
		return e
	}
	old, size := shared.lo, shared.hi-shared.lo
	to := area
	for p := old; p < old+size; p += slotSize {
		if at(p).state == slotFrozen {
			*at(to) = *at(p)
			to += slotSize
		}
	}
	shared.lo, shared.hi = area, area+n*slotSize
	if size > 0 {
		kernel.Syscall(unix.SYS_MUNMAP, old, size, 0, 0, 0, 0)
	}
	return 0
}

// at is the slot at p, which lies outside the Go heap.
//
//go:nosplit
func at(p uintptr) *slot { return *(**slot)(unsafe.Pointer(&p)) }

// word is the word at p, which lies outside the Go heap.
//
//go:nosplit
func word(p uintptr) uintptr { return **(**uintptr)(unsafe.Pointer(&p)) }

// Freeze sets all other threads of the process aside, and reports whether it
// could: it gives up if one of them does not come to rest. Afterwards the
// process has one thread, or will have as soon as the others have been through
// the kernel's exit.
//
// Preconditions: the calling goroutine is locked to its thread. Other goroutines
// are idle. The process is not frozen: the thread that Freeze gives way to while it
// tries again may be one of those that are set aside, and then it never returns.
func Freeze() bool {
	fork.Lock()
	defer fork.Unlock()
	for range stopTries {
		// Gives others the P for what they have begun, and answers a request
		// to yield, so that in the next 10 ms there is none.
		runtime.Gosched()
		switch freeze() {
		case 0:
			return true
		case unix.ENOSPC:
			if grow((shared.hi-shared.lo)/slotSize*2) != 0 {
				return false
			}
		case unix.EAGAIN, errUnborn:
			pause()
		default:
			return false
		}
	}
	return false
}

// freeze is one try of Freeze: EAGAIN and errUnborn mean that it may be repeated.
//
//go:nosplit
func freeze() unix.Errno {
	if e := stop(nil); e != 0 {
		return e
	}
	if sysmon == 0 {
		sysmon = sleeper()
	}
	if !quiescent() || yieldPending() {
		release(orderGoOn)
		return unix.EAGAIN
	}
	release(orderEnd)
	return 0
}

// Thaw brings back the threads that are set aside. The error is EAGAIN or ENOMEM
// if the kernel has no room for a thread; the process is then as frozen as
// before.
func Thaw() error {
	fork.Lock()
	defer fork.Unlock()
	awaitDeparture() // from the stacks that are about to be used again
	noteSelf()
	for p := shared.lo; p < shared.hi; p += slotSize {
		if at(p).state != slotFrozen {
			continue
		}
		if e := reviveSlot(p); e != 0 {
			return e
		}
	}
	return nil
}

// noteSelf records the id of the calling thread, which has had another in the parent.
// A child that stays alone need not write it.
//
//go:nosplit
func noteSelf() {
	mlist.Self().SetID(uint64(kernel.Syscall(unix.SYS_GETTID, 0, 0, 0, 0, 0, 0)))
}

// reviveSlot brings one thread back.
//
//go:nosplit
func reviveSlot(p uintptr) unix.Errno {
	s := at(p)
	s.m.SetID(mlist.Unborn)
	r := revive(s.context, s.m.TLS(), s.m.IDAddress())
	if r < 0 {
		s.m.SetID(mlist.None)
		return unix.Errno(-r)
	}
	s.state = slotFree
	return 0
}

// Frozen reports whether threads are set aside.
func Frozen() bool {
	fork.Lock()
	defer fork.Unlock()
	return anyFrozen()
}

func anyFrozen() bool {
	for p := shared.lo; p < shared.hi; p += slotSize {
		if at(p).state == slotFrozen {
			return true
		}
	}
	return false
}

// Call is the system call that makes the child: clone with its flags and two
// pointers, or clone3 if Clone3 is set.
type Call struct {
	Flags               uintptr // of clone(2), with the exit signal
	ParentTID, ChildTID uintptr // host addresses or 0
	Clone3, Clone3Size  uintptr // host address and size of struct clone_args

	// Left are ids of threads that are not stopped, and that the child must do
	// without: they have no P, hold no lock, and do not go on outside of the
	// kernel while Fork runs.
	Left []uint32
}

// Fork makes a child process that goes on here too: the result is its process id
// in the parent, 0 in the child, or a negative errno. The child has the calling
// thread alone; the others are set aside there, or have been brought back if
// they were busy.
//
// Preconditions: the goroutine is locked to its thread, on which all signals but
// those of faults are blocked. The call has neither CLONE_VM nor a stack, thread
// pointer or CLONE_THREAD. CLONE_VFORK makes only a process with one thread wait:
// while the kernel waits, no other thread could go on; see Vfork.
func Fork(c *Call) int64 {
	if alone() {
		return c.issue()
	}
	c.dropVfork()
	fork.Lock()
	defer fork.Unlock()
	unborn := 0
	for try := 0; ; try++ {
		r := c.forkStopped(try < forkTries)
		switch r {
		case -int64(errUnborn):
			if alone() { // those that were set aside have ended meanwhile
				return c.issue()
			}
			if unborn++; unborn == birthTries {
				return -int64(unix.EAGAIN)
			}
			pause()
		case tryAgain:
			if !anyFrozen() { // one of those might be chosen to run this goroutine on
				runtime.Gosched()
			}
			pause()
		case -int64(unix.ENOSPC):
			if e := grow((shared.hi - shared.lo) / slotSize * 2); e != 0 {
				return -int64(e)
			}
		default:
			return r
		}
	}
}

// dropVfork takes CLONE_VFORK out of the call's flags.
func (c *Call) dropVfork() {
	c.Flags &^= unix.CLONE_VFORK
	if c.Clone3 != 0 {
		flags := *(**uint64)(unsafe.Pointer(&c.Clone3)) // first member of struct clone_args
		*flags &^= unix.CLONE_VFORK
	}
}

// forkTries is how often Fork waits for busy threads to come to rest. A process
// that computes in many threads never does; its children start with all of them.
const forkTries = 3

// tryAgain is no result of the kernel's.
const tryAgain = -1 << 20

// errUnborn says that a thread is about to be made and that nobody can tell whether
// it exists yet. Its creator, if stopped, has to go on first.
const errUnborn = unix.Errno(1 << 19)

// alone reports whether the process has only one thread. The kernel says so
// by what it answers to a request to unshare what cannot be unshared.
//
//go:nosplit
func alone() bool {
	return kernel.Syscall(unix.SYS_UNSHARE, unix.CLONE_THREAD, 0, 0, 0, 0, 0) == 0
}

// Alone reports whether the process has only one thread.
func Alone() bool { return alone() }

// AwaitAlone gives threads that have been set aside or are otherwise about to end the
// time to do so.
func AwaitAlone() {
	for try := 0; try < stopTries && !alone(); try++ {
		pause()
	}
}

//go:nosplit
func (c *Call) issue() int64 {
	if c.Clone3 != 0 {
		return kernel.Syscall(unix.SYS_CLONE3, c.Clone3, c.Clone3Size, 0, 0, 0, 0)
	}
	return rawClone(c.Flags, c.ParentTID, c.ChildTID)
}

// forkStopped is Fork for a process that has more threads. The result is ENOSPC
// if there are more of them than slots, and tryAgain if patient is set and the
// child could not be left frozen.
//
//go:nosplit
func (c *Call) forkStopped(patient bool) int64 {
	if e := stop(c.Left); e != 0 {
		return -int64(e)
	}
	still := quiescent() && !yieldPending()
	if patient && !still {
		release(orderGoOn)
		return tryAgain
	}
	r := c.issue()
	if r != 0 {
		release(orderGoOn)
		return r
	}
	shared.arrived = 0
	mlist.Others()
	noteSelf()
	for p := shared.lo; p < shared.hi; p += slotSize {
		if at(p).state != slotArrived {
			continue
		}
		at(p).state = slotFrozen
		if !still {
			insist(p)
		}
	}
	return 0
}

// insist revives a thread without which the child cannot go on. The kernel may
// be short of threads or memory for a moment; if it stays so the child ends, as
// one that the kernel had killed for want of memory.
//
//go:nosplit
func insist(p uintptr) {
	for range 1000 {
		if reviveSlot(p) == 0 {
			return
		}
		sleep(1_000_000)
	}
	kernel.Syscall(unix.SYS_KILL, uintptr(kernel.Syscall(unix.SYS_GETPID, 0, 0, 0, 0, 0, 0)), uintptr(unix.SIGKILL), 0, 0, 0, 0)
}

// stop makes every other thread of the process but those left wait at the gate. ENOSPC means
// that there are more of them than slots, errUnborn that one is about to be made. If
// it fails no thread is stopped.
//
//go:nosplit
func stop(left []uint32) unix.Errno {
	awaitDeparture() // from the last time
	for p := shared.lo; p < shared.hi; p += slotSize {
		if at(p).state != slotFrozen {
			at(p).state = slotFree
		}
	}
	pid := uint32(kernel.Syscall(unix.SYS_GETPID, 0, 0, 0, 0, 0, 0))
	atomic.StoreUint32(&shared.wanted, 1)
	for yields := 0; ; {
		added, unborn, e := signalNew(pid, left)
		awaitArrivals(pid)
		// What is known once all known threads have stopped is all: nobody was
		// left to start another.
		switch {
		case e == 0 && added > 0:
			continue
		case e == 0 && unborn && yields < birthYields:
			yields++
			kernel.Syscall(unix.SYS_SCHED_YIELD, 0, 0, 0, 0, 0, 0)
			continue
		case e == 0 && unborn:
			e = errUnborn
		}
		atomic.StoreUint32(&shared.wanted, 0)
		if e != 0 {
			release(orderGoOn)
		}
		return e
	}
}

// signalNew signals the threads that have no slot yet and returns how many, and
// whether there are some that have no id yet.
//
//go:nosplit
func signalNew(pid uint32, left []uint32) (added int, unborn bool, e unix.Errno) {
	self := mlist.Self()
	for m := mlist.First(); m != 0; m = m.Next() {
		id := m.ID()
		switch {
		case m == self || id == mlist.None:
			continue
		case id == mlist.Unborn:
			unborn = true
			continue
		}
		tid := uint32(id)
		if known(m) || contains(left, tid) {
			continue
		}
		if e = signal(pid, tid, m); e != 0 {
			return added, unborn, e
		}
		added++
	}
	return added, unborn, 0
}

// known reports whether a living thread has a slot.
//
//go:nosplit
func known(m mlist.M) bool {
	for p := shared.lo; p < shared.hi; p += slotSize {
		if s := at(p); s.m == m && s.state != slotFree && s.state != slotFrozen {
			return true
		}
	}
	return false
}

//go:nosplit
func contains(list []uint32, tid uint32) bool {
	for i := range list {
		if list[i] == tid {
			return true
		}
	}
	return false
}

// signal asks a thread to come to the gate.
//
//go:nosplit
func signal(pid, tid uint32, m mlist.M) unix.Errno {
	for p := shared.lo; p < shared.hi; p += slotSize {
		s := at(p)
		if s.state != slotFree {
			continue
		}
		s.tid, s.m, s.resent = tid, m, 0
		atomic.StoreUint32(&s.state, slotWanted)
		send(pid, tid)
		return 0
	}
	return unix.ENOSPC
}

// send sends the signal that parkHandler understands. A thread that is ending
// may be gone already; awaitArrivals finds that out.
//
//go:nosplit
func send(pid, tid uint32) {
	var info abi.Siginfo
	info.Mark(int(unix.SIGBUS), int(pid), magic)
	kernel.Syscall(unix.SYS_RT_TGSIGQUEUEINFO, uintptr(pid), uintptr(tid), uintptr(unix.SIGBUS),
		uintptr(unsafe.Pointer(&info)), 0, 0)
}

// awaitArrivals returns when every signalled thread has come or has ended.
//
// SIGBUS does not queue: ours is lost if another was pending. That one's handler says
// so, unless it was a fault of package safecopy's. So a thread that does not come is
// signalled again after a while; a second signal does nothing to one that has come.
//
//go:nosplit
func awaitArrivals(pid uint32) {
	for timeouts := 0; ; {
		arrived := atomic.LoadUint32(&shared.arrived)
		missing := false
		for p := shared.lo; p < shared.hi; p += slotSize {
			s := at(p)
			switch atomic.LoadUint32(&s.state) {
			case slotAgain:
				atomic.StoreUint32(&s.state, slotWanted)
				send(pid, s.tid)
				missing = true
			case slotWanted:
				missing = true
			}
		}
		if !missing {
			return
		}
		timeout := unix.Timespec{Nsec: arrivalPause}
		r := kernel.Syscall(unix.SYS_FUTEX, uintptr(unsafe.Pointer(&shared.arrived)), abi.FutexWaitPrivate, uintptr(arrived),
			uintptr(unsafe.Pointer(&timeout)), 0, 0)
		if r != -int64(unix.ETIMEDOUT) {
			continue
		}
		timeouts++
		for p := shared.lo; p < shared.hi; p += slotSize {
			s := at(p)
			if atomic.LoadUint32(&s.state) != slotWanted {
				continue
			}
			if ended(pid, s.tid) {
				// Its M is not to be signalled again.
				s.m.SetID(mlist.None)
				s.state = slotFree
				continue
			}
			if timeouts%resendAfter == 0 {
				atomic.StoreUint32(&s.resent, 1)
				send(pid, s.tid)
			}
		}
	}
}

// ended reports whether a thread of this process is gone.
//
//go:nosplit
func ended(pid, tid uint32) bool {
	return kernel.Syscall(unix.SYS_TGKILL, uintptr(pid), uintptr(tid), 0, 0, 0, 0) == -int64(unix.ESRCH)
}

// release lets the stopped threads go.
//
//go:nosplit
func release(order uint32) {
	if order == orderEnd {
		for p := shared.lo; p < shared.hi; p += slotSize {
			if at(p).state == slotArrived {
				at(p).state = slotFrozen
				at(p).m.SetID(mlist.None)
			}
		}
	}
	shared.order = order
	atomic.AddUint32(&shared.gate, 1)
	kernel.Syscall(unix.SYS_FUTEX, uintptr(unsafe.Pointer(&shared.gate)), abi.FutexWakePrivate, 1<<31-1, 0, 0, 0)
}

// awaitDeparture returns when all threads have left the gate.
//
//go:nosplit
func awaitDeparture() {
	for atomic.LoadUint32(&shared.arrived) != 0 {
		kernel.Syscall(unix.SYS_SCHED_YIELD, 0, 0, 0, 0, 0, 0)
	}
}

// quiescent reports whether every stopped thread is.
//
//go:nosplit
func quiescent() bool {
	for p := shared.lo; p < shared.hi; p += slotSize {
		s := at(p)
		if s.state == slotArrived && !waits(s.context) && (s.m != sysmon || !sleeps(s.context)) {
			return false
		}
	}
	return true
}

// sleeper returns the stopped thread that sleeps for a limited time, 0 if there is
// none.
//
//go:nosplit
func sleeper() mlist.M {
	for p := shared.lo; p < shared.hi; p += slotSize {
		if s := at(p); s.state == slotArrived && sleeps(s.context) {
			return s.m
		}
	}
	return 0
}

// yieldPending reports whether the runtime has asked the calling goroutine to
// yield, which would make it wait for threads that are not there. Passing
// through a system call makes the runtime show it in the stack guard.
//
// Preconditions: all other threads are stopped and quiescent.
//
//go:nosplit
func yieldPending() bool {
	if stackGuard() == stackPreempt {
		return true // perhaps somebody stops the world, and we would wait for that
	}
	entersyscall()
	exitsyscall()
	return stackGuard() == stackPreempt
}

// stackPreempt is the runtime's own name and value (runtime/stack.go).
const stackPreempt = ^uintptr(0x521)

// pause gives other threads time to come to rest.
//
//go:nosplit
func pause() { sleep(stopPause) }

//go:nosplit
func sleep(nanoseconds int64) {
	t := unix.Timespec{Nsec: nanoseconds}
	kernel.Syscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&t)), 0, 0, 0, 0, 0)
}

func stackGuard() uintptr

// The runtime keeps these two linkable for callers like us (go.dev/issue/67401).
//
//go:linkname entersyscall runtime.entersyscall
func entersyscall()

//go:linkname exitsyscall runtime.exitsyscall
func exitsyscall()

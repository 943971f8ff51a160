package pathguard

import (
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"walisup/wali/kernel"
	"walisup/wali/kernel/abi"
)

// sharing says who else can use the descriptor table.
type sharing struct {
	threads atomic.Int32 // guest threads but the first
	table   atomic.Bool  // another process has had the table

	// turn is a futex: 1 while a thread uses the slots. owner is that thread.
	turn  uint32
	owner atomic.Pointer[Thread]
	depth int
	taken uint32 // bit set of slots; the owner's

	mu   sync.Mutex // guards lent
	lent []lentFD
}

// lentFD is a descriptor of the guest's range that a thread holds while it sleeps in
// the kernel. A child that is forked meanwhile closes it.
type lentFD struct {
	owner *Thread
	fd    int32
}

// SetThreads tells how many guest threads there are. A second one is announced
// before it runs.
func (g *Guard) SetThreads(n int) { g.threads.Store(int32(n - 1)) }

// ShareTable notes that another process will have the descriptor table.
func (g *Guard) ShareTable() { g.table.Store(true) }

// Contended reports whether somebody else can use a descriptor of this process
// while the calling thread is at work on it.
func (g *Guard) Contended() bool { return g.threads.Load() > 0 || g.table.Load() }

// Shared reports whether another process has, or has had, the descriptor table. Then
// secure has nowhere to put a descriptor, since the slots are the other's as well, which
// knows nothing of our turn.
func (g *Guard) Shared() bool { return g.table.Load() }

// Holds reports whether a thread has descriptors in slots.
//
// Preconditions: the thread has its turn.
func (g *Guard) Holds() bool { return g.taken != 0 }

// TakeTurn gives the calling thread the slots until it calls EndTurn. It reports
// false if a signal came first. It may be called again by the thread that has them.
func (t *Thread) TakeTurn() bool {
	s := &t.sharing
	if s.owner.Load() == t {
		s.depth++
		return true
	}
	for !atomic.CompareAndSwapUint32(&s.turn, 0, 1) {
		if t.block(unix.SYS_FUTEX, kernel.Pointer(&s.turn), abi.FutexWaitPrivate, 1, 0, 0, 0) == -int64(unix.EINTR) {
			return false
		}
	}
	s.owner.Store(t)
	s.depth = 1
	return true
}

// EndTurn gives the slots back.
func (t *Thread) EndTurn() {
	s := &t.sharing
	if s.depth--; s.depth > 0 {
		return
	}
	s.owner.Store(nil)
	atomic.StoreUint32(&s.turn, 0)
	t.Call(unix.SYS_FUTEX, kernel.Pointer(&s.turn), abi.FutexWakePrivate, 1, 0, 0, 0)
}

// Hold calls do with fd or, where somebody could replace that, with a copy that nobody can,
// and then closes it. What it is then is still to be judged: it may have been replaced
// before. The result is that of do, EINTR if a signal came first, or EMFILE if there is no
// place for the copy.
func (t *Thread) Hold(fd int32, do func(held int32) int64) int64 {
	if t.Contended() {
		if !t.TakeTurn() {
			t.Close(fd)
			return errno(unix.EINTR)
		}
		defer t.EndTurn()
	}
	held := t.secure(fd)
	if held < 0 {
		return errno(unix.EMFILE)
	}
	defer t.release(held)
	return do(held)
}

// secure puts fd, which the caller has just got from the kernel, where nobody can
// replace it, and returns its new number, or -1 if there is no room. What it is then
// is still to be judged: it may have been replaced before. fd stays where it is if
// nobody could replace it, and if the table is shared.
//
// Preconditions: the thread has its turn, if the table is contended.
func (t *Thread) secure(fd int32) int32 {
	if fd < 0 || !t.Contended() || t.Shared() {
		return fd
	}
	defer t.Close(fd)
	slots := t.Slots()
	i := int32(0)
	for t.taken>>i&1 != 0 {
		i++
	}
	if i == slots.Count || !t.Place(fd, slots.First+i) {
		return -1
	}
	t.taken |= 1 << i
	return slots.First + i
}

// release closes a descriptor that secure returned, if it is not -1.
func (t *Thread) release(fd int32) {
	if fd < 0 {
		return
	}
	slots := t.Slots()
	if fd < slots.First || fd >= slots.First+slots.Count {
		// An execve may open files among the private descriptors besides these.
		t.Close(fd)
		return
	}
	if t.filled.Load() {
		// The place must not become free: the kernel would give it to the guest.
		if t.Call(unix.SYS_DUP3, uintptr(slots.Filler), uintptr(fd), unix.O_CLOEXEC, 0, 0, 0) < 0 {
			t.Close(fd)
		}
	} else {
		t.Close(fd)
	}
	t.taken &^= 1 << (fd - slots.First)
}

// lend notes that the thread is about to sleep with fd in its hands.
func (t *Thread) lend(fd int32) {
	s := &t.sharing
	s.mu.Lock()
	s.lent = append(s.lent, lentFD{t, fd})
	s.mu.Unlock()
}

// takeBack undoes lend.
func (t *Thread) takeBack(fd int32) {
	s := &t.sharing
	s.mu.Lock()
	if i := slices.Index(s.lent, lentFD{t, fd}); i >= 0 {
		s.lent = slices.Delete(s.lent, i, i+1)
	}
	s.mu.Unlock()
}

// Forked leaves a new process with what is its only thread's. shared says that
// it has the descriptor table of its parent.
func (t *Thread) Forked(shared bool) {
	s := &t.sharing
	s.threads.Store(0)
	s.table.Store(shared)
	if s.owner.Load() != t {
		slots := t.Slots()
		for i := range slots.Count {
			if s.taken>>i&1 != 0 && !shared {
				t.release(slots.First + i)
			}
		}
		s.taken, s.depth = 0, 0
		s.owner.Store(nil)
		atomic.StoreUint32(&s.turn, 0)
	}
	mine := s.lent[:0]
	for _, lent := range s.lent {
		switch {
		case lent.owner == t:
			mine = append(mine, lent)
		case !shared:
			t.Close(lent.fd)
		}
	}
	s.lent = mine
}

package wali

import (
	"encoding/binary"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"walisup/wali/kernel"
)

// A descriptor that the kernel has just installed can be used, closed and replaced
// by whoever shares the descriptor table: another guest thread, or a process made
// with CLONE_FILES. There the guard never lets a usable descriptor of a file come
// into being that it has not judged, and it judges only what nobody else can
// replace: descriptors in the upper part of the private range, whose numbers no
// call of a guest takes. See sys_file_walk.go for what follows for open.

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

const (
	firstSlot = 10 // offset into the private range; see ipc for what comes before
	slots     = ReservedFDs - firstSlot
)

// SetThreads tells how many guest threads there are. A second one is announced
// before it runs.
func (p *Process) SetThreads(n int) { p.files.threads.Store(int32(n - 1)) }

// shareTable notes that another process will have the descriptor table.
func (p *Process) shareTable() { p.files.table.Store(true) }

// contended reports whether somebody else can use a descriptor of this process
// while the calling thread is at work on it.
func (p *Process) contended() bool { return p.files.threads.Load() > 0 || p.files.table.Load() }

// unsure reports whether secure has nowhere to put a descriptor, since the slots are
// another process's as well, which knows nothing of our turn.
func (p *Process) unsure() bool { return p.files.table.Load() }

// takeTurn gives the calling thread the slots until it calls endTurn. It reports
// false if a signal came first. It may be called again by the thread that has them.
func (t *Thread) takeTurn() bool {
	s := &t.files.sharing
	if s.owner.Load() == t {
		s.depth++
		return true
	}
	const wait = 128 // FUTEX_WAIT, private
	for !atomic.CompareAndSwapUint32(&s.turn, 0, 1) {
		if t.block(unix.SYS_FUTEX, kernel.Pointer(&s.turn), wait, 1, 0, 0, 0) == -int64(unix.EINTR) {
			return false
		}
	}
	s.owner.Store(t)
	s.depth = 1
	return true
}

func (t *Thread) endTurn() {
	s := &t.files.sharing
	if s.depth--; s.depth > 0 {
		return
	}
	s.owner.Store(nil)
	atomic.StoreUint32(&s.turn, 0)
	const wake = 129 // FUTEX_WAKE, private
	t.call(unix.SYS_FUTEX, kernel.Pointer(&s.turn), wake, 1, 0, 0, 0)
}

// secure puts fd, which the caller has just got from the kernel, where nobody can
// replace it, and returns its new number, or -1 if there is no room. What it is then
// is still to be judged: it may have been replaced before. fd stays where it is if
// nobody could replace it, and if unsure.
//
// Preconditions: the thread has its turn, if the table is contended.
func (t *Thread) secure(fd int32) int32 {
	if fd < 0 || !t.contended() || t.unsure() {
		return fd
	}
	defer t.closeFD(fd)
	s := &t.files.sharing
	i := 0
	for s.taken>>i&1 != 0 {
		i++
	}
	if i == slots {
		return -1
	}
	slot := t.ReservedFD + firstSlot + uint32(i)
	// Only below the soft limit can a descriptor be put into a place.
	l := &t.limits
	l.mu.Lock()
	defer l.mu.Unlock()
	was, e := t.kernelLimit(unix.RLIMIT_NOFILE)
	if e != 0 {
		return -1
	}
	if top := uint64(t.ReservedFD) + ReservedFDs; was.Soft < top {
		if t.setKernelLimit(unix.RLIMIT_NOFILE, Limit{Soft: top, Hard: was.Hard}) != 0 {
			return -1
		}
		defer t.setKernelLimit(unix.RLIMIT_NOFILE, was)
	}
	if t.call(unix.SYS_DUP3, uintptr(fd), uintptr(slot), unix.O_CLOEXEC, 0, 0, 0) < 0 {
		return -1
	}
	s.taken |= 1 << i
	return int32(slot)
}

// release closes a descriptor that secure returned, if it is not -1.
func (t *Thread) release(fd int32) {
	if fd < 0 {
		return
	}
	if !t.ownsFD(fd) {
		t.closeFD(fd)
		return
	}
	if t.files.filled.Load() {
		// The place must not become free: the kernel would give it to the guest.
		// The helper's executable, which is there already, serves.
		if t.call(unix.SYS_DUP3, uintptr(t.ReservedFD), uintptr(fd), unix.O_CLOEXEC, 0, 0, 0) < 0 {
			t.closeFD(fd)
		}
	} else {
		t.closeFD(fd)
	}
	t.files.taken &^= 1 << (uint32(fd) - t.ReservedFD - firstSlot)
}

// lend notes that the thread is about to sleep with fd in its hands.
func (t *Thread) lend(fd int32) {
	s := &t.files.sharing
	s.mu.Lock()
	s.lent = append(s.lent, lentFD{t, fd})
	s.mu.Unlock()
}

// takeBack undoes lend.
func (t *Thread) takeBack(fd int32) {
	s := &t.files.sharing
	s.mu.Lock()
	if i := slices.Index(s.lent, lentFD{t, fd}); i >= 0 {
		s.lent = slices.Delete(s.lent, i, i+1)
	}
	s.mu.Unlock()
}

// forkedFiles leaves a new process with what is its only thread's. shared says that
// it has the descriptor table of its parent.
func (t *Thread) forkedFiles(shared bool) {
	s := &t.files.sharing
	s.threads.Store(0)
	s.table.Store(shared)
	if s.owner.Load() != t {
		for i := range slots {
			if s.taken>>i&1 != 0 && !shared {
				t.release(int32(t.ReservedFD + firstSlot + uint32(i)))
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
			t.closeFD(lent.fd)
		}
	}
	s.lent = mine
}

// identity is which inode on which mount a descriptor or path leads to.
type identity struct{ inode, dev, mount uint64 }

// identify fills in the identity of the file at path below dirfd, which is that of
// dirfd if path is empty.
func (t *Thread) identify(dirfd int32, path uintptr) (identity, bool) {
	b := statxBuf(t.alloc(statxSize))
	const how = unix.AT_EMPTY_PATH | unix.AT_STATX_DONT_SYNC
	const mask = unix.STATX_INO | unix.STATX_MNT_ID
	if t.call(unix.SYS_STATX, uintptr(dirfd), path, how, mask, address(b), 0) < 0 {
		return identity{}, false
	}
	if binary.LittleEndian.Uint32(b)&unix.STATX_MNT_ID == 0 {
		return identity{}, false
	}
	return identity{b.u64(statxIno), b.dev(), b.u64(statxMountID)}, true
}

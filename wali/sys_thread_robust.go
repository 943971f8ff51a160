package wali

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"walisup/wali/kernel/abi"
)

// The kernel walks a thread's list of robust mutexes when the thread ends. The
// guest's list has pointers of 4 bytes that are relative to the linear memory, so
// we walk it, and when the process exits that of every thread. Where the process is
// killed or executes another program, nothing of ours runs: for that there is a second
// list, see sys_thread_robust_unsafe.go, of which our C library tells. Robust mutexes of
// modules that are built with another stay locked then.

// Layout of struct robust_list_head as C libraries for WALI declare it; an entry
// of the list is one u32, the pointer to the next. Source: linux/futex.h.
const (
	robustFirst   = 0  // u32
	robustOffset  = 8  // i64: from an entry to its futex word
	robustPending = 16 // u32: an entry that is about to come or go
	robustSize    = 24

	robustLimit = 2048 // ROBUST_LIST_LIMIT

	robustPI = 1 // low bit of a pointer to an entry: a priority-inheriting mutex
)

// sysSetRobustList is set_robust_list(2).
func sysSetRobustList(t *Thread, a Args) int64 {
	if a.Uint(1) != robustSize {
		return errno(unix.EINVAL)
	}
	t.robust = a.Ptr(0)
	t.Process.robustUsed.Store(true)
	return 0
}

// sysGetRobustList is get_robust_list(2). Of other processes it knows nothing.
func sysGetRobustList(t *Thread, a Args) int64 {
	of := t
	if pid := a.Int(0); pid != 0 && pid != int32(unix.Gettid()) {
		if of = t.Helper.Peer(pid); of == nil {
			if unix.Kill(int(pid), 0) == unix.ESRCH {
				return errno(unix.ESRCH)
			}
			return errno(unix.EPERM)
		}
	}
	if e := t.Memory.Store32(a.Ptr(2), robustSize); e != 0 {
		return errno(e)
	}
	return errno(t.Memory.Store32(a.Ptr(1), of.robust))
}

// releaseRobust is the kernel's exit_robust_list. Whatever it finds that makes no
// sense ends it: the list is the guest's.
func (t *Thread) releaseRobust(tid uint32) {
	head := t.robust
	t.robust = 0
	if head == 0 {
		return
	}
	var b [robustSize]byte
	if t.Memory.Read(head, b[:]) != 0 {
		return
	}
	offset := uint32(binary.LittleEndian.Uint64(b[robustOffset:]))
	pending := binary.LittleEndian.Uint32(b[robustPending:])
	entry := binary.LittleEndian.Uint32(b[robustFirst:])
	for range robustLimit {
		if entry&^robustPI == head {
			break
		}
		next, e := t.Memory.Load32(entry &^ robustPI)
		// An entry that is pending may be in the list already.
		if entry&^robustPI != pending&^robustPI && !t.releaseFutex(entry&^robustPI+offset, entry&robustPI != 0, false, tid) {
			return
		}
		if e != 0 {
			return
		}
		entry = next
	}
	if pending&^robustPI != 0 {
		t.releaseFutex(pending&^robustPI+offset, pending&robustPI != 0, true, tid)
	}
}

// releaseFutex marks a futex that the ending thread, tid, owns as its owner's having
// died, and wakes a waiter; the kernel's handle_futex_death. It reports false if
// the word is none.
func (t *Thread) releaseFutex(p uint32, pi, pending bool, tid uint32) bool {
	if p&3 != 0 {
		return false
	}
	v, e := t.Memory.Load32(p)
	for {
		switch {
		case e != 0:
			return false
		case pending && !pi && v == 0:
			// Given up but nobody woken yet.
			t.wakeOne(p)
			return true
		case v&abi.FutexTIDMask != tid:
			return true
		}
		var seen uint32
		seen, e = t.Memory.CompareAndSwap32(p, v, v&abi.FutexWaiters|abi.FutexOwnerDied)
		if e == 0 && seen == v {
			break
		}
		v = seen
	}
	if !pi && v&abi.FutexWaiters != 0 {
		t.wakeOne(p)
	}
	return true
}

// wakeOne wakes a waiter in whichever way it waits. The kernel wakes those that
// wait across processes only, and musl's wait privately for a private mutex.
func (t *Thread) wakeOne(p uint32) {
	t.call(unix.SYS_FUTEX, t.Memory.HostAlways(p), abi.FutexWake, 1, 0, 0, 0)
	t.call(unix.SYS_FUTEX, t.Memory.HostAlways(p), abi.FutexWakePrivate, 1, 0, 0, 0)
}

// releaseAllRobust is releaseRobust for all threads of a process that exits.
func (t *Thread) releaseAllRobust() {
	if !t.Process.robustUsed.Load() {
		return
	}
	t.releaseRobust(uint32(unix.Gettid()))
	t.Helper.Peers(func(tid uint32, other *Thread) { other.releaseRobust(tid) })
}

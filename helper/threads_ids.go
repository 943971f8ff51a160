package helper

import (
	"golang.org/x/sys/unix"

	"walisup/helper/duplicate"
	"walisup/helper/interrupt"
	"walisup/helper/mlist"
)

// EveryThread implements wali.Helper. As with the C libraries of Linux, a thread
// that cannot follow the first ends the process: it would go on with rights that it
// should have lost.
func (t *thread) EveryThread(nr, a0, a1, a2 uintptr) int64 {
	r, _, e := unix.RawSyscall(nr, a0, a1, a2)
	if e != 0 {
		return -int64(e)
	}
	if duplicate.Frozen() {
		return int64(r) // there is no other
	}
	t.stopOthers()
	defer t.resumeOthers()
	t.settle()
	if interrupt.EveryThread(unix.Getpid(), t.threadIDs, nr, a0, a1, a2) != 0 {
		die(unix.SIGKILL)
	}
	return int64(r)
}

// threadIDs returns the ids of the process's other threads: the guest's and the
// runtime's, and whether there are some whose ids are not known yet.
//
// Preconditions: the other guest threads are stopped.
func (t *thread) threadIDs() (guests, others []int, more bool) {
	known := map[int]bool{unix.Gettid(): true}
	for _, other := range t.pool.all {
		if tid := int(other.slot.TID()); other != t && tid != 0 {
			known[tid] = true
			if !other.slot.Parked() {
				guests = append(guests, tid)
			}
		}
	}
	for m := mlist.First(); m != 0; m = m.Next() {
		switch id := m.ID(); {
		case id == mlist.Unborn:
			more = true
		case id != mlist.None && m != mlist.Self() && !known[int(id)]:
			others = append(others, int(id))
		}
	}
	return guests, others, more
}

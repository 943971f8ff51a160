package helper

import (
	"encoding/binary"
	"strconv"

	"golang.org/x/sys/unix"

	"walisup/helper/duplicate"
	"walisup/helper/interrupt"
)

// EveryThread implements wali.Threader. As with the C libraries of Linux, a thread
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
	guests, others := t.threadIDs()
	if len(guests)+len(others) > 0 && interrupt.EveryThread(unix.Getpid(), guests, others, nr, a0, a1, a2) != 0 {
		die(unix.SIGKILL)
	}
	return int64(r)
}

// threadIDs returns the ids of the process's other threads: the guest's and the
// runtime's. Without /proc, or without a descriptor to spare, the runtime's are
// missing; no guest thread comes from them.
//
// Preconditions: the other guest threads are stopped.
func (t *thread) threadIDs() (guests, others []int) {
	known := map[int]bool{unix.Gettid(): true}
	for _, other := range t.pool.all {
		if tid := int(other.slot.TID()); other != t && tid != 0 {
			known[tid] = true
			if !other.slot.Parked() {
				guests = append(guests, tid)
			}
		}
	}
	fd, err := t.boot.openThreads()
	if err != nil {
		return guests, nil
	}
	defer unix.Close(fd)
	buf := make([]byte, 16<<10)
	for {
		n, err := unix.Getdents(fd, buf)
		if err != nil || n <= 0 {
			return guests, others
		}
		// struct linux_dirent64: length at 16, name at 19, getdents(2).
		for entry := buf[:n]; len(entry) > 19; {
			size := int(binary.LittleEndian.Uint16(entry[16:]))
			name := unix.ByteSliceToString(entry[19:size])
			if tid, err := strconv.Atoi(name); err == nil && !known[tid] {
				others = append(others, tid)
			}
			entry = entry[size:]
		}
	}
}

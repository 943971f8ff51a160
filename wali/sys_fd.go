package wali

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// reserve makes slot offset of the private range a duplicate of fd, which may
// be closed then. It fails if the guest's hard limit leaves no room.
func (t *Thread) reserve(fd int32, offset uint32) bool {
	slot := uintptr(t.ReservedFD + offset)
	const flags = unix.O_CLOEXEC
	if t.call(unix.SYS_DUP3, uintptr(fd), slot, flags, 0, 0, 0) >= 0 {
		return true
	}
	// The range lies above the soft limit, for the guest not to see it.
	limit := t.alloc(32)
	was, now := limit[:16], limit[16:]
	if t.call(unix.SYS_PRLIMIT64, 0, unix.RLIMIT_NOFILE, 0, address(was), 0, 0) < 0 {
		return false
	}
	copy(now, was)
	binary.LittleEndian.PutUint64(now, uint64(slot)+1)
	if t.call(unix.SYS_PRLIMIT64, 0, unix.RLIMIT_NOFILE, address(now), 0, 0, 0) < 0 {
		return false
	}
	r := t.call(unix.SYS_DUP3, uintptr(fd), slot, flags, 0, 0, 0)
	t.call(unix.SYS_PRLIMIT64, 0, unix.RLIMIT_NOFILE, address(was), 0, 0, 0)
	return r >= 0
}

// fillReserved occupies what is free of the private range, so that the kernel
// does not give the guest descriptors there once its limit lies above. The
// range must lie below the soft limit.
func (t *Thread) fillReserved() {
	any := int64(-1)
	for i := uintptr(0); i < ReservedFDs; i++ {
		slot := uintptr(t.ReservedFD) + i
		if t.call(unix.SYS_FCNTL, slot, unix.F_GETFD, 0, 0, 0, 0) != -int64(unix.EBADF) {
			continue
		}
		if any < 0 {
			const flags = unix.O_PATH | unix.O_CLOEXEC
			if any = t.call(unix.SYS_OPENAT, atFDCWD, t.cstring("/"), flags, 0, 0, 0); any < 0 {
				return
			}
			defer func() { t.call(unix.SYS_CLOSE, uintptr(any), 0, 0, 0, 0, 0) }()
		}
		if uintptr(any) == slot {
			// The kernel chose the slot by itself, and there it stays.
			t.fillReserved()
			any = -1
			return
		}
		t.call(unix.SYS_DUP3, uintptr(any), slot, unix.O_CLOEXEC, 0, 0, 0)
	}
}

// sysCloseRange leaves the private range out: close_range(2).
func sysCloseRange(t *Thread, a Args) int64 {
	first, last, flags := a.Uint(0), a.Uint(1), uintptr(a.Uint(2))
	closeRange := func(first, last uint32) int64 {
		return t.call(unix.SYS_CLOSE_RANGE, uintptr(first), uintptr(last), flags, 0, 0, 0)
	}
	lo, hi := t.ReservedFD, t.ReservedFD+ReservedFDs-1
	if first > last || last < lo || first > hi {
		return closeRange(first, last)
	}
	// A part that is empty still has to report bad flags.
	result := closeRange(badRange, badRange)
	if first < lo && result == 0 {
		result = closeRange(first, lo-1)
	}
	if last > hi && result == 0 {
		result = closeRange(hi+1, last)
	}
	return result
}

// badRange is a descriptor above all that can be open.
const badRange = 1<<32 - 1

// sysDup2 is dup2(2), which newer architectures do not have.
func sysDup2(t *Thread, a Args) int64 {
	oldfd, newfd := a.Int(0), a.Int(1)
	if oldfd == newfd {
		if r := t.call(unix.SYS_FCNTL, uintptr(oldfd), unix.F_GETFD, 0, 0, 0, 0); r < 0 {
			return r
		}
		return int64(newfd)
	}
	return t.call(unix.SYS_DUP3, uintptr(oldfd), uintptr(newfd), 0, 0, 0, 0)
}

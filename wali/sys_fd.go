package wali

import (
	"golang.org/x/sys/unix"
)

// fillReserved occupies what is free of the private range, so that the kernel
// does not give the guest descriptors there once its limit lies above. The
// range must lie below the soft limit.
func (t *Thread) fillReserved() {
	t.files.filled.Store(true)
	for i := uintptr(0); i < ReservedFDs; i++ {
		slot := uintptr(t.ReservedFD) + i
		if t.call(unix.SYS_FCNTL, slot, unix.F_GETFD, 0, 0, 0, 0) != -int64(unix.EBADF) {
			continue
		}
		// Anything but a directory, by which the guest could leave its root.
		filler := t.call(unix.SYS_EVENTFD2, 0, unix.EFD_CLOEXEC, 0, 0, 0, 0)
		if filler < 0 {
			return
		}
		if uintptr(filler) != slot {
			t.call(unix.SYS_DUP3, uintptr(filler), slot, unix.O_CLOEXEC, 0, 0, 0)
			t.closeFD(int32(filler))
		}
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

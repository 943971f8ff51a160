package wali

import (
	"golang.org/x/sys/unix"
)

// fillReserved occupies what is free of the private range, so that the kernel
// does not give the guest descriptors there once its limit lies above. The
// range must lie below the soft limit.
func (t *Thread) fillReserved() {
	t.files.KeepFilled()
	filler := int64(-1)
	for i := uintptr(0); i < ReservedFDs; i++ {
		slot := uintptr(t.ReservedFD) + i
		if t.call(unix.SYS_FCNTL, slot, unix.F_GETFD, 0, 0, 0, 0) != -int64(unix.EBADF) {
			continue
		}
		if filler < 0 {
			// Anything but a directory, by which the guest could leave its root.
			if filler = t.call(unix.SYS_EVENTFD2, 0, unix.EFD_CLOEXEC, 0, 0, 0, 0); filler < 0 {
				return
			}
		}
		if uintptr(filler) != slot {
			t.call(unix.SYS_DUP3, uintptr(filler), slot, unix.O_CLOEXEC, 0, 0, 0)
		}
	}
	if filler >= 0 && !t.ownsFD(int32(filler)) {
		t.closeFD(int32(filler))
	}
}

// yieldReserved makes room for the guest, which has named fd as the number that a
// descriptor is to get, or the least: if it is one of the helper's, these move. That
// is for programs which choose numbers by themselves; others never come here. It
// returns 0 if fd is not, or no longer, the helper's.
//
// Where the table of descriptors is shared with another process, that would not know
// where its own descriptors are, and nothing moves.
func (t *Thread) yieldReserved(fd int32) unix.Errno {
	if !t.ownsFD(fd) {
		return 0
	}
	limit, e := t.kernelLimit(unix.RLIMIT_NOFILE)
	if e != 0 || uint32(fd)-t.SpareFD < ReservedFDs || t.files.Shared() || t.filesApart.Load() || uint64(fd) >= limit.Soft {
		return unix.EBADF
	}
	// With its turn no other thread has a descriptor there that it is about to judge.
	if !t.guard().TakeTurn() {
		return unix.EINTR
	}
	defer t.guard().EndTurn()
	if t.files.Holds() {
		return unix.EBADF
	}
	_, restore := t.admitDescriptors(uint64(t.SpareFD) + ReservedFDs)
	defer restore()
	return t.Helper.MoveReserved()
}

// sysCloseRange leaves the private range out: close_range(2).
func sysCloseRange(t *Thread, a Args) int64 {
	first, last, flags := a.Uint(0), a.Uint(1), uintptr(a.Uint(2))
	if flags&unix.CLOSE_RANGE_UNSHARE != 0 {
		t.filesApart.Store(true)
	}
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
	if oldfd == newfd && !t.ownsFD(newfd) {
		if r := t.call(unix.SYS_FCNTL, uintptr(oldfd), unix.F_GETFD, 0, 0, 0, 0); r < 0 {
			return r
		}
		return int64(newfd)
	}
	if e := t.yieldReserved(newfd); e != 0 {
		return errno(e)
	}
	return t.call(unix.SYS_DUP3, uintptr(oldfd), uintptr(newfd), 0, 0, 0, 0)
}

// sysDup3 is dup3(2).
func sysDup3(t *Thread, a Args) int64 {
	if newfd := a.Int(1); a.Int(0) != newfd && a.Int(2)&^unix.O_CLOEXEC == 0 {
		if e := t.yieldReserved(newfd); e != 0 {
			return errno(e)
		}
	}
	return t.call(unix.SYS_DUP3, uintptr(a[0]), uintptr(a[1]), uintptr(a[2]), 0, 0, 0)
}

package wali

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// utime, utimes and futimesat exist on x86-64 only; they are utimensat(2) with older
// structs.

const timespecPair = 32

// sysUtime is utime(2): struct utimbuf has two times in seconds.
func sysUtime(t *Thread, a Args) int64 {
	path, p := a.Ptr(0), a.Ptr(1)
	if p == 0 {
		return t.setTimes(unix.AT_FDCWD, path, 0, 0)
	}
	b := t.alloc(timespecPair)
	for i := range uint32(2) {
		seconds, e := t.Memory.Load64(p + 8*i)
		if e != 0 {
			return errno(e)
		}
		binary.LittleEndian.PutUint64(b[16*i:], seconds)
	}
	return t.setTimes(unix.AT_FDCWD, path, address(b), 0)
}

// sysUtimes is utimes(2).
func sysUtimes(t *Thread, a Args) int64 {
	return t.utimes(unix.AT_FDCWD, a.Ptr(0), a.Ptr(1))
}

// sysFutimesat is futimesat(2).
func sysFutimesat(t *Thread, a Args) int64 {
	return t.utimes(a.Int(0), a.Ptr(1), a.Ptr(2))
}

func (t *Thread) utimes(dirfd int32, path, p uint32) int64 {
	if p == 0 {
		return t.setTimes(dirfd, path, 0, 0)
	}
	b := t.alloc(timespecPair)
	if e := t.Memory.Read(p, b); e != 0 {
		return errno(e)
	}
	for _, usec := range [][]byte{b[8:16], b[24:32]} {
		n := binary.LittleEndian.Uint64(usec)
		if n >= 1e6 {
			return errno(unix.EINVAL)
		}
		binary.LittleEndian.PutUint64(usec, n*1000)
	}
	return t.setTimes(dirfd, path, address(b), 0)
}

// sysUtimensat is utimensat(2).
func sysUtimensat(t *Thread, a Args) int64 {
	times := a.Ptr(2)
	if times == 0 {
		return t.setTimes(a.Int(0), a.Ptr(1), 0, a.Int(3))
	}
	b := t.alloc(timespecPair)
	if e := t.Memory.Read(times, b); e != 0 {
		return errno(e)
	}
	return t.setTimes(a.Int(0), a.Ptr(1), address(b), a.Int(3))
}

// setTimes is utimensat(2), with the times at a host address.
func (t *Thread) setTimes(dirfd int32, path uint32, times uintptr, flags int32) int64 {
	set := func(dirfd int32, path uintptr, flags int32) int64 {
		return t.call(unix.SYS_UTIMENSAT, uintptr(dirfd), path, times, uintptr(flags), 0, 0)
	}
	if path == 0 { // the descriptor's file
		return t.change(dirfd, func(fd int32) int64 { return set(fd, 0, flags) })
	}
	if t.Sandboxed {
		return t.changeAllowed(dirfd, path, flags, func(fd int32) int64 { return set(fd, 0, 0) })
	}
	return t.onTarget(dirfd, path, flags, set)
}

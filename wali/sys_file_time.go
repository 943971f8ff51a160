package wali

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// The calls in this file exist on x86-64 only; all are utimensat(2) with older
// structs.

const timespecPair = 32

// sysUtime is utime(2): struct utimbuf has two times in seconds.
func sysUtime(t *Thread, a Args) int64 {
	path, p := t.Memory.Host(a.Ptr(0)), a.Ptr(1)
	if p == 0 {
		return t.call(unix.SYS_UTIMENSAT, atFDCWD, path, 0, 0, 0, 0)
	}
	b := t.alloc(timespecPair)
	for i := range uint32(2) {
		seconds, e := t.Memory.Load64(p + 8*i)
		if e != 0 {
			return errno(e)
		}
		binary.LittleEndian.PutUint64(b[16*i:], seconds)
	}
	return t.call(unix.SYS_UTIMENSAT, atFDCWD, path, address(b), 0, 0, 0)
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
		return t.call(unix.SYS_UTIMENSAT, uintptr(dirfd), t.Memory.Host(path), 0, 0, 0, 0)
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
	return t.call(unix.SYS_UTIMENSAT, uintptr(dirfd), t.Memory.Host(path), address(b), 0, 0, 0)
}

package wali

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// This architecture has neither poll nor select, but what they are made of.

func (t *Thread) poll(fds, n, timeout uintptr) int64 {
	var until uintptr
	if ms := int32(timeout); ms >= 0 {
		b := t.alloc(16)
		binary.LittleEndian.PutUint64(b, uint64(ms/1000))
		binary.LittleEndian.PutUint64(b[8:], uint64(ms%1000)*1e6)
		until = address(b)
	}
	return t.block(unix.SYS_PPOLL, fds, n, until, 0, 0, 0)
}

// selectFDs is select(2), with the timeout, a struct timeval, still a guest
// pointer. The kernel leaves in it what remains.
func (t *Thread) selectFDs(n, read, write, except uintptr, timeout uint32) int64 {
	if timeout == 0 {
		return t.block(unix.SYS_PSELECT6, n, read, write, except, 0, 0)
	}
	le, b := binary.LittleEndian, t.alloc(16)
	if t.Memory.Read(timeout, b) != 0 {
		return errno(unix.EFAULT)
	}
	seconds, micros := int64(le.Uint64(b)), int64(le.Uint64(b[8:]))
	le.PutUint64(b, uint64(seconds+micros/1e6))
	le.PutUint64(b[8:], uint64(micros%1e6*1000))
	r := t.block(unix.SYS_PSELECT6, n, read, write, except, address(b), 0)
	if r != -int64(unix.EINVAL) {
		t.storePair(timeout, le.Uint64(b), le.Uint64(b[8:])/1000)
	}
	return r
}

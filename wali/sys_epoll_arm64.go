package wali

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// The kernel's struct epoll_event is aligned on this architecture: events at 0,
// data at 8.
const hostEpollEvent = 16

func (t *Thread) epollEvent(p uint32) uintptr {
	if p == 0 {
		return 0
	}
	var g [guestEpollEvent]byte
	if t.Memory.Read(p, g[:]) != 0 {
		return badAddress
	}
	b := t.alloc(hostEpollEvent)
	copy(b, g[:4])
	copy(b[8:], g[4:])
	return address(b)
}

// maxEpollEvents bounds what one call returns. A program that asks for more
// gets the others by the next call.
const maxEpollEvents = 4096

// epollBuffer returns the place for the kernel's events, how many to ask for,
// and the same place as bytes.
func (t *Thread) epollBuffer(a Args) (events, n uintptr, b []byte) {
	// The kernel's own bound is INT_MAX bytes, for EINVAL.
	if a.Int(2) <= 0 || a.Int(2) > (1<<31-1)/hostEpollEvent {
		return badAddress, uintptr(a[2]), nil
	}
	b = t.alloc(int(min(a.Int(2), maxEpollEvents)) * hostEpollEvent)
	return address(b), uintptr(len(b) / hostEpollEvent), b
}

// epollResult stores the r events of b in the guest's array at p.
func (t *Thread) epollResult(p uint32, b []byte, r int64) int64 {
	// One at a time, as the kernel does: those stored count.
	for i := range r {
		event := b[i*hostEpollEvent:]
		var g [guestEpollEvent]byte
		copy(g[:4], event)
		copy(g[4:], event[8:])
		if t.Memory.Write(p+uint32(i)*guestEpollEvent, g[:]) != 0 {
			if i > 0 {
				return i
			}
			return errno(unix.EFAULT)
		}
	}
	return r
}

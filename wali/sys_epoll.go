package wali

import "golang.org/x/sys/unix"

// The guest's struct epoll_event is x86-64's, packed: events u32 at 0, data u64
// at 4.
const guestEpollEvent = 12

// sysEpollCreate is the old form of epoll_create1, whose size means nothing.
func sysEpollCreate(t *Thread, a Args) int64 {
	if a.Int(0) <= 0 {
		return errno(unix.EINVAL)
	}
	return t.call(unix.SYS_EPOLL_CREATE1, 0, 0, 0, 0, 0, 0)
}

func sysEpollCtl(t *Thread, a Args) int64 {
	return t.call(unix.SYS_EPOLL_CTL, uintptr(a[0]), uintptr(a[1]), uintptr(a[2]), t.epollEvent(a.Ptr(3)), 0, 0)
}

func sysEpollWait(t *Thread, a Args) int64 {
	return t.epollWait(a, uintptr(a[3]), 0, signalSetSize, false)
}

func sysEpollPwait(t *Thread, a Args) int64 {
	return t.epollWait(a, uintptr(a[3]), t.signalSet(a.Ptr(4), a.Uint(5)), uintptr(a[5]), false)
}

func sysEpollPwait2(t *Thread, a Args) int64 {
	return t.epollWait(a, t.Memory.Host(a.Ptr(3)), t.signalSet(a.Ptr(4), a.Uint(5)), uintptr(a[5]), true)
}

// epollWait waits for events on descriptor a[0], at most a[2] of them, to store
// at a[1]. The timeout is a number of milliseconds, or the address of a
// timespec if precise.
func (t *Thread) epollWait(a Args, timeout, set, setSize uintptr, precise bool) int64 {
	nr := uintptr(unix.SYS_EPOLL_PWAIT)
	if precise {
		nr = unix.SYS_EPOLL_PWAIT2
	}
	events, n, b := t.epollBuffer(a)
	r := t.block(nr, uintptr(a[0]), events, n, timeout, set, setSize)
	return t.epollResult(a.Ptr(1), b, r)
}

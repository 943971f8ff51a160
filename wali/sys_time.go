package wali

import (
	"encoding/binary"
	"time"
	_ "unsafe" // for go:linkname

	"golang.org/x/sys/unix"
)

// The two clocks that programs read all the time are read without entering the
// kernel, by the functions that the Go runtime takes from the vDSO. They are
// the kernel's own clocks, to the nanosecond.

// nanotime reads CLOCK_MONOTONIC. The runtime keeps the name linkable
// (go.dev/issue/67401).
//
//go:linkname nanotime runtime.nanotime
func nanotime() int64

// realtime reads CLOCK_REALTIME.
func realtime() (seconds, nanoseconds uint64) {
	now := time.Now()
	return uint64(now.Unix()), uint64(now.Nanosecond())
}

// storePair writes a timespec or a timeval.
func (t *Thread) storePair(p uint32, v0, v1 uint64) int64 {
	if t.Memory.Store64(p, v0)|t.Memory.Store64(p+8, v1) != 0 {
		return errno(unix.EFAULT)
	}
	return 0
}

func sysClockGettime(t *Thread, a Args) int64 {
	p := a.Ptr(1)
	switch a.Int(0) {
	case unix.CLOCK_MONOTONIC:
		now := uint64(nanotime())
		return t.storePair(p, now/1e9, now%1e9)
	case unix.CLOCK_REALTIME:
		seconds, nanoseconds := realtime()
		return t.storePair(p, seconds, nanoseconds)
	}
	return t.call(unix.SYS_CLOCK_GETTIME, uintptr(a[0]), t.Memory.Host(p), 0, 0, 0, 0)
}

func sysGettimeofday(t *Thread, a Args) int64 {
	p := a.Ptr(0)
	if p == 0 || a.Ptr(1) != 0 {
		m := t.Memory
		return t.call(unix.SYS_GETTIMEOFDAY, m.Host(p), m.Host(a.Ptr(1)), 0, 0, 0, 0)
	}
	seconds, nanoseconds := realtime()
	return t.storePair(p, seconds, nanoseconds/1000)
}

// sysTime is time(2). It reads the clock that file systems stamp files with, as
// Linux does, so that a file is never newer than now.
func sysTime(t *Thread, a Args) int64 {
	const clockRealtimeCoarse = 5
	b := t.alloc(16)
	if r := t.call(unix.SYS_CLOCK_GETTIME, clockRealtimeCoarse, address(b), 0, 0, 0, 0); r < 0 {
		return r
	}
	now := binary.LittleEndian.Uint64(b)
	if p := a.Ptr(0); p != 0 && t.Memory.Store64(p, now) != 0 {
		return errno(unix.EFAULT)
	}
	return int64(now)
}

// sysAlarm is alarm(2), by the timer that it is a front for.
func sysAlarm(t *Thread, a Args) int64 {
	le := binary.LittleEndian
	b := t.alloc(64) // struct itimerval, new and old: interval, then value
	le.PutUint64(b[16:], uint64(a.Uint(0)))
	if r := t.call(unix.SYS_SETITIMER, unix.ITIMER_REAL, address(b), address(b[32:]), 0, 0, 0); r < 0 {
		return r
	}
	// Rounded to the nearest second, but never to none.
	left, micros := le.Uint64(b[48:]), le.Uint64(b[56:])
	if micros >= 500_000 || left == 0 && micros > 0 {
		left++
	}
	return int64(left)
}

// Layouts of struct sigevent. Source: musl's include/signal.h with pointers of
// 4 bytes; asm-generic/siginfo.h for the kernel's.
//
//	field       guest      kernel
//	value       u32  0     u64  0
//	signo       i32  4     i32  8
//	notify      i32  8     i32 12
//	thread id   i32 12     i32 16
//
// Both have 64 bytes, of which the rest is not used. The C library hands over
// only those that are.
const (
	guestSigevent = 16
	hostSigevent  = 64

	sigevThread = 2
)

// sigevent converts the guest's sigevent at p, which may be NULL. forQueue says
// that it is mq_notify's, where SIGEV_THREAD means a socket in signo and a
// pointer as value.
func (t *Thread) sigevent(p uint32, forQueue bool) uintptr {
	if p == 0 {
		return 0
	}
	var g [guestSigevent]byte
	if t.Memory.Read(p, g[:]) != 0 {
		return badAddress
	}
	le := binary.LittleEndian
	b := t.alloc(hostSigevent)
	le.PutUint32(b[0:], le.Uint32(g[0:]))
	copy(b[8:], g[4:])
	if forQueue && le.Uint32(g[8:]) == sigevThread {
		le.PutUint64(b[0:], uint64(t.Memory.Host(le.Uint32(g[0:]))))
		if t.ownsFD(int32(le.Uint32(g[4:]))) {
			le.PutUint32(b[8:], 0xffffffff) // EBADF
		}
	}
	return address(b)
}

func sysTimerCreate(t *Thread, a Args) int64 {
	return t.call(unix.SYS_TIMER_CREATE, uintptr(a[0]), t.sigevent(a.Ptr(1), false), t.Memory.Host(a.Ptr(2)), 0, 0, 0)
}

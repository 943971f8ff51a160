package wali

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"walisup/wali/kernel/abi"
)

// Results of memory.atomic.wait32 and wait64 (WebAssembly threads proposal).
const (
	waitWoken    = 0
	waitNotEqual = 1
	waitTimedOut = 2
)

// wait64Slice is how long AtomicWait64 sleeps before it compares again: the
// kernel watches half of the value only.
const wait64Slice = 50 * time.Millisecond

// AtomicWait32 is memory.atomic.wait32: it sleeps while the word at p is
// expected, until AtomicNotify, or for the timeout in nanoseconds if that is not
// negative. It returns EFAULT or EINVAL (misaligned) where the instruction traps.
func (t *Thread) AtomicWait32(p, expected uint32, timeout int64) (int, unix.Errno) {
	if p&3 != 0 {
		return 0, unix.EINVAL
	}
	deadline := deadlineOf(timeout)
	for {
		v, e := t.Memory.Load32(p)
		if e != 0 {
			return 0, e
		}
		if v != expected {
			return waitNotEqual, 0
		}
		switch r := t.futexWait(p, expected, deadline); r {
		case 0:
			return waitWoken, 0
		case -int64(unix.ETIMEDOUT):
			return waitTimedOut, 0
		case -int64(unix.EINTR):
			if t.runHandlers() && t.InLayer() {
				return waitWoken, 0 // the handlers run when the layer has returned
			}
		}
	}
}

// AtomicWait64 is memory.atomic.wait64.
func (t *Thread) AtomicWait64(p uint32, expected uint64, timeout int64) (int, unix.Errno) {
	if p&7 != 0 {
		return 0, unix.EINVAL
	}
	deadline := deadlineOf(timeout)
	for first := true; ; first = false {
		v, e := t.Memory.Load64(p)
		if e != 0 {
			return 0, e
		}
		if v != expected {
			if first {
				return waitNotEqual, 0
			}
			return waitWoken, 0
		}
		slice := monotonic() + int64(wait64Slice)
		last := deadline >= 0 && deadline <= slice
		if last {
			slice = deadline
		}
		switch r := t.futexWait(p, uint32(expected), slice); {
		case r == 0:
			return waitWoken, 0
		case r == -int64(unix.ETIMEDOUT) && last:
			return waitTimedOut, 0
		case r == -int64(unix.EINTR):
			if t.runHandlers() && t.InLayer() {
				return waitWoken, 0
			}
		}
	}
}

// AtomicNotify is memory.atomic.notify: it wakes at most count waiters at p and
// returns how many.
func (t *Thread) AtomicNotify(p, count uint32) (uint32, unix.Errno) {
	if p&3 != 0 {
		return 0, unix.EINVAL
	}
	if _, e := t.Memory.Load32(p); e != 0 {
		return 0, e
	}
	r := t.call(unix.SYS_FUTEX, t.Memory.HostAlways(p), abi.FutexWake, uintptr(min(count, 1<<31-1)), 0, 0, 0)
	return uint32(max(r, 0)), 0
}

// abi.FutexWait waits on a futex that other processes may share, until deadline on
// the monotonic clock if that is not negative.
func (t *Thread) futexWait(p, expected uint32, deadline int64) int64 {
	var until uintptr
	if deadline >= 0 {
		b := t.alloc(int(unsafe.Sizeof(unix.Timespec{})))
		*(*unix.Timespec)(unsafe.Pointer(&b[0])) = unix.NsecToTimespec(deadline)
		until = address(b)
	}
	return t.block(unix.SYS_FUTEX, t.Memory.HostAlways(p), abi.FutexWaitBitset, uintptr(expected), until, 0, 0xffffffff)
}

// deadlineOf turns a timeout into a time on the monotonic clock; negative stays
// negative, which means never.
func deadlineOf(timeout int64) int64 {
	if timeout < 0 {
		return -1
	}
	now := monotonic()
	if timeout > 1<<62-now {
		return -1
	}
	return now + timeout
}

// monotonic is CLOCK_MONOTONIC in nanoseconds.
func monotonic() int64 {
	var ts unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return ts.Nano()
}

package wali

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"walisup/wali/kernel/abi"
)

// Futex words are 32 bits in guest memory, and the kernel works on them there:
// between guest threads, and between processes in shared mappings.

// sysFutex passes argument 4 as a pointer to a timeout or as a number, by
// operation. Operations that do not sleep keep the Go scheduler out of it.
func sysFutex(t *Thread, a Args) int64 {
	m := t.Memory
	word, op, val := m.Host(a.Ptr(0)), uintptr(a[1]), uintptr(a[2])
	switch a.Int(1) &^ (abi.FutexPrivate | abi.FutexClockRealtime) {
	case abi.FutexWait, abi.FutexWaitBitset, abi.FutexLockPI, abi.FutexLockPI2, abi.FutexWaitRequeuePI:
		return t.block(unix.SYS_FUTEX, word, op, val, m.Host(a.Ptr(3)), m.Host(a.Ptr(4)), uintptr(a[5]))
	}
	return t.call(unix.SYS_FUTEX, word, op, val, uintptr(a.Ptr(3)), m.Host(a.Ptr(4)), uintptr(a[5]))
}

// struct futex_waitv: val u64 at 0, address u64 at 8, flags u32 at 16. Source:
// linux/futex.h; the same for the guest, whose address is in 64 bits as well.
const (
	futexWaiter     = 24
	maxFutexWaiters = 128
)

// futexWaiters converts n waiters at p.
func (t *Thread) futexWaiters(p uint32, n uint32) uintptr {
	if p == 0 || n == 0 || n > maxFutexWaiters {
		return t.Memory.Host(p) // EINVAL
	}
	b := t.alloc(int(n) * futexWaiter)
	if t.Memory.Read(p, b) != 0 {
		return badAddress
	}
	le := binary.LittleEndian
	for i := 8; i < len(b); i += futexWaiter {
		word := le.Uint64(b[i:])
		host := uint64(0) // EFAULT
		if word < 1<<32 {
			host = uint64(t.Memory.Host(uint32(word)))
		}
		le.PutUint64(b[i:], host)
	}
	return address(b)
}

func sysFutexWaitv(t *Thread, a Args) int64 {
	return t.block(unix.SYS_FUTEX_WAITV, t.futexWaiters(a.Ptr(0), a.Uint(1)), uintptr(a[1]), uintptr(a[2]),
		t.Memory.Host(a.Ptr(3)), uintptr(a[4]), 0)
}

// sysFutexRequeue takes exactly two waiters: from and to.
func sysFutexRequeue(t *Thread, a Args) int64 {
	return t.call(unix.SYS_FUTEX_REQUEUE, t.futexWaiters(a.Ptr(0), 2), uintptr(a[1]), uintptr(a[2]), uintptr(a[3]), 0, 0)
}

package channel

import (
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"walisup/wali/kernel/abi"
)

// Offsets given to these functions are constants, or made from an index that is
// less than Slots or Events.

//go:nosplit
func (c *Channel) word32(offset uintptr) *uint32 {
	return (*uint32)(unsafe.Add(c.base, offset))
}

//go:nosplit
func (c *Channel) word64(offset uintptr) *uint64 {
	return (*uint64)(unsafe.Add(c.base, offset))
}

func (c *Channel) load32(offset uintptr) uint32     { return atomic.LoadUint32(c.word32(offset)) }
func (c *Channel) load64(offset uintptr) uint64     { return atomic.LoadUint64(c.word64(offset)) }
func (c *Channel) store32(offset uintptr, v uint32) { atomic.StoreUint32(c.word32(offset), v) }
func (c *Channel) store64(offset uintptr, v uint64) { atomic.StoreUint64(c.word64(offset), v) }

// put32 and put64 are stores that no reader looks at before a later atomic one; they
// take a tenth of an atomic store's time.
func (c *Channel) put32(offset uintptr, v uint32) { *c.word32(offset) = v }
func (c *Channel) put64(offset uintptr, v uint64) { *c.word64(offset) = v }

// bytes is a part of the mapping. What is read from it may change meanwhile.
func (c *Channel) bytes(offset uintptr, n int) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(c.base, offset)), n)
}

// bootTime is CLOCK_BOOTTIME in nanoseconds, by which /proc counts the start of
// processes.
func bootTime() uint64 { return clock(unix.CLOCK_BOOTTIME) }

// clock is a system call since package time would use the main thread's stack, in
// pages that fork has just made copy-on-write: they cost more than the call.
func clock(id uintptr) uint64 {
	var ts unix.Timespec
	syscall.RawSyscall(unix.SYS_CLOCK_GETTIME, id, uintptr(unsafe.Pointer(&ts)), 0)
	return uint64(ts.Sec)*1e9 + uint64(ts.Nsec)
}

// realTime is CLOCK_REALTIME in nanoseconds.
func realTime() uint64 { return clock(unix.CLOCK_REALTIME) }

// wake wakes all who sleep on a word of the channel.
func wake(word *uint32) {
	syscall.RawSyscall(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), abi.FutexWake, 1<<31-1)
}

// sleep returns when the word is woken, is not seen, or after a time.
func sleep(word *uint32, seen uint32, nanoseconds int64) {
	ts := unix.NsecToTimespec(nanoseconds)
	syscall.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), abi.FutexWait, uintptr(seen), uintptr(unsafe.Pointer(&ts)), 0, 0)
}

func pointer(b []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(b)) }

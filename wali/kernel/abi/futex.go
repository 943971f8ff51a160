// Package abi has what package unix lacks of the kernel's interface: structures, flags and
// operations as the kernel's headers define them. It calls nothing but rt_sigaction, and
// its functions may be called where threads are stopped: they are nosplit and do not
// allocate. It imports no other package of walisup, so all of them may import it.
package abi

// Operations and flags of futex(2); linux/futex.h.
const (
	FutexWait          = 0
	FutexWake          = 1
	FutexLockPI        = 6
	FutexWaitBitset    = 9
	FutexWaitRequeuePI = 11
	FutexLockPI2       = 13

	FutexPrivate       = 128
	FutexClockRealtime = 256

	FutexWaitPrivate = FutexWait | FutexPrivate
	FutexWakePrivate = FutexWake | FutexPrivate
)

// Bits of the word of a robust or priority-inheriting futex.
const (
	FutexWaiters   = 0x80000000
	FutexOwnerDied = 0x40000000
	FutexTIDMask   = 0x3fffffff
)

package wali

import (
	"golang.org/x/sys/unix"

	"walisup/wali/kernel/abi"
	"walisup/wali/pathguard"
)

// threadState is what a thread has in Linux that the kernel does not keep for us,
// because addresses are the guest's.
type threadState struct {
	clearTID uint32 // set_tid_address(2)
	robust   uint32 // set_robust_list(2)
	abort    uint32 // prctlAbortWord
	shadow   shadowList
	guard    pathguard.Thread // see Thread.guard
}

// Begin gives the thread the state of a new one: the signal mask is its creator's,
// and nothing else is inherited. It runs in the new thread.
func (t *Thread) Begin(mask uint64) {
	t.Signals.Begin()
	t.dropShadow()
	t.threadState = threadState{}
	t.scratchUsed = 0
	t.Signals.SetMask(mask)
}

// End does what the kernel does for the guest when a thread ends: robust mutexes
// are given up, then the word of set_tid_address is cleared and its waiter woken.
// From then on the thread's stack may be another's.
//
// Preconditions: all signals are blocked; nothing of the guest runs in the thread.
func (t *Thread) End() {
	t.releaseRobust(uint32(unix.Gettid()))
	t.dropShadow()
	if p := t.clearTID; p != 0 {
		t.clearTID = 0
		if t.Memory.Store32(p, 0) == 0 {
			t.call(unix.SYS_FUTEX, t.Memory.Host(p), abi.FutexWake, 1, 0, 0, 0)
		}
	}
}

// ForkedThread makes the thread what the only one of a new process is: the kernel
// does not copy these either.
func (t *Thread) forkedThread() { t.threadState = threadState{abort: t.threadState.abort} }

// sysExit is exit(2).
func sysExit(t *Thread, a Args) int64 {
	t.Helper.ExitThread(a.Int(0))
	return 0
}

// sysSetTIDAddress is set_tid_address(2). The kernel never gets the address: it
// would clear the word when the kernel's thread ends, which is when the helper
// thinks fit, and after a fork in the wrong thread.
func sysSetTIDAddress(t *Thread, a Args) int64 {
	t.clearTID = a.Ptr(0)
	return int64(unix.Gettid())
}

// abortRequested reports whether the thread has been told by its abort word not to
// enter the kernel.
func (t *Thread) abortRequested() bool {
	if t.abort == 0 {
		return false
	}
	v, e := t.Process.Memory.Load32(t.abort)
	return e == 0 && v != 0
}

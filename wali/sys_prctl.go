package wali

import (
	"golang.org/x/sys/unix"
)

// prctlArg says what the second argument of a prctl option is.
type prctlArg uint8

const (
	prctlRefused prctlArg = iota
	prctlValue            // all arguments are integers
	prctlPointer          // argument 2 points to data of the kernel's layout, the rest are integers
)

// prctlArgOf classifies the options of prctl(2). Those that are missing act on
// native code or on the memory of the helper, or install filters that would
// stop the helper itself: for the guest they are options of a newer kernel.
func prctlArgOf(option int32) prctlArg {
	switch option {
	case unix.PR_SET_PDEATHSIG, unix.PR_GET_DUMPABLE, unix.PR_SET_DUMPABLE,
		unix.PR_GET_KEEPCAPS, unix.PR_SET_KEEPCAPS, unix.PR_GET_TIMING, unix.PR_SET_TIMING,
		unix.PR_CAPBSET_READ, unix.PR_CAPBSET_DROP, unix.PR_GET_SECUREBITS, unix.PR_SET_SECUREBITS,
		unix.PR_GET_SECCOMP, unix.PR_SET_TIMERSLACK, unix.PR_GET_TIMERSLACK,
		unix.PR_MCE_KILL, unix.PR_MCE_KILL_GET, unix.PR_SET_CHILD_SUBREAPER,
		unix.PR_SET_NO_NEW_PRIVS, unix.PR_GET_NO_NEW_PRIVS, unix.PR_SET_THP_DISABLE, unix.PR_GET_THP_DISABLE,
		unix.PR_CAP_AMBIENT, unix.PR_GET_SPECULATION_CTRL, unix.PR_SET_IO_FLUSHER, unix.PR_GET_IO_FLUSHER,
		unix.PR_TASK_PERF_EVENTS_DISABLE, unix.PR_TASK_PERF_EVENTS_ENABLE, unix.PR_SET_PTRACER:
		return prctlValue
	case unix.PR_GET_PDEATHSIG, unix.PR_SET_NAME, unix.PR_GET_NAME, unix.PR_GET_CHILD_SUBREAPER:
		return prctlPointer
	}
	return prctlRefused
}

// sysPrctl is prctl(2), with options of our own.
func sysPrctl(t *Thread, a Args) int64 {
	option := a.Int(0)
	switch option {
	case prctlEnviron:
		return t.environBlock(uint32(a[1]), uint32(a[2]))
	case prctlRobust:
		return errno(t.shadowRobust(a.Uint(1), a.Ptr(2)))
	case prctlAbortWord:
		t.abort = uint32(a[1])
		return 0
	case prctlAuxv:
		return t.auxvBlock(uint32(a[1]), uint32(a[2]))
	case prctlVfork:
		return t.setVfork(a.Uint(1))
	case unix.PR_GET_TID_ADDRESS:
		return t.getTIDAddress(uint32(a[1]))
	case unix.PR_SET_VMA:
		return t.setVMA(a)
	}
	arg2 := uintptr(a[1])
	switch prctlArgOf(option) {
	case prctlRefused:
		return errno(unix.EINVAL)
	case prctlPointer:
		arg2 = t.Memory.Host(uint32(a[1]))
	}
	return t.call(unix.SYS_PRCTL, uintptr(option), arg2, uintptr(a[2]), uintptr(a[3]), uintptr(a[4]), 0)
}

// getTIDAddress is PR_GET_TID_ADDRESS.
func (t *Thread) getTIDAddress(p uint32) int64 {
	return errno(t.Memory.Store32(p, t.clearTID))
}

// setVMA is PR_SET_VMA: it names anonymous memory of the guest in
// /proc/<pid>/maps.
func (t *Thread) setVMA(a Args) int64 {
	addr, size := a[2], a[3]
	if addr > t.Memory.Limit() || size > t.Memory.Limit()-addr {
		return errno(unix.ENOMEM)
	}
	return t.call(unix.SYS_PRCTL, unix.PR_SET_VMA, uintptr(a[1]), t.Memory.HostAlways(uint32(addr)), uintptr(size),
		t.Memory.Host(uint32(a[4])), 0)
}

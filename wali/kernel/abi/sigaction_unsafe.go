package abi

import (
	"syscall"
	"unsafe"
)

// Sigaction is struct sigaction of rt_sigaction(2); asm/signal.h. It is the same on amd64
// and arm64.
type Sigaction struct {
	Handler  uintptr // SigDefault, SigIgnore or an address
	Flags    uint64
	Restorer uintptr
	Mask     uint64 // bit n-1 for signal n
}

// Handlers that are none.
const (
	SigDefault = 0
	SigIgnore  = 1
)

// Flags of an action; asm-generic/signal-defs.h.
const (
	SANocldstop = 0x1
	SANocldwait = 0x2
	SASiginfo   = 0x4
	SARestorer  = 0x04000000
	SAOnstack   = 0x08000000
	SARestart   = 0x10000000
	SANodefer   = 0x40000000
	SAResethand = 0x80000000
)

// SetAction is rt_sigaction(2). act and old may be nil.
//
//go:nosplit
func SetAction(sig syscall.Signal, act, old *Sigaction) syscall.Errno {
	_, _, e := syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(sig),
		uintptr(unsafe.Pointer(act)), uintptr(unsafe.Pointer(old)), unsafe.Sizeof(Sigaction{}.Mask), 0, 0)
	return e
}

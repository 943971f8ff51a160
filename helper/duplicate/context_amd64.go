package duplicate

import (
	"golang.org/x/sys/unix"

	"walisup/wali/kernel"
	"walisup/wali/kernel/abi"
)

// Registers in the kernel's struct ucontext (asm/ucontext.h, asm/sigcontext.h).
const (
	contextDI = 104
	contextSI = 112
	contextAX = 144
	contextSP = 160
	contextPC = 168
)

// waits reports whether the thread whose ucontext this is was asleep in futex,
// without a timeout, when the signal came. The kernel has then moved the program
// counter back, to make the call again after the handler.
//
//go:nosplit
func waits(context uintptr) bool {
	return isSyscall(word(context+contextPC)) && word(context+contextAX) == unix.SYS_FUTEX
}

// sleeps reports whether it was asleep for a limited time, in futex or in the
// nanosleep of the runtime's usleep. Such a call ends with the handler. Which
// one it was is told by its arguments.
//
//go:nosplit
func sleeps(context uintptr) bool {
	const eintr = ^uintptr(unix.EINTR - 1)
	if !isSyscall(word(context+contextPC)-2) || word(context+contextAX) != eintr {
		return false
	}
	si := word(context + contextSI)
	return si == abi.FutexWaitPrivate || si == 0 && word(context+contextDI) == word(context+contextSP)
}

//go:nosplit
func isSyscall(pc uintptr) bool { return word(pc)&0xffff == 0x050f }

// rawClone is clone(2) with this architecture's order of arguments.
//
//go:nosplit
func rawClone(flags, parentTID, childTID uintptr) int64 {
	return kernel.Syscall(unix.SYS_CLONE, flags, 0, parentTID, childTID, 0, 0)
}

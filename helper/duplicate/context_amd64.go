package duplicate

import (
	"golang.org/x/sys/unix"

	"walisup/wali/kernel"
)

// Registers in the kernel's struct ucontext (asm/ucontext.h, asm/sigcontext.h).
const (
	contextDI = 104
	contextSI = 112
	contextAX = 144
	contextSP = 160
	contextPC = 168
)

// asleep reports whether the thread whose ucontext this is was asleep in the
// kernel when the signal came: in futex, waiting, or in the nanosleep of the
// runtime's usleep.
//
//go:nosplit
func asleep(context uintptr, call uintptr) bool {
	pc, ax := word(context+contextPC), word(context+contextAX)
	// A call without timeout is made again after the handler: the kernel has
	// moved the program counter back to it.
	if isSyscall(pc) {
		return call == unix.SYS_FUTEX && ax == call
	}
	const eintr = ^uintptr(unix.EINTR - 1)
	if !isSyscall(pc-2) || ax != eintr {
		return false
	}
	// Which call it was is told by its arguments.
	si := word(context + contextSI)
	if call == unix.SYS_FUTEX {
		return si == futexWaitPrivate
	}
	return si == 0 && word(context+contextDI) == word(context+contextSP)
}

//go:nosplit
func isSyscall(pc uintptr) bool { return word(pc)&0xffff == 0x050f }

// rawClone is clone(2) with this architecture's order of arguments.
//
//go:nosplit
func rawClone(flags, parentTID, childTID uintptr) int64 {
	return kernel.Syscall(unix.SYS_CLONE, flags, 0, parentTID, childTID, 0, 0)
}

package signals

import (
	"golang.org/x/sys/unix"

	"walisup/wali/kernel/abi"
)

// RedZone is how many bytes below the stack pointer LLVM's leaf functions use.
const RedZone = 128

// Flags of a stack_t and the least size of a stack; asm-generic/signal.h, linux/signal.h.
const (
	stackOn         = 1 // SS_ONSTACK
	stackDisable    = 2 // SS_DISABLE
	stackAutoDisarm = -0x80000000
	minStackSize    = 2048
)

// AltStack is an alternate signal stack; sigaltstack(2). Its zero value is none. The stack
// is the guest's business and ours: the kernel's alternate stack is the Go runtime's.
type AltStack struct {
	SP    uint32 // lowest address
	Size  uint32 // in bytes; 0 for none
	Flags int32  // SS_AUTODISARM or 0
}

// Contains reports whether a stack pointer lies on the stack. The stack grows downwards,
// so its end belongs to it and its beginning does not.
func (s *AltStack) Contains(sp uint32) bool { return s.Size != 0 && sp-s.SP-1 < s.Size }

// Replacement returns the stack that sigaltstack(2) is to set for a stack_t with these
// fields. on says that the thread runs on the present one.
func (s *AltStack) Replacement(sp uint32, flags int32, size uint32, on bool) (next AltStack, e unix.Errno) {
	mode := flags &^ stackAutoDisarm
	switch {
	case on:
		return next, unix.EPERM
	case mode != 0 && mode != stackOn && mode != stackDisable:
		return next, unix.EINVAL
	case mode == stackDisable:
		sp, size = 0, 0
	case size < minStackSize:
		return next, unix.ENOMEM
	}
	return AltStack{SP: sp, Size: size, Flags: flags & stackAutoDisarm}, 0
}

// State returns the flags of the stack_t that sigaltstack(2) answers with.
func (s *AltStack) State(on bool) int32 {
	switch {
	case s.Size == 0:
		return s.Flags | stackDisable
	case on:
		return s.Flags | stackOn
	}
	return s.Flags
}

// HandlerStack returns the stack pointer that a handler starts with, given the one at the
// interruption; sigaction(2), SA_ONSTACK.
func (s *AltStack) HandlerStack(act *Action, sp uint32) uint32 {
	if act.Flags&abi.SAOnstack != 0 && s.Size != 0 && !s.Contains(sp) {
		return (s.SP + s.Size) &^ 15
	}
	return (sp - RedZone) &^ 15
}

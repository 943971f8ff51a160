#include "textflag.h"

// func raw(nr, a0, a1, a2, a3, a4, a5 uintptr) uintptr
TEXT ·raw(SB),NOSPLIT|NOFRAME,$0-64
	MOVQ nr+0(FP), AX
	MOVQ a0+8(FP), DI
	MOVQ a1+16(FP), SI
	MOVQ a2+24(FP), DX
	MOVQ a3+32(FP), R10
	MOVQ a4+40(FP), R8
	MOVQ a5+48(FP), R9
	SYSCALL
	MOVQ AX, ret+56(FP)
	RET

// func interruptible(gate *Gate, nr, a0, a1, a2, a3, a4, a5 uintptr) uintptr
TEXT ·interruptible(SB),NOSPLIT|NOFRAME,$0-72
	MOVQ gate+0(FP), BX
	MOVQ nr+8(FP), AX
	MOVQ a0+16(FP), DI
	MOVQ a1+24(FP), SI
	MOVQ a2+32(FP), DX
	MOVQ a3+40(FP), R10
	MOVQ a4+48(FP), R8
	MOVQ a5+56(FP), R9
	JMP  ·window(SB)

// The window: a signal that is caught anywhere in it, the system call
// instruction included, sends the thread to abort. Same frame as interruptible,
// which it is entered from by a jump.
TEXT ·window(SB),NOSPLIT|NOFRAME,$0-72
	CMPL (BX), $0
	JNE  pending
	SYSCALL
	MOVQ AX, ret+64(FP)
	RET
pending:
	JMP  ·abort(SB)

TEXT ·abort(SB),NOSPLIT|NOFRAME,$0-72
	MOVQ $-512, AX
	MOVQ AX, ret+64(FP)
	RET

// func windowPC() uintptr
TEXT ·windowPC(SB),NOSPLIT,$0-8
	LEAQ ·window(SB), AX
	MOVQ AX, ret+0(FP)
	RET

// func abortPC() uintptr
TEXT ·abortPC(SB),NOSPLIT,$0-8
	LEAQ ·abort(SB), AX
	MOVQ AX, ret+0(FP)
	RET

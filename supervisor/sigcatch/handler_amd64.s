#include "textflag.h"

#define SYS_write        1
#define SYS_rt_sigreturn 15

// handler is called by the kernel with the signal in DI, its siginfo_t in SI and
// the ucontext in DX. rt_sigreturn restores every register.
TEXT handler<>(SB),NOSPLIT|NOFRAME,$0
	MOVQ ·pipe(SB), DI
	MOVQ $128, DX
	MOVQ $SYS_write, AX
	SYSCALL
	RET

TEXT restorer<>(SB),NOSPLIT|NOFRAME,$0
	MOVQ $SYS_rt_sigreturn, AX
	SYSCALL
	INT $3

// func entries() (handler, restorer uintptr)
TEXT ·entries(SB),NOSPLIT,$0-16
	LEAQ handler<>(SB), AX
	MOVQ AX, handler+0(FP)
	LEAQ restorer<>(SB), AX
	MOVQ AX, restorer+8(FP)
	RET

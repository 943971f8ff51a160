#include "textflag.h"

#define SYS_write        64
#define SYS_rt_sigreturn 139

// handler is called by the kernel with the signal in R0, its siginfo_t in R1,
// the ucontext in R2 and the restorer in LR. rt_sigreturn restores every
// register.
TEXT handler<>(SB),NOSPLIT|NOFRAME,$0
	MOVD ·pipe(SB), R0
	MOVD $128, R2
	MOVD $SYS_write, R8
	SVC
	RET

TEXT restorer<>(SB),NOSPLIT|NOFRAME,$0
	MOVD $SYS_rt_sigreturn, R8
	SVC
	BRK

// func entries() (handler, restorer uintptr)
TEXT ·entries(SB),NOSPLIT,$0-16
	MOVD $handler<>(SB), R0
	MOVD R0, handler+0(FP)
	MOVD $restorer<>(SB), R0
	MOVD R0, restorer+8(FP)
	RET

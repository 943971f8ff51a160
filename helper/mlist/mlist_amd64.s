#include "textflag.h"

// Offset in the runtime's struct g.
#define g_m 48

// func head() *uintptr
TEXT ·head(SB),NOSPLIT,$0-8
	LEAQ runtime·allm(SB), AX
	MOVQ AX, ret+0(FP)
	RET

// func self() uintptr
TEXT ·self(SB),NOSPLIT,$0-8
	MOVQ (TLS), AX
	MOVQ g_m(AX), AX
	MOVQ AX, ret+0(FP)
	RET

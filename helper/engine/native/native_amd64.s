#include "go_asm.h"
#include "textflag.h"

// Offsets in context, to which GS points.
#define C_guestSP 8
#define C_goSP 16
#define C_exit 24
#define C_ret 48
#define C_gate 56
#define C_state 64
#define C_resuming 72
#define C_oldSP 80
#define C_oldExit 88

#define G_pending const_gatePending
#define S_frame const_stateFrame

// func enter()
//
// Goes on in the guest's code, and returns when that leaves.
TEXT ·enter(SB),NOSPLIT|NOFRAME,$0-0
	LEAQ -8(SP), SP
	MOVQ BP, (SP)
	MOVQ SP, C_goSP(GS)
	JMP  ·look(SB)

// look: from the look at what is pending to the guest's stack. All of it may be begun again.
TEXT ·look(SB),NOSPLIT|NOFRAME,$0
	MOVQ C_gate(GS), AX
	CMPL G_pending(AX), $0
	JNE  pending
	CMPQ C_resuming(GS), $0
	JNE  frame
	MOVQ BP, CX // the engine's; not needed, but vet wants BP read first
	MOVQ C_ret(GS), AX
	MOVQ C_guestSP(GS), SP
	MOVQ 0(SP), R15
	MOVQ 8(SP), R14
	MOVQ 16(SP), R13
	MOVQ 24(SP), R12
	MOVQ 32(SP), BP
	MOVQ 40(SP), BX
	LEAQ 48(SP), SP
	RET
frame:
	MOVQ C_oldSP(GS), AX
	MOVQ AX, C_guestSP(GS)
	MOVQ C_oldExit(GS), AX
	MOVQ AX, C_exit(GS)
	MOVQ C_state(GS), R8
	MOVQ S_frame(R8), R9
	JMP  walisup∕helper∕interrupt·resume(SB)
pending:
	JMP ·pendingExit(SB)

// pendingExit ends enter though the guest's code has not run.
TEXT ·pendingExit(SB),NOSPLIT|NOFRAME,$0
	MOVQ $const_exitPending, AX
	MOVQ AX, C_exit(GS)
	JMP  ·goExit(SB)

// goExit is where the guest's code jumps to, on the stack of enter.
TEXT ·goExit(SB),NOSPLIT|NOFRAME,$0
	MOVQ BP, CX // as above
	MOVQ C_goSP(GS), SP
	MOVQ (SP), BP
	LEAQ 8(SP), SP
	RET

// enterStub runs at the interrupted point, on the guest's stack, with all registers free. It
// touches no memory below SP: there may be none. What a host call under way may have stored
// is kept.
TEXT ·enterStub(SB),NOSPLIT|NOFRAME,$0
	MOVQ C_guestSP(GS), AX
	MOVQ AX, C_oldSP(GS)
	MOVQ C_exit(GS), AX
	MOVQ AX, C_oldExit(GS)
	MOVQ SP, C_guestSP(GS)
	MOVQ $const_exitInterrupted, AX
	MOVQ AX, C_exit(GS)
	JMP  ·goExit(SB)

// nothing is the hook for what needs none: enter looks by itself.
TEXT ·nothing(SB),NOSPLIT|NOFRAME,$0
	RET

// func lookPC() uintptr
TEXT ·lookPC(SB),NOSPLIT,$0-8
	LEAQ ·look(SB), AX
	MOVQ AX, ret+0(FP)
	RET

// func pendingExitPC() uintptr
TEXT ·pendingExitPC(SB),NOSPLIT,$0-8
	LEAQ ·pendingExit(SB), AX
	MOVQ AX, ret+0(FP)
	RET

// func goExitPC() uintptr
TEXT ·goExitPC(SB),NOSPLIT,$0-8
	LEAQ ·goExit(SB), AX
	MOVQ AX, ret+0(FP)
	RET

// func enterStubPC() uintptr
TEXT ·enterStubPC(SB),NOSPLIT,$0-8
	LEAQ ·enterStub(SB), AX
	MOVQ AX, ret+0(FP)
	RET

// func nothingPC() uintptr
TEXT ·nothingPC(SB),NOSPLIT,$0-8
	LEAQ ·nothing(SB), AX
	MOVQ AX, ret+0(FP)
	RET

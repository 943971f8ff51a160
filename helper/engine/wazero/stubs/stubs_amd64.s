#include "go_asm.h"
#include "textflag.h"

// Offsets in interrupt.State. E_ are words of its part that is the engine's, see words.
#define S_context const_stateContext
#define S_frame const_stateFrame
#define S_gate const_stateGate
#define E_realReturn (const_stateEngine+words_realReturn)
#define E_resumeReturn (const_stateEngine+words_resumeReturn)
#define E_resumeSP (const_stateEngine+words_resumeSP)
#define E_resumeFP (const_stateEngine+words_resumeFP)
#define E_offReturn (const_stateEngine+words_offReturn)
#define E_offSP (const_stateEngine+words_offSP)
#define E_offFP (const_stateEngine+words_offFP)
#define E_offOpaque (const_stateEngine+words_offOpaque)
#define E_offCaller (const_stateEngine+words_offCaller)
#define E_offOriginalFP (const_stateEngine+words_offOriginalFP)
#define E_offOriginalSP (const_stateEngine+words_offOriginalSP)
#define E_exitCode (const_stateEngine+words_exitCode)
#define E_opaque (const_stateEngine+words_opaque)
#define E_noArguments (const_stateEngine+words_noArguments)

// Offsets in a frame: its part that is the engine's.
#define F_engine const_frameEngine

// Offset in kernel.Gate.
#define G_pending const_gatePending

// LOAD_STATE loads the thread's State, see package interrupt.
#define LOAD_STATE_R8 \
	BYTE $0x64; BYTE $0x4c; BYTE $0x8b; BYTE $0x04; BYTE $0x25; LONG $0 // MOVQ FS:0, R8

// exitStub is where the engine's loop goes on after a host function that ends the
// wasm call it was called from. AX is the execution context. It leaves as the
// engine's own entry code does, with nothing for a result.
TEXT ·exitStub(SB),NOSPLIT|NOFRAME,$0
	MOVQ AX, BX
	LOAD_STATE_R8
	MOVL $0, 0(BX)
	MOVQ E_offOriginalFP(R8), CX
	MOVQ E_offOriginalSP(R8), DX
	MOVQ BP, R9 // the engine's; not needed, but vet wants BP read first
	MOVQ (BX)(CX*1), BP
	MOVQ (BX)(DX*1), SP
	RET

// divert sees to it that a signal which was caught in Go code, outside of a host
// function that will look, is noticed on the way back into wasm. DX ucontext, R8
// State, R9 the execution context.
//
// As long as the engine's loop has not cleared the exit code it has not read the
// address at which compiled code goes on, and that is made ours. Otherwise the
// thread is a few instructions away from wasm and goes there step by step; or it
// is about to call wasm for the first time, or done with it.
TEXT ·divert(SB),NOSPLIT|NOFRAME,$0
	CMPL (R9), $0
	JEQ  step
	MOVQ E_offReturn(R8), CX
	MOVQ (R9)(CX*1), AX
	LEAQ ·returnStub(SB), R10
	CMPQ AX, R10
	JEQ  done
	MOVQ AX, E_realReturn(R8)
	MOVQ R10, (R9)(CX*1)
done:
	RET
step:
	JMP  walisup∕helper∕interrupt·beginSteps(SB)

// step is called after each of the single steps by which a thread goes from the engine's
// loop to wasm. DX ucontext, R8 State, R9 the execution context.
TEXT ·step(SB),NOSPLIT|NOFRAME,$0
	CMPL (R9), $0
	JNE  leaving
	RET
leaving:
	// the engine has been entered anew: no need to walk through it
	CALL walisup∕helper∕interrupt·endSteps(SB)
	JMP  ·divert(SB)

// returnStub stands between the engine's loop and compiled code where divert has
// put it. AX is the execution context, SP and BP are wasm's; other registers are
// free.
TEXT ·returnStub(SB),NOSPLIT|NOFRAME,$0
	LOAD_STATE_R8
	MOVQ S_gate(R8), R9
	CMPL G_pending(R9), $0
	JNE  pending
	MOVQ E_realReturn(R8), R10
	JMP  R10
pending:
	JMP  ·pendingStub(SB)

// pendingStub calls the second host function of our module, which runs handlers,
// with nothing to preserve but SP, BP and where to go on.
TEXT ·pendingStub(SB),NOSPLIT|NOFRAME,$0
	MOVQ AX, BX
	MOVQ SP, E_resumeSP(R8)
	MOVQ BP, E_resumeFP(R8)
	MOVQ E_realReturn(R8), DX
	MOVQ DX, E_resumeReturn(R8)
	MOVQ E_offReturn(R8), CX
	LEAQ ·pendingDone(SB), DX
	MOVQ DX, (BX)(CX*1)
	MOVQ E_offSP(R8), CX
	LEAQ E_noArguments(R8), DX
	MOVQ DX, (BX)(CX*1)
	MOVQ E_offFP(R8), CX
	MOVQ BP, (BX)(CX*1)
	MOVQ E_offOpaque(R8), CX
	MOVQ E_opaque(R8), DX
	MOVQ DX, (BX)(CX*1)
	MOVQ E_exitCode(R8), DX
	ORQ  $0x100, DX // function 1
	MOVL DX, 0(BX)
	MOVQ E_offOriginalFP(R8), CX
	MOVQ (BX)(CX*1), BP
	MOVQ E_offOriginalSP(R8), CX
	MOVQ (BX)(CX*1), SP
	RET

// pendingDone is where the engine goes on after the handlers have run.
TEXT ·pendingDone(SB),NOSPLIT|NOFRAME,$0
	LOAD_STATE_R8
	MOVQ BP, R9 // the engine's; not needed, but vet wants BP read first
	MOVQ E_resumeSP(R8), SP
	MOVQ E_resumeFP(R8), BP
	MOVQ E_resumeReturn(R8), DX
	MOVQ DX, E_realReturn(R8)
	JMP  ·returnStub(SB)

// enterStub runs on the wasm stack, at the interrupted point, with all
// registers free. It touches no memory below SP: there may be none.
TEXT ·enterStub(SB),NOSPLIT|NOFRAME,$0
	LOAD_STATE_R8
	MOVQ S_context(R8), BX
	MOVQ S_frame(R8), R9
	// keep what is overwritten
	MOVQ E_offCaller(R8), CX
	MOVQ (BX)(CX*1), DX
	MOVQ DX, (F_engine+0)(R9)
	MOVQ E_offReturn(R8), CX
	MOVQ (BX)(CX*1), DX
	MOVQ DX, (F_engine+8)(R9)
	LEAQ ·leaveStub(SB), DX
	MOVQ DX, (BX)(CX*1)
	MOVQ E_offSP(R8), CX
	MOVQ (BX)(CX*1), DX
	MOVQ DX, (F_engine+16)(R9)
	LEAQ E_noArguments(R8), DX
	MOVQ DX, (BX)(CX*1)
	MOVQ E_offOpaque(R8), CX
	MOVQ (BX)(CX*1), DX
	MOVQ DX, (F_engine+24)(R9)
	MOVQ E_opaque(R8), DX
	MOVQ DX, (BX)(CX*1)
	MOVQ E_offFP(R8), CX
	MOVQ (BX)(CX*1), DX
	MOVQ DX, (F_engine+32)(R9)
	MOVQ BP, (BX)(CX*1)
	MOVL 0(BX), DX
	MOVQ DX, (F_engine+40)(R9)
	MOVQ E_exitCode(R8), DX
	MOVL DX, 0(BX)
	// leave compiled code
	MOVQ E_offOriginalFP(R8), CX
	MOVQ (BX)(CX*1), BP
	MOVQ E_offOriginalSP(R8), CX
	MOVQ (BX)(CX*1), SP
	RET

// leaveStub is where the engine's loop goes on after the host function. AX is
// the execution context, SP points to State.noArguments.
TEXT ·leaveStub(SB),NOSPLIT|NOFRAME,$0
	MOVQ AX, BX
	LOAD_STATE_R8
	MOVQ S_frame(R8), R9
	MOVQ (F_engine+0)(R9), DX
	MOVQ E_offCaller(R8), CX
	MOVQ DX, (BX)(CX*1)
	MOVQ (F_engine+8)(R9), DX
	MOVQ E_offReturn(R8), CX
	MOVQ DX, (BX)(CX*1)
	MOVQ (F_engine+16)(R9), DX
	MOVQ E_offSP(R8), CX
	MOVQ DX, (BX)(CX*1)
	MOVQ (F_engine+24)(R9), DX
	MOVQ E_offOpaque(R8), CX
	MOVQ DX, (BX)(CX*1)
	MOVQ (F_engine+32)(R9), DX
	MOVQ E_offFP(R8), CX
	MOVQ DX, (BX)(CX*1)
	MOVQ (F_engine+40)(R9), DX
	MOVL DX, 0(BX)
	JMP  walisup∕helper∕interrupt·resume(SB)

// func enterStubPC() uintptr
TEXT ·enterStubPC(SB),NOSPLIT,$0-8
	LEAQ ·enterStub(SB), AX
	MOVQ AX, ret+0(FP)
	RET

// func divertPC() uintptr
TEXT ·divertPC(SB),NOSPLIT,$0-8
	LEAQ ·divert(SB), AX
	MOVQ AX, ret+0(FP)
	RET

// func stepPC() uintptr
TEXT ·stepPC(SB),NOSPLIT,$0-8
	LEAQ ·step(SB), AX
	MOVQ AX, ret+0(FP)
	RET

// func returnStubPC() uintptr
TEXT ·returnStubPC(SB),NOSPLIT,$0-8
	LEAQ ·returnStub(SB), AX
	MOVQ AX, ret+0(FP)
	RET

// func pendingStubPC() uintptr
TEXT ·pendingStubPC(SB),NOSPLIT,$0-8
	LEAQ ·pendingStub(SB), AX
	MOVQ AX, ret+0(FP)
	RET

// func exitStubPC() uintptr
TEXT ·exitStubPC(SB),NOSPLIT,$0-8
	LEAQ ·exitStub(SB), AX
	MOVQ AX, ret+0(FP)
	RET

#include "go_asm.h"
#include "textflag.h"

// Offsets in State, of the compiler's own reckoning.
#define S_context State_context
#define S_stackBottom State_stackBottom
#define S_stackTop State_stackTop
#define S_frame State_frame
#define S_busy State_busy
#define S_gate State_gate
#define S_stepping State_stepping
#define S_held State_held
#define S_idle State_idle
#define S_pendingMask State_pendingMask
#define S_pendingInfo State_pendingInfo
#define S_asked State_asked
#define S_layer State_layer
#define S_enter (State_hooks+Hooks_Enter)
#define S_divert (State_hooks+Hooks_Divert)
#define S_step (State_hooks+Hooks_Step)
#define S_lookLo (State_hooks+Hooks_LookLo)
#define S_lookHi (State_hooks+Hooks_LookHi)

// Offsets in everyCall and in askedThread.
#define C_number everyCallOrder_number
#define C_args everyCallOrder_args
#define C_failed everyCallOrder_failed
#define C_done everyCallOrder_done
#define C_count everyCallOrder_count
#define C_asked everyCallOrder_asked
#define A_tid askedThread_tid
#define A_state askedThread_state
#define A_size askedThread__size
#define askedYes const_askedYes
#define askedDone const_askedDone
#define askedAgain const_askedAgain

// Offsets in kernel.Gate.
#define G_pending const_gatePending
#define G_inHost const_gateInHost

// Offsets in frame.
#define F_signal frame_signal
#define F_siginfo frame_siginfo
#define F_fpstate frame_fpstate
#define FPSTATE_SIZE const_fpstateSize

// Offsets in the kernel's struct ucontext.
#define UC_rbx 128
#define UC_rsp 160
#define UC_rip 168
#define UC_eflags 176
#define UC_fpregs 224
#define UC_sigmask 296
#define UC_size 304

// BLOCKED is the mask that blocks all signals but kernel.Unblockable.
#define BLOCKED ~const_unblockable

#define TRAP_FLAG 0x100

// LOAD_STATE loads the thread's State from FS:0, the second word of m.tls.
#define LOAD_STATE_R8 \
	BYTE $0x64; BYTE $0x4c; BYTE $0x8b; BYTE $0x04; BYTE $0x25; LONG $0 // MOVQ FS:0, R8
#define LOAD_STATE_AX \
	BYTE $0x64; BYTE $0x48; BYTE $0x8b; BYTE $0x04; BYTE $0x25; LONG $0 // MOVQ FS:0, AX

// ON_WASM_STACK goes to label unless the thread was interrupted on the stack of
// the wasm call under way: in the module's compiled code, in the engine's
// trampolines on either side of it, or in the memmove that it calls. All of these
// can be left and resumed. DX ucontext, R8 State; leaves the program counter in
// AX.
#define ON_WASM_STACK(label) \
	MOVQ UC_rip(DX), AX \
	CMPQ S_busy(R8), $0 \
	JNE  label \
	MOVQ S_context(R8), R9 \
	TESTQ R9, R9 \
	JEQ  label \
	MOVQ UC_rsp(DX), R10 \
	MOVQ S_stackBottom(R8), CX \
	CMPQ R10, (CX) \
	JB   label \
	MOVQ S_stackTop(R8), CX \
	CMPQ R10, (CX) \
	JA   label

// faultHandler takes SIGSEGV and SIGBUS that package safecopy left: DI signal,
// SI siginfo, DX ucontext. A fault of compiled code, or of the memmove that it
// calls on its own stack, goes to the enter stub. Everything else is Go's.
TEXT ·faultHandler(SB),NOSPLIT|NOFRAME,$0
	CMPL 8(SI), $0 // si_code: not from the kernel if negative or SI_USER
	JLE  sent
	LOAD_STATE_R8
	TESTQ R8, R8
	JEQ  notours
	ON_WASM_STACK(notours)
	JMP  ·redirect(SB)
notours:
	MOVQ ·goHandler(SB), AX
	JMP  AX
sent:
	// It may ask for a system call: a thread of the runtime blocks SIGSTKFLT.
	MOVQ $0, R8
	JMP  ·marked(SB)

// signalHandler takes every signal that the guest catches: DI signal, SI
// siginfo, DX ucontext.
TEXT ·signalHandler(SB),NOSPLIT|NOFRAME,$0
	LOAD_STATE_R8
	TESTQ R8, R8
	JEQ  stranger
	CMPQ S_idle(R8), $0
	JNE  stranger
	MOVQ S_gate(R8), R11
	CMPL G_pending(R11), $0
	JNE  hold
	MOVQ UC_rip(DX), AX
	// about to sleep in the kernel
	CMPQ AX, ·windowLo(SB)
	JB   notwindow
	CMPQ AX, ·windowHi(SB)
	JA   notwindow
	MOVQ ·windowAbort(SB), CX
	MOVQ CX, UC_rip(DX)
	JMP  pend
notwindow:
	CMPQ S_layer(R8), $0
	JNE  pend
	ON_WASM_STACK(notwasm)
	JMP  ·redirect(SB)
notwasm:
	// the engine's last look before wasm: look again
	MOVQ S_lookLo(R8), CX
	CMPQ AX, CX
	JB   pend
	CMPQ AX, S_lookHi(R8)
	JAE  pend
	MOVQ CX, UC_rip(DX)
pend:
	// keep the signal, and let no other come before the thread has seen it
	LEAQ S_pendingInfo(R8), DI
	MOVQ $128, CX
	REP; MOVSB
	MOVQ UC_sigmask(DX), AX
	MOVQ AX, S_pendingMask(R8)
	MOVQ $BLOCKED, AX
	MOVQ AX, UC_sigmask(DX)
	MOVL $1, G_pending(R11)
	CMPL G_inHost(R11), $0
	JNE  done
	MOVQ S_context(R8), R9
	TESTQ R9, R9
	JEQ  done
	MOVQ S_divert(R8), AX
	JMP  AX
done:
	RET
hold:
	// one that cannot be blocked, while another is pending
	LEAQ -1(DI), CX
	MOVQ $1, AX
	SHLQ CX, AX
	LOCK
	ORQ  AX, S_held(R8)
	RET
stranger:
	// A thread of the runtime, or one whose guest thread has ended: the unblockable
	// signals, sent to the process, may come here. Pass it on to a thread that runs the
	// guest.
	MOVQ SI, R12
	MOVQ DI, R13
	MOVQ $39, AX // getpid
	SYSCALL
	MOVQ AX, R9
	MOVQ $186, AX // gettid
	SYSCALL
	MOVL ·guestThread(SB), SI
	TESTL SI, SI
	JNE  known
	MOVL R9, SI // the main thread, as long as nobody says otherwise
known:
	CMPL AX, SI
	JEQ  done
	SUBL $const_passedOn, 8(R12) // si_code, see abi.PassedOn
	MOVQ R9, DI
	MOVQ R13, DX
	MOVQ R12, R10
	MOVQ $297, AX // rt_tgsigqueueinfo
	SYSCALL
	RET

// issueCall makes the thread issue a system call here and now if it is asked to and
// R11 is 0, or else says that it has to be asked again. It leaves 1 in AX if it was
// asked, else 0, and preserves the arguments of a handler: DI, SI, DX.
TEXT ·issueCall(SB),NOSPLIT|NOFRAME,$0
	LEAQ ·everyCall(SB), R12
	MOVL C_count(R12), R9
	TESTL R9, R9
	JNE  asked
	MOVQ $0, AX
	RET
asked:
	MOVQ DI, R13
	MOVQ SI, R14
	MOVQ DX, R15
	MOVQ R11, DX // which the kernel overwrites
	MOVL $186, AX // gettid
	SYSCALL
	MOVQ C_asked(R12), BX
look:
	CMPL AX, A_tid(BX)
	JNE  next
	CMPL A_state(BX), $askedYes
	JEQ  found
next:
	ADDQ $A_size, BX
	DECL R9
	JNE  look
	MOVQ $0, AX
	JMP  back
found:
	MOVL $askedAgain, CX
	TESTQ DX, DX
	JNE  say
	MOVQ C_number(R12), AX
	MOVQ (C_args+0)(R12), DI
	MOVQ (C_args+8)(R12), SI
	MOVQ (C_args+16)(R12), DX
	MOVQ $0, R10
	MOVQ $0, R8
	MOVQ $0, R9
	SYSCALL
	TESTQ AX, AX
	JGE  worked
	MOVQ AX, C_failed(R12)
worked:
	MOVL $askedDone, CX
say:
	MOVL CX, A_state(BX)
	LOCK
	INCL C_done(R12)
	MOVL $202, AX // futex
	LEAQ C_done(R12), DI
	MOVL $129, SI // FUTEX_WAKE_PRIVATE
	MOVL $1, DX
	MOVL $0, R10
	SYSCALL
	MOVQ $1, AX
back:
	MOVQ R13, DI
	MOVQ R14, SI
	MOVQ R15, DX
	RET

// reservedHandler takes SIGSTKFLT. One of our own makes compiled code call the host
// function; anywhere else there is nothing to do, since the thread looks at what is
// wanted before it gets there. Or it makes the thread issue a system call. Any other
// is a signal like all.
TEXT ·reservedHandler(SB),NOSPLIT|NOFRAME,$0
	LOAD_STATE_R8
	JMP  ·marked(SB)

// marked tells our own signals from others, by what was sent with them, or by that
// being lost where one is on its way. R8 is the State of a thread that may be stopped,
// or 0.
TEXT ·marked(SB),NOSPLIT|NOFRAME,$0
	MOVQ $0, R10 // whether one of Stop's is on its way
	TESTQ R8, R8
	JEQ  look
	XCHGQ R10, S_asked(R8)
look:
	MOVQ $0, R11
	CMPL 8(SI), $-1 // si_code: SI_QUEUE
	JNE  unmarked
	MOVQ ·stopMagic(SB), AX
	CMPQ 32(SI), AX
	JEQ  stop
	MOVQ ·callMagic(SB), AX
	CMPQ 32(SI), AX
	JNE  guests
	CALL ·issueCall(SB)
	RET
unmarked:
	CMPL 8(SI), $0 // SI_USER
	JNE  guests
	CMPQ 16(SI), $0 // no sender: what was sent with it has been lost
	JNE  guests
	TESTQ R10, R10
	JNE  lost
	CALL ·issueCall(SB)
	TESTQ AX, AX
	JNE  done
guests:
	MOVQ $1, R11
	CALL ·issueCall(SB)
	JMP  ·signalHandler(SB)
lost:
	// Let the host function know it.
	MOVL $-1, 8(SI)
	MOVQ ·stopMagic(SB), AX
	MOVQ AX, 32(SI)
stop:
	TESTQ R8, R8
	JEQ  done
	MOVQ S_gate(R8), R11
	CMPQ S_layer(R8), $0
	JNE  layer // where a signal may be pending for long
	CMPL G_pending(R11), $0
	JNE  done
layer:
	ON_WASM_STACK(done)
	JMP  ·redirect(SB)
done:
	RET

// func reservedHandlerPC() uintptr
TEXT ·reservedHandlerPC(SB),NOSPLIT,$0-8
	LEAQ ·reservedHandler(SB), AX
	MOVQ AX, ret+0(FP)
	RET

// trapHandler takes SIGTRAP: a step out of the engine, or a signal like others.
TEXT ·trapHandler(SB),NOSPLIT|NOFRAME,$0
	LOAD_STATE_R8
	TESTQ R8, R8
	JEQ  signal
	CMPQ S_stepping(R8), $0
	JEQ  signal
	CMPL 8(SI), $2 // TRAP_TRACE
	JNE  signal
	MOVQ S_gate(R8), R11
	CMPL G_pending(R11), $0
	JEQ  stop
	CMPL G_inHost(R11), $0
	JNE  stop
	ON_WASM_STACK(on)
	// back in wasm: interrupt it by the signal that is pending
	ANDQ $~TRAP_FLAG, UC_eflags(DX)
	MOVQ $0, S_stepping(R8)
	MOVL $0, G_pending(R11)
	MOVQ S_pendingMask(R8), AX
	MOVQ AX, UC_sigmask(DX)
	LEAQ S_pendingInfo(R8), SI
	MOVL (SI), DI
	JMP  ·redirect(SB)
on:
	MOVQ S_context(R8), R9
	TESTQ R9, R9
	JEQ  stop
	MOVQ S_step(R8), AX
	JMP  AX
stop:
	JMP  ·endSteps(SB)
signal:
	JMP  ·signalHandler(SB)

// beginSteps makes the interrupted thread go on in single steps. DX ucontext, R8 State.
TEXT ·beginSteps(SB),NOSPLIT|NOFRAME,$0
	ORQ  $TRAP_FLAG, UC_eflags(DX)
	MOVQ $1, S_stepping(R8)
	RET

// endSteps undoes beginSteps.
TEXT ·endSteps(SB),NOSPLIT|NOFRAME,$0
	ANDQ $~TRAP_FLAG, UC_eflags(DX)
	MOVQ $0, S_stepping(R8)
	RET

// func trapFlag()
//
// From the instruction after POPFQ on each one raises SIGTRAP.
TEXT ·trapFlag(SB),NOSPLIT|NOFRAME,$0
	PUSHFQ
	ORQ $TRAP_FLAG, (SP)
	POPFQ
	RET

// redirect: DI signal, SI siginfo, DX ucontext, R8 State. Sets the frame aside
// and makes the context go on in the enter stub with all signals blocked, but
// for those of faulting instructions.
TEXT ·redirect(SB),NOSPLIT|NOFRAME,$0
	MOVQ $1, S_busy(R8)
	MOVQ S_frame(R8), R9
	MOVQ DI, F_signal(R9)
	// siginfo
	LEAQ F_siginfo(R9), DI
	MOVQ $128, CX
	REP; MOVSB
	// ucontext
	MOVQ R9, DI
	MOVQ DX, SI
	MOVQ $UC_size, CX
	REP; MOVSB
	// floating-point state: its extended size is at 468 if the magic at 464 says so
	MOVQ UC_fpregs(DX), SI
	MOVQ $512, CX
	CMPL 464(SI), $0x46505853
	JNE  legacy
	MOVL 468(SI), CX
legacy:
	CMPQ CX, $FPSTATE_SIZE
	JBE  fits
	INT $3 // larger than any processor's: cannot be kept
fits:
	LEAQ F_fpstate(R9), DI
	MOVQ DI, UC_fpregs(R9)
	REP; MOVSB
	// go on in the stub
	MOVQ S_enter(R8), AX
	MOVQ AX, UC_rip(DX)
	MOVQ $BLOCKED, AX
	MOVQ AX, UC_sigmask(DX)
	RET

// resume: R9 frame, R8 State. Ends what redirect began: the thread goes on where it was
// interrupted, on the copy of its frame.
TEXT ·resume(SB),NOSPLIT|NOFRAME,$0
	MOVQ R9, SP
	MOVQ $0, S_busy(R8)
	MOVQ $15, AX // rt_sigreturn
	SYSCALL
	INT $3

// func threadWord() uintptr
TEXT ·threadWord(SB),NOSPLIT,$0-8
	LOAD_STATE_AX
	MOVQ AX, ret+0(FP)
	RET

// func setThreadWord(v uintptr)
TEXT ·setThreadWord(SB),NOSPLIT,$0-8
	MOVQ v+0(FP), AX
	BYTE $0x64; BYTE $0x48; BYTE $0x89; BYTE $0x04; BYTE $0x25; LONG $0 // MOVQ AX, FS:0
	RET

// func faultHandlerPC() uintptr
TEXT ·faultHandlerPC(SB),NOSPLIT,$0-8
	LEAQ ·faultHandler(SB), AX
	MOVQ AX, ret+0(FP)
	RET

// signalReturn is where the kernel has handlers return to.
TEXT ·signalReturn(SB),NOSPLIT|NOFRAME,$0
	MOVQ $15, AX // rt_sigreturn
	SYSCALL
	INT $3

// func signalHandlerPC() uintptr
TEXT ·signalHandlerPC(SB),NOSPLIT,$0-8
	LEAQ ·signalHandler(SB), AX
	MOVQ AX, ret+0(FP)
	RET

// func trapHandlerPC() uintptr
TEXT ·trapHandlerPC(SB),NOSPLIT,$0-8
	LEAQ ·trapHandler(SB), AX
	MOVQ AX, ret+0(FP)
	RET

// func signalReturnPC() uintptr
TEXT ·signalReturnPC(SB),NOSPLIT,$0-8
	LEAQ ·signalReturn(SB), AX
	MOVQ AX, ret+0(FP)
	RET

#include "go_asm.h"
#include "textflag.h"

// Offsets in slot are the compiler's own, as are these.
#define slot_size      slot__size
#define shared_lo      sharedState_lo
#define shared_hi      sharedState_hi
#define shared_arrived sharedState_arrived
#define shared_gate    sharedState_gate
#define shared_order   sharedState_order
#define shared_wanted  sharedState_wanted
#define shared_next    sharedState_next

#define slotWanted  const_slotWanted
#define slotArrived const_slotArrived
#define slotAgain   const_slotAgain
#define orderEnd    const_orderEnd

// Offsets in the kernel's siginfo_t.
#define SI_code  8
#define SI_sender 16 // pid and uid
#define SI_magic 32

#define SYS_rt_sigreturn    15
#define SYS_clone           56
#define SYS_exit            60
#define SYS_rt_sigtimedwait 128
#define SYS_gettid          186
#define SYS_futex           202

// parkHandler is entered like a handler of the kernel's, from that of package
// safecopy: DI signal, SI siginfo, DX ucontext, SP on the alternate stack. A
// signal that is not ours goes on with these unchanged. Of the others all
// registers are free: the kernel restores them.
TEXT ·parkHandler(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	CMPL DI, $7 // SIGBUS
	JNE  next
	LEAQ ·shared(SB), R12
	CMPL shared_wanted(R12), $0
	JEQ  unwanted
	// Is this thread wanted?
	MOVL $SYS_gettid, AX
	SYSCALL
	MOVQ shared_lo(R12), R13
slots:
	CMPQ R13, shared_hi(R12)
	JAE  unwanted
	CMPL AX, slot_tid(R13)
	JNE  other
	CMPL slot_state(R13), $slotWanted
	JEQ  wanted
other:
	ADDQ $slot_size, R13
	JMP  slots
unwanted:
	// One of ours that came late means nothing.
	CMPL SI_code(SI), $-1 // SI_QUEUE
	JNE  next
	MOVQ ·magic(SB), AX
	CMPQ SI_magic(SI), AX
	JNE  next
	RET
wanted:
	// R15 is 1 if the signal has lost what came with it.
	MOVQ $0, R15
	CMPL SI_code(SI), $-1
	JNE  lost
	MOVQ ·magic(SB), AX
	CMPQ SI_magic(SI), AX
	JEQ  arrive
lost:
	MOVQ $1, R15
	CMPL SI_code(SI), $0 // SI_USER
	JNE  again
	CMPQ SI_sender(SI), $0
	JEQ  arrive
again:
	// Another's, and ours may have been dropped because of it.
	MOVQ DI, R14
	MOVQ SI, R15
	MOVQ DX, BX
	MOVL $slotAgain, slot_state(R13)
	MOVL $SYS_futex, AX
	LEAQ shared_arrived(R12), DI
	MOVL $129, SI // FUTEX_WAKE_PRIVATE
	MOVL $1, DX
	SYSCALL
	MOVQ R14, DI
	MOVQ R15, SI
	MOVQ BX, DX
	JMP  next

arrive:
	MOVQ DX, slot_context(R13)
	// The gate as it is before we are counted: it cannot open until then.
	MOVL shared_gate(R12), R14
	MOVL $slotArrived, slot_state(R13)
	LOCK
	INCL shared_arrived(R12)
	MOVL $SYS_futex, AX
	LEAQ shared_arrived(R12), DI
	MOVL $129, SI // FUTEX_WAKE_PRIVATE
	MOVL $1, DX
	SYSCALL
wait:
	CMPL shared_gate(R12), R14
	JNE  go
	MOVL $SYS_futex, AX
	LEAQ shared_gate(R12), DI
	MOVL $128, SI // FUTEX_WAIT_PRIVATE
	MOVL R14, DX
	MOVQ $0, R10
	SYSCALL
	JMP  wait
go:
	MOVL shared_order(R12), R14
	MOVL slot_resent(R13), R13
	LOCK
	DECL shared_arrived(R12)
	CMPL R14, $orderEnd
	JEQ  end
	ANDL R15, R13
	JEQ  back
	// A second one of ours could not be told from another's: take it back.
	MOVL $SYS_rt_sigtimedwait, AX
	LEAQ ·sigbus(SB), DI
	MOVQ $0, SI
	LEAQ ·noTime(SB), DX
	MOVL $8, R10
	SYSCALL
back:
	RET // to the kernel's restorer
end:
	// Another thread may be on this stack by now.
	MOVL $SYS_exit, AX
	MOVL $0, DI
	SYSCALL
	INT  $3
next:
	MOVQ ·shared+shared_next(SB), AX
	JMP  AX

// func revive(context, tls, tid uintptr) int64
//
// The new thread begins on the signal stack that it was set aside on, with the
// stack pointer where rt_sigreturn expects it: at the ucontext. The kernel notes its
// id before it runs.
TEXT ·revive(SB),NOSPLIT|NOFRAME,$0-32
	// CLONE_VM|FS|FILES|SIGHAND|THREAD|SYSVSEM|SETTLS|PARENT_SETTID
	MOVL $(0x100|0x200|0x400|0x800|0x10000|0x40000|0x80000|0x100000), DI
	MOVQ context+0(FP), SI
	MOVQ tid+16(FP), DX
	MOVQ $0, R10
	MOVQ tls+8(FP), R8
	MOVL $SYS_clone, AX
	SYSCALL
	TESTQ AX, AX
	JEQ  child
	MOVQ AX, ret+24(FP)
	RET
child:
	MOVL $SYS_rt_sigreturn, AX
	SYSCALL
	INT  $3

// func parkPC() uintptr
TEXT ·parkPC(SB),NOSPLIT|NOFRAME,$0-8
	LEAQ ·parkHandler(SB), AX
	MOVQ AX, ret+0(FP)
	RET

// func stackGuard() uintptr
//
// The compiler's function prologues read stackguard0 at this offset of g.
TEXT ·stackGuard(SB),NOSPLIT,$0-8
	MOVQ (TLS), AX
	MOVQ 16(AX), AX
	MOVQ AX, ret+0(FP)
	RET

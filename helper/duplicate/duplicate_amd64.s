#include "textflag.h"

// Offsets in slot and in shared, see duplicate_unsafe.go.
#define slot_context 0
#define slot_tls     8
#define slot_tid     16
#define slot_state   20
#define shared_lo      0
#define shared_hi      8
#define shared_arrived 16
#define shared_gate    20
#define shared_order   24
#define shared_next    32

#define slotWanted  1
#define slotArrived 2
#define orderEnd    1

// Offsets in the kernel's siginfo_t.
#define SI_code  8
#define SI_value 24
#define SI_magic 32

#define SYS_rt_sigreturn 15
#define SYS_clone        56
#define SYS_exit         60
#define SYS_arch_prctl   158
#define SYS_gettid       186
#define SYS_futex        202

// parkHandler is entered like a handler of the kernel's, from that of package
// safecopy: DI signal, SI siginfo, DX ucontext, SP on the alternate stack. A
// signal that is not ours goes on with these unchanged. Of the others all
// registers are free: the kernel restores them.
TEXT ·parkHandler(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	CMPL DI, $7 // SIGBUS
	JNE  next
	CMPL SI_code(SI), $-1 // SI_QUEUE
	JNE  next
	MOVQ ·magic(SB), AX
	CMPQ SI_magic(SI), AX
	JNE  next
	// Ours. Is it still wanted?
	LEAQ ·shared(SB), R12
	MOVQ SI_value(SI), R13
	CMPQ R13, shared_lo(R12)
	JB   ignore
	CMPQ R13, shared_hi(R12)
	JAE  ignore
	MOVL $SYS_gettid, AX
	SYSCALL
	CMPL AX, slot_tid(R13)
	JNE  ignore
	CMPL slot_state(R13), $slotWanted
	JNE  ignore

	MOVQ DX, slot_context(R13)
	MOVL $SYS_arch_prctl, AX
	MOVL $0x1003, DI // ARCH_GET_FS
	LEAQ slot_tls(R13), SI
	SYSCALL
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
	LOCK
	DECL shared_arrived(R12)
	CMPL R14, $orderEnd
	JEQ  end
ignore:
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

// func revive(context, tls uintptr) int64
//
// The new thread begins on the signal stack that it was set aside on, with the
// stack pointer where rt_sigreturn expects it: at the ucontext.
TEXT ·revive(SB),NOSPLIT|NOFRAME,$0-24
	// CLONE_VM|FS|FILES|SIGHAND|THREAD|SYSVSEM|SETTLS
	MOVL $(0x100|0x200|0x400|0x800|0x10000|0x40000|0x80000), DI
	MOVQ context+0(FP), SI
	MOVQ $0, DX
	MOVQ $0, R10
	MOVQ tls+8(FP), R8
	MOVL $SYS_clone, AX
	SYSCALL
	TESTQ AX, AX
	JEQ  child
	MOVQ AX, ret+16(FP)
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

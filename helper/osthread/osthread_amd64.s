#include "go_asm.h"
#include "textflag.h"

// Offsets in Slot, of the compiler's own reckoning.
#define slot_sp    Slot_sp
#define slot_tls   Slot_tls
#define slot_alt   Slot_alt
#define slot_tid   Slot_tid
#define slot_state Slot_state
#define slot_bp    Slot_bp

#define SYS_rt_sigprocmask 14
#define SYS_clone          56
#define SYS_exit           60
#define SYS_sigaltstack    131
#define SYS_arch_prctl     158
#define SYS_futex          202

// BLOCK_EVERYTHING blocks all signals, those of faults too, and puts the old mask
// at the given address or nowhere.
#define BLOCK_EVERYTHING(old) \
	MOVL $2, DI \
	LEAQ ·everything(SB), SI \
	MOVQ old, DX \
	MOVL $8, R10 \
	MOVL $SYS_rt_sigprocmask, AX \
	SYSCALL

// CLONE_VM|FS|FILES|SIGHAND|THREAD|SYSVSEM
#define THREAD_FLAGS (0x100|0x200|0x400|0x800|0x10000|0x40000)
// CLONE_SETTLS|PARENT_SETTID|CHILD_CLEARTID
#define SLOT_FLAGS (0x80000|0x100000|0x200000)

// func park(s *Slot)
TEXT ·park(SB),NOSPLIT|NOFRAME,$0-8
	MOVQ s+0(FP), R12
	BLOCK_EVERYTHING($0)
	MOVL $0, DI
	LEAQ slot_alt(R12), SI
	MOVL $SYS_sigaltstack, AX
	SYSCALL
	MOVL $0x1003, DI // ARCH_GET_FS
	LEAQ slot_tls(R12), SI
	MOVL $SYS_arch_prctl, AX
	SYSCALL
	MOVQ BP, slot_bp(R12)
	MOVQ SP, slot_sp(R12)
	MOVL $1, AX
	XCHGL AX, slot_state(R12)
	// From here on another thread may be on this stack.
	LEAQ slot_state(R12), DI
	MOVL $129, SI // FUTEX_WAKE_PRIVATE
	MOVL $1, DX
	MOVL $SYS_futex, AX
	SYSCALL
	MOVL $0, DI
	MOVL $SYS_exit, AX
	SYSCALL
	INT  $3

// func start(s *Slot) int64
TEXT ·start(SB),NOSPLIT|NOFRAME,$0-16
	MOVQ s+0(FP), R12
	LEAQ ret+8(FP), R13 // holds the old mask meanwhile
	BLOCK_EVERYTHING(R13)
	MOVL $(THREAD_FLAGS|SLOT_FLAGS), DI
	MOVQ slot_sp(R12), SI
	LEAQ slot_tid(R12), DX
	LEAQ slot_tid(R12), R10
	MOVQ slot_tls(R12), R8
	MOVL $SYS_clone, AX
	SYSCALL
	TESTQ AX, AX
	JEQ  child
	MOVQ AX, R14
	MOVL $2, DI
	MOVQ R13, SI
	MOVL $0, DX
	MOVL $8, R10
	MOVL $SYS_rt_sigprocmask, AX
	SYSCALL
	MOVQ R14, (R13)
	RET
child:
	// A new thread has no alternate signal stack; sigaltstack(2).
	LEAQ slot_alt(R12), DI
	MOVL $0, SI
	MOVL $SYS_sigaltstack, AX
	SYSCALL
	MOVQ slot_bp(R12), BP
	RET // from park

// func probe(gate *uint32) int64
//
// The new thread needs no stack: it waits until the gate is not 0, and ends.
TEXT ·probe(SB),NOSPLIT|NOFRAME,$0-16
	MOVQ gate+0(FP), R12
	LEAQ ret+8(FP), R13
	BLOCK_EVERYTHING(R13)
	MOVL $THREAD_FLAGS, DI
	MOVL $0, SI
	MOVL $0, DX
	MOVL $0, R10
	MOVL $0, R8
	MOVL $SYS_clone, AX
	SYSCALL
	TESTQ AX, AX
	JEQ  child
	MOVQ AX, R14
	MOVL $2, DI
	MOVQ R13, SI
	MOVL $0, DX
	MOVL $8, R10
	MOVL $SYS_rt_sigprocmask, AX
	SYSCALL
	MOVQ R14, (R13)
	RET
child:
	CMPL (R12), $0
	JNE  end
	MOVQ R12, DI
	MOVL $128, SI // FUTEX_WAIT_PRIVATE
	MOVL $0, DX
	MOVQ $0, R10
	MOVL $SYS_futex, AX
	SYSCALL
	JMP  child
end:
	MOVL $0, DI
	MOVL $SYS_exit, AX
	SYSCALL
	INT  $3

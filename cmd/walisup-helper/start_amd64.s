#include "textflag.h"

// walisup_helper_start is the entry point of the program. It makes the Go runtime
// leave alone all signals but those that a faulting instruction raises (SIGILL,
// SIGBUS, SIGFPE, SIGSEGV): the others get no flags in runtime.sigtable, which to
// the runtime means that it neither handles nor unblocks them. Without that its
// threads would take signals from the guest, and start-up would install and reset
// a handler for each. An element of the table is 24 bytes, flags first
// (runtime/signal_unix.go). Linking this needs -checklinkname=0.
TEXT walisup_helper_start(SB),NOSPLIT|NOFRAME,$0
	LEAQ runtime·sigtable(SB), BX
	MOVQ $0, CX
forget:
	MOVQ $(1<<4 | 1<<7 | 1<<8 | 1<<11), AX
	BTQ  CX, AX
	JCS  keep
	MOVL $0, (BX)
keep:
	ADDQ $24, BX
	INCQ CX
	CMPQ CX, $65
	JB   forget
	JMP  walisup_helper_entry(SB)

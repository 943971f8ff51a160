#include "textflag.h"

// walisup_helper_start is the entry point of the program. Threads of the Go
// runtime unblock some signals for its own use (SIGCHLD, SIGPROF and the C
// library's real-time signals), and would then take them from the guest. Clear
// _SigUnblock in their entries of runtime.sigtable, whose elements are a flag
// word and a string, before the runtime starts. Linking this needs
// -checklinkname=0.
TEXT walisup_helper_start(SB),NOSPLIT|NOFRAME,$0
	LEAQ runtime·sigtable(SB), AX
	ANDL $~0x80, (17*24)(AX) // SIGCHLD
	ANDL $~0x80, (27*24)(AX) // SIGPROF
	ANDL $~0x80, (32*24)(AX)
	ANDL $~0x80, (33*24)(AX)
	ANDL $~0x80, (34*24)(AX)
	JMP  walisup_helper_entry(SB)

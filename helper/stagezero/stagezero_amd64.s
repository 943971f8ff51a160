#include "go_asm.h"
#include "textflag.h"

#define SYS_rt_sigaction   13
#define SYS_rt_sigprocmask 14
#define SYS_close          3
#define SYS_mmap           9
#define SYS_fcntl          72
#define SYS_prlimit64      302

// RECORD leaves the kernel's stack pointer in R12 and 1 in R13. It records the
// signal mask, and the descriptor limits, which the runtime is about to raise.
#define RECORD \
	MOVQ SP, R12 \
	MOVQ SP, ·vector(SB) \
	MOVQ $1, ·active(SB) \
	SUBQ $64, SP \
	MOVQ $SYS_rt_sigprocmask, AX \
	MOVQ $0, DI \
	MOVQ $0, SI \
	LEAQ ·mask(SB), DX \
	MOVQ $8, R10 \
	SYSCALL \
	MOVQ $SYS_prlimit64, AX \
	MOVQ $0, DI \
	MOVQ $7, SI /* RLIMIT_NOFILE */ \
	MOVQ $0, DX \
	LEAQ ·noFile(SB), R10 \
	SYSCALL \
	MOVQ $1, R13 \
	MOVQ $0, R15

// RECORD_IGNORED asks for each disposition; the loop label must be unique.
#define RECORD_IGNORED(loop, next) \
loop: \
	MOVQ $SYS_rt_sigaction, AX \
	MOVQ R13, DI \
	MOVQ $0, SI \
	MOVQ SP, DX \
	MOVQ $8, R10 \
	SYSCALL \
	TESTQ AX, AX \
	JNE  next \
	CMPQ (SP), $1 \
	JNE  next \
	LEAQ -1(R13), CX \
	MOVQ $1, AX \
	SHLQ CX, AX \
	ORQ  AX, R15 \
next: \
	INCQ R13 \
	CMPQ R13, $64 \
	JBE  loop \
	MOVQ R15, ·ignored(SB)

// BLOCK_SIGNALS blocks every signal but those that a faulting instruction
// raises (SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV), since the kernel kills a
// process that blocks them and faults, and SIGSTKFLT, by which a helper stops its
// threads. 0(SP) is scratch.
#define BLOCK_SIGNALS \
	MOVQ $~(1<<3 | 1<<4 | 1<<6 | 1<<7 | 1<<10 | 1<<15), AX \
	MOVQ AX, (SP) \
	MOVQ $SYS_rt_sigprocmask, AX \
	MOVQ $2, DI /* SIG_SETMASK */ \
	MOVQ SP, SI \
	MOVQ $0, DX \
	MOVQ $8, R10 \
	SYSCALL

// walisup_cli_entry records, blocks every signal (so that the supervisor can
// read them from a signalfd) and starts the runtime as it would have been.
TEXT walisup_cli_entry(SB),NOSPLIT|NOFRAME,$0
	RECORD
	RECORD_IGNORED(cliloop, clinext)
	BLOCK_SIGNALS

	// Which standard descriptors are closed: R13 the descriptor, BX its record.
	MOVQ $0, R13
	LEAQ ·standard(SB), BX
clistd:
	MOVQ $SYS_fcntl, AX
	MOVQ R13, DI
	MOVQ $1, SI // F_GETFD
	SYSCALL
	TESTQ AX, AX
	JGE  cliopen
	MOVL $1, 0(BX) // fdClosed
cliopen:
	ADDQ $16, BX
	INCQ R13
	CMPQ R13, $3
	JB   clistd

	MOVQ R12, SP
	JMP  _rt0_amd64_linux(SB)

// walisup_helper_entry prepares everything that the package comment lists.
TEXT walisup_helper_entry(SB),NOSPLIT|NOFRAME,$0
	RECORD
	RECORD_IGNORED(helperloop, helpernext)

	BLOCK_SIGNALS

	MOVQ $SYS_mmap, AX
	MOVQ $const_ReservedBase, DI
	MOVQ $const_ReservedSize, SI
	MOVQ $0, DX        // PROT_NONE
	MOVQ $0x104022, R10 // MAP_PRIVATE|ANONYMOUS|NORESERVE|FIXED_NOREPLACE
	MOVQ $-1, R8
	MOVQ $0, R9
	SYSCALL
	CMPQ AX, $const_ReservedBase
	JNE  taken
	MOVQ $1, ·reserved(SB)
taken:

	// Look at the standard descriptors: R13 the descriptor, BX its record.
	MOVQ $0, R13
	LEAQ ·standard(SB), BX
stdloop:
	MOVQ $SYS_fcntl, AX
	MOVQ R13, DI
	MOVQ $3, SI // F_GETFL
	SYSCALL
	TESTQ AX, AX
	JGE  open
	MOVL $1, 0(BX) // fdClosed
	JMP  stdnext
open:
	TESTQ $0x800, AX // O_NONBLOCK
	JEQ  stdnext
	MOVQ $SYS_fcntl, AX
	MOVQ R13, DI
	MOVQ $1, SI // F_GETFD
	SYSCALL
	MOVL AX, 4(BX)
	MOVQ $SYS_fcntl, AX
	MOVQ R13, DI
	MOVQ $1030, SI // F_DUPFD_CLOEXEC
	MOVQ $32, DX
	SYSCALL
	TESTQ AX, AX
	JLT  stdnext
	MOVQ AX, 8(BX)
	MOVL $2, 0(BX) // fdMoved
	MOVQ $SYS_close, AX
	MOVQ R13, DI
	SYSCALL
stdnext:
	ADDQ $16, BX
	INCQ R13
	CMPQ R13, $3
	JB   stdloop

	// Build the runtime's vector below the kernel's. First find the kernel's
	// auxiliary vector: SI.
	MOVQ 0(R12), CX
	LEAQ 16(R12)(CX*8), SI // behind argv's NULL
env:
	ADDQ $8, SI
	CMPQ -8(SI), $0
	JNE  env
	// Its length in bytes: R13, the terminating pair included.
	MOVQ $0, R13
aux:
	MOVQ (SI)(R13*1), AX
	ADDQ $16, R13
	TESTQ AX, AX
	JNE  aux
	// Room: argc, argv[0], NULL, 3 settings, NULL = 56 bytes, and the pairs.
	MOVQ R12, DI
	SUBQ R13, DI
	SUBQ $56, DI
	ANDQ $-16, DI
	MOVQ DI, SP
	MOVQ $1, 0(DI)
	MOVQ 8(R12), AX // argv[0]; exec gives at least an empty one
	MOVQ AX, 8(DI)
	MOVQ $0, 16(DI)
	LEAQ runtime_settings<>(SB), AX
	MOVQ AX, 24(DI)
	LEAQ runtime_gogc<>(SB), AX
	MOVQ AX, 32(DI)
	LEAQ runtime_procs<>(SB), AX
	MOVQ AX, 40(DI)
	MOVQ $0, 48(DI)
	ADDQ $56, DI
	MOVQ R13, CX
	REP; MOVSB
	JMP  _rt0_amd64_linux(SB)

// asyncpreemptoff: the runtime's per-thread signals reach no thread of a
// forked child, and would interrupt compiled code. The other two: the runtime
// would keep cgroup descriptors open where the guest can see them.
DATA runtime_settings<>+0(SB)/8, $"GODEBUG="
DATA runtime_settings<>+8(SB)/8, $"asyncpre"
DATA runtime_settings<>+16(SB)/8, $"emptoff="
DATA runtime_settings<>+24(SB)/8, $"1,contai"
DATA runtime_settings<>+32(SB)/8, $"nermaxpr"
DATA runtime_settings<>+40(SB)/8, $"ocs=0,up"
DATA runtime_settings<>+48(SB)/8, $"datemaxp"
DATA runtime_settings<>+56(SB)/8, $"rocs=0\000\000"
GLOBL runtime_settings<>(SB), RODATA, $64

DATA runtime_gogc<>+0(SB)/8, $"GOGC=off"
DATA runtime_gogc<>+8(SB)/8, $0
GLOBL runtime_gogc<>(SB), RODATA, $16

// One P: starting a module is no parallel work, and threads for a second one
// would only have to be set aside again, see package duplicate.
DATA runtime_procs<>+0(SB)/8, $"GOMAXPRO"
DATA runtime_procs<>+8(SB)/8, $"CS=1\000\000\000\000"
GLOBL runtime_procs<>(SB), RODATA, $16

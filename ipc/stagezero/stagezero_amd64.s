#include "go_asm.h"
#include "textflag.h"

#define SYS_rt_sigaction   13
#define SYS_rt_sigprocmask 14
#define SYS_close          3
#define SYS_mmap           9
#define SYS_fcntl          72
#define SYS_prlimit64      302
#define SYS_write          1
#define SYS_exit           60
#define SYS_wait4          61
#define SYS_clone          56
#define SYS_exit_group     231
#define SYS_memfd_create   319

#define RLIMIT_FSIZE 1
#define RLIMIT_DATA  2
#define RLIMIT_NPROC 6
#define RLIMIT_AS    9

// RAISE_LIMIT records a resource limit and raises the soft one as far as it goes, if it
// is finite: without a limit at all, which takes CAP_SYS_RESOURCE, or to the hard one.
// 0(SP) to 15(SP) are scratch. The label must be unique.
#define RAISE_LIMIT(resource, index, done) \
	MOVQ $SYS_prlimit64, AX \
	MOVQ $0, DI \
	MOVQ $resource, SI \
	MOVQ $0, DX \
	LEAQ ·limits+(index*16)(SB), R10 \
	SYSCALL \
	CMPQ ·limits+(index*16)(SB), $-1 \
	JEQ  done \
	MOVQ $-1, 0(SP) \
	MOVQ $-1, 8(SP) \
	MOVQ $SYS_prlimit64, AX \
	MOVQ SP, DX \
	MOVQ $0, R10 \
	SYSCALL \
	TESTQ AX, AX \
	JEQ  done \
	MOVQ ·limits+(index*16+8)(SB), AX \
	MOVQ AX, 0(SP) \
	MOVQ AX, 8(SP) \
	MOVQ $SYS_prlimit64, AX \
	SYSCALL \
done:

// NEED_LIMIT ends the process with a message if a soft resource limit is below minimum.
// The runtime would end it with a report about itself.
#define NEED_LIMIT(resource, minimum, message, size, enough) \
	MOVQ $SYS_prlimit64, AX \
	MOVQ $0, DI \
	MOVQ $resource, SI \
	MOVQ $0, DX \
	MOVQ SP, R10 \
	SYSCALL \
	TESTQ AX, AX \
	JNE  enough \
	MOVQ $minimum, AX \
	CMPQ 0(SP), AX \
	JCC  enough \
	LEAQ message<>(SB), SI \
	MOVQ $size, DX \
	JMP  ·refuse(SB) \
enough:

// NEED_PROCESSES ends the process with a message if the user cannot have that many more
// processes. A thread is one, and the runtime reports about itself if it cannot make one.
// It is tried out where the limit is small enough to matter: by a child that shares this
// process's memory and makes the next one, until all are there at once. Each process waits
// until the one that it has made has ended (CLONE_VM | CLONE_VFORK, without a signal at
// its end). R13 counts, in each process on its own.
#define NEED_PROCESSES(count, message, size, child, parent, ended, checked, enough) \
	MOVQ $SYS_prlimit64, AX \
	MOVQ $0, DI \
	MOVQ $RLIMIT_NPROC, SI \
	MOVQ $0, DX \
	MOVQ SP, R10 \
	SYSCALL \
	CMPQ 0(SP), $1000 \
	JCC  checked \
	MOVQ $0, ·short(SB) \
	MOVQ $0, R13 \
child: \
	CMPQ R13, $count \
	JEQ  ended \
	MOVQ $SYS_clone, AX \
	MOVQ $0x4100, DI \
	MOVQ $0, SI \
	MOVQ $0, DX \
	MOVQ $0, R10 \
	MOVQ $0, R8 \
	SYSCALL \
	TESTQ AX, AX \
	JGT  parent \
	LEAQ 1(R13), R13 \
	JEQ  child \
	MOVQ $1, ·short(SB) \
	DECQ R13 \
	JMP  ended \
parent: \
	MOVQ AX, DI \
	MOVQ $SYS_wait4, AX \
	MOVQ $0, SI \
	MOVQ $0x40000000, DX \
	MOVQ $0, R10 \
	SYSCALL \
ended: \
	TESTQ R13, R13 \
	JEQ  checked \
	MOVQ $0, DI \
	MOVQ $SYS_exit, AX \
	SYSCALL \
checked: \
	CMPQ ·short(SB), $0 \
	JEQ  enough \
	LEAQ message<>(SB), SI \
	MOVQ $size, DX \
	JMP  ·refuse(SB) \
enough:

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

	// The limits that the kernel would enforce on walisup and the helpers; the guest gets
	// those that are recorded.
	RAISE_LIMIT(RLIMIT_DATA, 0, dataraised)
	RAISE_LIMIT(RLIMIT_AS, 1, spaceraised)
	RAISE_LIMIT(RLIMIT_FSIZE, 2, sizeraised)
	NEED_LIMIT(RLIMIT_DATA, (100<<20), small_data, 77, enoughdata)
	NEED_LIMIT(RLIMIT_AS, (1<<30), small_space, 114, enoughspace)
	NEED_PROCESSES(16, few_processes, 111, clichild, cliparent, cliended, clichecked, enoughprocesses)

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
	MOVL $const_fdClosed, standardFD_state(BX)
cliopen:
	ADDQ $standardFD__size, BX
	INCQ R13
	CMPQ R13, $3
	JB   clistd

	MOVQ R12, SP
	JMP  _rt0_amd64_linux(SB)

DATA placeholder<>+0(SB)/8, $"walisup\x00"
GLOBL placeholder<>(SB), RODATA, $8

// walisup_helper_entry prepares everything that the package comment lists.
TEXT walisup_helper_entry(SB),NOSPLIT|NOFRAME,$0
	RECORD
	RECORD_IGNORED(helperloop, helpernext)

	BLOCK_SIGNALS
	NEED_LIMIT(RLIMIT_AS, (9728<<20), small_module_space, 115, enough)
	NEED_PROCESSES(8, few_threads, 99, child, parent, ended, checked, enoughthreads)

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

	// The same for the layers, which are asked for later.
	MOVQ $SYS_mmap, AX
	MOVQ $const_LayersBase, DI
	MOVQ $const_LayersSize, SI
	MOVQ $0, DX
	MOVQ $0x104022, R10
	MOVQ $-1, R8
	MOVQ $0, R9
	SYSCALL
	MOVQ $const_LayersBase, CX
	CMPQ AX, CX
	JNE  nolayers
	MOVQ $1, ·layers(SB)
nolayers:

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
	MOVL $const_fdClosed, standardFD_state(BX)
	JMP  stdfill
open:
	TESTQ $0x800, AX // O_NONBLOCK
	JEQ  stdnext
	MOVQ $SYS_fcntl, AX
	MOVQ R13, DI
	MOVQ $1, SI // F_GETFD
	SYSCALL
	MOVL AX, standardFD_flags(BX)
	MOVQ $SYS_fcntl, AX
	MOVQ R13, DI
	MOVQ $1030, SI // F_DUPFD_CLOEXEC
	MOVQ $32, DX
	SYSCALL
	TESTQ AX, AX
	JLT  stdnext
	MOVQ AX, standardFD_moved(BX)
	MOVL $const_fdMoved, standardFD_state(BX)
	MOVQ $SYS_close, AX
	MOVQ R13, DI
	SYSCALL
stdfill:
	// A file of no consequence takes the number, which is the lowest that is free: the runtime
	// would open /dev/null, which a sandbox need not allow.
	MOVQ $SYS_memfd_create, AX
	LEAQ placeholder<>(SB), DI
	MOVQ $1, SI // MFD_CLOEXEC
	SYSCALL
stdnext:
	ADDQ $standardFD__size, BX
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

// refuse ends the process with a message: SI, of DX bytes. 125 is the status of a walisup
// that has failed.
TEXT ·refuse(SB),NOSPLIT|NOFRAME,$0
	MOVQ $2, DI
	MOVQ $SYS_write, AX
	SYSCALL
	MOVQ $125, DI
	MOVQ $SYS_exit_group, AX
	SYSCALL
	INT $3

DATA few_processes<>+0(SB)/8, $"walisup:"
DATA few_processes<>+8(SB)/8, $" the lim"
DATA few_processes<>+16(SB)/8, $"it of pr"
DATA few_processes<>+24(SB)/8, $"ocesses "
DATA few_processes<>+32(SB)/8, $"(ulimit "
DATA few_processes<>+40(SB)/8, $"-u) leav"
DATA few_processes<>+48(SB)/8, $"es too f"
DATA few_processes<>+56(SB)/8, $"ew: wali"
DATA few_processes<>+64(SB)/8, $"sup and "
DATA few_processes<>+72(SB)/8, $"a module"
DATA few_processes<>+80(SB)/8, $" need 16"
DATA few_processes<>+88(SB)/8, $", as thr"
DATA few_processes<>+96(SB)/8, $"eads cou"
DATA few_processes<>+104(SB)/8, $"nt too\n\000"
GLOBL few_processes<>(SB), RODATA, $112

DATA few_threads<>+0(SB)/8, $"walisup:"
DATA few_threads<>+8(SB)/8, $" the lim"
DATA few_threads<>+16(SB)/8, $"it of pr"
DATA few_threads<>+24(SB)/8, $"ocesses "
DATA few_threads<>+32(SB)/8, $"(ulimit "
DATA few_threads<>+40(SB)/8, $"-u) leav"
DATA few_threads<>+48(SB)/8, $"es too f"
DATA few_threads<>+56(SB)/8, $"ew: a mo"
DATA few_threads<>+64(SB)/8, $"dule nee"
DATA few_threads<>+72(SB)/8, $"ds 8, as"
DATA few_threads<>+80(SB)/8, $" threads"
DATA few_threads<>+88(SB)/8, $" count t"
DATA few_threads<>+96(SB)/8, $"oo\n\000\000\000\000\000"
GLOBL few_threads<>(SB), RODATA, $104

DATA small_data<>+0(SB)/8, $"walisup:"
DATA small_data<>+8(SB)/8, $" the lim"
DATA small_data<>+16(SB)/8, $"it of da"
DATA small_data<>+24(SB)/8, $"ta (ulim"
DATA small_data<>+32(SB)/8, $"it -d) i"
DATA small_data<>+40(SB)/8, $"s too sm"
DATA small_data<>+48(SB)/8, $"all: wal"
DATA small_data<>+56(SB)/8, $"isup nee"
DATA small_data<>+64(SB)/8, $"ds 10240"
DATA small_data<>+72(SB)/8, $"0 kB\n\000\000\000"
GLOBL small_data<>(SB), RODATA, $80

DATA small_space<>+0(SB)/8, $"walisup:"
DATA small_space<>+8(SB)/8, $" the lim"
DATA small_space<>+16(SB)/8, $"it of ad"
DATA small_space<>+24(SB)/8, $"dress sp"
DATA small_space<>+32(SB)/8, $"ace (uli"
DATA small_space<>+40(SB)/8, $"mit -v) "
DATA small_space<>+48(SB)/8, $"is too s"
DATA small_space<>+56(SB)/8, $"mall: wa"
DATA small_space<>+64(SB)/8, $"lisup ne"
DATA small_space<>+72(SB)/8, $"eds 1048"
DATA small_space<>+80(SB)/8, $"576 kB, "
DATA small_space<>+88(SB)/8, $"of which"
DATA small_space<>+96(SB)/8, $" most is"
DATA small_space<>+104(SB)/8, $" not use"
DATA small_space<>+112(SB)/8, $"d\n\000\000\000\000\000\000"
GLOBL small_space<>(SB), RODATA, $120

DATA small_module_space<>+0(SB)/8, $"walisup:"
DATA small_module_space<>+8(SB)/8, $" the lim"
DATA small_module_space<>+16(SB)/8, $"it of ad"
DATA small_module_space<>+24(SB)/8, $"dress sp"
DATA small_module_space<>+32(SB)/8, $"ace (uli"
DATA small_module_space<>+40(SB)/8, $"mit -v) "
DATA small_module_space<>+48(SB)/8, $"is too s"
DATA small_module_space<>+56(SB)/8, $"mall: a "
DATA small_module_space<>+64(SB)/8, $"module n"
DATA small_module_space<>+72(SB)/8, $"eeds 996"
DATA small_module_space<>+80(SB)/8, $"1472 kB,"
DATA small_module_space<>+88(SB)/8, $" of whic"
DATA small_module_space<>+96(SB)/8, $"h most i"
DATA small_module_space<>+104(SB)/8, $"s not us"
DATA small_module_space<>+112(SB)/8, $"ed\n\000\000\000\000\000"
GLOBL small_module_space<>(SB), RODATA, $120

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

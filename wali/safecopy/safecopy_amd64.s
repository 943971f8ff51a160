//go:build linux

#include "textflag.h"

// Each function named ...Access begins with the instruction that may fault.
// It is entered by a jump, with the frame of the exported function before it,
// and so is the ...Fault function that the handler goes to in its stead.

// func CopyIn(dst unsafe.Pointer, src uintptr, n uintptr) (left uintptr)
TEXT ·CopyIn(SB), NOSPLIT|NOFRAME, $0-32
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
	JMP  copyStart<>(SB)

// func CopyOut(dst uintptr, src unsafe.Pointer, n uintptr) (left uintptr)
TEXT ·CopyOut(SB), NOSPLIT|NOFRAME, $0-32
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
	JMP  copyStart<>(SB)

// copyStart leaves long copies to REP MOVSB, and does short ones, for which that
// takes long to get going, by words and then by bytes. CX counts what is left
// and changes only when load and store have both succeeded. A fault of a word
// goes to REP MOVSB, which repeats the word and stops at the bad byte. The loops
// jump back through registers because the linker, which adds up the stack of
// nosplit functions along direct jumps, takes a cycle of them for recursion.
TEXT copyStart<>(SB), NOSPLIT|NOFRAME, $0-32
	CMPQ CX, $64
	JAE  long
	LEAQ wordLoadAccess<>(SB), R9
	LEAQ byteLoadAccess<>(SB), R10
	CMPQ CX, $8
	JAE  words
	TESTQ CX, CX
	JNE  bytes
	MOVQ $0, left+24(FP)
	RET
words:
	JMP  R9
bytes:
	JMP  R10
long:
	JMP  copyAccess<>(SB)

TEXT wordLoadAccess<>(SB), NOSPLIT|NOFRAME, $0-32
	MOVQ (SI), AX
	JMP  wordStoreAccess<>(SB)

TEXT wordStoreAccess<>(SB), NOSPLIT|NOFRAME, $0-32
	MOVQ AX, (DI)
	ADDQ $8, SI
	ADDQ $8, DI
	SUBQ $8, CX
	CMPQ CX, $8
	JAE  words
	TESTQ CX, CX
	JNE  bytes
	MOVQ $0, left+24(FP)
	RET
words:
	JMP  R9
bytes:
	JMP  R10

TEXT byteLoadAccess<>(SB), NOSPLIT|NOFRAME, $0-32
	MOVB (SI), AX
	JMP  byteStoreAccess<>(SB)

TEXT byteStoreAccess<>(SB), NOSPLIT|NOFRAME, $0-32
	MOVB AX, (DI)
	INCQ SI
	INCQ DI
	DECQ CX
	JNE  bytes
	MOVQ $0, left+24(FP)
	RET
bytes:
	JMP  R10

// A faulting REP MOVSB leaves in CX what remains to be done, with the program
// counter at the prefix.
TEXT copyAccess<>(SB), NOSPLIT|NOFRAME, $0-32
	REP; MOVSB
	MOVQ $0, left+24(FP)
	RET

TEXT copyFault<>(SB), NOSPLIT|NOFRAME, $0-32
	MOVQ CX, left+24(FP)
	RET

// func Load32(addr uintptr) (v uint32, ok bool)
TEXT ·Load32(SB), NOSPLIT|NOFRAME, $0-13
	MOVQ addr+0(FP), AX
	JMP  load32Access<>(SB)

TEXT load32Access<>(SB), NOSPLIT|NOFRAME, $0-13
	MOVL (AX), CX
	MOVL CX, v+8(FP)
	MOVB $1, ok+12(FP)
	RET

TEXT load32Fault<>(SB), NOSPLIT|NOFRAME, $0-13
	MOVL $0, v+8(FP)
	MOVB $0, ok+12(FP)
	RET

// func Load64(addr uintptr) (v uint64, ok bool)
TEXT ·Load64(SB), NOSPLIT|NOFRAME, $0-17
	MOVQ addr+0(FP), AX
	JMP  load64Access<>(SB)

TEXT load64Access<>(SB), NOSPLIT|NOFRAME, $0-17
	MOVQ (AX), CX
	MOVQ CX, v+8(FP)
	MOVB $1, ok+16(FP)
	RET

TEXT load64Fault<>(SB), NOSPLIT|NOFRAME, $0-17
	MOVQ $0, v+8(FP)
	MOVB $0, ok+16(FP)
	RET

// func Store32(addr uintptr, v uint32) (ok bool)
TEXT ·Store32(SB), NOSPLIT|NOFRAME, $0-17
	MOVQ addr+0(FP), AX
	MOVL v+8(FP), CX
	JMP  store32Access<>(SB)

TEXT store32Access<>(SB), NOSPLIT|NOFRAME, $0-17
	MOVL CX, (AX)
	MOVB $1, ok+16(FP)
	RET

// func Store64(addr uintptr, v uint64) (ok bool)
TEXT ·Store64(SB), NOSPLIT|NOFRAME, $0-17
	MOVQ addr+0(FP), AX
	MOVQ v+8(FP), CX
	JMP  store64Access<>(SB)

TEXT store64Access<>(SB), NOSPLIT|NOFRAME, $0-17
	MOVQ CX, (AX)
	MOVB $1, ok+16(FP)
	RET

// Both stores have the result in the same place.
TEXT storeFault<>(SB), NOSPLIT|NOFRAME, $0-17
	MOVB $0, ok+16(FP)
	RET

// func CompareAndSwap32(addr uintptr, old, new uint32) (prev uint32, ok bool)
TEXT ·CompareAndSwap32(SB), NOSPLIT|NOFRAME, $0-21
	MOVQ addr+0(FP), DX
	MOVL old+8(FP), AX
	MOVL new+12(FP), CX
	JMP  casAccess<>(SB)

TEXT casAccess<>(SB), NOSPLIT|NOFRAME, $0-21
	LOCK
	CMPXCHGL CX, (DX)
	MOVL AX, prev+16(FP)
	MOVB $1, ok+20(FP)
	RET

TEXT casFault<>(SB), NOSPLIT|NOFRAME, $0-21
	MOVL $0, prev+16(FP)
	MOVB $0, ok+20(FP)
	RET

// handler is entered by the kernel with the C convention: DI is the signal, SI
// the siginfo, DX the ucontext, and SP is on the alternate stack, of which
// nothing is used. AX, CX and R8 to R11 are free to change. Offsets:
// siginfo.si_code 8 (asm-generic/siginfo.h); the interrupted program counter is
// uc_mcontext.gregs[REG_RIP] at 40+16*8 (asm/sigcontext.h, asm/ucontext.h).
TEXT ·handler(SB), NOSPLIT|NOFRAME|TOPFRAME, $0
	// The kernel's own signals have a positive code; sent ones have not.
	MOVL 8(SI), AX
	CMPL AX, $0
	JLE  chain

	MOVQ 168(DX), AX

	LEAQ copyAccess<>(SB), R8
	LEAQ wordLoadAccess<>(SB), CX
	CMPQ AX, CX
	JEQ  redirect
	LEAQ wordStoreAccess<>(SB), CX
	CMPQ AX, CX
	JEQ  redirect

	LEAQ copyFault<>(SB), R8
	LEAQ copyAccess<>(SB), CX
	CMPQ AX, CX
	JEQ  redirect
	LEAQ byteLoadAccess<>(SB), CX
	CMPQ AX, CX
	JEQ  redirect
	LEAQ byteStoreAccess<>(SB), CX
	CMPQ AX, CX
	JEQ  redirect

	LEAQ load32Access<>(SB), CX
	LEAQ load32Fault<>(SB), R8
	CMPQ AX, CX
	JEQ  redirect

	LEAQ load64Access<>(SB), CX
	LEAQ load64Fault<>(SB), R8
	CMPQ AX, CX
	JEQ  redirect

	LEAQ store32Access<>(SB), CX
	LEAQ storeFault<>(SB), R8
	CMPQ AX, CX
	JEQ  redirect

	LEAQ store64Access<>(SB), CX
	CMPQ AX, CX
	JEQ  redirect

	LEAQ casAccess<>(SB), CX
	LEAQ casFault<>(SB), R8
	CMPQ AX, CX
	JEQ  redirect

chain:
	MOVQ ·chain(SB), AX
	JMP  AX

redirect:
	MOVQ R8, 168(DX)
	RET

// func handlerPC() uintptr
TEXT ·handlerPC(SB), NOSPLIT|NOFRAME, $0-8
	LEAQ ·handler(SB), AX
	MOVQ AX, ret+0(FP)
	RET

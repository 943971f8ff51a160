//go:build linux

#include "textflag.h"

// Each function named ...Access begins with the instruction that may fault.
// It is entered by a jump, with the frame of the exported function before it,
// and so is the ...Fault function that the handler goes to in its stead.
// None of them has a frame, so LR still holds the return address.

// func CopyIn(dst unsafe.Pointer, src uintptr, n uintptr) (left uintptr)
TEXT ·CopyIn(SB), NOSPLIT|NOFRAME, $0-32
	MOVD dst+0(FP), R0
	MOVD src+8(FP), R1
	MOVD n+16(FP), R2
	B    copyStart<>(SB)

// func CopyOut(dst uintptr, src unsafe.Pointer, n uintptr) (left uintptr)
TEXT ·CopyOut(SB), NOSPLIT|NOFRAME, $0-32
	MOVD dst+0(FP), R0
	MOVD src+8(FP), R1
	MOVD n+16(FP), R2
	B    copyStart<>(SB)

// copyStart begins a copy of R2 bytes from R1 to R0, which goes by 16 bytes at a
// time and then by single ones. R2 counts what is left and changes, as do the
// pointers, only when load and store have both succeeded. A fault of 16 bytes
// goes to the bytewise loop, which repeats them and stops exactly at the bad
// byte. The loops jump back through registers because the linker, which adds up
// the stack of nosplit functions along direct jumps, takes a cycle of them for
// recursion.
TEXT copyStart<>(SB), NOSPLIT|NOFRAME, $0-32
	MOVD $pairLoadAccess<>(SB), R9
	MOVD $byteLoadAccess<>(SB), R10
	CMP  $16, R2
	BHS  pairs
	CBNZ R2, bytes
	MOVD ZR, left+24(FP)
	RET
pairs:
	B    (R9)
bytes:
	B    (R10)

TEXT pairLoadAccess<>(SB), NOSPLIT|NOFRAME, $0-32
	LDP  (R1), (R3, R4)
	B    pairStoreAccess<>(SB)

TEXT pairStoreAccess<>(SB), NOSPLIT|NOFRAME, $0-32
	STP  (R3, R4), (R0)
	ADD  $16, R0
	ADD  $16, R1
	SUB  $16, R2
	CMP  $16, R2
	BHS  pairs
	CBNZ R2, bytes
	MOVD ZR, left+24(FP)
	RET
pairs:
	B    (R9)
bytes:
	B    (R10)

TEXT byteLoadAccess<>(SB), NOSPLIT|NOFRAME, $0-32
	MOVBU (R1), R3
	B     byteStoreAccess<>(SB)

TEXT byteStoreAccess<>(SB), NOSPLIT|NOFRAME, $0-32
	MOVB R3, (R0)
	ADD  $1, R0
	ADD  $1, R1
	SUB  $1, R2
	CBNZ R2, bytes
	MOVD ZR, left+24(FP)
	RET
bytes:
	B    (R10)

TEXT copyFault<>(SB), NOSPLIT|NOFRAME, $0-32
	MOVD R2, left+24(FP)
	RET

// func Load32(addr uintptr) (v uint32, ok bool)
TEXT ·Load32(SB), NOSPLIT|NOFRAME, $0-13
	MOVD addr+0(FP), R0
	B    load32Access<>(SB)

TEXT load32Access<>(SB), NOSPLIT|NOFRAME, $0-13
	MOVWU (R0), R1
	MOVD  $1, R2
	MOVW  R1, v+8(FP)
	MOVB  R2, ok+12(FP)
	RET

TEXT load32Fault<>(SB), NOSPLIT|NOFRAME, $0-13
	MOVW ZR, v+8(FP)
	MOVB ZR, ok+12(FP)
	RET

// func Load64(addr uintptr) (v uint64, ok bool)
TEXT ·Load64(SB), NOSPLIT|NOFRAME, $0-17
	MOVD addr+0(FP), R0
	B    load64Access<>(SB)

TEXT load64Access<>(SB), NOSPLIT|NOFRAME, $0-17
	MOVD (R0), R1
	MOVD $1, R2
	MOVD R1, v+8(FP)
	MOVB R2, ok+16(FP)
	RET

TEXT load64Fault<>(SB), NOSPLIT|NOFRAME, $0-17
	MOVD ZR, v+8(FP)
	MOVB ZR, ok+16(FP)
	RET

// func Store32(addr uintptr, v uint32) (ok bool)
TEXT ·Store32(SB), NOSPLIT|NOFRAME, $0-17
	MOVD  addr+0(FP), R0
	MOVWU v+8(FP), R1
	B     store32Access<>(SB)

TEXT store32Access<>(SB), NOSPLIT|NOFRAME, $0-17
	MOVW R1, (R0)
	MOVD $1, R2
	MOVB R2, ok+16(FP)
	RET

// func Store64(addr uintptr, v uint64) (ok bool)
TEXT ·Store64(SB), NOSPLIT|NOFRAME, $0-17
	MOVD addr+0(FP), R0
	MOVD v+8(FP), R1
	B    store64Access<>(SB)

TEXT store64Access<>(SB), NOSPLIT|NOFRAME, $0-17
	MOVD R1, (R0)
	MOVD $1, R2
	MOVB R2, ok+16(FP)
	RET

// Both stores have the result in the same place.
TEXT storeFault<>(SB), NOSPLIT|NOFRAME, $0-17
	MOVB ZR, ok+16(FP)
	RET

// func CompareAndSwap32(addr uintptr, old, new uint32) (prev uint32, ok bool)
TEXT ·CompareAndSwap32(SB), NOSPLIT|NOFRAME, $0-21
	MOVD  addr+0(FP), R0
	MOVWU old+8(FP), R1
	MOVWU new+12(FP), R2
	MOVD  $casLoadAccess<>(SB), R9
	B     (R9)

TEXT casLoadAccess<>(SB), NOSPLIT|NOFRAME, $0-21
	LDAXRW (R0), R3
	CMPW   R1, R3
	BNE    differs
	B      casStoreAccess<>(SB)
differs:
	CLREX
	B      casDone<>(SB)

TEXT casStoreAccess<>(SB), NOSPLIT|NOFRAME, $0-21
	STLXRW R2, (R0), R4
	CBNZW  R4, again
	B      casDone<>(SB)
again:
	B      (R9)

// A failed exchange is a barrier too, as on amd64. 0xb is ISH.
TEXT casDone<>(SB), NOSPLIT|NOFRAME, $0-21
	DMB  $0xb
	MOVD $1, R2
	MOVW R3, prev+16(FP)
	MOVB R2, ok+20(FP)
	RET

TEXT casFault<>(SB), NOSPLIT|NOFRAME, $0-21
	CLREX
	MOVW ZR, prev+16(FP)
	MOVB ZR, ok+20(FP)
	RET

// handler is entered by the kernel with the C convention: R0 is the signal, R1
// the siginfo, R2 the ucontext, and SP is on the alternate stack, of which
// nothing is used. R3 to R15 are free to change; R27, which the assembler uses
// for large addresses, is not, hence addresses are taken before they are read
// through. Offsets: siginfo.si_code 8 (asm-generic/siginfo.h); the interrupted
// program counter is uc_mcontext.pc, at 176+8+31*8+8 (asm/sigcontext.h; the
// mcontext is aligned to 16 after a signal set padded to 128 bytes).
TEXT ·handler(SB), NOSPLIT|NOFRAME|TOPFRAME, $0
	// The kernel's own signals have a positive code; sent ones have not.
	MOVW 8(R1), R3
	CMPW $0, R3
	BLE  chain

	MOVD 440(R2), R3

	MOVD $byteLoadAccess<>(SB), R5
	MOVD $pairLoadAccess<>(SB), R4
	CMP  R3, R4
	BEQ  redirect
	MOVD $pairStoreAccess<>(SB), R4
	CMP  R3, R4
	BEQ  redirect

	MOVD $copyFault<>(SB), R5
	MOVD $byteLoadAccess<>(SB), R4
	CMP  R3, R4
	BEQ  redirect
	MOVD $byteStoreAccess<>(SB), R4
	CMP  R3, R4
	BEQ  redirect

	MOVD $load32Fault<>(SB), R5
	MOVD $load32Access<>(SB), R4
	CMP  R3, R4
	BEQ  redirect

	MOVD $load64Fault<>(SB), R5
	MOVD $load64Access<>(SB), R4
	CMP  R3, R4
	BEQ  redirect

	MOVD $storeFault<>(SB), R5
	MOVD $store32Access<>(SB), R4
	CMP  R3, R4
	BEQ  redirect
	MOVD $store64Access<>(SB), R4
	CMP  R3, R4
	BEQ  redirect

	MOVD $casFault<>(SB), R5
	MOVD $casLoadAccess<>(SB), R4
	CMP  R3, R4
	BEQ  redirect
	MOVD $casStoreAccess<>(SB), R4
	CMP  R3, R4
	BEQ  redirect

chain:
	MOVD $·chain(SB), R3
	MOVD (R3), R3
	B    (R3)

redirect:
	MOVD R5, 440(R2)
	RET

// func handlerPC() uintptr
TEXT ·handlerPC(SB), NOSPLIT|NOFRAME, $0-8
	MOVD $·handler(SB), R0
	MOVD R0, ret+0(FP)
	RET

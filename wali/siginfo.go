package wali

import (
	"encoding/binary"

	"walisup/wali/kernel/abi"
	"walisup/wali/memory"
)

// Siginfo is siginfo_t as the kernel writes it; sigaction(2).
type Siginfo = abi.Siginfo

// siginfoSize is the size of siginfo_t on both sides.
const siginfoSize = abi.SiginfoSize

// Layouts of siginfo_t. The header (signo 0, errno 4, code 8) and, since both
// have 64-bit longs, where the rest begins (16) are the same; so are pid, uid,
// status, times, timer and band. Pointers have the guest's width, which moves
// what follows them. Source: musl's include/signal.h with pointers of 4 bytes;
// asm-generic/siginfo.h for the kernel's.
//
//	union     field      guest  kernel
//	rt, timer value      u32 24 u64 24
//	fault     addr       u32 16 u64 16
//	          addr_lsb   i16 20 i16 24
//	          lower      u32 24 u64 32
//	          upper      u32 28 u64 40
//	          pkey       u32 24 u32 32
//	sys       call_addr  u32 16 u64 16
//	          syscall    i32 20 i32 24
//	          arch       u32 24 u32 28

// siginfoKind says which member of the union holds.
type siginfoKind uint8

const (
	siginfoPlain siginfoKind = iota // nothing to convert but a value at most
	siginfoFault
	siginfoBounds
	siginfoKey
	siginfoSys
)

// Signals whose positive codes have a layout of their own, and codes. Source:
// asm-generic/siginfo.h, kernel/signal.c: siginfo_layout.
const (
	sigILL   = 4
	sigTRAP  = 5
	sigBUS   = 7
	sigFPE   = 8
	sigSEGV  = 11
	sigSYS   = 31
	codeUser = 0x80 // SI_KERNEL and, below it, codes of the signal itself

	segvUnmapped  = 1 // SEGV_MAPERR
	segvForbidden = 2 // SEGV_ACCERR
	segvBounds    = 3
	segvKey       = 4
)

func siginfoKindOf(s *Siginfo) siginfoKind {
	code := s.Code()
	if code <= 0 || code >= codeUser {
		return siginfoPlain
	}
	switch s.Signo() {
	case sigSEGV:
		switch code {
		case segvBounds:
			return siginfoBounds
		case segvKey:
			return siginfoKey
		}
		return siginfoFault
	case sigILL, sigTRAP, sigBUS, sigFPE:
		return siginfoFault
	case sigSYS:
		return siginfoSys
	}
	return siginfoPlain
}

// CorrectFault makes the code of a fault, which is still in the kernel's form, that of
// the guest's own mappings. To the kernel all of the linear memory is mapped, and what
// the guest has not mapped is forbidden.
func CorrectFault(s *Siginfo, m *memory.Memory) {
	if s.Signo() != sigSEGV || s.Code() != segvForbidden {
		return
	}
	at := uintptr(binary.LittleEndian.Uint64(s[16:]))
	if m.Contains(at) && !m.IsMapped(uint64(at-m.Base())) {
		binary.LittleEndian.PutUint32(s[8:], segvUnmapped)
	}
}

// toGuest turns the kernel's form into the guest's. A fault address outside the
// guest's memory becomes 0, and one behind the last that 32 bits can tell wraps, as
// the sum of a pointer and an offset does in C.
func toGuest(s *Siginfo, m *memory.Memory) {
	le := binary.LittleEndian
	k := *s
	kind := siginfoKindOf(&k)
	if kind == siginfoPlain {
		return // the low half of a value is in its place
	}
	clear(s[16:])
	le.PutUint32(s[16:], guestFaultAddress(m, le.Uint64(k[16:])))
	switch kind {
	case siginfoFault, siginfoBounds, siginfoKey:
		copy(s[20:22], k[24:26])
	case siginfoSys:
		copy(s[20:28], k[24:32])
	}
	switch kind {
	case siginfoBounds:
		le.PutUint32(s[24:], guestFaultAddress(m, le.Uint64(k[32:])))
		le.PutUint32(s[28:], guestFaultAddress(m, le.Uint64(k[40:])))
	case siginfoKey:
		copy(s[24:28], k[32:36])
	}
}

// toHost turns the guest's form into the kernel's.
func toHost(s *Siginfo, m *memory.Memory) {
	le := binary.LittleEndian
	g := *s
	kind := siginfoKindOf(&g)
	if kind == siginfoPlain {
		if g.Code() < 0 { // one that carries a value
			le.PutUint32(s[28:], 0)
		}
		return
	}
	clear(s[16:])
	le.PutUint64(s[16:], uint64(m.Host(le.Uint32(g[16:]))))
	switch kind {
	case siginfoFault, siginfoBounds, siginfoKey:
		copy(s[24:26], g[20:22])
	case siginfoSys:
		copy(s[24:32], g[20:28])
	}
	switch kind {
	case siginfoBounds:
		le.PutUint64(s[32:], uint64(m.Host(le.Uint32(g[24:]))))
		le.PutUint64(s[40:], uint64(m.Host(le.Uint32(g[28:]))))
	case siginfoKey:
		copy(s[32:36], g[24:28])
	}
}

// GuestSiginfo turns s into the guest's form, and returns its bytes.
func GuestSiginfo(s *Siginfo, m *memory.Memory) []byte {
	toGuest(s, m)
	return s[:]
}

func guestFaultAddress(m *memory.Memory, host uint64) uint32 {
	if !m.Contains(uintptr(host)) {
		return 0
	}
	return m.Guest(uintptr(host))
}

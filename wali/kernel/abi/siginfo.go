package abi

import "encoding/binary"

// SiginfoSize is the size of siginfo_t in bytes.
const SiginfoSize = 128

// Siginfo is siginfo_t as the kernel writes and reads it; sigaction(2),
// asm-generic/siginfo.h. Its offsets: si_signo 0, si_errno 4, si_code 8, and from 16 on
// what belongs to the code.
type Siginfo [SiginfoSize]byte

// siQueue is si_code of what is sent by rt_sigqueueinfo(2), SI_QUEUE.
const siQueue = -1

// offsetMark is behind what siginfo_t defines for siQueue. The kernel hands on all of a
// siginfo.
const offsetMark = 32

// Fault makes s that of a signal that an instruction raises, with a host address.
//
//go:nosplit
func (s *Siginfo) Fault(sig, code int, address uintptr) {
	*s = Siginfo{}
	binary.LittleEndian.PutUint32(s[0:], uint32(sig))
	binary.LittleEndian.PutUint32(s[8:], uint32(code))
	binary.LittleEndian.PutUint64(s[16:], uint64(address))
}

// Mark makes s that of a signal that process pid sends to itself and knows again by a
// mark.
//
//go:nosplit
func (s *Siginfo) Mark(sig, pid int, mark uint64) {
	*s = Siginfo{}
	binary.LittleEndian.PutUint32(s[0:], uint32(sig))
	binary.LittleEndian.PutUint32(s[8:], 1<<32+siQueue)
	binary.LittleEndian.PutUint64(s[16:], uint64(uint32(pid)))
	binary.LittleEndian.PutUint64(s[offsetMark:], mark)
}

// Marked reports whether s was sent with a mark.
//
//go:nosplit
func (s *Siginfo) Marked(mark uint64) bool {
	return s.Code() == siQueue && binary.LittleEndian.Uint64(s[offsetMark:]) == mark
}

// PassedOn is what a raw handler takes from si_code before it passes a signal on to another
// thread: the kernel lets nobody send what kill and tgkill have sent, SI_USER and SI_TKILL, to a
// thread but himself (rt_tgsigqueueinfo(2)).
const PassedOn = 1 << 24

// Restore undoes the change that was made when the signal was passed on.
//
//go:nosplit
func (s *Siginfo) Restore() {
	if code := s.Code(); code < -PassedOn/2 {
		binary.LittleEndian.PutUint32(s[8:], uint32(code+PassedOn))
	}
}

// Signo is si_signo.
//
//go:nosplit
func (s *Siginfo) Signo() int { return int(int32(binary.LittleEndian.Uint32(s[0:]))) }

// Code is si_code: positive if the kernel raised the signal, SI_USER (0) or negative if it
// was sent.
//
//go:nosplit
func (s *Siginfo) Code() int { return int(int32(binary.LittleEndian.Uint32(s[8:]))) }

// PID is si_pid: who sent the signal, if a process did.
//
//go:nosplit
func (s *Siginfo) PID() int { return int(int32(binary.LittleEndian.Uint32(s[16:]))) }

// Address is si_addr of a fault.
//
//go:nosplit
func (s *Siginfo) Address() uintptr { return uintptr(binary.LittleEndian.Uint64(s[16:])) }

package wali

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// The kernel takes these calls as they are. What they say of a child's end is also
// the Helper's: for a child that was killed its parent may be the only one to
// learn it.

// sysWait4 is wait4(2).
func sysWait4(t *Thread, a Args) int64 {
	status := t.Memory.Host(a.Ptr(1))
	var own []byte
	if a.Ptr(1) == 0 { // else scratch space stays untouched, which forks need not copy
		own = t.alloc(4)
		status = address(own)
	}
	r := t.block(unix.SYS_WAIT4, uintptr(a[0]), status, uintptr(a[2]), t.Memory.Host(a.Ptr(3)), 0, 0)
	if r <= 0 {
		return r
	}
	var ws uint32
	if own != nil {
		ws = binary.LittleEndian.Uint32(own)
	} else if v, e := t.Memory.Load32(a.Ptr(1)); e == 0 {
		ws = v
	} else {
		return r
	}
	if s := unix.WaitStatus(ws); s.Exited() || s.Signaled() {
		t.Helper.Reaped(int32(r), ws)
	}
	return r
}

// Offsets in siginfo_t of SIGCHLD, and its codes for ends; sigaction(2).
const (
	childCode   = 8
	childPid    = 16
	childStatus = 24

	childExited = 1 // CLD_EXITED
	childKilled = 2
	childDumped = 3
)

// sysWaitid is waitid(2).
func sysWaitid(t *Thread, a Args) int64 {
	info := t.Memory.Host(a.Ptr(2))
	own := t.alloc(siginfoSize)
	if a.Ptr(2) == 0 {
		info = address(own)
	}
	r := t.block(unix.SYS_WAITID, uintptr(a[0]), uintptr(a[1]), info, uintptr(a[3]), t.Memory.Host(a.Ptr(4)), 0)
	if r != 0 {
		return r
	}
	if a.Ptr(2) != 0 && t.Memory.Read(a.Ptr(2), own) != 0 {
		return r
	}
	field := func(offset int) uint32 { return binary.LittleEndian.Uint32(own[offset:]) }
	pid, status := int32(field(childPid)), field(childStatus)
	if pid <= 0 {
		return r // nobody has changed state
	}
	switch field(childCode) {
	case childExited:
		t.Helper.Reaped(pid, status&0xff<<8)
	case childKilled:
		t.Helper.Reaped(pid, status&0x7f)
	case childDumped:
		t.Helper.Reaped(pid, status&0x7f|0x80)
	}
	return r
}

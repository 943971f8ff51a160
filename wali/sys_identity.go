package wali

import (
	"golang.org/x/sys/unix"
)

// Credentials belong to a thread in Linux, and to the process in POSIX. Our C
// library leaves that to us.

// everyThread issues a call that changes credentials.
func (t *Thread) everyThread(nr, a0, a1, a2 uintptr) int64 {
	return t.Helper.EveryThread(nr, a0, a1, a2)
}

func sysSetuid(t *Thread, a Args) int64 { return t.everyThread(unix.SYS_SETUID, uintptr(a[0]), 0, 0) }
func sysSetgid(t *Thread, a Args) int64 { return t.everyThread(unix.SYS_SETGID, uintptr(a[0]), 0, 0) }

func sysSetreuid(t *Thread, a Args) int64 {
	return t.everyThread(unix.SYS_SETREUID, uintptr(a[0]), uintptr(a[1]), 0)
}

func sysSetregid(t *Thread, a Args) int64 {
	return t.everyThread(unix.SYS_SETREGID, uintptr(a[0]), uintptr(a[1]), 0)
}

func sysSetresuid(t *Thread, a Args) int64 {
	return t.everyThread(unix.SYS_SETRESUID, uintptr(a[0]), uintptr(a[1]), uintptr(a[2]))
}

func sysSetresgid(t *Thread, a Args) int64 {
	return t.everyThread(unix.SYS_SETRESGID, uintptr(a[0]), uintptr(a[1]), uintptr(a[2]))
}

func sysSetfsuid(t *Thread, a Args) int64 {
	return t.everyThread(unix.SYS_SETFSUID, uintptr(a[0]), 0, 0)
}

func sysSetfsgid(t *Thread, a Args) int64 {
	return t.everyThread(unix.SYS_SETFSGID, uintptr(a[0]), 0, 0)
}

func sysSetgroups(t *Thread, a Args) int64 {
	return t.everyThread(unix.SYS_SETGROUPS, uintptr(a[0]), t.Memory.Host(a.Ptr(1)), 0)
}

func sysCapset(t *Thread, a Args) int64 {
	return t.everyThread(unix.SYS_CAPSET, t.Memory.Host(a.Ptr(0)), t.Memory.Host(a.Ptr(1)), 0)
}

// Bits of the persona that a guest may set: those that change what calls
// report. Others would change the address space of the next helper.
// Source: include/uapi/linux/personality.h.
const (
	personaUname26      = 0x0020000
	personaNoRandomize  = 0x0040000
	personaShortInode   = 0x1000000
	personaWholeSeconds = 0x2000000
	personaSticky       = 0x4000000
	personaAllowed      = personaUname26 | personaNoRandomize | personaShortInode | personaWholeSeconds | personaSticky
	personaQuery        = 0xffffffff
)

// sysPersonality is personality(2).
func sysPersonality(t *Thread, a Args) int64 {
	persona := uint32(a[0])
	if persona != personaQuery && persona&^personaAllowed != 0 {
		return errno(unix.EINVAL)
	}
	return t.call(unix.SYS_PERSONALITY, uintptr(persona), 0, 0, 0, 0, 0)
}

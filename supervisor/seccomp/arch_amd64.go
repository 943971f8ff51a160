package seccomp

import (
	"golang.org/x/sys/unix"

	"walisup/wali"
)

// auditArch is how seccomp_data names this machine's system calls.
const auditArch = unix.AUDIT_ARCH_X86_64

// ociArch is how OCI profiles name it.
const ociArch = "SCMP_ARCH_X86_64"

// foreignCalls is where numbers begin that are not this machine's: x32's.
const foreignCalls = 0x4000_0000

// number is a call's number on this machine, -1 if it has none.
func number(n wali.Number) int { return int(n.AMD64) }

// localCalls are calls of a helper that other machines do not have.
var localCalls = []uint32{
	unix.SYS_ARCH_PRCTL, unix.SYS_NEWFSTATAT, unix.SYS_POLL, unix.SYS_SELECT, unix.SYS_SYSFS,
}

package seccomp

import (
	"golang.org/x/sys/unix"

	"walisup/wali"
)

// auditArch is how seccomp_data names this machine's system calls.
const auditArch = unix.AUDIT_ARCH_AARCH64

// ociArch is how OCI profiles name it.
const ociArch = "SCMP_ARCH_AARCH64"

// foreignCalls is where numbers begin that are no call's.
const foreignCalls = 1<<32 - 1

// number is a call's number on this machine, -1 if it has none.
func number(n wali.Number) int { return int(n.ARM64) }

// localCalls are calls of a helper that other machines do not have.
var localCalls = []uint32{unix.SYS_FSTATAT}

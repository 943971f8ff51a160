package wali

import (
	"golang.org/x/sys/unix"
)

// fcntlArg says what the third argument of a fcntl command is.
type fcntlArg uint8

const (
	fcntlUnknown fcntlArg = iota
	fcntlValue            // an integer, or nothing
	fcntlPointer          // a struct without pointers and of the kernel's layout
	fcntlFlags            // open flags
	fcntlFD               // a descriptor
)

// fcntlCommand describes a command of fcntl(2). The numbers are the same on all
// 64-bit architectures: include/uapi/asm-generic/fcntl.h, include/uapi/linux/fcntl.h.
type fcntlCommand struct {
	arg    fcntlArg
	blocks bool
}

func fcntlCommandOf(cmd int32) fcntlCommand {
	switch cmd {
	case unix.F_DUPFD, unix.F_DUPFD_CLOEXEC, unix.F_GETFD, unix.F_SETFD, unix.F_GETFL,
		unix.F_SETOWN, unix.F_GETOWN, unix.F_SETSIG, unix.F_GETSIG, unix.F_GETLEASE,
		unix.F_NOTIFY, unix.F_SETPIPE_SZ, unix.F_GETPIPE_SZ, unix.F_ADD_SEALS, unix.F_GET_SEALS,
		fCreatedQuery:
		return fcntlCommand{arg: fcntlValue}
	case unix.F_SETLEASE:
		return fcntlCommand{arg: fcntlValue, blocks: true}
	case unix.F_SETFL:
		return fcntlCommand{arg: fcntlFlags}
	case unix.F_GETLK, unix.F_SETLK, unix.F_OFD_GETLK, unix.F_OFD_SETLK,
		unix.F_SETOWN_EX, unix.F_GETOWN_EX, fGetownerUIDs,
		unix.F_GET_RW_HINT, unix.F_SET_RW_HINT, unix.F_GET_FILE_RW_HINT, unix.F_SET_FILE_RW_HINT:
		return fcntlCommand{arg: fcntlPointer}
	case unix.F_SETLKW, unix.F_OFD_SETLKW:
		return fcntlCommand{arg: fcntlPointer, blocks: true}
	case fDupfdQuery:
		return fcntlCommand{arg: fcntlFD}
	}
	return fcntlCommand{}
}

// Commands that golang.org/x/sys/unix does not have.
const (
	fGetownerUIDs = 17
	fDupfdQuery   = 1024 + 3
	fCreatedQuery = 1024 + 4
)

// sysFcntl is fcntl(2). A command that the table above does not have gives
// EINVAL, as from a kernel that is older than it.
func sysFcntl(t *Thread, a Args) int64 {
	fd, cmd := uintptr(a.Int(0)), a.Int(1)
	c := fcntlCommandOf(cmd)
	arg := uintptr(a[2])
	switch c.arg {
	case fcntlUnknown:
		if r := t.call(unix.SYS_FCNTL, fd, unix.F_GETFD, 0, 0, 0, 0); r < 0 {
			return r
		}
		return errno(unix.EINVAL)
	case fcntlPointer:
		arg = t.Memory.Host(uint32(arg))
	case fcntlFlags:
		arg = uintptr(openFlagsToHost(uint64(arg)))
	case fcntlFD:
		if t.ownsFD(int32(arg)) {
			return errno(unix.EBADF)
		}
	}
	if cmd == unix.F_DUPFD || cmd == unix.F_DUPFD_CLOEXEC {
		t.yieldReserved(int32(arg)) // else the kernel steps over them
	}
	if c.blocks {
		return t.block(unix.SYS_FCNTL, fd, uintptr(cmd), arg, 0, 0, 0)
	}
	r := t.call(unix.SYS_FCNTL, fd, uintptr(cmd), arg, 0, 0, 0)
	if openFlagsDiffer && cmd == unix.F_GETFL && r >= 0 {
		return int64(openFlagsFromHost(uint64(r)))
	}
	return r
}

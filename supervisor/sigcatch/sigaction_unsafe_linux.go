//go:build amd64 || arm64

package sigcatch

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// pipe is the descriptor that the handler writes to.
//
//lint:ignore U1000 the handler reads it
var pipe uintptr

// entries returns the addresses of the handler and of the code that returns
// from it.
func entries() (handler, restorer uintptr)

// action is the kernel's struct sigaction on amd64 and arm64
// (include/linux/signal_types.h).
type action struct {
	handler  uintptr
	flags    uint64
	restorer uintptr
	mask     uint64
}

// Flags of struct sigaction, include/uapi/asm-generic/signal-defs.h and
// arch/x86/include/uapi/asm/signal.h.
const (
	saSiginfo  = 0x4
	saRestorer = 0x4000000
	saOnStack  = 0x8000000
	saRestart  = 0x10000000
)

// setAction installs what act says, if that is not nil, and returns what was
// installed before.
func setAction(sig unix.Signal, act *action) (old action, err error) {
	_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig),
		uintptr(unsafe.Pointer(act)), uintptr(unsafe.Pointer(&old)), 8, 0, 0)
	if errno != 0 {
		return action{}, errno
	}
	return old, nil
}

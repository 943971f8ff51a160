package wali

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// SignalMask returns the thread's signal mask, bit n-1 for signal n.
func (t *Thread) SignalMask() uint64 {
	t.call(unix.SYS_RT_SIGPROCMASK, unix.SIG_BLOCK, 0, uintptr(unsafe.Pointer(&t.mask)), 8, 0, 0)
	return t.mask
}

// SetSignalMask sets the thread's signal mask.
func (t *Thread) SetSignalMask(mask uint64) {
	t.mask = mask
	t.call(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&t.mask)), 0, 8, 0, 0)
}

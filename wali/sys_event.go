package wali

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"walisup/wali/signals"
)

// eventfd2, timerfd and inotify need nothing converted. The structs that a
// signalfd delivers have 64-bit fields on every architecture.

// sysEventfd is the old form of eventfd2.
func sysEventfd(t *Thread, a Args) int64 {
	return t.call(unix.SYS_EVENTFD2, uintptr(a[0]), 0, 0, 0, 0, 0)
}

func sysSignalfd(t *Thread, a Args) int64 {
	return t.signalfd(a, 0)
}

func sysSignalfd4(t *Thread, a Args) int64 {
	return t.signalfd(a, uintptr(a[3]))
}

// signalfd leaves out the signals that are never blocked in a helper: the
// descriptor would take them from those that they are for.
func (t *Thread) signalfd(a Args, flags uintptr) int64 {
	mask := t.Memory.Host(a.Ptr(1))
	if size := a.Uint(2); size == signalSetSize {
		set, e := t.Memory.Load64(a.Ptr(1))
		b := t.alloc(signalSetSize)
		binary.LittleEndian.PutUint64(b, set&^signals.Unblockable)
		if mask = address(b); e != 0 {
			mask = badAddress
		}
	}
	return t.call(unix.SYS_SIGNALFD4, uintptr(a[0]), mask, uintptr(a[2]), flags, 0, 0)
}

package wali

import "golang.org/x/sys/unix"

// eventfd2, timerfd and inotify need nothing converted. The structs that a
// signalfd delivers have 64-bit fields on every architecture.

// sysEventfd is the old form of eventfd2.
func sysEventfd(t *Thread, a Args) int64 {
	return t.call(unix.SYS_EVENTFD2, uintptr(a[0]), 0, 0, 0, 0, 0)
}

func sysSignalfd(t *Thread, a Args) int64 {
	return t.call(unix.SYS_SIGNALFD4, uintptr(a[0]), t.signalSet(a.Ptr(1), a.Uint(2)), uintptr(a[2]), 0, 0, 0)
}

func sysSignalfd4(t *Thread, a Args) int64 {
	return t.call(unix.SYS_SIGNALFD4, uintptr(a[0]), t.signalSet(a.Ptr(1), a.Uint(2)), uintptr(a[2]), uintptr(a[3]), 0, 0)
}

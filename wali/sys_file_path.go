package wali

import (
	"golang.org/x/sys/unix"
)

// The calls in this file exist on x86-64 only; the kernel there, too, makes
// them calls of their successors.

func sysChmod(t *Thread, a Args) int64 {
	return t.chmod(unix.AT_FDCWD, a.Ptr(0), a.Uint(1), 0)
}

func sysChown(t *Thread, a Args) int64 {
	return t.chown(unix.AT_FDCWD, a.Ptr(0), a.Uint(1), a.Uint(2), 0)
}

func sysLchown(t *Thread, a Args) int64 {
	return t.chown(unix.AT_FDCWD, a.Ptr(0), a.Uint(1), a.Uint(2), unix.AT_SYMLINK_NOFOLLOW)
}

func sysLink(t *Thread, a Args) int64 {
	return t.call(unix.SYS_LINKAT, atFDCWD, t.Memory.Host(a.Ptr(0)), atFDCWD, t.Memory.Host(a.Ptr(1)), 0, 0)
}

func sysMkdir(t *Thread, a Args) int64 {
	return t.call(unix.SYS_MKDIRAT, atFDCWD, t.Memory.Host(a.Ptr(0)), uintptr(a.Uint(1)), 0, 0, 0)
}

func sysMknod(t *Thread, a Args) int64 {
	return t.call(unix.SYS_MKNODAT, atFDCWD, t.Memory.Host(a.Ptr(0)), uintptr(a.Uint(1)), uintptr(a.Uint(2)), 0, 0)
}

func sysRename(t *Thread, a Args) int64 {
	return t.call(unix.SYS_RENAMEAT2, atFDCWD, t.Memory.Host(a.Ptr(0)), atFDCWD, t.Memory.Host(a.Ptr(1)), 0, 0)
}

func sysRmdir(t *Thread, a Args) int64 {
	return t.call(unix.SYS_UNLINKAT, atFDCWD, t.Memory.Host(a.Ptr(0)), unix.AT_REMOVEDIR, 0, 0, 0)
}

func sysSymlink(t *Thread, a Args) int64 {
	return t.call(unix.SYS_SYMLINKAT, t.Memory.Host(a.Ptr(0)), atFDCWD, t.Memory.Host(a.Ptr(1)), 0, 0, 0)
}

func sysUnlink(t *Thread, a Args) int64 {
	return t.unlinkat(unix.AT_FDCWD, a.Ptr(0), 0)
}

func sysInotifyInit(t *Thread, _ Args) int64 {
	return t.call(unix.SYS_INOTIFY_INIT1, 0, 0, 0, 0, 0, 0)
}

// sysUnlinkat is unlinkat(2).
func sysUnlinkat(t *Thread, a Args) int64 { return t.unlinkat(a.Int(0), a.Ptr(1), a.Int(2)) }

// unlinkat lets a C library remove the file that it has read its environment from. That
// is made up anew for whoever asks for it again.
func (t *Thread) unlinkat(dirfd int32, path uint32, flags int32) int64 {
	r := t.call(unix.SYS_UNLINKAT, uintptr(dirfd), t.Memory.Host(path), uintptr(flags), 0, 0, 0)
	return t.orInitEnv(r, path, func() int64 { return 0 })
}

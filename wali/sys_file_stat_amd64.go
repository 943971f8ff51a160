package wali

import "golang.org/x/sys/unix"

// statFile is newfstatat on a host path. The guest's struct stat is the
// kernel's.
func (t *Thread) statFile(dirfd, path uintptr, buf uint32, flags uintptr) int64 {
	return t.call(unix.SYS_NEWFSTATAT, dirfd, path, t.Memory.Host(buf), flags, 0, 0)
}

// sysFstat is fstat(2).
func sysFstat(t *Thread, a Args) int64 {
	return t.call(unix.SYS_FSTAT, uintptr(a.Int(0)), t.Memory.Host(a.Ptr(1)), 0, 0, 0, 0)
}

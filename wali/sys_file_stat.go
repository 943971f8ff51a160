package wali

import (
	"golang.org/x/sys/unix"

	"walisup/wali/pathguard"
)

// Offsets in the guest's struct stat, which is x86-64's on every host.
const (
	guestStatDev = 0
	guestStatIno = 8
)

// sysStat is stat(2), which newer architectures do not have.
func sysStat(t *Thread, a Args) int64 {
	return t.fstatat(unix.AT_FDCWD, a.Ptr(0), a.Ptr(1), 0)
}

// sysLstat is lstat(2), which newer architectures do not have.
func sysLstat(t *Thread, a Args) int64 {
	return t.fstatat(unix.AT_FDCWD, a.Ptr(0), a.Ptr(1), unix.AT_SYMLINK_NOFOLLOW)
}

// sysFstatat is newfstatat(2).
func sysFstatat(t *Thread, a Args) int64 {
	return t.fstatat(a.Int(0), a.Ptr(1), a.Ptr(2), a.Int(3))
}

func (t *Thread) fstatat(dirfd int32, path, buf uint32, flags int32) int64 {
	if t.namesReserved(path) {
		return errno(unix.ENOENT)
	}
	r := t.statFile(uintptr(dirfd), t.Memory.Host(path), buf, uintptr(flags))
	r = t.orInitEnv(r, path, func() int64 {
		fd := t.openInitEnv(unix.O_RDONLY)
		if fd < 0 {
			return fd
		}
		defer t.closeFD(int32(fd))
		return t.statFile(uintptr(fd), address(emptyPath), buf, unix.AT_EMPTY_PATH)
	})
	if r == 0 && flags&unix.AT_SYMLINK_NOFOLLOW == 0 {
		ino, _ := t.Memory.Load64(buf + guestStatIno)
		if ino != t.HelperIno {
			return 0
		}
		dev, _ := t.Memory.Load64(buf + guestStatDev)
		if dev == t.HelperDev && t.lastIsExe(path) && t.isOwnExe(dirfd, path) {
			return t.statFile(atFDCWD, t.cstring(t.Module), buf, uintptr(flags&^unix.AT_EMPTY_PATH))
		}
	}
	return r
}

// sysStatx is statx(2).
func sysStatx(t *Thread, a Args) int64 {
	dirfd, path, flags, mask, buf := a.Int(0), a.Ptr(1), a.Int(2), a.Uint(3), a.Ptr(4)
	if t.namesReserved(path) {
		return errno(unix.ENOENT)
	}
	statx := func(dirfd, path uintptr, flags int32) int64 {
		return t.call(unix.SYS_STATX, dirfd, path, uintptr(flags), uintptr(mask), t.Memory.Host(buf), 0)
	}
	r := statx(uintptr(dirfd), t.Memory.Host(path), flags)
	r = t.orInitEnv(r, path, func() int64 {
		fd := t.openInitEnv(unix.O_RDONLY)
		if fd < 0 {
			return fd
		}
		defer t.closeFD(int32(fd))
		return statx(uintptr(fd), address(emptyPath), unix.AT_EMPTY_PATH)
	})
	if r != 0 || flags&unix.AT_SYMLINK_NOFOLLOW != 0 {
		return r
	}
	if ino, _ := t.Memory.Load64(buf + pathguard.StatxInode); ino != t.HelperIno {
		return 0
	}
	major, _ := t.Memory.Load32(buf + pathguard.StatxDevMajor)
	minor, _ := t.Memory.Load32(buf + pathguard.StatxDevMinor)
	if unix.Mkdev(major, minor) == t.HelperDev && t.lastIsExe(path) && t.isOwnExe(dirfd, path) {
		return statx(atFDCWD, t.cstring(t.Module), flags&^unix.AT_EMPTY_PATH)
	}
	return 0
}

// sysAccess is access(2), which newer architectures do not have.
func sysAccess(t *Thread, a Args) int64 {
	return t.faccessat(unix.AT_FDCWD, a.Ptr(0), a.Int(1), 0)
}

// sysFaccessat is faccessat(2). The kernel's call has no flags; the C library
// of the guest counts on ours to have them, as the specification says.
func sysFaccessat(t *Thread, a Args) int64 {
	return t.faccessat(a.Int(0), a.Ptr(1), a.Int(2), a.Int(3))
}

func (t *Thread) faccessat(dirfd int32, path uint32, mode, flags int32) int64 {
	host := t.Memory.Host(path)
	if t.procPath(path) {
		if t.namesReserved(path) {
			return errno(unix.ENOENT)
		}
		if t.lastIsExe(path) && flags&unix.AT_SYMLINK_NOFOLLOW == 0 && t.isOwnExe(dirfd, path) {
			dirfd, host = unix.AT_FDCWD, t.cstring(t.Module)
		}
	}
	var r int64
	if flags == 0 {
		r = t.call(unix.SYS_FACCESSAT, uintptr(dirfd), host, uintptr(mode), 0, 0, 0)
	} else {
		r = t.call(unix.SYS_FACCESSAT2, uintptr(dirfd), host, uintptr(mode), uintptr(flags), 0, 0)
	}
	if r == -int64(unix.ENOENT) && t.isInitEnvPath(path) {
		return accessInitEnv(mode)
	}
	return r
}

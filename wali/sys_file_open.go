package wali

import (
	"encoding/binary"
	"slices"

	"golang.org/x/sys/unix"
)

// sysOpen is open(2), which newer architectures do not have.
func sysOpen(t *Thread, a Args) int64 {
	return t.openat(unix.AT_FDCWD, a.Ptr(0), a.Uint(1), a.Uint(2))
}

// sysCreat is creat(2), which newer architectures do not have.
func sysCreat(t *Thread, a Args) int64 {
	const flags = unix.O_CREAT | unix.O_WRONLY | unix.O_TRUNC
	return t.openat(unix.AT_FDCWD, a.Ptr(0), flags, a.Uint(1))
}

// sysOpenat is openat(2).
//
// The guard judges the new descriptor before the guest learns its number. A
// second guest thread that tries numbers could use a forbidden descriptor in the
// moment before it is closed.
func sysOpenat(t *Thread, a Args) int64 {
	return t.openat(a.Int(0), a.Ptr(1), a.Uint(2), a.Uint(3))
}

func (t *Thread) openat(dirfd int32, path, flags, mode uint32) int64 {
	if t.namesReserved(path) {
		return errno(unix.ENOENT)
	}
	t.countsThreads(path)
	hostFlags := uintptr(openFlagsToHost(uint64(flags)))
	r := t.block(unix.SYS_OPENAT, uintptr(dirfd), t.Memory.Host(path), hostFlags, uintptr(mode), 0, 0)
	if r < 0 {
		if r == -int64(unix.ENOENT) && t.isInitEnvPath(path) {
			return t.openInitEnv(hostFlags)
		}
		return r
	}
	return t.admit(int32(r), dirfd, path, hostFlags)
}

// admit gives the guest a descriptor that came of opening a path, or closes it.
// hostFlags are those that it was opened with.
func (t *Thread) admit(fd, dirfd int32, path uint32, hostFlags uintptr) int64 {
	switch t.judge(fd) {
	case forbidden:
		t.closeFD(fd)
		return errno(unix.EACCES)
	case private:
		t.closeFD(fd)
		return errno(unix.ENOENT)
	case helperExe:
		if t.lastIsExe(path) && t.isOwnExe(dirfd, path) {
			t.closeFD(fd)
			return t.openModule(hostFlags)
		}
	}
	return int64(fd)
}

// admitUnnamed is admit for descriptors that did not come from a path.
func (t *Thread) admitUnnamed(r int64) int64 {
	if r < 0 {
		return r
	}
	switch t.judge(int32(r)) {
	case forbidden, private:
		t.closeFD(int32(r))
		return errno(unix.EACCES)
	}
	return r
}

func (t *Thread) closeFD(fd int32) { t.call(unix.SYS_CLOSE, uintptr(fd), 0, 0, 0, 0, 0) }

// openModule opens what the guest's /proc/self/exe leads to.
func (t *Thread) openModule(hostFlags uintptr) int64 {
	path := t.cstring(t.Module)
	if path == 0 {
		return errno(unix.ENAMETOOLONG)
	}
	hostFlags &^= unix.O_CREAT | unix.O_EXCL | unix.O_NOFOLLOW
	return t.block(unix.SYS_OPENAT, atFDCWD, path, hostFlags, 0, 0, 0)
}

// Layout of struct open_how, and the sizes that openat2 accepts.
const (
	openHowMin = 24 // OPEN_HOW_SIZE_VER0: flags, mode, resolve, each u64
	openHowMax = 4096
)

// sysOpenat2 is openat2(2).
func sysOpenat2(t *Thread, a Args) int64 {
	dirfd, path, how, size := a.Int(0), a.Ptr(1), a.Ptr(2), a.Uint(3)
	if t.namesReserved(path) {
		return errno(unix.ENOENT)
	}
	hostHow, hostFlags := t.Memory.Host(how), uintptr(0)
	if size >= openHowMin && size <= openHowMax {
		// Copied for the flags that admit needs, and so that the kernel sees
		// the same ones.
		b := t.alloc(int(size))
		if e := t.Memory.Read(how, b); e != 0 {
			return errno(e)
		}
		flags := openFlagsToHost(binary.LittleEndian.Uint64(b))
		binary.LittleEndian.PutUint64(b, flags)
		hostHow, hostFlags = address(b), uintptr(flags)
	}
	r := t.block(unix.SYS_OPENAT2, uintptr(dirfd), t.Memory.Host(path), hostHow, uintptr(size), 0, 0)
	if r < 0 {
		return r
	}
	return t.admit(int32(r), dirfd, path, hostFlags)
}

// sysOpenByHandleAt is open_by_handle_at(2).
func sysOpenByHandleAt(t *Thread, a Args) int64 {
	flags := uintptr(openFlagsToHost(uint64(a.Uint(2))))
	return t.admitUnnamed(t.block(unix.SYS_OPEN_BY_HANDLE_AT, uintptr(a.Int(0)), t.Memory.Host(a.Ptr(1)), flags, 0, 0, 0))
}

// sysOpenTree is open_tree(2).
func sysOpenTree(t *Thread, a Args) int64 {
	path := a.Ptr(1)
	if t.namesReserved(path) {
		return errno(unix.ENOENT)
	}
	return t.admitUnnamed(t.call(unix.SYS_OPEN_TREE, uintptr(a.Int(0)), t.Memory.Host(path), uintptr(a.Uint(2)), 0, 0, 0))
}

// isInitEnvPath reports whether the string at p is the path that
// __get_init_envfile names.
func (t *Thread) isInitEnvPath(p uint32) bool {
	var b [len(initEnvPath) + 1]byte
	return t.Memory.Read(p, b[:]) == 0 && slices.Equal(b[:len(initEnvPath)], []byte(initEnvPath)) && b[len(initEnvPath)] == 0
}

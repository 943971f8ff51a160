package wali

import (
	"encoding/binary"
	"slices"

	"golang.org/x/sys/unix"

	"walisup/wali/pathguard"
)

// sysOpen is open(2), which newer architectures do not have.
func sysOpen(t *Thread, a Args) int64 {
	return t.open(unix.AT_FDCWD, a.Ptr(0), makeOpenHow(a.Uint(1), a.Uint(2)))
}

// sysCreat is creat(2), which newer architectures do not have.
func sysCreat(t *Thread, a Args) int64 {
	const flags = unix.O_CREAT | unix.O_WRONLY | unix.O_TRUNC
	return t.open(unix.AT_FDCWD, a.Ptr(0), makeOpenHow(flags, a.Uint(1)))
}

// sysOpenat is openat(2).
func sysOpenat(t *Thread, a Args) int64 {
	return t.open(a.Int(0), a.Ptr(1), makeOpenHow(a.Uint(2), a.Uint(3)))
}

// maxOpenHow is the largest struct open_how that openat2 accepts.
const maxOpenHow = 4096

// makeOpenHow does with the arguments of open(2) what the kernel does, which has
// ignored unknown flags from the beginning: fs/open.c, build_open_how.
func makeOpenHow(guestFlags, mode uint32) pathguard.How {
	flags := openFlagsToHost(uint64(guestFlags))&knownOpenFlags | largeFile
	if flags&unix.O_PATH != 0 {
		flags &= unix.O_PATH | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	}
	how := pathguard.How{Flags: flags}
	if flags&(unix.O_CREAT|tmpfileBit) != 0 {
		how.Mode = uint64(mode) & 0o7777
	}
	return how
}

const (
	knownOpenFlags = 0x7fffc3 // VALID_OPEN_FLAGS, the same bits on all architectures
	tmpfileBit     = unix.O_TMPFILE &^ unix.O_DIRECTORY
)

// open opens the file that a guest names, and gives it what came of it if the guard
// has nothing against that.
func (t *Thread) open(dirfd int32, path uint32, how pathguard.How) int64 {
	if t.namesReserved(path) {
		return errno(unix.ENOENT)
	}
	t.countsThreads(path)
	mark := t.scratchUsed
	for !t.files.Contended() {
		t.scratchUsed = mark
		direct := how
		direct.Resolve |= unix.RESOLVE_NO_MAGICLINKS
		r, again := t.blockOnce(unix.SYS_OPENAT2, uintptr(dirfd), t.Memory.Host(path), direct.Address(t.guard()), pathguard.HowSize, 0, 0)
		switch {
		case again: // there may be a second thread by now
			continue
		case r >= 0:
			return t.guard().Admit(int32(r), how)
		case r == -int64(unix.ENOENT) && t.isInitEnvPath(path):
			return t.openInitEnv(uintptr(how.Flags))
		case r == -int64(unix.ELOOP):
			return t.guard().Walk(dirfd, t.pathAt(path), how)
		}
		return r
	}
	name := t.alloc(unix.PathMax)
	n, e := t.Memory.ReadCString(path, name)
	if e != 0 {
		return errno(e)
	}
	if string(name[:n]) == initEnvPath {
		return t.openInitEnv(uintptr(how.Flags))
	}
	return t.guard().Walk(dirfd, name[:n], how)
}

// sysOpenat2 is openat2(2).
func sysOpenat2(t *Thread, a Args) int64 {
	dirfd, path, p, size := a.Int(0), a.Ptr(1), a.Ptr(2), a.Uint(3)
	if size < pathguard.HowSize || size > maxOpenHow {
		// The kernel says what is wrong with it.
		return t.call(unix.SYS_OPENAT2, uintptr(dirfd), t.Memory.Host(path), t.Memory.Host(p), uintptr(size), 0, 0)
	}
	b := t.alloc(int(size))
	if e := t.Memory.Read(p, b); e != 0 {
		return errno(e)
	}
	if slices.ContainsFunc(b[pathguard.HowSize:], func(c byte) bool { return c != 0 }) {
		return errno(unix.E2BIG) // from a kernel that knows no more fields
	}
	return t.open(dirfd, path, pathguard.How{
		Flags:   openFlagsToHost(binary.LittleEndian.Uint64(b)),
		Mode:    binary.LittleEndian.Uint64(b[8:]),
		Resolve: binary.LittleEndian.Uint64(b[16:]),
	})
}

// sysOpenByHandleAt is open_by_handle_at(2). A handle can stand for a private file
// in memory.
func sysOpenByHandleAt(t *Thread, a Args) int64 {
	mount, handle, how := uintptr(a.Int(0)), t.Memory.Host(a.Ptr(1)), makeOpenHow(a.Uint(2), 0)
	if !t.files.Contended() {
		return t.guard().AdmitUnnamed(t.block(unix.SYS_OPEN_BY_HANDLE_AT, mount, handle, uintptr(how.Flags), 0, 0, 0))
	}
	// The turn comes first, lest a child that is forked meanwhile have the descriptor.
	g := t.guard()
	if !g.TakeTurn() {
		return errno(unix.EINTR)
	}
	defer g.EndTurn()
	r := t.call(unix.SYS_OPEN_BY_HANDLE_AT, mount, handle, unix.O_PATH|unix.O_CLOEXEC, 0, 0, 0)
	if r < 0 {
		return r
	}
	return g.Hold(int32(r), func(held int32) int64 { return g.OpenHeld(held, how) })
}

// sysOpenTree is open_tree(2). What it returns is as good as a descriptor opened with
// O_PATH.
func sysOpenTree(t *Thread, a Args) int64 {
	dirfd, path, flags := a.Int(0), a.Ptr(1), a.Uint(2)
	const known = unix.AT_EMPTY_PATH | unix.AT_NO_AUTOMOUNT | unix.AT_RECURSIVE | unix.AT_SYMLINK_NOFOLLOW |
		unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC
	if flags&^known != 0 || flags&(unix.AT_RECURSIVE|unix.OPEN_TREE_CLONE) == unix.AT_RECURSIVE {
		return errno(unix.EINVAL)
	}
	if flags&unix.AT_EMPTY_PATH != 0 && t.isEmpty(path) {
		return t.call(unix.SYS_OPEN_TREE, uintptr(dirfd), t.Memory.Host(path), uintptr(flags), 0, 0, 0)
	}
	how := pathguard.How{Flags: unix.O_PATH | unix.O_CLOEXEC}
	if flags&unix.AT_SYMLINK_NOFOLLOW != 0 {
		how.Flags |= unix.O_NOFOLLOW
	}
	fd := t.open(dirfd, path, how)
	if fd < 0 {
		return fd
	}
	flags = flags&^unix.AT_SYMLINK_NOFOLLOW | unix.AT_EMPTY_PATH
	r := t.call(unix.SYS_OPEN_TREE, uintptr(fd), address(emptyPath), uintptr(flags), 0, 0, 0)
	return t.guard().Settle(int32(fd), r, flags&unix.OPEN_TREE_CLOEXEC != 0)
}

package wali

import (
	"encoding/binary"
	"slices"

	"golang.org/x/sys/unix"
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

// openHow is the kernel's struct open_how: openat2(2).
type openHow struct{ flags, mode, resolve uint64 }

// Layout of struct open_how, and the sizes that openat2 accepts.
const (
	openHowMin = 24 // OPEN_HOW_SIZE_VER0: flags, mode, resolve, each u64
	openHowMax = 4096
)

// address puts how where the kernel can read it.
func (how *openHow) address(t *Thread) uintptr {
	b := t.alloc(openHowMin)
	binary.LittleEndian.PutUint64(b, how.flags)
	binary.LittleEndian.PutUint64(b[8:], how.mode)
	binary.LittleEndian.PutUint64(b[16:], how.resolve)
	return address(b)
}

// makeOpenHow does with the arguments of open(2) what the kernel does, which has
// ignored unknown flags from the beginning: fs/open.c, build_open_how.
func makeOpenHow(guestFlags, mode uint32) openHow {
	flags := openFlagsToHost(uint64(guestFlags))&knownOpenFlags | largeFile
	if flags&unix.O_PATH != 0 {
		flags &= unix.O_PATH | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	}
	how := openHow{flags: flags}
	if flags&(unix.O_CREAT|tmpfileBit) != 0 {
		how.mode = uint64(mode) & 0o7777
	}
	return how
}

const (
	knownOpenFlags = 0x7fffc3 // VALID_OPEN_FLAGS, the same bits on all architectures
	tmpfileBit     = unix.O_TMPFILE &^ unix.O_DIRECTORY
)

// cloexec returns how's O_CLOEXEC.
func (how *openHow) cloexec() bool { return how.flags&unix.O_CLOEXEC != 0 }

// createsOnly reports whether how can open nothing but a file that it makes.
func (how *openHow) createsOnly() bool {
	const both = unix.O_CREAT | unix.O_EXCL
	return how.flags&unix.O_PATH == 0 && (how.flags&both == both || how.flags&tmpfileBit != 0)
}

// open opens the file that a guest names, and gives it what came of it if the guard
// has nothing against that.
func (t *Thread) open(dirfd int32, path uint32, how openHow) int64 {
	if t.namesReserved(path) {
		return errno(unix.ENOENT)
	}
	t.countsThreads(path)
	mark := t.scratchUsed
	for !t.contended() {
		t.scratchUsed = mark
		direct := how
		direct.resolve |= unix.RESOLVE_NO_MAGICLINKS
		r, again := t.blockOnce(unix.SYS_OPENAT2, uintptr(dirfd), t.Memory.Host(path), direct.address(t), openHowMin, 0, 0)
		switch {
		case again: // there may be a second thread by now
			continue
		case r >= 0:
			return t.admit(int32(r), how)
		case r == -int64(unix.ENOENT) && t.isInitEnvPath(path):
			return t.openInitEnv(uintptr(how.flags))
		case r == -int64(unix.ELOOP):
			return t.walk(dirfd, t.pathAt(path), how)
		}
		return r
	}
	name := t.alloc(unix.PathMax)
	n, e := t.Memory.ReadCString(path, name)
	if e != 0 {
		return errno(e)
	}
	if string(name[:n]) == initEnvPath {
		return t.openInitEnv(uintptr(how.flags))
	}
	return t.walk(dirfd, name[:n], how)
}

// openName is open for a path that is not in the guest's memory, without O_PATH.
func (t *Thread) openName(dirfd int32, path string, flags uint64) int64 {
	name := t.alloc(unix.PathMax)
	if len(path) >= len(name) {
		return errno(unix.ENAMETOOLONG)
	}
	return t.walk(dirfd, name[:copy(name, path)], openHow{flags: flags | largeFile})
}

// openPath opens a path that ends with a NUL, with O_PATH: what comes of it can
// neither be read nor written.
func (t *Thread) openPath(dirfd int32, path []byte, how openHow) int64 {
	mark := t.scratchUsed
	defer func() { t.scratchUsed = mark }()
	how.flags |= unix.O_PATH | unix.O_CLOEXEC
	return t.call(unix.SYS_OPENAT2, uintptr(dirfd), address(path), how.address(t), openHowMin, 0, 0)
}

// admit gives the guest a descriptor that came of opening a path by how, or closes
// it.
func (t *Thread) admit(fd int32, how openHow) int64 {
	v := t.judge(fd)
	if v.allows(how) {
		return int64(fd)
	}
	t.closeFD(fd)
	return t.refuse(v, how)
}

// allows reports whether a guest may have a file of that verdict, opened by how. A
// descriptor that was opened with O_PATH shows nothing of a file.
func (v verdict) allows(how openHow) bool {
	return v == harmless || v == helperExe || v > helperExe && how.flags&unix.O_PATH != 0
}

// refuse is what a guest gets in place of a file that it must not have.
func (t *Thread) refuse(v verdict, how openHow) int64 {
	switch v {
	case private:
		return errno(unix.ENOENT)
	case ownMaps, ownSmaps, ownRollup, ownAuxv:
		return t.openOwnView(v, how)
	}
	return errno(unix.EACCES)
}

// admitUnnamed is admit for descriptors that did not come from a path and that
// nobody else could have used: others come from open_by_handle_at, see there.
func (t *Thread) admitUnnamed(r int64) int64 {
	if r < 0 {
		return r
	}
	if v := t.judge(int32(r)); v == harmless || v == helperExe {
		return r
	}
	t.closeFD(int32(r))
	return errno(unix.EACCES)
}

func (t *Thread) closeFD(fd int32) { t.call(unix.SYS_CLOSE, uintptr(fd), 0, 0, 0, 0, 0) }

// sysOpenat2 is openat2(2).
func sysOpenat2(t *Thread, a Args) int64 {
	dirfd, path, p, size := a.Int(0), a.Ptr(1), a.Ptr(2), a.Uint(3)
	if size < openHowMin || size > openHowMax {
		// The kernel says what is wrong with it.
		return t.call(unix.SYS_OPENAT2, uintptr(dirfd), t.Memory.Host(path), t.Memory.Host(p), uintptr(size), 0, 0)
	}
	b := t.alloc(int(size))
	if e := t.Memory.Read(p, b); e != 0 {
		return errno(e)
	}
	if slices.ContainsFunc(b[openHowMin:], func(c byte) bool { return c != 0 }) {
		return errno(unix.E2BIG) // from a kernel that knows no more fields
	}
	return t.open(dirfd, path, openHow{
		flags:   openFlagsToHost(binary.LittleEndian.Uint64(b)),
		mode:    binary.LittleEndian.Uint64(b[8:]),
		resolve: binary.LittleEndian.Uint64(b[16:]),
	})
}

// sysOpenByHandleAt is open_by_handle_at(2). A handle can stand for a private file
// in memory.
func sysOpenByHandleAt(t *Thread, a Args) int64 {
	mount, handle, how := uintptr(a.Int(0)), t.Memory.Host(a.Ptr(1)), makeOpenHow(a.Uint(2), 0)
	if !t.contended() {
		return t.admitUnnamed(t.block(unix.SYS_OPEN_BY_HANDLE_AT, mount, handle, uintptr(how.flags), 0, 0, 0))
	}
	if !t.takeTurn() {
		return errno(unix.EINTR)
	}
	defer t.endTurn()
	r := t.call(unix.SYS_OPEN_BY_HANDLE_AT, mount, handle, unix.O_PATH|unix.O_CLOEXEC, 0, 0, 0)
	if r < 0 {
		return r
	}
	target := t.secure(int32(r))
	defer t.release(target)
	if target < 0 {
		return errno(unix.EACCES)
	}
	if t.judge(target) != harmless {
		return errno(unix.EACCES)
	}
	r, _ = t.reopen(target, how)
	return r
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
	how := openHow{flags: unix.O_PATH | unix.O_CLOEXEC}
	if flags&unix.AT_SYMLINK_NOFOLLOW != 0 {
		how.flags |= unix.O_NOFOLLOW
	}
	fd := t.open(dirfd, path, how)
	if fd < 0 {
		return fd
	}
	flags = flags&^unix.AT_SYMLINK_NOFOLLOW | unix.AT_EMPTY_PATH
	r := t.call(unix.SYS_OPEN_TREE, uintptr(fd), address(emptyPath), uintptr(flags), 0, 0, 0)
	return t.settle(int32(fd), r, flags&unix.OPEN_TREE_CLOEXEC != 0)
}

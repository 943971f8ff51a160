package wali

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"walisup/wali/pathguard"
)

// Calls that change the file that a path leads to, and the path may lead through a
// magic link to a helper's private descriptor or its executable, however it is
// spelled. So the guard opens the path first, with O_PATH, and the call acts on what
// it has opened. Where another thread replaces that descriptor meanwhile, it is by
// another of its own.
//
// Other calls that take paths do no harm there, and are handed to the kernel as they
// are, but for paths that spell a private descriptor in one of the usual ways
// (namesReserved):
//
//   - chdir, chroot, pivot_root, fspick, umount2 and mount_setattr ask for directories
//     or mounts, which no private descriptor of a confined helper is;
//   - mkdir, mknod, symlink, unlink, rename, link without AT_SYMLINK_FOLLOW, lchown, and
//     bind of a socket act on names in a directory, and do not follow the last link;
//   - stat, access, readlink, statfs, getxattr, listxattr, inotify_add_watch and
//     name_to_handle_at tell something about a file that a guest may know, and open none:
//     what open_by_handle_at opens is judged;
//   - truncate changes no file of a helper's: those in memory are sealed, and its
//     executable is in use (ETXTBSY);
//   - connect and sendto look for a socket at the path, which is none of them.

// onTarget calls do for the file at a path: with a descriptor of it, an empty path and
// AT_EMPTY_PATH, or with what it was given if the last link is not followed.
func (t *Thread) onTarget(dirfd int32, path uint32, flags int32, do func(dirfd int32, path uintptr, flags int32) int64) int64 {
	const direct = unix.AT_SYMLINK_NOFOLLOW | unix.AT_EMPTY_PATH
	if flags&unix.AT_SYMLINK_NOFOLLOW != 0 || flags&unix.AT_EMPTY_PATH != 0 && t.isEmpty(path) {
		return do(dirfd, t.Memory.Host(path), flags)
	}
	if flags&^direct != 0 {
		return do(dirfd, t.Memory.Host(path), -1) // the kernel refuses it, in its order
	}
	r := t.open(dirfd, path, pathguard.How{Flags: unix.O_PATH | unix.O_CLOEXEC})
	if r < 0 {
		return r
	}
	defer t.closeFD(int32(r))
	return do(int32(r), address(emptyPath), flags|unix.AT_EMPTY_PATH)
}

// isEmpty reports whether there is an empty string at p, or nothing that can be read.
func (t *Thread) isEmpty(p uint32) bool {
	var b [1]byte
	return t.Memory.Read(p, b[:]) != 0 || b[0] == 0
}

// change makes a call that changes the file of descriptor fd, if the sandbox lets it.
func (t *Thread) change(fd int32, call func(fd int32) int64) int64 {
	if t.Sandboxed {
		return t.changeOpen(fd, call)
	}
	return call(fd)
}

// sysFchown is fchown(2).
func sysFchown(t *Thread, a Args) int64 {
	return t.change(a.Int(0), func(fd int32) int64 { return t.fchown(fd, a.Uint(1), a.Uint(2)) })
}

func (t *Thread) fchown(fd int32, owner, group uint32) int64 {
	return t.call(unix.SYS_FCHOWN, uintptr(fd), uintptr(owner), uintptr(group), 0, 0, 0)
}

// sysFchmod is fchmod(2).
func sysFchmod(t *Thread, a Args) int64 {
	return t.change(a.Int(0), func(fd int32) int64 { return t.fchmod(fd, a.Uint(1)) })
}

func (t *Thread) fchmod(fd int32, mode uint32) int64 {
	return t.call(unix.SYS_FCHMOD, uintptr(fd), uintptr(mode), 0, 0, 0, 0)
}

func (t *Thread) chown(dirfd int32, path, owner, group uint32, flags int32) int64 {
	if t.Sandboxed {
		return t.changeAllowed(dirfd, path, flags, func(fd int32) int64 { return t.fchown(fd, owner, group) })
	}
	return t.onTarget(dirfd, path, flags, func(dirfd int32, path uintptr, flags int32) int64 {
		return t.call(unix.SYS_FCHOWNAT, uintptr(dirfd), path, uintptr(owner), uintptr(group), uintptr(flags), 0)
	})
}

// sysFchownat is fchownat(2).
func sysFchownat(t *Thread, a Args) int64 {
	return t.chown(a.Int(0), a.Ptr(1), a.Uint(2), a.Uint(3), a.Int(4))
}

// sysFchmodat is fchmodat(2) and fchmodat2(2). The kernel's first call has no flags;
// the C library's has.
func sysFchmodat(t *Thread, a Args) int64 { return t.chmod(a.Int(0), a.Ptr(1), a.Uint(2), a.Int(3)) }

func (t *Thread) chmod(dirfd int32, path, mode uint32, flags int32) int64 {
	if t.Sandboxed {
		return t.changeAllowed(dirfd, path, flags, func(fd int32) int64 { return t.fchmod(fd, mode) })
	}
	return t.onTarget(dirfd, path, flags, func(fd int32, name uintptr, flags int32) int64 {
		r := t.call(unix.SYS_FCHMODAT2, uintptr(fd), name, uintptr(mode), uintptr(flags), 0, 0)
		if r == -int64(unix.ENOSYS) && name == address(emptyPath) { // before Linux 6.6
			return t.guard().ByLink(fd, func(dir int32, name uintptr) int64 {
				return t.call(unix.SYS_FCHMODAT, uintptr(dir), name, uintptr(mode), 0, 0, 0)
			})
		}
		return r
	})
}

// Calls that Linux has since 6.13, and their struct xattr_args: u64 value, u32 size, u32
// flags. Numbers of that age are the same on all architectures.
const (
	sysSetxattrat    = 463
	sysRemovexattrat = 466
	xattrArgs        = 16
)

// sysSetxattr is setxattr(2).
func sysSetxattr(t *Thread, a Args) int64 {
	path, name, value, size, flags := a.Ptr(0), t.Memory.Host(a.Ptr(1)), t.Memory.Host(a.Ptr(2)), a.Uint(3), a.Uint(4)
	byFD := func(fd int32) int64 {
		return t.call(unix.SYS_FSETXATTR, uintptr(fd), name, value, uintptr(size), uintptr(flags), 0)
	}
	if t.Sandboxed {
		return t.changeAllowed(unix.AT_FDCWD, path, 0, byFD)
	}
	// What is wrong with the other arguments comes before what is with the path.
	r := t.call(unix.SYS_SETXATTR, address(emptyPath), name, value, uintptr(size), uintptr(flags), 0)
	if r != -int64(unix.ENOENT) {
		return r
	}
	b := t.alloc(xattrArgs)
	binary.LittleEndian.PutUint64(b, uint64(value))
	binary.LittleEndian.PutUint32(b[8:], size)
	binary.LittleEndian.PutUint32(b[12:], flags)
	return t.onAttributes(path,
		func(dir int32, link uintptr) int64 {
			return t.call(sysSetxattrat, uintptr(dir), link, 0, name, address(b), xattrArgs)
		}, byFD)
}

// sysRemovexattr is removexattr(2).
func sysRemovexattr(t *Thread, a Args) int64 {
	path, name := a.Ptr(0), t.Memory.Host(a.Ptr(1))
	byFD := func(fd int32) int64 {
		return t.call(unix.SYS_FREMOVEXATTR, uintptr(fd), name, 0, 0, 0, 0)
	}
	if t.Sandboxed {
		return t.changeAllowed(unix.AT_FDCWD, path, 0, byFD)
	}
	r := t.call(unix.SYS_REMOVEXATTR, address(emptyPath), name, 0, 0, 0, 0)
	if r != -int64(unix.ENOENT) {
		return r
	}
	return t.onAttributes(path,
		func(dir int32, link uintptr) int64 {
			return t.call(sysRemovexattrat, uintptr(dir), link, 0, name, 0, 0)
		}, byFD)
}

// sysFsetxattr is fsetxattr(2).
func sysFsetxattr(t *Thread, a Args) int64 {
	name, value := t.Memory.Host(a.Ptr(1)), t.Memory.Host(a.Ptr(2))
	return t.change(a.Int(0), func(fd int32) int64 {
		return t.call(unix.SYS_FSETXATTR, uintptr(fd), name, value, uintptr(a.Uint(3)), uintptr(a.Uint(4)), 0)
	})
}

// sysFremovexattr is fremovexattr(2).
func sysFremovexattr(t *Thread, a Args) int64 {
	name := t.Memory.Host(a.Ptr(1))
	return t.change(a.Int(0), func(fd int32) int64 {
		return t.call(unix.SYS_FREMOVEXATTR, uintptr(fd), name, 0, 0, 0, 0)
	})
}

// onAttributes changes the extended attributes of the file at a path, by its link in the
// directory of the thread's descriptors, or before Linux 6.13 and without /proc by a
// descriptor. These calls take none that is opened with O_PATH; files that cannot be
// opened without an effect are then left out.
func (t *Thread) onAttributes(path uint32, byLink func(dir int32, link uintptr) int64, byFD func(fd int32) int64) int64 {
	target := t.open(unix.AT_FDCWD, path, pathguard.How{Flags: unix.O_PATH | unix.O_CLOEXEC})
	if target < 0 {
		return target
	}
	defer t.closeFD(int32(target))
	r := t.guard().ByLink(int32(target), byLink)
	if r != -int64(unix.ENOSYS) && r != pathguard.NoLink {
		return r
	}
	b, e := t.guard().Describe(int32(target))
	if e != 0 {
		return errno(e)
	}
	if f := b.Format(); f != unix.S_IFREG && f != unix.S_IFDIR {
		return errno(unix.EOPNOTSUPP)
	}
	for _, access := range []uint64{unix.O_RDONLY, unix.O_WRONLY} {
		how := pathguard.How{Flags: access | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC | largeFile}
		if r = t.open(unix.AT_FDCWD, path, how); r >= 0 {
			defer t.closeFD(int32(r))
			return byFD(int32(r))
		}
	}
	return r
}

// sysLinkat is linkat(2).
func sysLinkat(t *Thread, a Args) int64 {
	from, path, to, name, flags := a.Int(0), a.Ptr(1), uintptr(a.Int(2)), a.Ptr(3), a.Int(4)
	if t.namesReserved(path) {
		return errno(unix.ENOENT)
	}
	if flags&^(unix.AT_SYMLINK_FOLLOW|unix.AT_EMPTY_PATH) != 0 {
		return errno(unix.EINVAL)
	}
	if flags&unix.AT_SYMLINK_FOLLOW == 0 || flags&unix.AT_EMPTY_PATH != 0 && t.isEmpty(path) {
		return t.call(unix.SYS_LINKAT, uintptr(from), t.Memory.Host(path), to, t.Memory.Host(name), uintptr(flags), 0)
	}
	r := t.open(from, path, pathguard.How{Flags: unix.O_PATH | unix.O_CLOEXEC})
	if r < 0 {
		return r
	}
	defer t.closeFD(int32(r))
	return t.guard().ByLink(int32(r), func(dir int32, link uintptr) int64 {
		return t.call(unix.SYS_LINKAT, uintptr(dir), link, to, t.Memory.Host(name), uintptr(flags), 0)
	})
}

// sysLandlockAddRule is landlock_add_rule(2). The rule for a path has a descriptor in
// its struct: u64 access, s32 descriptor.
func sysLandlockAddRule(t *Thread, a Args) int64 {
	ruleset, kind, rule, flags := uintptr(a.Int(0)), a.Int(1), a.Ptr(2), uintptr(a.Uint(3))
	if kind != unix.LANDLOCK_RULE_PATH_BENEATH {
		return t.call(unix.SYS_LANDLOCK_ADD_RULE, ruleset, uintptr(kind), t.Memory.Host(rule), flags, 0, 0)
	}
	b := t.alloc(12)
	if e := t.Memory.Read(rule, b); e != 0 {
		return t.call(unix.SYS_LANDLOCK_ADD_RULE, ruleset, uintptr(kind), badAddress, flags, 0, 0)
	}
	if t.ownsFD(int32(binary.LittleEndian.Uint32(b[8:]))) {
		binary.LittleEndian.PutUint32(b[8:], 0xffffffff) // EBADF
	}
	return t.call(unix.SYS_LANDLOCK_ADD_RULE, ruleset, uintptr(kind), address(b), flags, 0, 0)
}

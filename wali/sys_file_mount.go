package wali

import (
	"bytes"

	"golang.org/x/sys/unix"

	"walisup/wali/pathguard"
)

// fileSystemsWithPointers take mount data that is a struct with pointers in it.
var fileSystemsWithPointers = [...]string{"nfs", "nfs4", "ncpfs"}

// sysMount is mount(2). Its data is a string for nearly all file systems.
func sysMount(t *Thread, a Args) int64 {
	fsType, data := a.Ptr(2), a.Ptr(4)
	hostType := t.Memory.Host(fsType)
	if fsType != 0 && data != 0 {
		name := t.alloc(64)
		n, e := t.Memory.ReadCString(fsType, name[:len(name)-1])
		if e == unix.EFAULT {
			return errno(unix.EFAULT)
		}
		if e == 0 {
			for _, fs := range fileSystemsWithPointers {
				if string(name[:n]) == fs && !t.isText(data) {
					return errno(unix.EINVAL)
				}
			}
			hostType = address(name) // the kernel sees what we looked at
		}
	}
	source, target, flags := a.Ptr(0), a.Ptr(1), uintptr(a[3])
	if t.namesReserved(source) || t.namesReserved(target) {
		return errno(unix.ENOENT)
	}
	if flags&mountMagicMask == mountMagic {
		flags &^= mountMagicMask
	}
	if flags&unix.MS_BIND != 0 && flags&unix.MS_REMOUNT == 0 {
		return t.bindMount(source, target, flags)
	}
	return t.block(unix.SYS_MOUNT, t.Memory.Host(source), t.Memory.Host(target), hostType, flags, t.Memory.Host(data), 0)
}

// Old programs have a magic number in mount's flags.
const (
	mountMagicMask = 0xffff0000
	mountMagic     = 0xc0ed0000
)

// bindMount is mount(2) with MS_BIND. The source may be reached by a magic link, so it
// is what the guard has opened that is mounted.
func (t *Thread) bindMount(source, target uint32, flags uintptr) int64 {
	if source == 0 {
		return errno(unix.EINVAL)
	}
	r := t.open(unix.AT_FDCWD, source, pathguard.How{Flags: unix.O_PATH | unix.O_CLOEXEC})
	if r < 0 {
		return r
	}
	defer t.closeFD(int32(r))
	how := uintptr(unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC | unix.AT_EMPTY_PATH)
	if flags&unix.MS_REC != 0 {
		how |= unix.AT_RECURSIVE
	}
	tree := t.call(unix.SYS_OPEN_TREE, uintptr(r), address(emptyPath), how, 0, 0, 0)
	if tree < 0 {
		return tree
	}
	defer t.closeFD(int32(tree))
	const move = unix.MOVE_MOUNT_F_EMPTY_PATH | unix.MOVE_MOUNT_T_SYMLINKS | unix.MOVE_MOUNT_T_AUTOMOUNTS
	return t.block(unix.SYS_MOVE_MOUNT, uintptr(tree), address(emptyPath), atFDCWD, t.Memory.Host(target), move, 0)
}

// sysMoveMount is move_mount(2). A mount on a magic link would lead the guard astray
// when it looks up its own descriptors; mount(2) follows such links.
func sysMoveMount(t *Thread, a Args) int64 {
	from, source, to, target, flags := a.Int(0), a.Ptr(1), a.Int(2), a.Ptr(3), a.Uint(4)
	if t.namesReserved(source) || t.namesReserved(target) {
		return errno(unix.ENOENT)
	}
	r := int64(0)
	switch {
	case flags&unix.MOVE_MOUNT_T_SYMLINKS != 0 && !t.isEmpty(target):
		r = t.guard().OpenPath(to, t.guestPath(target), pathguard.How{})
	case flags&unix.MOVE_MOUNT_T_EMPTY_PATH != 0 && t.isEmpty(target):
		r = t.guard().Duplicate(to, true)
	default:
		r = t.guard().OpenPath(to, t.guestPath(target), pathguard.How{Flags: unix.O_NOFOLLOW})
	}
	if r < 0 {
		return r
	}
	return t.guard().Hold(int32(r), func(place int32) int64 {
		b, e := t.guard().Describe(place)
		if e != 0 {
			return errno(e)
		}
		if b.Format() == unix.S_IFLNK && t.guard().IsProcfs(place) {
			return errno(unix.EINVAL)
		}
		flags := flags&^unix.MOVE_MOUNT_T_SYMLINKS | unix.MOVE_MOUNT_T_EMPTY_PATH
		return t.call(unix.SYS_MOVE_MOUNT, uintptr(from), t.Memory.Host(source), uintptr(place), address(emptyPath), uintptr(flags), 0)
	})
}

// guestPath copies the path at p for openPath. If it cannot be read it is empty, and
// the kernel says so for an empty path.
func (t *Thread) guestPath(p uint32) []byte {
	return t.guard().Terminated(t.pathAt(p), false)
}

// isText reports whether mount data at p is a string of options.
func (t *Thread) isText(p uint32) bool {
	var b [4]byte
	return t.Memory.Read(p, b[:]) == 0 && bytes.IndexFunc(b[:], func(r rune) bool { return r < ' ' }) < 0
}

// sysFanotifyMark is fanotify_mark(2). procfs is left out: an event's
// descriptor, which the kernel opens, would bypass the guard.
func sysFanotifyMark(t *Thread, a Args) int64 {
	fd, flags, mask, dirfd, path := a.Int(0), a.Uint(1), a[2], a.Int(3), a.Ptr(4)
	const add = unix.FAN_MARK_ADD
	if flags&add == 0 {
		return t.call(unix.SYS_FANOTIFY_MARK, uintptr(fd), uintptr(flags), uintptr(mask), uintptr(dirfd), t.Memory.Host(path), 0)
	}
	var r int64
	if path == 0 {
		r = t.guard().Duplicate(dirfd, true)
	} else {
		how := pathguard.How{Flags: unix.O_PATH | unix.O_CLOEXEC}
		if flags&unix.FAN_MARK_DONT_FOLLOW != 0 {
			how.Flags |= unix.O_NOFOLLOW
		}
		if flags&unix.FAN_MARK_ONLYDIR != 0 {
			how.Flags |= unix.O_DIRECTORY
		}
		r = t.open(dirfd, path, how)
	}
	if r < 0 {
		return r
	}
	return t.guard().Hold(int32(r), func(target int32) int64 {
		if t.guard().IsProcfs(target) {
			return errno(unix.EACCES)
		}
		r := t.guard().ByLink(target, func(dir int32, name uintptr) int64 {
			return t.call(unix.SYS_FANOTIFY_MARK, uintptr(fd), uintptr(flags&^unix.FAN_MARK_DONT_FOLLOW), uintptr(mask), uintptr(dir), name, 0)
		})
		if r == pathguard.NoLink {
			return errno(unix.EACCES)
		}
		return r
	})
}

// sysSysfs is sysfs(2), which newer architectures do not have.
func sysSysfs(t *Thread, a Args) int64 {
	nr, ok := sysfsNumber()
	if !ok {
		return errno(unix.ENOSYS)
	}
	option, arg1, arg2 := a.Int(0), uintptr(a[1]), uintptr(0)
	switch option {
	case 1: // name to index
		arg1 = t.Memory.Host(uint32(a[1]))
	case 2: // index to name
		arg2 = t.Memory.Host(uint32(a[2]))
	}
	return t.call(nr, uintptr(option), arg1, arg2, 0, 0, 0)
}

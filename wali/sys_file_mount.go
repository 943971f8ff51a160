package wali

import (
	"bytes"

	"golang.org/x/sys/unix"
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
	return t.block(unix.SYS_MOUNT, t.Memory.Host(a.Ptr(0)), t.Memory.Host(a.Ptr(1)), hostType,
		uintptr(a[3]), t.Memory.Host(data), 0)
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
	if flags&add != 0 {
		procfs := false
		if path == 0 {
			procfs = t.isProcfs(dirfd)
		} else {
			const how = unix.O_PATH | unix.O_CLOEXEC
			r := t.call(unix.SYS_OPENAT, uintptr(dirfd), t.Memory.Host(path), how, 0, 0, 0)
			if r < 0 {
				return r
			}
			procfs = t.isProcfs(int32(r))
			t.closeFD(int32(r))
		}
		if procfs {
			return errno(unix.EACCES)
		}
	}
	return t.call(unix.SYS_FANOTIFY_MARK, uintptr(fd), uintptr(flags), uintptr(mask), uintptr(dirfd), t.Memory.Host(path), 0)
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

package codeservice

import (
	"fmt"

	"golang.org/x/sys/unix"

	"walisup/ipc"
	"walisup/ipc/cache"
)

const (
	// maxModule is the size of the largest module that is copied, and maxCode that
	// of the largest compiled one. Helpers compile larger ones by themselves.
	maxModule = 128 << 20
	maxCode   = 1 << 30
)

// identity tells a state of a file from all others. No guest can make a file that has
// the identity of another: mounts are counted and never counted again, or the file is
// on a device, whose file system only root can mount and only the kernel dates.
type identity struct {
	mount, device, inode uint64
	size                 int64
	modified, changed    unix.StatxTimestamp

	role ipc.Role // that it is wanted for
}

// identify examines the file of a module. The identity is zero if the file cannot be
// known again for certain, and the error the one that execve has for it.
func identify(fd int, role ipc.Role) (id identity, size int64, e unix.Errno) {
	const mask = unix.STATX_BASIC_STATS | unix.STATX_MNT_ID_UNIQUE
	var st unix.Statx_t
	if err := unix.Statx(fd, "", unix.AT_EMPTY_PATH, mask, &st); err != nil {
		return id, 0, unix.EIO
	}
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	switch {
	case err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG || flags&unix.O_PATH != 0 || flags&unix.O_ACCMODE == unix.O_WRONLY:
		return id, 0, unix.EACCES
	case st.Size < uint64(len(moduleMagic)):
		return id, 0, unix.ENOEXEC
	case st.Size > maxModule:
		return id, 0, errBusy
	}
	size = int64(st.Size)
	unique := st.Mask&unix.STATX_MNT_ID_UNIQUE != 0
	if !unique && st.Dev_major == 0 || recent(st.Ctime) {
		return identity{}, size, 0
	}
	id = identity{device: unix.Mkdev(st.Dev_major, st.Dev_minor), inode: st.Ino, size: size, modified: st.Mtime, changed: st.Ctime, role: role}
	if unique {
		id.mount = st.Mnt_id
	}
	return id, size, 0
}

// settled is how long ago a file must have changed for another change to show in its
// times, in nanoseconds; see package cache.
const settled = 100_000_000

// recent reports whether a file has changed so lately that it could change again
// without its times telling.
func recent(changed unix.StatxTimestamp) bool {
	var now unix.Timespec
	if unix.ClockGettime(unix.CLOCK_REALTIME, &now) != nil {
		return true
	}
	age := now.Nano() - (changed.Sec*1e9 + int64(changed.Nsec))
	return age < settled
}

// moduleMagic begins every module.
const moduleMagic = "\x00asm\x01\x00\x00\x00"

// reopen replaces the descriptor of a sealed file by one for reading alone, and closes
// it.
func reopen(fd int) (int, unix.Errno) {
	defer unix.Close(fd)
	read, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", fd), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, errBusy
	}
	return read, 0
}

// copySealed returns a sealed copy of the first size bytes of a file.
func copySealed(from int, size int64) (int, unix.Errno) {
	fd, err := cache.SealedPart(from, size)
	if err != nil {
		return -1, errBusy
	}
	return reopen(fd)
}

// keyOf returns the key of a module in a sealed file. The error is ENOEXEC if it is
// none.
func keyOf(fd int, size int64, context *cache.Context) (key cache.Key, e unix.Errno) {
	var head [len(moduleMagic)]byte
	if _, err := unix.Pread(fd, head[:], 0); err != nil {
		return key, errBusy
	}
	if string(head[:]) != moduleMagic {
		return key, unix.ENOEXEC
	}
	key, err := context.KeyOf(fd, size)
	if err != nil {
		return key, errBusy
	}
	return key, 0
}

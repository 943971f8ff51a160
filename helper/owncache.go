package helper

import (
	"fmt"

	"golang.org/x/sys/unix"

	"walisup/helper/cache"
	"walisup/ipc"
)

// A guest that gets another root or another user can no longer reach the folder of
// compiled modules, and must not: what it wrote there would be run by others. It
// gets one of its own, which all processes that come from it share: a file system in
// memory that is mounted nowhere, and gone when the last of them has closed its
// private descriptor.

// openCache opens the folder of compiled modules.
func (b *bootstrap) openCache() (*cache.Dir, error) {
	if b.OwnCache {
		return cache.OpenAt(b.first + ipc.CacheOffset)
	}
	return cache.Open(b.CacheDir)
}

// hasCache reports whether there is a folder of compiled modules to open.
func (b *bootstrap) hasCache() bool { return b.OwnCache || b.CacheDir != "" }

// makeOwnCache makes a folder of compiled modules for the user and group that the
// guest will be. Without the right to, what the guest executes is compiled each time.
func (b *bootstrap) makeOwnCache(c *ipc.Confinement) {
	had := b.hasCache()
	b.CacheDir, b.OwnCache = "", false
	if !had {
		return
	}
	uid, gid := c.UID, c.GID
	if uid < 0 {
		uid = unix.Geteuid()
	}
	if gid < 0 {
		gid = unix.Getegid()
	}
	fd, err := unmountedFolder(uid, gid)
	if err != nil {
		return
	}
	b.OwnCache = unix.Dup3(fd, b.first+ipc.CacheOffset, unix.O_CLOEXEC) == nil
	unix.Close(fd)
}

// unmountedFolder returns a descriptor of the root of a new file system in memory;
// mount_setattr(2), fsopen.
func unmountedFolder(uid, gid int) (fd int, err error) {
	context, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, err
	}
	defer unix.Close(context)
	for key, value := range map[string]string{"mode": "0700", "uid": fmt.Sprint(uid), "gid": fmt.Sprint(gid)} {
		if err := unix.FsconfigSetString(context, key, value); err != nil {
			return -1, err
		}
	}
	if err := unix.FsconfigCreate(context); err != nil {
		return -1, err
	}
	return unix.Fsmount(context, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV)
}

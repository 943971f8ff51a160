package pathguard

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// Offsets in struct statx, which is the same on all architectures (stat is not).
const (
	StatxSize       = 256
	statxBlksize    = 4
	statxAttributes = 8
	statxNlink      = 16
	statxMode       = 28
	StatxInode      = 32
	statxAttrMask   = 56
	statxRdevMajor  = 128
	statxRdevMinor  = 132
	StatxDevMajor   = 136
	StatxDevMinor   = 140
	statxMountID    = 144
)

// Statx is a struct statx as the kernel wrote it.
type Statx []byte

func (b Statx) u32(off int) uint32 { return binary.LittleEndian.Uint32(b[off:]) }
func (b Statx) u64(off int) uint64 { return binary.LittleEndian.Uint64(b[off:]) }

// Format is the file's type: one of the S_IF constants.
func (b Statx) Format() uint32 {
	return uint32(binary.LittleEndian.Uint16(b[statxMode:])) & unix.S_IFMT
}

// Inode is the file's number on its device.
func (b Statx) Inode() uint64 { return b.u64(StatxInode) }

// Dev is the device that the file is on.
func (b Statx) Dev() uint64 {
	return unix.Mkdev(b.u32(StatxDevMajor), b.u32(StatxDevMinor))
}

// Same reports whether two descriptions are of one file.
func (b Statx) Same(c Statx) bool { return b.Inode() == c.Inode() && b.Dev() == c.Dev() }

// Describe fills in what the guard wants to know of descriptor fd. It never
// makes a network or user-space file system ask its server.
func (t *Thread) Describe(fd int32) (Statx, unix.Errno) {
	return t.statx(fd, address(EmptyPath), unix.AT_EMPTY_PATH, described)
}

// DescribeAt is Describe for the file, or symbolic link, that has a name, which ends with a
// NUL, in a directory.
func (t *Thread) DescribeAt(dirfd int32, name []byte) (Statx, unix.Errno) {
	return t.statx(dirfd, address(name), unix.AT_SYMLINK_NOFOLLOW, described)
}

// described is what Describe asks for.
const described = unix.STATX_TYPE | unix.STATX_INO | unix.STATX_NLINK

// statx describes the file at path below dirfd.
func (t *Thread) statx(dirfd int32, path, flags, mask uintptr) (Statx, unix.Errno) {
	b := t.Alloc(StatxSize)
	r := t.Call(unix.SYS_STATX, uintptr(dirfd), path, flags|unix.AT_STATX_DONT_SYNC, mask, address(b), 0)
	if r < 0 {
		return nil, unix.Errno(-r)
	}
	return b, 0
}

// identity is which inode on which mount a descriptor or path leads to.
type identity struct{ inode, dev, mount uint64 }

// identify returns the identity of the file at path below dirfd, which is that of
// dirfd if path is empty.
func (t *Thread) identify(dirfd int32, path uintptr) (identity, bool) {
	b, e := t.statx(dirfd, path, unix.AT_EMPTY_PATH, unix.STATX_INO|unix.STATX_MNT_ID)
	if e != 0 || b.u32(0)&unix.STATX_MNT_ID == 0 {
		return identity{}, false
	}
	return identity{b.Inode(), b.Dev(), b.u64(statxMountID)}, true
}

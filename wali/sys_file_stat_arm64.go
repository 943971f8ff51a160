package wali

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// statSize is the size of the guest's struct stat, which is x86-64's; that of
// arm64 has 128 bytes.
const (
	statSize      = 144
	armStatSize   = 128
	armStatMode   = 16
	armStatNlink  = 20
	armStatUID    = 24
	armStatGID    = 28
	armStatRdev   = 32
	armStatSize64 = 48
	armStatBlk    = 56
	armStatBlocks = 64
	armStatTimes  = 72 // three struct timespec
)

// statFile is newfstatat on a host path, with the result in the guest's layout.
func (t *Thread) statFile(dirfd, path uintptr, buf uint32, flags uintptr) int64 {
	b := t.alloc(armStatSize)
	r := t.call(unix.SYS_FSTATAT, dirfd, path, address(b), flags, 0, 0)
	if r < 0 {
		return r
	}
	return t.writeStat(b, buf)
}

// sysFstat is fstat(2).
func sysFstat(t *Thread, a Args) int64 {
	b := t.alloc(armStatSize)
	r := t.call(unix.SYS_FSTAT, uintptr(a.Int(0)), address(b), 0, 0, 0, 0)
	if r < 0 {
		return r
	}
	return t.writeStat(b, a.Ptr(1))
}

// writeStat converts arm64's struct stat to the guest's.
// Source: include/uapi/asm-generic/stat.h and arch/x86/include/uapi/asm/stat.h.
func (t *Thread) writeStat(arm []byte, buf uint32) int64 {
	le := binary.LittleEndian
	b := t.alloc(statSize)
	copy(b[0:16], arm[0:16]) // st_dev, st_ino
	le.PutUint64(b[16:], uint64(le.Uint32(arm[armStatNlink:])))
	copy(b[24:28], arm[armStatMode:])
	copy(b[28:32], arm[armStatUID:])
	copy(b[32:36], arm[armStatGID:])
	copy(b[40:48], arm[armStatRdev:])
	copy(b[48:56], arm[armStatSize64:])
	le.PutUint64(b[56:], uint64(le.Uint32(arm[armStatBlk:])))
	copy(b[64:72], arm[armStatBlocks:])
	copy(b[72:120], arm[armStatTimes:])
	if e := t.Memory.Write(buf, b); e != 0 {
		return errno(e)
	}
	return 0
}

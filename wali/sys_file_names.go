package wali

import (
	"bytes"
	"encoding/binary"

	"golang.org/x/sys/unix"

	"walisup/wali/procpath"
)

var (
	procPrefix  = binary.LittleEndian.Uint64([]byte("/proc/\x00\x00"))
	devFDPrefix = binary.LittleEndian.Uint64([]byte("/dev/fd/"))
)

// procPath reports whether the path at p begins like one that leads to
// descriptors or the executable of a process. It costs one load.
func (t *Thread) procPath(p uint32) bool {
	// Shorter paths than eight bytes name nothing of interest, so it does not
	// matter that they may be unreadable.
	head, e := t.Memory.Load64(p)
	return e == 0 && (head&(1<<48-1) == procPrefix || head == devFDPrefix)
}

// namesReserved reports whether the path at p spells one of the helper's private
// descriptors in one of the usual ways. For the guest that file does not exist.
// This is for good manners: what the descriptors hold is guarded by package pathguard.
func (t *Thread) namesReserved(p uint32) bool {
	if !t.procPath(p) {
		return false
	}
	mark := t.scratchUsed
	defer func() { t.scratchUsed = mark }()
	path := t.pathAt(p)
	fd, ok := procpath.Descriptor(path, t.pid())
	return ok && t.ownsFD(fd)
}

// pathAt copies the path at p to scratch space: nil if it cannot be read.
func (t *Thread) pathAt(p uint32) []byte {
	b := t.alloc(unix.PathMax)
	n, e := t.Memory.ReadCString(p, b)
	if e != 0 {
		return nil
	}
	return b[:n]
}

func (t *Thread) pid() int { return int(t.call(unix.SYS_GETPID, 0, 0, 0, 0, 0, 0)) }

// isOwnExe reports whether the path, which leads to the helper's executable, is
// the exe link of this process.
func (t *Thread) isOwnExe(dirfd int32, path uint32) bool {
	const flags = unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC
	r := t.call(unix.SYS_OPENAT, uintptr(dirfd), t.Memory.Host(path), flags, 0, 0, 0)
	if r < 0 {
		return false
	}
	own := t.guard().IsOwnExeLink(int32(r))
	t.call(unix.SYS_CLOSE, uintptr(r), 0, 0, 0, 0, 0)
	return own
}

// lastIsExe reports whether the last component of the path at p is "exe".
func (t *Thread) lastIsExe(p uint32) bool {
	path := t.pathAt(p)
	return string(path) == "exe" || bytes.HasSuffix(path, []byte("/exe"))
}

package wali

import (
	"bytes"

	"golang.org/x/sys/unix"

	"walisup/wali/pathguard"
	"walisup/wali/procpath"
)

// maxDirents bounds a read of a directory that has to be filtered. The
// kernel may always return less than was asked for.
const maxDirents = 128 << 10

// sysGetdents64 is getdents64(2). It leaves the helper's descriptors out of
// /proc/<pid>/fd.
func sysGetdents64(t *Thread, a Args) int64 {
	fd, buf, count := a.Int(0), a.Ptr(1), min(a.Uint(2), maxDirents)
	for {
		r := t.block(unix.SYS_GETDENTS64, uintptr(fd), t.Memory.Host(buf), uintptr(count), 0, 0, 0)
		if r <= 0 || !t.startsWithNumber(buf, uint32(r)) || !t.guard().ListsHelperFDs(fd) {
			return r
		}
		// Nothing left of a full buffer must not look like the end.
		if kept := t.filterDirents(buf, int(r)); kept != 0 {
			return kept
		}
	}
}

// startsWithNumber reports whether the first entry of a directory's listing,
// other than . and .., is named by a digit.
func (t *Thread) startsWithNumber(buf, size uint32) bool {
	const dot, shortest = '.', 24
	for off := uint32(0); off+shortest <= size; off += shortest {
		b, e := t.Memory.Load64(buf + off + pathguard.DirentLength)
		if e != 0 {
			return false
		}
		first := byte(b >> (8 * (pathguard.DirentName - pathguard.DirentLength)))
		if first != dot || uint16(b) != shortest {
			return '0' <= first && first <= '9'
		}
	}
	return false
}

// filterDirents removes the helper's descriptors from a listing of size bytes
// in guest memory and returns its new size.
func (t *Thread) filterDirents(buf uint32, size int) int64 {
	mark := t.scratchUsed
	defer func() { t.scratchUsed = mark }()
	list := t.alloc(size)
	if e := t.Memory.Read(buf, list); e != 0 {
		return errno(e)
	}
	kept := list[:0]
	for entry := range pathguard.Entries(list) { // as far as no other guest thread writes there
		if fd, ok := procpath.Number(entry.Name()); !ok || !t.ownsFD(fd) {
			kept = append(kept, entry...)
		}
	}
	if e := t.Memory.Write(buf, kept); e != 0 {
		return errno(e)
	}
	return int64(len(kept))
}

// sysReadlink is readlink(2), which newer architectures do not have.
func sysReadlink(t *Thread, a Args) int64 {
	return t.readlinkat(unix.AT_FDCWD, a.Ptr(0), a.Ptr(1), a.Int(2))
}

// sysReadlinkat is readlinkat(2).
func sysReadlinkat(t *Thread, a Args) int64 {
	return t.readlinkat(a.Int(0), a.Ptr(1), a.Ptr(2), a.Int(3))
}

func (t *Thread) readlinkat(dirfd int32, path, buf uint32, size int32) int64 {
	if t.namesReserved(path) {
		return errno(unix.ENOENT)
	}
	if !t.leadsToOwnExe(dirfd, path) {
		return t.call(unix.SYS_READLINKAT, uintptr(dirfd), t.Memory.Host(path), t.Memory.Host(buf), uintptr(size), 0, 0)
	}
	if size <= 0 {
		return errno(unix.EINVAL)
	}
	target := t.Module[:min(len(t.Module), int(size))]
	if e := t.Memory.WriteString(buf, target); e != 0 {
		return errno(e)
	}
	return int64(len(target))
}

// leadsToOwnExe reports whether a path is the exe link of this process. It has to
// be known before the link is read, lest the helper's path be left in the guest's
// buffer.
func (t *Thread) leadsToOwnExe(dirfd int32, path uint32) bool {
	mark := t.scratchUsed
	defer func() { t.scratchUsed = mark }()
	name := t.pathAt(path)
	if len(name) == 0 { // dirfd is the link
		return t.guard().IsOwnExeLink(dirfd)
	}
	return bytes.HasSuffix(name, []byte("exe")) && t.isOwnExe(dirfd, path)
}

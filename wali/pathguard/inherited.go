package pathguard

import (
	"bytes"
	"encoding/binary"
	"iter"

	"golang.org/x/sys/unix"

	"walisup/wali/procpath"
)

// JudgeInherited closes the descriptors below end that the process was started with and a
// guest must not have. The standard ones become /dev/null, or stay closed where there is
// none.
func (t *Thread) JudgeInherited(end int32) {
	t.eachOpen(end, func(fd int32) {
		if t.OwnsFD(fd) || t.Judge(fd) == Harmless {
			return
		}
		// The helper's executable goes as well: only a helper has opened it, and nobody
		// else hands it on.
		null := int64(-1)
		if fd <= 2 {
			null = t.Call(unix.SYS_OPENAT, atFDCWD, t.CString("/dev/null"), unix.O_RDWR, 0, 0, 0)
		}
		if null < 0 {
			t.Close(fd)
			return
		}
		t.Call(unix.SYS_DUP3, uintptr(null), uintptr(fd), 0, 0, 0, 0)
		t.Close(int32(null))
	})
}

// eachOpen calls f for the open descriptors, by way of /proc, or where there is none by
// trying those below end.
func (t *Thread) eachOpen(end int32, f func(fd int32)) {
	mark := t.Scratch()
	defer t.ResetScratch(mark)
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC
	r := int64(-1)
	if root := t.openProcRoot(); root >= 0 {
		how := How{Flags: flags, Resolve: unix.RESOLVE_NO_XDEV}
		r = t.Call(unix.SYS_OPENAT2, uintptr(root), address(ownFDsPath), how.Address(t), HowSize, 0, 0)
		t.Close(root)
	}
	if r < 0 {
		for fd := range end {
			if t.Call(unix.SYS_FCNTL, uintptr(fd), unix.F_GETFD, 0, 0, 0, 0) >= 0 {
				f(fd)
			}
		}
		return
	}
	dir := int32(r)
	defer t.Close(dir)
	list := t.Alloc(4096)
	for {
		r := t.Call(unix.SYS_GETDENTS64, uintptr(dir), address(list), uintptr(len(list)), 0, 0, 0)
		if r <= 0 {
			return
		}
		for entry := range Entries(list[:r]) {
			fd, ok := procpath.Number(entry.Name())
			if ok && fd != dir {
				mark := t.Scratch()
				f(fd)
				t.ResetScratch(mark)
			}
		}
	}
}

// Layout of struct linux_dirent64, getdents(2): u64 inode, s64 offset, u16
// length, u8 type, name with its NUL.
const (
	DirentLength = 16 // offset of the length
	DirentName   = 19 // offset of the name
)

// Entry is a struct linux_dirent64.
type Entry []byte

// Name is the entry's file name.
func (e Entry) Name() []byte {
	name, _, _ := bytes.Cut(e[DirentName:], EmptyPath)
	return name
}

// Entries yields the entries of a directory's listing, as far as it is one.
func Entries(list []byte) iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		for len(list) > DirentName {
			n := int(binary.LittleEndian.Uint16(list[DirentLength:]))
			if n <= DirentName || n > len(list) || !yield(list[:n:n]) {
				return
			}
			list = list[n:]
		}
	}
}

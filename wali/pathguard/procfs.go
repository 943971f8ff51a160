package pathguard

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// IsProcfs reports whether fd is on a procfs. Not knowing counts as yes.
func (t *Thread) IsProcfs(fd int32) bool {
	b := t.Alloc(statfsSize)
	if t.Call(unix.SYS_FSTATFS, uintptr(fd), address(b), 0, 0, 0, 0) < 0 {
		return true
	}
	return binary.LittleEndian.Uint64(b) == unix.PROC_SUPER_MAGIC
}

// statfsSize is the size of struct statfs on 64-bit kernels; f_type comes first.
const statfsSize = 120

// blockSizeTells checks, once, that this kernel's procfs has the block size by
// which judge knows it.
func (t *Thread) blockSizeTells() bool {
	if t.procBlock.Load() == blockUnknown {
		state := uint32(blockTellsNot)
		if root := t.openProcRoot(); root >= 0 {
			if b, e := t.Describe(root); e == 0 && b.u32(statxBlksize) == procBlockSize {
				state = blockTells
			}
			t.Close(root)
		}
		t.procBlock.Store(state)
	}
	return t.procBlock.Load() == blockTells
}

// openProcRoot opens /proc, for moments only, and returns -1 if that is not a
// procfs. The helper does not hold it open, because the guest could use any
// directory outside its root to leave it.
func (t *Thread) openProcRoot() (fd int32) {
	const flags = unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC
	r := t.Call(unix.SYS_OPENAT, atFDCWD, t.CString("/proc"), flags, 0, 0, 0)
	if r < 0 {
		return -1
	}
	if !t.IsProcfs(int32(r)) {
		t.Close(int32(r))
		return -1
	}
	return int32(r)
}

// DescriptorPath returns the path by which the kernel knows fd. It lives in
// scratch space. It is nil if there is no way to learn it: no /proc, or no
// descriptor to open it with.
func (t *Thread) DescriptorPath(fd int32) []byte {
	path := t.Alloc(unix.PathMax)
	r := t.ByLink(fd, func(dir int32, name uintptr) int64 {
		return t.Call(unix.SYS_READLINKAT, uintptr(dir), name, address(path), uintptr(len(path)), 0, 0)
	})
	if r < 0 {
		return nil
	}
	return path[:r]
}

// ByLink calls do with the place of descriptor fd in the directory of the thread's
// descriptors, for calls that follow a path and take no descriptor. The result is that of
// do, EINTR if a signal came first, or EOPNOTSUPP where there is no /proc.
func (t *Thread) ByLink(fd int32, do func(dir int32, name uintptr) int64) int64 {
	if t.Contended() {
		if !t.TakeTurn() {
			return errno(unix.EINTR)
		}
		defer t.EndTurn()
	}
	dir := t.ownFDs()
	if dir < 0 {
		return NoLink
	}
	defer t.release(dir)
	return do(dir, address(t.numeral(fd)))
}

// NoLink is ByLink's result where there is no /proc.
const NoLink = -int64(unix.EOPNOTSUPP)

// ownFDs opens the directory of the calling thread's descriptors on a procfs, and
// not what the guest may have mounted over a part of it. It returns a descriptor for
// release, or -1. On the links in it nothing is mounted: the kernel's mount(2)
// follows links, sysMoveMount sees to the rest, and since Linux 6.12 it cannot be
// done at all.
//
// Preconditions: those of secure.
func (t *Thread) ownFDs() int32 {
	root := t.secure(t.openProcRoot())
	if root < 0 {
		return -1
	}
	defer t.release(root)
	const flags = unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC
	r := t.OpenPath(root, ownFDsPath, How{Flags: flags, Resolve: unix.RESOLVE_NO_XDEV})
	dir := t.secure(int32(r))
	if r < 0 || dir < 0 || !t.Contended() {
		return dir
	}
	// Each could have been replaced before it was held.
	is, known := t.identify(dir, address(EmptyPath))
	should, exists := t.identify(root, address(ownFDsPath))
	in, _ := t.identify(root, address(EmptyPath))
	if !known || !exists || is != should || is.mount != in.mount || !t.IsProcfs(root) {
		t.release(dir)
		return -1
	}
	return dir
}

var ownFDsPath = []byte("thread-self/fd\x00")

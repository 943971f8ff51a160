//go:build linux && (amd64 || arm64)

package memory

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The system calls on host addresses. The plain ones do not tell the Go runtime
// that they might take long; the ones named blocking do.

const (
	// reserveFlags makes pages that belong to nobody: no access, no commit
	// charge.
	reserveFlags = unix.MAP_PRIVATE | unix.MAP_ANONYMOUS | unix.MAP_NORESERVE

	mremapMaymove   = 1
	mremapFixed     = 2
	mremapDontunmap = 4
)

func (m *Memory) mapFixed(addr, size uint64, prot, flags int32) unix.Errno {
	_, _, errno := syscall.RawSyscall6(unix.SYS_MMAP, m.base+uintptr(addr), uintptr(size),
		uintptr(prot), uintptr(flags|unix.MAP_FIXED), ^uintptr(0), 0)
	return errno
}

func (m *Memory) mapFixedBlocking(addr, size uint64, prot, flags, fd int32, offset int64) unix.Errno {
	_, _, errno := syscall.Syscall6(unix.SYS_MMAP, m.base+uintptr(addr), uintptr(size),
		uintptr(prot), uintptr(flags|unix.MAP_FIXED), uintptr(fd), uintptr(offset))
	return errno
}

// reserve gives pages back: the range is as it was before anything was mapped.
func (m *Memory) reserve(addr, size uint64) unix.Errno {
	return m.mapFixed(addr, size, unix.PROT_NONE, reserveFlags)
}

func (m *Memory) protect(addr, size uint64, prot int32) unix.Errno {
	_, _, errno := syscall.RawSyscall(unix.SYS_MPROTECT, m.base+uintptr(addr), uintptr(size), uintptr(prot))
	return errno
}

func (m *Memory) advise(addr, size uint64, advice int32) unix.Errno {
	_, _, errno := syscall.RawSyscall(unix.SYS_MADVISE, m.base+uintptr(addr), uintptr(size), uintptr(advice))
	return errno
}

func (m *Memory) adviseBlocking(addr, size uint64, advice int32) unix.Errno {
	_, _, errno := syscall.Syscall(unix.SYS_MADVISE, m.base+uintptr(addr), uintptr(size), uintptr(advice))
	return errno
}

// residence is mincore(2), for not more pages than the vector has bytes.
func (m *Memory) residence(addr, size uint64, vector *[4096]byte) unix.Errno {
	return m.rangeCallBlocking(unix.SYS_MINCORE, addr, size, uintptr(unsafe.Pointer(vector)))
}

// rangeCallBlocking makes a call whose first two arguments are a range.
func (m *Memory) rangeCallBlocking(number uintptr, addr, size uint64, third uintptr) unix.Errno {
	_, _, errno := syscall.Syscall(number, m.base+uintptr(addr), uintptr(size), third)
	return errno
}

// hole reports whether a part of the range is not mapped at all, not even
// reserved. MS_ASYNC does nothing but look.
func (m *Memory) hole(addr, size uint64) bool {
	_, _, errno := syscall.RawSyscall(unix.SYS_MSYNC, m.base+uintptr(addr), uintptr(size), unix.MS_ASYNC)
	return errno == unix.ENOMEM
}

// remap is mremap on host addresses.
func remap(from uintptr, fromSize, toSize uint64, flags int32, to uintptr) (uintptr, unix.Errno) {
	at, _, errno := syscall.Syscall6(unix.SYS_MREMAP, from, uintptr(fromSize), uintptr(toSize), uintptr(flags), to, 0)
	return at, errno
}

func mmapAnywhere(size uint64, prot, flags int32) (uintptr, unix.Errno) {
	return mmapAt(0, size, prot, flags)
}

func mmapAt(addr uintptr, size uint64, prot, flags int32) (uintptr, unix.Errno) {
	at, _, errno := syscall.RawSyscall6(unix.SYS_MMAP, addr, uintptr(size), uintptr(prot), uintptr(flags), ^uintptr(0), 0)
	return at, errno
}

func mmapAnywhereBlocking(size uint64, prot, flags, fd int32, offset int64) (uintptr, unix.Errno) {
	at, _, errno := syscall.Syscall6(unix.SYS_MMAP, 0, uintptr(size), uintptr(prot), uintptr(flags), uintptr(fd), uintptr(offset))
	return at, errno
}

func munmapHost(addr uintptr, size uint64) unix.Errno {
	_, _, errno := syscall.RawSyscall(unix.SYS_MUNMAP, addr, uintptr(size), 0)
	return errno
}

func fstatfs(fd int32, fs *unix.Statfs_t) unix.Errno {
	_, _, errno := syscall.Syscall(unix.SYS_FSTATFS, uintptr(fd), uintptr(unsafe.Pointer(fs)), 0)
	return errno
}

func shmatAnywhere(id, flags int32) (uintptr, unix.Errno) {
	at, _, errno := syscall.Syscall(unix.SYS_SHMAT, uintptr(id), 0, uintptr(flags))
	return at, errno
}

func shmdtHost(at uintptr) {
	syscall.Syscall(unix.SYS_SHMDT, at, 0, 0)
}

// segmentSize returns the size of a System V segment, rounded up to pages.
func segmentSize(id int32) (uint64, unix.Errno) {
	var ds unix.SysvShmDesc
	const ipcStat = 2
	_, _, errno := syscall.Syscall(unix.SYS_SHMCTL, uintptr(id), ipcStat, uintptr(unsafe.Pointer(&ds)))
	return roundUp(uint64(ds.Segsz)), errno
}

// hasHugePages reports whether a System V segment consists of huge pages, which
// is to be seen in that a single page of it cannot be protected. It attaches the
// segment for that: an attachment once split does not merge again.
func hasHugePages(id int32) (bool, unix.Errno) {
	at, errno := shmatAnywhere(id, shmRdonly)
	if errno != 0 {
		return false, errno
	}
	defer shmdtHost(at)
	_, _, errno = syscall.RawSyscall(unix.SYS_MPROTECT, at, PageSize, unix.PROT_NONE)
	return errno != 0, 0
}

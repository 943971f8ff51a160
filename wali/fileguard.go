package wali

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// fileGuard keeps a guest from reaching the helper that runs it through files:
// the memory of a process as procfs shows it, the helper's private files, and
// the devices that show all of the machine's memory.
//
// A name can be spelled in endless ways (symbolic links, bind mounts, directory
// descriptors, /proc/self/fd of a descriptor), so it is not the name that is
// judged but the descriptor that came of it, before the guest learns its number.
// One statx tells ordinary files from those that need a closer look.
//
// Links that lead to an open file or a directory by themselves, not by a text
// (procfs has them: fd/N, exe, map_files), are not followed by the kernel on its
// own; see sys_file_walk.go. Where somebody else could use a descriptor before it
// is judged, there is none; see fileguard_shared.go.
type fileGuard struct {
	// procBlock says whether files of procfs can be told by their block
	// size: one of the block constants.
	procBlock atomic.Uint32

	// memfdDev is the device of all memfds, which is no other file's, or 0
	// while it is not known.
	memfdDev atomic.Uint64

	// filled says that fillReserved has been at work.
	filled atomic.Bool

	sharing
}

const (
	blockUnknown  = iota // not looked yet
	blockTells           // 1024 on procfs, as on Linux since 1.0
	blockTellsNot        // something else on this kernel, or there was no /proc to look at
	procBlockSize = 1024 // s_blocksize in fs/proc/root.c
)

// emptyPath is "" for calls that act on the descriptor itself.
var emptyPath = []byte{0}

// Offsets in struct statx, which is the same on all architectures (stat is not).
const (
	statxSize       = 256
	statxBlksize    = 4
	statxAttributes = 8
	statxNlink      = 16
	statxMode       = 28
	statxIno        = 32
	statxAttrMask   = 56
	statxRdevMajor  = 128
	statxRdevMinor  = 132
	statxDevMajor   = 136
	statxDevMinor   = 140
	statxMountID    = 144
)

// statxBuf is a struct statx as the kernel wrote it.
type statxBuf []byte

func (b statxBuf) u32(off int) uint32 { return binary.LittleEndian.Uint32(b[off:]) }
func (b statxBuf) u64(off int) uint64 { return binary.LittleEndian.Uint64(b[off:]) }
func (b statxBuf) format() uint32 {
	return uint32(binary.LittleEndian.Uint16(b[statxMode:])) & unix.S_IFMT
}
func (b statxBuf) dev() uint64 {
	return unix.Mkdev(b.u32(statxDevMajor), b.u32(statxDevMinor))
}

// describe fills in what the guard wants to know of descriptor fd. It never
// makes a network or user-space file system ask its server.
func (t *Thread) describe(fd int32) (statxBuf, unix.Errno) {
	b := t.alloc(statxSize)
	const (
		how  = unix.AT_EMPTY_PATH | unix.AT_STATX_DONT_SYNC
		mask = unix.STATX_TYPE | unix.STATX_INO | unix.STATX_NLINK
	)
	r := t.call(unix.SYS_STATX, uintptr(fd), address(emptyPath), how, mask, address(b), 0)
	if r < 0 {
		return nil, unix.Errno(-r)
	}
	return b, 0
}

// isHelper reports whether b describes the helper's executable.
func (p *Process) isHelper(b statxBuf) bool {
	return b.u64(statxIno) == p.HelperIno && b.dev() == p.HelperDev
}

// verdict is what the guard says of a descriptor.
type verdict uint8

const (
	harmless  verdict = iota
	forbidden         // would show or change the memory of a process
	private           // belongs to a helper: does not exist, for the guest
	helperExe         // is the helper's executable

	// Files that show a guest its own process. It gets them in its own terms.
	ownMaps
	ownSmaps
	ownRollup
	ownAuxv
)

// judge looks at a descriptor that the guest is about to get.
func (t *Thread) judge(fd int32) verdict {
	b, e := t.describe(fd)
	if e != 0 {
		return forbidden
	}
	format := b.format()
	blockSize := b.u32(statxBlksize) == procBlockSize
	if !blockSize && b.u32(statxNlink) != 0 && format != unix.S_IFCHR && b.u64(statxIno) != t.HelperIno &&
		t.files.procBlock.Load() == blockTells {
		return harmless
	}
	switch {
	case format == unix.S_IFCHR:
		return judgeDevice(b)
	case t.isHelper(b):
		return helperExe
	case b.u32(statxNlink) == 0 && b.u32(statxDevMajor) == 0 && t.mayBeMemfd(b) && t.isPrivate(fd):
		return private
	case (blockSize || !t.blockSizeTells()) && b.u32(statxDevMajor) == 0 && t.isProcfs(fd):
		return t.judgeProcfs(fd, b)
	}
	return harmless
}

// judgeDevice forbids the devices that show memory whomever it belongs to:
// /dev/mem, /dev/kmem and /dev/port.
func judgeDevice(b statxBuf) verdict {
	if b.u32(statxRdevMajor) != 1 {
		return harmless
	}
	switch b.u32(statxRdevMinor) {
	case 1, 2, 4:
		return forbidden
	}
	return harmless
}

// mayBeMemfd reports whether b can describe a memfd, as opposed to a file without
// a name on some tmpfs. It needs no /proc, which a guest in another root may lack.
func (t *Thread) mayBeMemfd(b statxBuf) bool {
	dev := t.files.memfdDev.Load()
	if dev == 0 {
		fd := t.call(unix.SYS_MEMFD_CREATE, address(emptyPath), unix.MFD_CLOEXEC, 0, 0, 0, 0)
		if fd < 0 {
			return true
		}
		if probe, e := t.describe(int32(fd)); e == 0 {
			dev = probe.dev()
			t.files.memfdDev.Store(dev)
		}
		t.closeFD(int32(fd))
	}
	return dev == 0 || b.dev() == dev
}

// isPrivate reports whether fd, a file without a name, is one of those that
// walisup and its helpers share among themselves. Not knowing counts as yes.
func (t *Thread) isPrivate(fd int32) bool {
	path := t.descriptorPath(fd)
	return path == nil || bytes.HasPrefix(path, []byte("/memfd:walisup-"))
}

// guardedNames are the files below /proc that show or change what of a process only
// its helper knows. Those with a verdict of its own are made up for the process
// itself. A guest sees less of itself here than a native program, and as root less
// of others.
var guardedNames = [...]struct {
	name string
	own  verdict
}{
	{"mem", forbidden},        // all memory of a process, writable
	{"map_files", forbidden},  // directory of all files that a process has mapped, the channel among them
	{"pagemap", forbidden},    // which pages of the helper are present, and where
	{"clear_refs", forbidden}, // changes page state under the helper
	{"syscall", forbidden},    // native program counter and stack pointer
	{"stack", forbidden},      // kernel stack
	{"kcore", forbidden},      // all memory of the machine
	{"numa_maps", forbidden},  // native addresses
	{"maps", ownMaps},
	{"smaps", ownSmaps},
	{"smaps_rollup", ownRollup},
	{"auxv", ownAuxv},
}

// judgeName returns what is to be said of a file of this name in the directory of
// the calling process on a procfs.
func judgeName(name []byte) verdict {
	if len(name) < len("mem") || len(name) > len("smaps_rollup") {
		return harmless
	}
	for i := range guardedNames {
		if string(name) == guardedNames[i].name {
			return guardedNames[i].own
		}
	}
	return harmless
}

// judgeProcfs judges an open file or directory of a procfs.
func (t *Thread) judgeProcfs(fd int32, b statxBuf) verdict {
	switch b.format() {
	case unix.S_IFREG:
		// A file that somebody bind-mounted goes by the name of its mount
		// point, which says nothing.
		const root = unix.STATX_ATTR_MOUNT_ROOT
		if b.u64(statxAttrMask)&root == 0 || b.u64(statxAttributes)&root != 0 {
			return forbidden
		}
	case unix.S_IFDIR:
	default: // O_PATH on a link
		return harmless
	}
	path := t.descriptorPath(fd)
	if path == nil {
		if b.format() == unix.S_IFDIR {
			return harmless
		}
		return forbidden
	}
	path = bytes.TrimSuffix(path, []byte(" (deleted)"))
	v := judgeName(path[bytes.LastIndexByte(path, '/')+1:])
	if v > forbidden {
		if pid, _ := procOwner(path); pid != t.pid() {
			return forbidden
		}
	}
	return v
}

// isProcfs reports whether fd is on a procfs. Not knowing counts as yes.
func (t *Thread) isProcfs(fd int32) bool {
	b := t.alloc(statfsSize)
	if t.call(unix.SYS_FSTATFS, uintptr(fd), address(b), 0, 0, 0, 0) < 0 {
		return true
	}
	return binary.LittleEndian.Uint64(b) == unix.PROC_SUPER_MAGIC
}

// statfsSize is the size of struct statfs on 64-bit kernels; f_type comes first.
const statfsSize = 120

// blockSizeTells checks, once, that this kernel's procfs has the block size by
// which judge knows it.
func (t *Thread) blockSizeTells() bool {
	g := &t.files
	if g.procBlock.Load() == blockUnknown {
		state := uint32(blockTellsNot)
		if root := t.openProcRoot(); root >= 0 {
			if b, e := t.describe(root); e == 0 && b.u32(statxBlksize) == procBlockSize {
				state = blockTells
			}
			t.closeFD(root)
		}
		g.procBlock.Store(state)
	}
	return g.procBlock.Load() == blockTells
}

// openProcRoot opens /proc, for moments only, and returns -1 if that is not a
// procfs. The helper does not hold it open, because the guest could use any
// directory outside its root to leave it.
func (t *Thread) openProcRoot() (fd int32) {
	const flags = unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC
	r := t.call(unix.SYS_OPENAT, atFDCWD, t.cstring("/proc"), flags, 0, 0, 0)
	if r < 0 {
		return -1
	}
	if !t.isProcfs(int32(r)) {
		t.closeFD(int32(r))
		return -1
	}
	return int32(r)
}

// descriptorPath returns the path by which the kernel knows fd. It lives in
// scratch space. It is nil if there is no way to learn it: no /proc, or no
// descriptor to open it with.
func (t *Thread) descriptorPath(fd int32) []byte {
	if t.contended() {
		if !t.takeTurn() {
			return nil
		}
		defer t.endTurn()
	}
	dir := t.ownFDs()
	if dir < 0 {
		return nil
	}
	path := t.alloc(unix.PathMax)
	r := t.call(unix.SYS_READLINKAT, uintptr(dir), t.numeral(fd), address(path), uintptr(len(path)), 0, 0)
	t.release(dir)
	if r < 0 {
		return nil
	}
	return path[:r]
}

// numeral returns the address of fd's name in ownFDs.
func (t *Thread) numeral(fd int32) uintptr {
	return address(append(strconv.AppendInt(t.alloc(16)[:0], int64(fd), 10), 0))
}

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
	r := t.openPath(root, ownFDsPath, openHow{flags: flags, resolve: unix.RESOLVE_NO_XDEV})
	dir := t.secure(int32(r))
	if r < 0 || dir < 0 || !t.contended() {
		return dir
	}
	// Each could have been replaced before it was held.
	is, known := t.identify(dir, address(emptyPath))
	should, exists := t.identify(root, address(ownFDsPath))
	in, _ := t.identify(root, address(emptyPath))
	if !known || !exists || is != should || is.mount != in.mount || !t.isProcfs(root) {
		t.release(dir)
		return -1
	}
	return dir
}

var ownFDsPath = []byte("thread-self/fd\x00")

// procOwner parses the path of a file in a process's directory of procfs, such
// as /proc/12/exe or /proc/12/task/13/fd, and returns the process and the
// file's name.
func procOwner(path []byte) (pid int, name string) {
	dir, file := cutLast(path)
	up, number := cutLast(dir)
	if above, task := cutLast(up); string(task) == "task" {
		_, number = cutLast(above)
	}
	pid, err := strconv.Atoi(string(number))
	if err != nil || pid <= 0 {
		return 0, ""
	}
	return pid, string(file)
}

func cutLast(path []byte) (dir, name []byte) {
	i := bytes.LastIndexByte(path, '/')
	if i < 0 {
		return nil, path
	}
	return path[:i], path[i+1:]
}

// cstring copies s to scratch space, with a NUL, and returns its address: 0 if
// it is too long.
func (t *Thread) cstring(s string) uintptr {
	b := t.alloc(len(s) + 1)
	if b == nil {
		return 0
	}
	copy(b, s)
	return address(b)
}

// atFDCWD is unix.AT_FDCWD for the kernel.
const atFDCWD = ^uintptr(99)

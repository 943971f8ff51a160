package pathguard

import (
	"bytes"

	"golang.org/x/sys/unix"

	"walisup/wali/procpath"
)

const (
	blockUnknown  = iota // not looked yet
	blockTells           // 1024 on procfs, as on Linux since 1.0
	blockTellsNot        // something else on this kernel, or there was no /proc to look at
	procBlockSize = 1024 // s_blocksize in fs/proc/root.c
)

// isHelper reports whether b describes the helper's executable.
func (t *Thread) isHelper(b Statx) bool {
	dev, inode := t.HelperFile()
	return b.Inode() == inode && b.Dev() == dev
}

// Verdict is what the guard says of a descriptor.
type Verdict uint8

const (
	Harmless  Verdict = iota
	Forbidden         // would show or change the memory of a process
	Private           // belongs to a helper: does not exist, for the guest
	HelperExe         // is the helper's executable

	// Files that show a guest its own process. It gets them in its own terms.
	OwnMaps
	OwnSmaps
	OwnRollup
	OwnAuxv
)

// allows reports whether a guest may have a file of that verdict, opened by how. A
// descriptor that was opened with O_PATH shows nothing of a file.
func (v Verdict) allows(how How) bool {
	return v == Harmless || v == HelperExe || v > HelperExe && how.Flags&unix.O_PATH != 0
}

// Name is the name of the files in a process's directory of procfs that v is said of:
// empty if there are several.
func (v Verdict) Name() string {
	for i := range guardedNames {
		if v > HelperExe && guardedNames[i].own == v {
			return guardedNames[i].name
		}
	}
	return ""
}

// Admit gives the guest a descriptor that came of opening a path by how, or closes
// it and returns what the guest gets instead.
func (t *Thread) Admit(fd int32, how How) int64 {
	v := t.Judge(fd)
	if v.allows(how) {
		return int64(fd)
	}
	t.Close(fd)
	return t.refuse(v, how)
}

// refuse is what a guest gets in place of a file that it must not have.
func (t *Thread) refuse(v Verdict, how How) int64 {
	switch v {
	case Private:
		return errno(unix.ENOENT)
	case OwnMaps, OwnSmaps, OwnRollup, OwnAuxv:
		return t.OwnView(v, how)
	}
	return errno(unix.EACCES)
}

// AdmitUnnamed is Admit for the result of a call that opens a file by something other than
// a path, whose descriptor nobody else could have used.
func (t *Thread) AdmitUnnamed(r int64) int64 {
	if r < 0 || t.mayHave(int32(r)) {
		return r
	}
	t.Close(int32(r))
	return errno(unix.EACCES)
}

// mayHave reports whether a guest may have a descriptor that it did not open by a path.
func (t *Thread) mayHave(fd int32) bool {
	v := t.Judge(fd)
	return v == Harmless || v == HelperExe
}

// Judge looks at a descriptor that the guest is about to get.
func (t *Thread) Judge(fd int32) Verdict {
	b, e := t.Describe(fd)
	if e != 0 {
		return Forbidden
	}
	format := b.Format()
	blockSize := b.u32(statxBlksize) == procBlockSize
	if !blockSize && b.u32(statxNlink) != 0 && format != unix.S_IFCHR && !t.isHelper(b) &&
		t.procBlock.Load() == blockTells {
		return Harmless
	}
	switch {
	case format == unix.S_IFCHR:
		return judgeDevice(b)
	case t.isHelper(b):
		return HelperExe
	case b.u32(statxNlink) == 0 && b.u32(StatxDevMajor) == 0 && t.mayBeMemfd(b) && t.isPrivate(fd):
		return Private
	case (blockSize || !t.blockSizeTells()) && b.u32(StatxDevMajor) == 0 && t.IsProcfs(fd):
		return t.judgeProcfs(fd, b)
	}
	return Harmless
}

// judgeDevice forbids the devices that show memory whomever it belongs to:
// /dev/mem, /dev/kmem and /dev/port.
func judgeDevice(b Statx) Verdict {
	if b.u32(statxRdevMajor) != 1 {
		return Harmless
	}
	switch b.u32(statxRdevMinor) {
	case 1, 2, 4:
		return Forbidden
	}
	return Harmless
}

// mayBeMemfd reports whether b can describe a memfd, as opposed to a file without
// a name on some tmpfs. It needs no /proc, which a guest in another root may lack.
func (t *Thread) mayBeMemfd(b Statx) bool {
	dev := t.memfdDev.Load()
	if dev == 0 {
		fd := t.Call(unix.SYS_MEMFD_CREATE, address(EmptyPath), unix.MFD_CLOEXEC, 0, 0, 0, 0)
		if fd < 0 {
			return true
		}
		if probe, e := t.Describe(int32(fd)); e == 0 {
			dev = probe.Dev()
			t.memfdDev.Store(dev)
		}
		t.Close(int32(fd))
	}
	return dev == 0 || b.Dev() == dev
}

// isPrivate reports whether fd, a file without a name, is one of those that
// walisup and its helpers share among themselves. Not knowing counts as yes.
func (t *Thread) isPrivate(fd int32) bool {
	path := t.DescriptorPath(fd)
	return path == nil || bytes.HasPrefix(path, []byte("/memfd:walisup-"))
}

// guardedNames are the files below /proc that show or change what of a process only
// its helper knows. Those with a verdict of its own are made up for the process
// itself. A guest sees less of itself here than a native program, and as root less
// of others.
var guardedNames = [...]struct {
	name string
	own  Verdict
}{
	{"mem", Forbidden},        // all memory of a process, writable
	{"map_files", Forbidden},  // directory of all files that a process has mapped, the channel among them
	{"pagemap", Forbidden},    // which pages of the helper are present, and where
	{"clear_refs", Forbidden}, // changes page state under the helper
	{"syscall", Forbidden},    // native program counter and stack pointer
	{"stack", Forbidden},      // kernel stack
	{"kcore", Forbidden},      // all memory of the machine
	{"numa_maps", Forbidden},  // native addresses
	{"maps", OwnMaps},
	{"smaps", OwnSmaps},
	{"smaps_rollup", OwnRollup},
	{"auxv", OwnAuxv},
}

// judgeName returns what is to be said of a file of this name in the directory of
// the calling process on a procfs.
func judgeName(name []byte) Verdict {
	if len(name) < len("mem") || len(name) > len("smaps_rollup") {
		return Harmless
	}
	for i := range guardedNames {
		if string(name) == guardedNames[i].name {
			return guardedNames[i].own
		}
	}
	return Harmless
}

// judgeProcfs judges an open file or directory of a procfs.
func (t *Thread) judgeProcfs(fd int32, b Statx) Verdict {
	switch b.Format() {
	case unix.S_IFREG:
		// A file that somebody bind-mounted goes by the name of its mount
		// point, which says nothing.
		const root = unix.STATX_ATTR_MOUNT_ROOT
		if b.u64(statxAttrMask)&root == 0 || b.u64(statxAttributes)&root != 0 {
			return Forbidden
		}
	case unix.S_IFDIR:
	default: // O_PATH on a link
		return Harmless
	}
	path := t.DescriptorPath(fd)
	if path == nil {
		if b.Format() == unix.S_IFDIR {
			return Harmless
		}
		return Forbidden
	}
	path = bytes.TrimSuffix(path, []byte(" (deleted)"))
	v := judgeName(path[bytes.LastIndexByte(path, '/')+1:])
	if v > Forbidden {
		if pid, _ := procpath.Owner(path); pid != t.PID() {
			return Forbidden
		}
	}
	return v
}

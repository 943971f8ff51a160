package pathguard

import (
	"strconv"

	"golang.org/x/sys/unix"

	"walisup/wali/procpath"
)

// isMagic reports whether a link below a procfs leads somewhere by itself.
func (t *Thread) isMagic(parent int32, name []byte) bool {
	r := t.OpenPath(parent, t.Terminated(name, false), How{Resolve: unix.RESOLVE_NO_MAGICLINKS})
	if r >= 0 {
		t.Close(int32(r))
	}
	return r == -int64(unix.ELOOP)
}

// linkKind is what there is to say of a magic link.
type linkKind uint8

const (
	linkHarmless  linkKind = iota // its target decides
	linkForbidden                 // leads to what a helper has mapped, or nobody knows
	linkPrivate                   // leads to a helper's descriptor
	linkOwnExe                    // leads to the helper's executable: for the guest, to its module
)

// classify tells what kind of magic link the one named name in a procfs's directory
// parent is.
func (t *Thread) classify(parent int32, name []byte) linkKind {
	mark := t.Scratch()
	defer t.ResetScratch(mark)
	if !t.inWholeProcfs(parent) {
		return linkForbidden
	}
	path := t.DescriptorPath(parent)
	pid, directory := procpath.Owner(path)
	switch {
	case path == nil, directory == "map_files":
		return linkForbidden
	case directory == "fd":
		fd, ok := procpath.Number(name)
		if ok && t.OwnsFD(fd) && (pid == t.PID() || t.runsHelper(pid)) {
			return linkPrivate
		}
	case string(name) == "exe":
		if pid, _ := procpath.Owner(append(path, "/exe"...)); pid == t.PID() {
			return linkOwnExe
		}
	}
	return linkHarmless
}

// inWholeProcfs reports whether a directory is on the mount that /proc is, and that
// begins at the root of its procfs. A part of one can be mounted under any name, and
// its path then says nothing.
func (t *Thread) inWholeProcfs(dir int32) bool {
	root := t.secure(t.openProcRoot())
	if root < 0 {
		return false
	}
	defer t.release(root)
	const rootInode = 1 // PROC_ROOT_INO, include/linux/proc_ns.h
	whole, known := t.identify(root, address(EmptyPath))
	is, also := t.identify(dir, address(EmptyPath))
	return known && also && whole.inode == rootInode && is.mount == whole.mount && t.IsProcfs(root)
}

// IsOwnExeLink reports whether fd, which is of a symbolic link itself, is the exe link of
// this process.
func (t *Thread) IsOwnExeLink(fd int32) bool {
	b, e := t.Describe(fd)
	if e != 0 || b.Format() != unix.S_IFLNK || !t.IsProcfs(fd) {
		return false
	}
	pid, name := procpath.Owner(t.DescriptorPath(fd))
	return name == "exe" && pid == t.PID()
}

// ListsHelperFDs reports whether the directory at fd lists the descriptors of
// this process or of another helper, which keeps the same ones.
func (t *Thread) ListsHelperFDs(fd int32) bool {
	mark := t.Scratch()
	defer t.ResetScratch(mark)
	b, e := t.Describe(fd)
	if e != 0 || b.u32(StatxDevMajor) != 0 || !t.IsProcfs(fd) {
		return false
	}
	pid, name := procpath.Owner(t.DescriptorPath(fd))
	if name != "fd" && name != "fdinfo" {
		return false
	}
	return pid == t.PID() || t.runsHelper(pid)
}

// runsHelper reports whether another process is a helper, too.
func (t *Thread) runsHelper(pid int) bool {
	exe := strconv.AppendInt(t.Alloc(32)[:0], int64(pid), 10)
	exe = append(exe, "/exe\x00"...)
	root := t.openProcRoot()
	if root < 0 {
		return false
	}
	b, e := t.statx(root, address(exe), 0, described)
	t.Close(root)
	return e == 0 && t.isHelper(b)
}

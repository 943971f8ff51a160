package wali

import (
	"bytes"

	"golang.org/x/sys/unix"
)

// A path is walked here, one symbolic link at a time, where the kernel alone would
// go too far: when it meets a link that leads to an open file by itself (a "magic"
// link, of procfs), and always while somebody else could use the new descriptor
// before it is judged. The order of what is tried is the order of what it costs:
//
//  1. The kernel opens the path if there is no link in it and it stays on one mount.
//     Then the file's name in its directory is what the path says, and the name is
//     known to be none that is guarded on a procfs.
//  2. The same for the last component alone, in the directory that the rest leads to.
//     That directory may be replaced meanwhile; the name is what counts.
//  3. The last component is opened with O_PATH, held where nobody can replace it, and
//     judged. A directory is then opened as "." of itself; a file that is not reached
//     by a magic link and not a mount is opened by its name in the directory that is
//     held too; and anything else by the descriptor's link in the thread's directory
//     of descriptors.
//
// A file that the call itself makes is harmless (O_CREAT with O_EXCL, O_TMPFILE).
//
// Devices that show memory have no guarded name in 1 and 2. They, and kcore, ask for
// CAP_SYS_RAWIO, which no helper has; see DropRawIO.

// maxLinks is how many symbolic links a path may lead through, as in Linux.
const maxLinks = 40

// walker is a path on its way to a file.
type walker struct {
	*Thread
	dirfd int32
	how   openHow
	path  []byte // in scratch space, with room for PathMax bytes
}

// walk opens a path that begins at dirfd. path is in scratch space, with room for
// PathMax bytes.
func (t *Thread) walk(dirfd int32, path []byte, how openHow) int64 {
	mark := t.scratchUsed
	defer func() { t.scratchUsed = mark }()
	switch {
	case path == nil:
		return errno(unix.EFAULT)
	case len(path) == 0:
		return errno(unix.ENOENT)
	}
	w := walker{Thread: t, dirfd: dirfd, how: how, path: path}
	if how.createsOnly() {
		return t.openBlocking(dirfd, t.terminated(path, false), how)
	}
	for range maxLinks + 1 {
		r, done := w.step()
		if r == -int64(unix.EMFILE) && !t.contended() {
			r, done = w.stepBeyond()
		}
		if done {
			return r
		}
	}
	return errno(unix.ELOOP)
}

// stepBeyond is step for a guest that has as many descriptors as it may, or nearly.
// Those that the walk needs fall into the private range.
func (w *walker) stepBeyond() (r int64, done bool) {
	_, restore := w.lendDescriptors()
	r, done = w.step()
	restore()
	if done && r >= 0 {
		fd := int32(r)
		r = w.duplicate(fd, w.how.cloexec())
		w.closeFD(fd)
	}
	return r, done
}

// step opens the path, or goes on to where its last component leads.
func (w *walker) step() (r int64, done bool) {
	t := w.Thread
	mark := t.scratchUsed
	defer func() { t.scratchUsed = mark }()
	dir, last, slash := splitPath(w.path)
	named := len(last) > 0 && string(last) != "." && string(last) != ".."
	plain := named && judgeName(last) == harmless
	contended := t.contended()
	simple := w.how
	simple.resolve |= unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV
	if contended && plain {
		if r := t.openBlocking(w.dirfd, t.terminated(w.path, false), simple); !leadsElsewhere(r) {
			return r, true
		}
	}
	if len(dir) == 0 {
		dir = []byte(".")
	}
	r = t.openPath(w.dirfd, t.terminated(dir, false), openHow{flags: unix.O_DIRECTORY, resolve: w.how.resolve})
	if r < 0 {
		return r, true
	}
	parent := int32(r)
	if contended && plain {
		t.lend(parent)
		r := t.openBlocking(parent, t.terminated(last, slash), simple)
		t.takeBack(parent)
		if !leadsElsewhere(r) {
			return t.settle(parent, r, w.how.cloexec()), true
		}
	}
	if contended && plain {
		if r, done, ok := w.ordinaryLink(parent, last, slash); ok {
			t.closeFD(parent)
			return r, done
		}
	}
	if contended {
		t.lend(parent)
		turn := t.takeTurn()
		t.takeBack(parent)
		if !turn {
			t.closeFD(parent)
			return errno(unix.EINTR), true
		}
		defer t.endTurn()
	}
	parent = t.secure(parent)
	if parent < 0 {
		return errno(unix.EACCES), true
	}
	r, done = w.last(parent, last, slash, named)
	t.release(parent)
	if done && !contended && r > int64(parent) {
		r = t.lowest(int32(r), w.how.cloexec())
	}
	return r, done
}

// ordinaryLink goes on to where the last component leads, if that is a symbolic link
// outside of procfs; else ok is false. Nothing is held for it: whatever has been
// replaced, what comes of it is a path, which is walked like any other.
func (w *walker) ordinaryLink(parent int32, name []byte, slash bool) (r int64, done, ok bool) {
	t := w.Thread
	if w.how.flags&unix.O_NOFOLLOW != 0 || w.how.resolve&unix.RESOLVE_NO_SYMLINKS != 0 {
		return 0, false, false
	}
	r = t.openPath(parent, t.terminated(name, false), openHow{flags: unix.O_NOFOLLOW})
	if r < 0 {
		return 0, false, false
	}
	link := int32(r)
	defer t.closeFD(link)
	b, e := t.describe(link)
	if e != 0 || b.format() != unix.S_IFLNK || t.isProcfs(link) {
		return 0, false, false
	}
	r, done = w.follow(link, slash)
	return r, done, true
}

// last opens the last component of the path in directory parent, which is held. If
// it is a link, or guest handlers ran meanwhile, it sees to the path and is not done.
func (w *walker) last(parent int32, name []byte, slash, named bool) (r int64, done bool) {
	t, how := w.Thread, w.how
	inProc := t.isProcfs(parent)
	byLink := false
	if named {
		r = t.openPath(parent, t.terminated(name, false), openHow{flags: unix.O_NOFOLLOW})
	} else {
		r = t.openPath(w.dirfd, t.terminated(w.path, false), openHow{resolve: how.resolve})
	}
	switch {
	case r == -int64(unix.ENOENT) && how.flags&unix.O_CREAT != 0 && how.flags&unix.O_PATH == 0:
		how.flags |= unix.O_EXCL
		r = t.openBlocking(parent, t.terminated(name, slash), how)
		return r, r != -int64(unix.EEXIST)
	case r < 0:
		return r, true
	}
	target := t.secure(int32(r))
	if target < 0 {
		return errno(unix.EACCES), true
	}
	defer func() { t.release(target) }()
	b, e := t.describe(target)
	if e != 0 {
		return errno(e), true
	}
	if b.format() == unix.S_IFLNK && (slash || how.flags&unix.O_NOFOLLOW == 0) {
		if how.resolve&unix.RESOLVE_NO_SYMLINKS != 0 {
			return errno(unix.ELOOP), true
		}
		if !inProc || !t.isMagic(parent, name) {
			return w.follow(target, slash)
		}
		const scoped = unix.RESOLVE_BENEATH | unix.RESOLVE_IN_ROOT
		switch {
		case how.resolve&unix.RESOLVE_NO_MAGICLINKS != 0:
			return errno(unix.ELOOP), true
		case how.resolve&scoped != 0:
			return errno(unix.EXDEV), true
		}
		switch t.classify(parent, name) {
		case linkForbidden:
			return errno(unix.EACCES), true
		case linkPrivate:
			return errno(unix.ENOENT), true
		case linkOwnExe:
			if how.flags&unix.O_PATH == 0 && (how.flags&unix.O_ACCMODE != unix.O_RDONLY || how.flags&unix.O_TRUNC != 0) {
				return errno(unix.ETXTBSY), true
			}
			w.how.flags &^= unix.O_CREAT
			return w.followTo([]byte(t.Module), slash)
		}
		r = t.openPath(parent, t.terminated(name, slash), openHow{resolve: how.resolve})
		if r < 0 {
			return r, true
		}
		t.release(target)
		byLink = true
		if target = t.secure(int32(r)); target < 0 {
			return errno(unix.EACCES), true
		}
		if b, e = t.describe(target); e != 0 {
			return errno(e), true
		}
	}
	v := t.judge(target)
	if v == helperExe && !byLink {
		v = harmless // by its name: a file like any other
	}
	directory := b.format() == unix.S_IFDIR
	switch {
	case v == helperExe || !v.allows(how):
		return t.refuse(v, how), true
	case how.flags&unix.O_PATH == 0 && how.flags&unix.O_CREAT != 0 && (directory || slash):
		return errno(unix.EISDIR), true
	case !directory && (slash || how.flags&unix.O_DIRECTORY != 0):
		return errno(unix.ENOTDIR), true
	case how.flags&unix.O_PATH != 0:
		return t.duplicate(target, how.cloexec()), true
	case b.format() == unix.S_IFLNK:
		return errno(unix.ELOOP), true
	}
	if named && !byLink && !directory && !t.unsure() && (!inProc || judgeName(name) == harmless) {
		// The kernel sees the directory, too, and what it has to say about it:
		// sticky ones protect their files.
		simple := how
		simple.resolve |= unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV
		r, again := t.blockOnce(unix.SYS_OPENAT2, uintptr(parent), address(t.terminated(name, false)), simple.address(t), openHowMin, 0, 0)
		if again {
			return 0, false
		}
		if !leadsElsewhere(r) {
			if r >= 0 && !t.contended() {
				r = t.admit(int32(r), how)
			}
			return r, true
		}
	}
	r, again := t.reopen(target, how)
	return r, !again
}

// reopen opens a file that is held, has been judged and is no symbolic link. again
// says that handlers of the guest have run instead.
//
// Preconditions: those of secure.
func (t *Thread) reopen(target int32, how openHow) (r int64, again bool) {
	how.flags &^= unix.O_CREAT | unix.O_EXCL | unix.O_NOFOLLOW
	how.mode, how.resolve = 0, 0
	if how.flags&unix.O_PATH != 0 {
		return t.duplicate(target, how.cloexec()), false
	}
	b, e := t.describe(target)
	if e != 0 {
		return errno(e), false
	}
	if b.format() == unix.S_IFDIR {
		if t.unsure() && t.isProcfs(target) {
			return errno(unix.EACCES), false
		}
		r := t.openBlocking(target, dotPath, how)
		if r != -int64(unix.EACCES) { // which it also is if the directory can be read but not searched
			return r, false
		}
	}
	if t.unsure() {
		return errno(unix.EACCES), false
	}
	dir := t.ownFDs()
	if dir < 0 {
		return errno(unix.EACCES), false
	}
	r, again = t.blockOnce(unix.SYS_OPENAT2, uintptr(dir), t.numeral(target), how.address(t), openHowMin, 0, 0)
	t.release(dir)
	return r, again
}

var dotPath = []byte(".\x00")

// openBlocking opens a path by how, whatever handlers run before.
func (t *Thread) openBlocking(dirfd int32, path []byte, how openHow) int64 {
	return t.block(unix.SYS_OPENAT2, uintptr(dirfd), address(path), how.address(t), openHowMin, 0, 0)
}

// leadsElsewhere reports whether a path was not opened because of a link or a mount.
func leadsElsewhere(r int64) bool { return r == -int64(unix.ELOOP) || r == -int64(unix.EXDEV) }

// isMagic reports whether a link below a procfs leads somewhere by itself.
func (t *Thread) isMagic(parent int32, name []byte) bool {
	r := t.openPath(parent, t.terminated(name, false), openHow{resolve: unix.RESOLVE_NO_MAGICLINKS})
	if r >= 0 {
		t.closeFD(int32(r))
	}
	return r == -int64(unix.ELOOP)
}

// follow goes on to what an ordinary link says.
func (w *walker) follow(link int32, slash bool) (r int64, done bool) {
	t := w.Thread
	// Whether the link may be followed at all is for the kernel to say, which looks
	// at its owner (fs.protected_symlinks) and its mount.
	r = t.openPath(w.dirfd, t.terminated(w.path, false), openHow{resolve: w.how.resolve})
	switch {
	case r >= 0:
		t.closeFD(int32(r))
	case r == -int64(unix.ENOENT) && w.how.flags&unix.O_CREAT != 0, r == -int64(unix.ELOOP):
	default:
		return r, true
	}
	text := t.alloc(unix.PathMax)
	r = t.call(unix.SYS_READLINKAT, uintptr(link), address(emptyPath), address(text), uintptr(len(text)), 0, 0)
	switch {
	case r < 0:
		return r, true
	case r == 0:
		return errno(unix.ENOENT), true
	}
	return w.followTo(text[:r], slash)
}

// followTo goes on to a path that takes the place of the last component.
func (w *walker) followTo(text []byte, slash bool) (r int64, done bool) {
	dir, _, _ := splitPath(w.path)
	if text[0] == '/' {
		dir = nil
	}
	if len(dir)+len(text)+1 >= unix.PathMax {
		return errno(unix.ENAMETOOLONG), true
	}
	w.path = append(w.path[:len(dir)], text...)
	if slash && text[len(text)-1] != '/' {
		w.path = append(w.path, '/')
	}
	return 0, false
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
	mark := t.scratchUsed
	defer func() { t.scratchUsed = mark }()
	if !t.inWholeProcfs(parent) {
		return linkForbidden
	}
	path := t.descriptorPath(parent)
	pid, folder := procOwner(path)
	switch {
	case path == nil, folder == "map_files":
		return linkForbidden
	case folder == "fd":
		fd, ok := leadingNumber(name)
		if ok && t.ownsFD(fd) && (pid == t.pid() || t.runsHelper(pid)) {
			return linkPrivate
		}
	case string(name) == "exe":
		if pid, _ := procOwner(append(path, "/exe"...)); pid == t.pid() {
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
	whole, known := t.identify(root, address(emptyPath))
	is, also := t.identify(dir, address(emptyPath))
	return known && also && whole.inode == rootInode && is.mount == whole.mount && t.isProcfs(root)
}

// settle gives the guest descriptor r in place of fd, which was taken before it.
func (t *Thread) settle(fd int32, r int64, cloexec bool) int64 {
	if r > int64(fd) {
		flags := uintptr(0)
		if cloexec {
			flags = unix.O_CLOEXEC
		}
		if t.call(unix.SYS_DUP3, uintptr(r), uintptr(fd), flags, 0, 0, 0) >= 0 {
			t.closeFD(int32(r))
			return int64(fd)
		}
	}
	t.closeFD(fd)
	return r
}

// duplicate returns a copy of fd in the guest's range.
func (t *Thread) duplicate(fd int32, cloexec bool) int64 {
	command := uintptr(unix.F_DUPFD)
	if cloexec {
		command = unix.F_DUPFD_CLOEXEC
	}
	return t.call(unix.SYS_FCNTL, uintptr(fd), command, 0, 0, 0, 0)
}

// lowest moves a descriptor to the lowest free number.
func (t *Thread) lowest(fd int32, cloexec bool) int64 {
	r := t.duplicate(fd, cloexec)
	if r >= 0 && r < int64(fd) {
		t.closeFD(fd)
		return r
	}
	if r >= 0 {
		t.closeFD(int32(r))
	}
	return int64(fd)
}

// terminated returns a copy of a path with its NUL, and a slash before that if asked
// for.
func (t *Thread) terminated(path []byte, slash bool) []byte {
	b := append(t.alloc(len(path) + 2)[:0], path...)
	if slash {
		b = append(b, '/')
	}
	return append(b, 0)
}

// splitPath splits a path into the directory, with its slash, and the last component
// without the slashes that may follow it. last is empty for the root.
func splitPath(path []byte) (dir, last []byte, slash bool) {
	trimmed := bytes.TrimRight(path, "/")
	slash = len(trimmed) < len(path)
	if len(trimmed) == 0 {
		return path, nil, slash
	}
	i := bytes.LastIndexByte(trimmed, '/') + 1
	return trimmed[:i], trimmed[i:], slash
}

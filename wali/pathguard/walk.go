package pathguard

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
	how   How
	path  []byte // in scratch space, with room for PathMax bytes
}

// Walk opens a path that begins at dirfd. path is in scratch space, with room for
// PathMax bytes.
func (t *Thread) Walk(dirfd int32, path []byte, how How) int64 {
	mark := t.Scratch()
	defer t.ResetScratch(mark)
	switch {
	case path == nil:
		return errno(unix.EFAULT)
	case len(path) == 0:
		return errno(unix.ENOENT)
	}
	w := walker{Thread: t, dirfd: dirfd, how: how, path: path}
	if how.createsOnly() {
		return t.openBlocking(dirfd, t.Terminated(path, false), how)
	}
	for range maxLinks + 1 {
		r, done := w.step()
		if r == -int64(unix.EMFILE) && !t.Contended() {
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
	restore := w.LendDescriptors()
	r, done = w.step()
	restore()
	if done && r >= 0 {
		fd := int32(r)
		r = w.Duplicate(fd, w.how.CloseOnExec())
		w.Close(fd)
	}
	return r, done
}

// step opens the path, or goes on to where its last component leads.
func (w *walker) step() (r int64, done bool) {
	t := w.Thread
	mark := t.Scratch()
	defer t.ResetScratch(mark)
	dir, last, slash := splitPath(w.path)
	named := len(last) > 0 && string(last) != "." && string(last) != ".."
	plain := named && judgeName(last) == Harmless
	contended := t.Contended()
	simple := w.how
	simple.Resolve |= unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV
	if contended && plain {
		if r := t.openBlocking(w.dirfd, t.Terminated(w.path, false), simple); !leadsElsewhere(r) {
			return r, true
		}
	}
	if len(dir) == 0 {
		dir = []byte(".")
	}
	r = t.OpenPath(w.dirfd, t.Terminated(dir, false), How{Flags: unix.O_DIRECTORY, Resolve: w.how.Resolve})
	if r < 0 {
		return r, true
	}
	parent := int32(r)
	if contended && plain {
		t.lend(parent)
		r := t.openBlocking(parent, t.Terminated(last, slash), simple)
		t.takeBack(parent)
		if !leadsElsewhere(r) {
			return t.Settle(parent, r, w.how.CloseOnExec()), true
		}
	}
	if contended && plain {
		if r, done, ok := w.ordinaryLink(parent, last, slash); ok {
			t.Close(parent)
			return r, done
		}
	}
	if contended {
		t.lend(parent)
		turn := t.TakeTurn()
		t.takeBack(parent)
		if !turn {
			t.Close(parent)
			return errno(unix.EINTR), true
		}
		defer t.EndTurn()
	}
	parent = t.secure(parent)
	if parent < 0 {
		return errno(unix.EACCES), true
	}
	r, done = w.last(parent, last, slash, named)
	t.release(parent)
	if done && !contended && r > int64(parent) {
		r = t.lowest(int32(r), w.how.CloseOnExec())
	}
	return r, done
}

// ordinaryLink goes on to where the last component leads, if that is a symbolic link
// outside of procfs; else ok is false. Nothing is held for it: whatever has been
// replaced, what comes of it is a path, which is walked like any other.
func (w *walker) ordinaryLink(parent int32, name []byte, slash bool) (r int64, done, ok bool) {
	t := w.Thread
	if w.how.Flags&unix.O_NOFOLLOW != 0 || w.how.Resolve&unix.RESOLVE_NO_SYMLINKS != 0 {
		return 0, false, false
	}
	r = t.OpenPath(parent, t.Terminated(name, false), How{Flags: unix.O_NOFOLLOW})
	if r < 0 {
		return 0, false, false
	}
	link := int32(r)
	defer t.Close(link)
	b, e := t.Describe(link)
	if e != 0 || b.Format() != unix.S_IFLNK || t.IsProcfs(link) {
		return 0, false, false
	}
	r, done = w.follow(link, slash)
	return r, done, true
}

// last opens the last component of the path in directory parent, which is held. If
// it is a link, or guest handlers ran meanwhile, it sees to the path and is not done.
func (w *walker) last(parent int32, name []byte, slash, named bool) (r int64, done bool) {
	t, how := w.Thread, w.how
	inProc := t.IsProcfs(parent)
	byLink := false
	if named {
		r = t.OpenPath(parent, t.Terminated(name, false), How{Flags: unix.O_NOFOLLOW})
	} else {
		r = t.OpenPath(w.dirfd, t.Terminated(w.path, false), How{Resolve: how.Resolve})
	}
	switch {
	case r == -int64(unix.ENOENT) && how.Flags&unix.O_CREAT != 0 && how.Flags&unix.O_PATH == 0:
		how.Flags |= unix.O_EXCL
		r = t.openBlocking(parent, t.Terminated(name, slash), how)
		return r, r != -int64(unix.EEXIST)
	case r < 0:
		return r, true
	}
	target := t.secure(int32(r))
	if target < 0 {
		return errno(unix.EACCES), true
	}
	defer func() { t.release(target) }()
	b, e := t.Describe(target)
	if e != 0 {
		return errno(e), true
	}
	if b.Format() == unix.S_IFLNK && (slash || how.Flags&unix.O_NOFOLLOW == 0) {
		if how.Resolve&unix.RESOLVE_NO_SYMLINKS != 0 {
			return errno(unix.ELOOP), true
		}
		if !inProc || !t.isMagic(parent, name) {
			return w.follow(target, slash)
		}
		const scoped = unix.RESOLVE_BENEATH | unix.RESOLVE_IN_ROOT
		switch {
		case how.Resolve&unix.RESOLVE_NO_MAGICLINKS != 0:
			return errno(unix.ELOOP), true
		case how.Resolve&scoped != 0:
			return errno(unix.EXDEV), true
		}
		switch t.classify(parent, name) {
		case linkForbidden:
			return errno(unix.EACCES), true
		case linkPrivate:
			return errno(unix.ENOENT), true
		case linkOwnExe:
			if how.Flags&unix.O_PATH == 0 && (how.Flags&unix.O_ACCMODE != unix.O_RDONLY || how.Flags&unix.O_TRUNC != 0) {
				return errno(unix.ETXTBSY), true
			}
			w.how.Flags &^= unix.O_CREAT
			return w.followTo([]byte(t.ModulePath()), slash)
		}
		r = t.OpenPath(parent, t.Terminated(name, slash), How{Resolve: how.Resolve})
		if r < 0 {
			return r, true
		}
		t.release(target)
		byLink = true
		if target = t.secure(int32(r)); target < 0 {
			return errno(unix.EACCES), true
		}
		if b, e = t.Describe(target); e != 0 {
			return errno(e), true
		}
	}
	v := t.Judge(target)
	if v == HelperExe && !byLink {
		v = Harmless // by its name: a file like any other
	}
	directory := b.Format() == unix.S_IFDIR
	switch {
	case v == HelperExe || !v.allows(how):
		return t.refuse(v, how), true
	case how.Flags&unix.O_PATH == 0 && how.Flags&unix.O_CREAT != 0 && (directory || slash):
		return errno(unix.EISDIR), true
	case !directory && (slash || how.Flags&unix.O_DIRECTORY != 0):
		return errno(unix.ENOTDIR), true
	case how.Flags&unix.O_PATH != 0:
		return t.Duplicate(target, how.CloseOnExec()), true
	case b.Format() == unix.S_IFLNK:
		return errno(unix.ELOOP), true
	}
	if named && !byLink && !directory && !t.Shared() && (!inProc || judgeName(name) == Harmless) {
		// The kernel sees the directory, too, and what it has to say about it:
		// sticky ones protect their files.
		simple := how
		simple.Resolve |= unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV
		r, again := t.BlockOnce(unix.SYS_OPENAT2, uintptr(parent), address(t.Terminated(name, false)), simple.Address(t), HowSize, 0, 0)
		if again {
			return 0, false
		}
		if !leadsElsewhere(r) {
			if r >= 0 && !t.Contended() {
				r = t.Admit(int32(r), how)
			}
			return r, true
		}
	}
	r, again := t.reopen(target, how)
	return r, !again
}

// OpenName opens a path that is not in the guest's memory, without O_PATH.
func (t *Thread) OpenName(dirfd int32, path string, flags uint64) int64 {
	name := t.Alloc(unix.PathMax)
	if len(path) >= len(name) {
		return errno(unix.ENAMETOOLONG)
	}
	return t.Walk(dirfd, name[:copy(name, path)], How{Flags: flags})
}

// OpenHeld opens a file that Hold has, if the guest may have it.
func (t *Thread) OpenHeld(held int32, how How) int64 {
	if t.Judge(held) != Harmless {
		return errno(unix.EACCES)
	}
	r, _ := t.reopen(held, how)
	return r
}

// reopen opens a file that is held, has been judged and is no symbolic link. again
// says that handlers of the guest have run instead.
//
// Preconditions: those of secure.
func (t *Thread) reopen(target int32, how How) (r int64, again bool) {
	how.Flags &^= unix.O_CREAT | unix.O_EXCL | unix.O_NOFOLLOW
	how.Mode, how.Resolve = 0, 0
	if how.Flags&unix.O_PATH != 0 {
		return t.Duplicate(target, how.CloseOnExec()), false
	}
	b, e := t.Describe(target)
	if e != 0 {
		return errno(e), false
	}
	if b.Format() == unix.S_IFDIR {
		if t.Shared() && t.IsProcfs(target) {
			return errno(unix.EACCES), false
		}
		r := t.openBlocking(target, dotPath, how)
		if r != -int64(unix.EACCES) { // which it also is if the directory can be read but not searched
			return r, false
		}
	}
	if t.Shared() {
		return errno(unix.EACCES), false
	}
	dir := t.ownFDs()
	if dir < 0 {
		return errno(unix.EACCES), false
	}
	r, again = t.BlockOnce(unix.SYS_OPENAT2, uintptr(dir), address(t.numeral(target)), how.Address(t), HowSize, 0, 0)
	t.release(dir)
	return r, again
}

var dotPath = []byte(".\x00")

// leadsElsewhere reports whether a path was not opened because of a link or a mount.
func leadsElsewhere(r int64) bool { return r == -int64(unix.ELOOP) || r == -int64(unix.EXDEV) }

// follow goes on to what an ordinary link says.
func (w *walker) follow(link int32, slash bool) (r int64, done bool) {
	t := w.Thread
	// Whether the link may be followed at all is for the kernel to say, which looks
	// at its owner (fs.protected_symlinks) and its mount.
	r = t.OpenPath(w.dirfd, t.Terminated(w.path, false), How{Resolve: w.how.Resolve})
	switch {
	case r >= 0:
		t.Close(int32(r))
	case r == -int64(unix.ENOENT) && w.how.Flags&unix.O_CREAT != 0, r == -int64(unix.ELOOP):
	default:
		return r, true
	}
	text := t.Alloc(unix.PathMax)
	r = t.Call(unix.SYS_READLINKAT, uintptr(link), address(EmptyPath), address(text), uintptr(len(text)), 0, 0)
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

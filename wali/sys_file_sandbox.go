package wali

import (
	"bytes"

	"golang.org/x/sys/unix"

	"walisup/wali/pathguard"
	"walisup/wali/procpath"
)

// In a sandbox the filter refuses all calls that change mode, owner, times or attributes of
// a file by its path, since Landlock does not judge them. By descriptor they are possible if
// anything may be written, and no filter tells one descriptor from another. So what a guest
// asks for is done here to a descriptor, by path as well, of a file for which Landlock says
// that it may be written:
//
//   - a regular file is opened for writing, which Landlock judges;
//   - one that its mode keeps from being written is opened for reading, and so is a
//     directory. Whether Landlock lets it be written is asked by something that it judges
//     and that has no effect: see mayReplace and mayMakeIn.
//
// What is judged is what is changed, a descriptor that is held: it does not matter what a path
// or a number led to before or leads to afterwards. Only where another process shares the
// descriptor table nothing can be held.
//
// Other files cannot be opened without an effect, and symbolic links not at all: EPERM.

// changeOpen calls change with a copy of descriptor fd, if it is of a file that the sandbox
// may write.
//
// Preconditions: the process is in a sandbox.
func (t *Thread) changeOpen(fd int32, change func(fd int32) int64) int64 {
	r := t.guard().Duplicate(fd, true)
	if r < 0 {
		return r
	}
	return t.changeHeld(int32(r), change)
}

// changeHeld is changeOpen for fd itself, which it closes.
func (t *Thread) changeHeld(fd int32, change func(fd int32) int64) int64 {
	return t.guard().Hold(fd, func(held int32) int64 {
		if !t.mayChange(held) {
			return errno(unix.EPERM)
		}
		return change(held)
	})
}

// mayChange reports whether Landlock lets the file of a descriptor be written. With O_PATH it
// need not: the kernel changes nothing by such a descriptor.
func (t *Thread) mayChange(fd int32) bool {
	flags := t.call(unix.SYS_FCNTL, uintptr(fd), unix.F_GETFL, 0, 0, 0, 0)
	if flags < 0 || flags&unix.O_PATH != 0 || flags&unix.O_ACCMODE != unix.O_RDONLY {
		return true
	}
	b, e := t.guard().Describe(fd)
	if e != 0 {
		return false
	}
	return t.mayReplace(fd, b) || b.Format() == unix.S_IFDIR && t.mayMakeIn(fd)
}

// changeAllowed calls change with a descriptor of the file at a path, if that is one that
// the sandbox may write.
//
// Preconditions: the process is in a sandbox.
func (t *Thread) changeAllowed(dirfd int32, path uint32, flags int32, change func(fd int32) int64) int64 {
	if flags&^(unix.AT_SYMLINK_NOFOLLOW|unix.AT_EMPTY_PATH) != 0 {
		return errno(unix.EINVAL)
	}
	how := pathguard.How{Flags: unix.O_CLOEXEC}
	if flags&unix.AT_SYMLINK_NOFOLLOW != 0 {
		how.Flags |= unix.O_NOFOLLOW
	}
	if flags&unix.AT_EMPTY_PATH == 0 || !t.isEmpty(path) {
		return t.changeOpened(func(access uint64) int64 {
			how := how
			how.Flags |= access
			return t.open(dirfd, path, how)
		}, change)
	}
	var empty [1]byte
	if e := t.Memory.Read(path, empty[:]); e != 0 {
		return errno(e)
	}
	name := "."
	if dirfd != unix.AT_FDCWD {
		if r := t.changeOpen(dirfd, change); r != -int64(unix.EBADF) { // which it is for what was opened with O_PATH
			return r
		}
		name = procpath.File(dirfd)
	}
	return t.changeOpened(func(access uint64) int64 {
		return t.guard().OpenName(unix.AT_FDCWD, name, unix.O_CLOEXEC|access)
	}, change)
}

// changeOpened is changeAllowed for a file that open opens with further flags.
func (t *Thread) changeOpened(open func(access uint64) int64, change func(fd int32) int64) int64 {
	const quiet = unix.O_NONBLOCK | unix.O_NOCTTY | largeFile
	format, e := t.formatOf(open(unix.O_PATH))
	fd := errno(unix.EPERM)
	switch {
	case e != 0:
		return errno(e)
	case format == unix.S_IFREG:
		if fd = open(unix.O_WRONLY | quiet); fd < 0 {
			fd = open(unix.O_RDONLY | quiet)
		}
	case format == unix.S_IFDIR:
		fd = open(unix.O_RDONLY | quiet)
	}
	if fd < 0 {
		return errno(unix.EPERM)
	}
	return t.changeHeld(int32(fd), change)
}

// formatOf returns the type of a file, and closes its descriptor, which is the result of a
// call.
func (t *Thread) formatOf(r int64) (uint32, unix.Errno) {
	if r < 0 {
		return 0, unix.Errno(-r)
	}
	b, e := t.guard().Describe(int32(r))
	t.closeFD(int32(r))
	if e != 0 {
		return 0, e
	}
	return b.Format(), 0
}

// mayReplace reports whether Landlock lets files be replaced in the directory where the file
// of descriptor fd is, which b describes. The file is renamed to the name that it has:
// Landlock judges that as any renaming, and the kernel then does nothing (fs/namei.c,
// vfs_rename).
func (t *Thread) mayReplace(fd int32, b pathguard.Statx) bool {
	mark := t.scratchUsed
	defer func() { t.scratchUsed = mark }()
	g := t.guard()
	path := g.DescriptorPath(fd)
	last := bytes.LastIndexByte(path, '/')
	if last < 0 || last == len(path)-1 {
		return false // nobody knows, or the root
	}
	how := pathguard.How{Flags: unix.O_DIRECTORY, Resolve: unix.RESOLVE_NO_SYMLINKS}
	parent := g.OpenPath(unix.AT_FDCWD, g.Terminated(path[:last+1], false), how)
	if parent < 0 {
		return false
	}
	name := g.Terminated(path[last+1:], false)
	return g.Hold(int32(parent), func(parent int32) int64 {
		r := t.call(unix.SYS_RENAMEAT2, uintptr(parent), address(name), uintptr(parent), address(name), 0, 0)
		if r < 0 {
			return r
		}
		// What has that name now need not be the file.
		is, e := g.DescribeAt(parent, name)
		if e == 0 && !is.Same(b) {
			e = unix.ENOENT
		}
		return errno(e)
	}) == 0
}

// mayMakeIn reports whether Landlock lets files be made in directory fd, by making one that
// has no name and is gone at once. It is for the directory that the sandbox was given: its
// own parent need not be allowed.
func (t *Thread) mayMakeIn(fd int32) bool {
	how := pathguard.How{Flags: unix.O_TMPFILE | unix.O_WRONLY | unix.O_CLOEXEC, Mode: 0o600}
	r := t.call(unix.SYS_OPENAT2, uintptr(fd), address(currentDir), how.Address(t.guard()), pathguard.HowSize, 0, 0)
	if r >= 0 {
		t.closeFD(int32(r))
	}
	return r >= 0
}

var currentDir = []byte(".\x00")

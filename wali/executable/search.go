package executable

import (
	"encoding/binary"
	"path/filepath"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"walisup/wali/pathguard"
	"walisup/wali/procpath"
)

// Files is how a Search reaches files: *pathguard.Thread.
type Files interface {
	pathguard.Caller
	Judge(fd int32) pathguard.Verdict
	Describe(fd int32) (pathguard.Statx, unix.Errno)
	OpenName(dirfd int32, path string, flags uint64) int64
	Close(fd int32)
	DescriptorPath(fd int32) []byte
	CString(s string) uintptr
	OwnsFD(fd int32) bool
	ModulePath() string
	PID() int
}

// CheckOnly is AT_EXECVE_CHECK, a flag of execveat(2) that asks whether a file could be
// executed (Linux 6.14).
const CheckOnly = 0x10000

// Search is the way from a path to the file that will run.
type Search struct {
	Files

	// Sandboxed says that the kernel lets nothing be executed but the helper.
	Sandboxed bool

	// What Find has found.
	FD   int32    // the file, readable
	Argv []string // what comes in place of argv[0]; nil for argv[0] itself
	Name string   // last component of the first path

	owned        bool // FD is to be closed
	own          bool // the file is this process's own executable
	inaccessible bool // the path leads through a close-on-exec descriptor
	depth        int
}

// Find looks up what execveat(2) with these arguments is to run, and tells what kind of file
// it is in the end: not a script. Whatever the kernel would refuse is refused here, with its
// error.
func (s *Search) Find(dirfd int32, path string, flags uint32) (Kind, unix.Errno) {
	if e := s.open(dirfd, path, flags); e != 0 {
		return Unknown, e
	}
	return s.followScripts(dirfd, path)
}

// Close closes FD, if Find has opened it.
func (s *Search) Close() {
	if s.owned {
		s.Files.Close(s.FD)
	}
	s.FD, s.owned = -1, false
}

// open opens a file for execution. The kernel checks that it may be executed.
func (s *Search) open(dirfd int32, path string, flags uint32) unix.Errno {
	mark := s.Scratch()
	defer s.ResetScratch(mark)
	s.Close()
	if path == "" {
		return s.openFD(dirfd)
	}
	if fd, ok := procpath.Descriptor([]byte(path), s.PID()); ok && s.OwnsFD(fd) {
		return unix.ENOENT
	}
	name := s.CString(path)
	var nofollow uintptr
	if flags&unix.AT_SYMLINK_NOFOLLOW != 0 {
		nofollow = unix.O_NOFOLLOW
	}
	r := s.Call(unix.SYS_OPENAT, uintptr(dirfd), name, unix.O_PATH|unix.O_CLOEXEC|nofollow, 0, 0, 0)
	if r < 0 {
		return unix.Errno(-r)
	}
	handle := int32(r)
	defer s.Files.Close(handle)
	if e := s.check(handle); e != 0 {
		return e
	}
	if s.own {
		return s.openOwn()
	}
	// By path again: opening what a descriptor stands for takes a /proc.
	const how = unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NONBLOCK | unix.O_NOCTTY
	r = s.OpenName(dirfd, path, uint64(how|nofollow))
	if r < 0 {
		return unix.Errno(-r)
	}
	s.FD, s.owned = int32(r), true
	if !s.same(handle, s.FD) {
		s.Close()
		return unix.ENOENT // replaced meanwhile; the next try sees the new one
	}
	return 0
}

// openFD is open for a file that is given by a descriptor.
func (s *Search) openFD(fd int32) unix.Errno {
	if s.Call(unix.SYS_FCNTL, uintptr(fd), unix.F_GETFD, 0, 0, 0, 0) < 0 {
		return unix.EBADF
	}
	if e := s.check(fd); e != 0 {
		return e
	}
	if s.own {
		return s.openOwn()
	}
	b := s.Alloc(1)
	if r := s.Call(unix.SYS_PREAD64, uintptr(fd), address(b), 1, 0, 0, 0); r >= 0 {
		s.FD = fd
		return 0
	}
	// Opened with O_PATH or for writing.
	const how = unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NONBLOCK | unix.O_NOCTTY
	r := s.OpenName(unix.AT_FDCWD, procpath.File(fd), how)
	if r < 0 {
		return unix.EACCES
	}
	s.FD, s.owned = int32(r), true
	return 0
}

// openOwn opens the module in place of the helper's executable.
func (s *Search) openOwn() unix.Errno {
	r := s.OpenName(unix.AT_FDCWD, s.ModulePath(), unix.O_RDONLY|unix.O_CLOEXEC)
	if r < 0 {
		return unix.Errno(-r)
	}
	s.FD, s.owned = int32(r), true
	return 0
}

// check reports why a file may not be executed.
func (s *Search) check(fd int32) unix.Errno {
	switch s.Judge(fd) {
	case pathguard.Private:
		return unix.ENOENT
	case pathguard.Forbidden:
		return unix.EACCES
	case pathguard.HelperExe:
		s.own = true
	}
	arg := s.Alloc(16) // { "", NULL }
	binary.LittleEndian.PutUint64(arg, uint64(address(pathguard.EmptyPath)))
	r := s.Call(unix.SYS_EXECVEAT, uintptr(fd), address(pathguard.EmptyPath), address(arg), 0, unix.AT_EMPTY_PATH|CheckOnly, 0)
	if r == -int64(unix.EINVAL) || r == -int64(unix.EACCES) && s.Sandboxed {
		return s.checkOld(fd)
	}
	if r == -int64(unix.ELOOP) {
		return unix.ELOOP
	}
	return unix.Errno(-r)
}

// checkOld is check for kernels before 6.14, and for a sandbox, where the kernel lets
// nothing be executed but the helper.
func (s *Search) checkOld(fd int32) unix.Errno {
	b, e := s.Describe(fd)
	switch {
	case e != 0:
		return e
	case b.Format() == unix.S_IFLNK:
		return unix.ELOOP
	case b.Format() != unix.S_IFREG:
		return unix.EACCES
	}
	const flags = unix.AT_EMPTY_PATH | unix.AT_EACCESS
	r := s.Call(unix.SYS_FACCESSAT2, uintptr(fd), address(pathguard.EmptyPath), unix.X_OK, flags, 0, 0)
	if r == -int64(unix.ENOSYS) || r == -int64(unix.EINVAL) {
		r = s.Call(unix.SYS_FACCESSAT, atFDCWD, s.CString(procpath.File(fd)), unix.X_OK, 0, 0, 0)
	}
	return unix.Errno(-min(r, 0))
}

// same reports whether two descriptors are of one file.
func (s *Search) same(a, b int32) bool {
	x, e := s.Describe(a)
	if e != 0 {
		return false
	}
	y, e := s.Describe(b)
	return e == 0 && x.Same(y)
}

// followScripts goes from script to interpreter until it is at a file that is no
// script, which is then s.FD. dirfd and path are those that s.open got.
func (s *Search) followScripts(dirfd int32, path string) (Kind, unix.Errno) {
	filename := path
	switch {
	case path == "":
		filename = descriptorName(dirfd)
	case dirfd != unix.AT_FDCWD && !strings.HasPrefix(path, "/"):
		filename = descriptorName(dirfd) + "/" + path
	}
	if filename != path {
		r := s.Call(unix.SYS_FCNTL, uintptr(dirfd), unix.F_GETFD, 0, 0, 0, 0)
		s.inaccessible = r >= 0 && r&unix.FD_CLOEXEC != 0
	}
	s.Name = filepath.Base(filename)
	head := s.Alloc(scriptHead)
	for {
		r := s.Call(unix.SYS_PREAD64, uintptr(s.FD), address(head), uintptr(len(head)), 0, 0, 0)
		if r < 0 {
			return Unknown, unix.Errno(-r)
		}
		kind := KindOf(head[:r])
		if kind != Script {
			return kind, 0
		}
		in, ok := parseScript(head[:r])
		switch {
		case !ok:
			return Unknown, unix.ENOEXEC
		case s.inaccessible:
			return Unknown, unix.ENOENT
		case s.depth == maxInterpreters:
			return Unknown, unix.ELOOP
		case in.path == "":
			return Unknown, unix.EACCES // as if it named the working directory
		}
		s.depth++
		argv := []string{in.path}
		if in.has {
			argv = append(argv, in.arg)
		}
		argv = append(argv, filename)
		if len(s.Argv) > 1 {
			argv = append(argv, s.Argv[1:]...)
		}
		s.Argv, filename = argv, in.path
		if e := s.open(unix.AT_FDCWD, in.path, 0); e != 0 {
			return Unknown, e
		}
	}
}

// descriptorName is what the kernel calls a program that was given by descriptor.
func descriptorName(fd int32) string { return "/dev/fd/" + strconv.Itoa(int(fd)) }

// Path is what /proc/self/exe will show.
func (s *Search) Path() string {
	if s.own {
		return s.ModulePath()
	}
	if path := s.DescriptorPath(s.FD); len(path) > 0 && path[0] == '/' {
		return string(path)
	}
	return "/" // nobody knows
}

// address is where b's bytes are. Only for memory that does not move.
func address(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }

// atFDCWD is unix.AT_FDCWD for the kernel.
const atFDCWD = ^uintptr(99)

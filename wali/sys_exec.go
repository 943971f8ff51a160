package wali

import (
	"encoding/binary"
	"path/filepath"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"walisup/wali/kernel"
	"walisup/wali/memory"
)

// Execer is what Thread.Owner has to be for the guest to execute programs.
type Execer interface {
	// Exec replaces the process by one that runs a module. It returns only if
	// that cannot be done.
	Exec(x *Exec) unix.Errno
	// NativeExec reports whether native programs may be started.
	NativeExec() bool
}

// Exec is a module that is to take over the process.
type Exec struct {
	FD   int    // the module, readable; stays the caller's
	Path string // its absolute path
	Name string // the file name that it was called by, which ps shows

	// Mask is the guest's signal mask. While Exec runs, all signals but
	// Unblockable are blocked.
	Mask uint64

	// Files is the guest's soft RLIMIT_NOFILE. While Exec runs, descriptors of
	// the private range are below the kernel's.
	Files uint64

	// Argv and Envp are arrays of host addresses of strings, each ended by 0,
	// or themselves 0. The strings may be unreadable or too many: that is the
	// kernel's to say.
	Argv, Envp uintptr
}

// sysExecve is execve(2).
func sysExecve(t *Thread, a Args) int64 {
	return t.exec(unix.AT_FDCWD, a.Ptr(0), a.Ptr(1), a.Ptr(2), 0)
}

// sysExecveat is execveat(2).
func sysExecveat(t *Thread, a Args) int64 {
	return t.exec(a.Int(0), a.Ptr(1), a.Ptr(2), a.Ptr(3), a.Uint(4))
}

// atExecveCheck asks whether a file could be executed (Linux 6.14).
const atExecveCheck = 0x10000

// exec finds out what a file is, follows `#!` lines, and hands a module to the
// helper and a native program to the kernel. Everything that can go wrong goes
// wrong here, while the calling program still exists.
func (t *Thread) exec(dirfd int32, pathAddr, argv, envp, flags uint32) int64 {
	owner, ok := t.Owner.(Execer)
	if !ok {
		return errno(enosys)
	}
	path, e := t.execPath(pathAddr, flags)
	if e != 0 {
		return errno(e)
	}
	if flags&^(unix.AT_EMPTY_PATH|unix.AT_SYMLINK_NOFOLLOW|atExecveCheck) != 0 {
		return errno(unix.EINVAL)
	}
	files, restore := t.lendDescriptors()
	defer restore()

	s := execSearch{Thread: t}
	defer s.close()
	if e := s.open(dirfd, path, flags); e != 0 {
		return errno(e)
	}
	kind, e := s.followScripts(dirfd, path)
	switch {
	case e != 0:
		return errno(e)
	case kind == nativeKind && !owner.NativeExec():
		return errno(unix.EACCES)
	case flags&atExecveCheck != 0:
		return 0
	case kind != moduleKind && owner.NativeExec():
		restore()
		return t.execNative(dirfd, path, argv, envp, flags)
	case kind != moduleKind:
		return errno(enoexec)
	}
	hostArgv, e := t.hostStrings(argv, s.argv)
	if e != 0 {
		return errno(e)
	}
	defer hostArgv.free()
	hostEnvp, e := t.hostStrings(envp, nil)
	if e != 0 {
		return errno(e)
	}
	defer hostEnvp.free()
	mask, ok := t.quietSignals()
	if !ok {
		return errno(unix.EINTR) // nobody will see it
	}
	e = owner.Exec(&Exec{
		Files: files, FD: int(s.fd), Path: s.modulePath(), Name: s.name, Mask: mask&^Unblockable | t.signals.blocked,
		Argv: hostArgv.array, Envp: hostEnvp.array,
	})
	t.setKernelMask(mask)
	return errno(e)
}

// quietSignals blocks all signals, once none is caught any more that waits for
// its handler: the handlers would be gone. It returns the kernel's mask of
// before, and ok false if a handler has jumped out of the host function.
func (t *Thread) quietSignals() (mask uint64, ok bool) {
	mask, pending := t.stopSignals()
	for pending {
		if t.runHandlers() {
			return 0, false
		}
		mask, pending = t.stopSignals()
	}
	return mask, true
}

// execPath reads the path argument. It is empty only where that is allowed.
func (t *Thread) execPath(p, flags uint32) (string, unix.Errno) {
	b := t.alloc(unix.PathMax)
	n, e := t.Memory.ReadCString(p, b)
	if e != 0 {
		return "", e
	}
	if n == 0 && flags&unix.AT_EMPTY_PATH == 0 {
		return "", unix.ENOENT
	}
	return string(b[:n]), 0
}

// lendDescriptors lets execve open files though the guest has as many as it may:
// a native execve needs no descriptor. What it opens beyond the limit falls into
// the private range. It returns the soft limit of before, and a function that ends
// this, which may be called twice.
func (t *Thread) lendDescriptors() (soft uint64, restore func()) {
	return t.admitDescriptors(uint64(t.ReservedFD) + ReservedFDs)
}

// admitDescriptors raises the soft limit of descriptors to top, if it is lower. It
// returns the one of before, and a function that restores it, which may be called
// twice.
func (t *Thread) admitDescriptors(top uint64) (soft uint64, restore func()) {
	was, e := t.kernelLimit(unix.RLIMIT_NOFILE)
	if e != 0 || was.Soft >= top || was.Hard < top || t.setKernelLimit(unix.RLIMIT_NOFILE, Limit{Soft: top, Hard: was.Hard}) != 0 {
		return was.Soft, func() {}
	}
	done := false
	return was.Soft, func() {
		if !done {
			done = true
			t.setKernelLimit(unix.RLIMIT_NOFILE, was)
		}
	}
}

// execSearch is the way from a path to the file that will run.
type execSearch struct {
	*Thread
	fd           int32    // readable; -1 if the file may be executed but not read
	owned        bool     // fd is to be closed
	argv         []string // what comes in place of argv[0]; nil for argv[0] itself
	name         string   // last component of the first path
	own          bool     // the file is this process's own executable
	inaccessible bool     // the path leads through a close-on-exec descriptor
	depth        int
}

func (s *execSearch) close() {
	if s.owned {
		s.closeFD(s.fd)
	}
	s.fd, s.owned = -1, false
}

// open opens a file for execution. The kernel checks that it may be executed.
func (s *execSearch) open(dirfd int32, path string, flags uint32) unix.Errno {
	t := s.Thread
	mark := t.scratchUsed
	defer func() { t.scratchUsed = mark }()
	s.close()
	if path == "" {
		return s.openFD(dirfd)
	}
	if fd, ok := descriptorInPath([]byte(path), t.pid()); ok && t.ownsFD(fd) {
		return unix.ENOENT
	}
	name := t.cstring(path)
	var nofollow uintptr
	if flags&unix.AT_SYMLINK_NOFOLLOW != 0 {
		nofollow = unix.O_NOFOLLOW
	}
	r := t.call(unix.SYS_OPENAT, uintptr(dirfd), name, unix.O_PATH|unix.O_CLOEXEC|nofollow, 0, 0, 0)
	if r < 0 {
		return unix.Errno(-r)
	}
	handle := int32(r)
	defer t.closeFD(handle)
	if e := s.check(handle); e != 0 {
		return e
	}
	if s.own {
		return s.openOwn()
	}
	// By path again: opening what a descriptor stands for takes a /proc.
	const how = unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NONBLOCK | unix.O_NOCTTY
	r = t.openName(dirfd, path, uint64(how|nofollow))
	if r < 0 {
		return unix.Errno(-r)
	}
	s.fd, s.owned = int32(r), true
	if !s.same(handle, s.fd) {
		s.close()
		return unix.ENOENT // replaced meanwhile; the next try sees the new one
	}
	return 0
}

// openFD is open for a file that is given by a descriptor.
func (s *execSearch) openFD(fd int32) unix.Errno {
	t := s.Thread
	if t.call(unix.SYS_FCNTL, uintptr(fd), unix.F_GETFD, 0, 0, 0, 0) < 0 {
		return unix.EBADF
	}
	if e := s.check(fd); e != 0 {
		return e
	}
	if s.own {
		return s.openOwn()
	}
	b := t.alloc(1)
	if r := t.call(unix.SYS_PREAD64, uintptr(fd), address(b), 1, 0, 0, 0); r >= 0 {
		s.fd = fd
		return 0
	}
	// Opened with O_PATH or for writing.
	const how = unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NONBLOCK | unix.O_NOCTTY
	r := t.openName(unix.AT_FDCWD, descriptorFile(fd), how)
	if r < 0 {
		return unix.EACCES
	}
	s.fd, s.owned = int32(r), true
	return 0
}

// openOwn opens the module in place of the helper's executable.
func (s *execSearch) openOwn() unix.Errno {
	r := s.openName(unix.AT_FDCWD, s.Module, unix.O_RDONLY|unix.O_CLOEXEC)
	if r < 0 {
		return unix.Errno(-r)
	}
	s.fd, s.owned = int32(r), true
	return 0
}

// check reports why a file may not be executed.
func (s *execSearch) check(fd int32) unix.Errno {
	t := s.Thread
	switch t.judge(fd) {
	case private:
		return unix.ENOENT
	case forbidden:
		return unix.EACCES
	case helperExe:
		s.own = true
	}
	arg := t.alloc(16) // { "", NULL }
	binary.LittleEndian.PutUint64(arg, uint64(address(emptyPath)))
	r := t.call(unix.SYS_EXECVEAT, uintptr(fd), address(emptyPath), address(arg), 0, unix.AT_EMPTY_PATH|atExecveCheck, 0)
	if r == -int64(unix.EINVAL) || r == -int64(unix.EACCES) && t.Sandboxed {
		return s.checkOld(fd)
	}
	if r == -int64(unix.ELOOP) {
		return unix.ELOOP
	}
	return unix.Errno(-r)
}

// checkOld is check for kernels before 6.14, and for a sandbox, where the kernel lets
// nothing be executed but the helper.
func (s *execSearch) checkOld(fd int32) unix.Errno {
	t := s.Thread
	b, e := t.describe(fd)
	switch {
	case e != 0:
		return e
	case b.format() == unix.S_IFLNK:
		return unix.ELOOP
	case b.format() != unix.S_IFREG:
		return unix.EACCES
	}
	const flags = unix.AT_EMPTY_PATH | unix.AT_EACCESS
	r := t.call(unix.SYS_FACCESSAT2, uintptr(fd), address(emptyPath), unix.X_OK, flags, 0, 0)
	if r == -int64(unix.ENOSYS) || r == -int64(unix.EINVAL) {
		r = t.call(unix.SYS_FACCESSAT, atFDCWD, t.cstring(descriptorFile(fd)), unix.X_OK, 0, 0, 0)
	}
	return unix.Errno(-min(r, 0))
}

// same reports whether two descriptors are of one file.
func (s *execSearch) same(a, b int32) bool {
	x, e := s.describe(a)
	if e != 0 {
		return false
	}
	y, e := s.describe(b)
	return e == 0 && x.u64(statxIno) == y.u64(statxIno) && x.dev() == y.dev()
}

// followScripts goes from script to interpreter until it is at a file that is no
// script, which is then s.fd. dirfd and path are those that s.open got.
func (s *execSearch) followScripts(dirfd int32, path string) (fileKind, unix.Errno) {
	t := s.Thread
	filename := path
	switch {
	case path == "":
		filename = descriptorName(dirfd)
	case dirfd != unix.AT_FDCWD && !strings.HasPrefix(path, "/"):
		filename = descriptorName(dirfd) + "/" + path
	}
	if filename != path {
		r := t.call(unix.SYS_FCNTL, uintptr(dirfd), unix.F_GETFD, 0, 0, 0, 0)
		s.inaccessible = r >= 0 && r&unix.FD_CLOEXEC != 0
	}
	s.name = filepath.Base(filename)
	head := t.alloc(scriptHead)
	for {
		r := t.call(unix.SYS_PREAD64, uintptr(s.fd), address(head), uintptr(len(head)), 0, 0, 0)
		if r < 0 {
			return unknownKind, unix.Errno(-r)
		}
		kind := kindOf(head[:r])
		if kind != scriptKind {
			return kind, 0
		}
		in, ok := parseScript(head[:r])
		switch {
		case !ok:
			return unknownKind, enoexec
		case s.inaccessible:
			return unknownKind, unix.ENOENT
		case s.depth == maxInterpreters:
			return unknownKind, unix.ELOOP
		case in.path == "":
			return unknownKind, unix.EACCES // as if it named the working directory
		}
		s.depth++
		argv := []string{in.path}
		if in.has {
			argv = append(argv, in.arg)
		}
		argv = append(argv, filename)
		if len(s.argv) > 1 {
			argv = append(argv, s.argv[1:]...)
		}
		s.argv, filename = argv, in.path
		if e := s.open(unix.AT_FDCWD, in.path, 0); e != 0 {
			return unknownKind, e
		}
	}
}

// descriptorName is what the kernel calls a program that was given by
// descriptor, and descriptorFile is where it can be opened.
func descriptorName(fd int32) string { return "/dev/fd/" + strconv.Itoa(int(fd)) }
func descriptorFile(fd int32) string { return "/proc/self/fd/" + strconv.Itoa(int(fd)) }

// modulePath is what /proc/self/exe will show.
func (s *execSearch) modulePath() string {
	if s.own {
		return s.Module
	}
	if path := s.descriptorPath(s.fd); len(path) > 0 && path[0] == '/' {
		return string(path)
	}
	return "/" // nobody knows
}

// hostArray is an array of pointers for the kernel.
type hostArray struct {
	array uintptr
	area  []byte
}

func (h hostArray) free() {
	if h.area != nil {
		unix.Munmap(h.area)
	}
}

// maxStrings is more pointers than the kernel accepts: it counts 8 bytes for
// each against a limit of 6 MiB (fs/exec.c).
const maxStrings = 1 << 20

// hostStrings translates a guest's array of pointers to strings. If first is not
// nil it comes in place of the first string.
func (t *Thread) hostStrings(p uint32, first []string) (hostArray, unix.Errno) {
	if p == 0 && first == nil {
		return hostArray{}, 0
	}
	n := uint32(0)
	for p != 0 {
		v, e := t.Memory.Load32(p + 4*n)
		if e != 0 {
			return hostArray{}, e
		}
		if v == 0 {
			break
		}
		if n++; n > maxStrings {
			return hostArray{}, unix.E2BIG
		}
	}
	size := int(n) + len(first) + 1
	bytes := 8 * size
	for _, s := range first {
		bytes += len(s) + 1
	}
	area, err := unix.Mmap(-1, 0, (bytes+memory.PageSize-1)&^(memory.PageSize-1), unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return hostArray{}, unix.ENOMEM
	}
	pointers := unsafe.Slice((*uint64)(unsafe.Pointer(&area[0])), size)[:0]
	text := area[8*size:]
	for _, s := range first {
		pointers = append(pointers, uint64(address(text)))
		text = text[copy(text, s)+1:]
	}
	skip := uint32(0)
	if first != nil {
		skip = 1
	}
	for i := skip; i < n; i++ {
		v, e := t.Memory.Load32(p + 4*i)
		if e != 0 {
			unix.Munmap(area)
			return hostArray{}, e
		}
		if v == 0 { // changed meanwhile
			break
		}
		pointers = append(pointers, uint64(t.Memory.HostAlways(v)))
	}
	return hostArray{array: address(area), area: area}, 0
}

// execNative starts a native program, with the signal state that the guest
// believes to have. It returns only on failure.
func (t *Thread) execNative(dirfd int32, path string, argv, envp, flags uint32) int64 {
	hostArgv, e := t.hostStrings(argv, nil)
	if e != 0 {
		return errno(e)
	}
	defer hostArgv.free()
	hostEnvp, e := t.hostStrings(envp, nil)
	if e != 0 {
		return errno(e)
	}
	defer hostEnvp.free()
	name := t.cstring(path)
	if name == 0 {
		return errno(unix.ENAMETOOLONG)
	}
	// Limits cannot always be raised again, so what can fail is to fail before
	// they are lowered.
	r := t.call(unix.SYS_EXECVEAT, uintptr(dirfd), name, hostArgv.array, hostEnvp.array, uintptr(flags)|atExecveCheck, 0)
	if r < 0 && r != -int64(unix.EINVAL) {
		return r
	}
	for {
		mask, ok := t.quietSignals()
		if !ok {
			return errno(unix.EINTR) // nobody will see it
		}
		restore := t.lendSignals(mask)
		restoreLimits := t.lendLimits()
		r := kernel.Unless(&t.Gate, unix.SYS_EXECVEAT, uintptr(dirfd), name, hostArgv.array, hostEnvp.array, uintptr(flags), 0)
		restoreLimits()
		restore()
		if t.Gate.Pending == 0 {
			t.setKernelMask(mask)
		}
		if r != -kernel.ERESTARTSYS {
			return r
		}
	}
}

// lendSignals makes the kernel's signal mask and ignored signals those that the
// guest believes to have, also for the signals that the helper needs. The
// function that it returns blocks all signals and undoes the rest. mask is the
// kernel's mask without the helper's signals.
//
// Preconditions: all signals are blocked.
func (t *Thread) lendSignals(mask uint64) (restore func()) {
	size := int(unsafe.Sizeof(kernelAction{}))
	ignore, actions := t.alloc(size), t.alloc(65*size)
	binary.LittleEndian.PutUint64(ignore, 1) // SIG_IGN
	ignored := t.Ignored() & Unblockable
	for sig := 1; sig <= 64; sig++ {
		if ignored&(1<<(sig-1)) != 0 {
			t.call(unix.SYS_RT_SIGACTION, uintptr(sig), address(ignore), address(actions[sig*size:]), 8, 0, 0)
		}
	}
	b := t.alloc(8)
	binary.LittleEndian.PutUint64(b, mask&^Unblockable|t.signals.blocked)
	t.call(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, address(b), 0, 8, 0, 0)
	return func() {
		t.blockAll()
		for sig := 1; sig <= 64; sig++ {
			if ignored&(1<<(sig-1)) != 0 {
				t.call(unix.SYS_RT_SIGACTION, uintptr(sig), address(actions[sig*size:]), 0, 8, 0, 0)
			}
		}
	}
}

// lendLimits makes the kernel's resource limits those that the guest believes to
// have. The function that it returns undoes that as far as the kernel allows.
func (t *Thread) lendLimits() (restore func()) {
	type change struct {
		resource int32
		was      Limit
	}
	var changes []change
	t.VirtualLimits(func(resource int32, limit Limit) {
		was, e := t.kernelLimit(resource)
		if e != 0 {
			return
		}
		if resource == unix.RLIMIT_NOFILE { // only the hard limit is virtual
			limit.Soft = min(was.Soft, limit.Hard)
		}
		if t.setKernelLimit(resource, limit) == 0 {
			changes = append(changes, change{resource, was})
		}
	})
	return func() {
		for _, c := range changes {
			t.setKernelLimit(c.resource, c.was)
		}
	}
}

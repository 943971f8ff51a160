package wali

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"

	"walisup/wali/executable"
	"walisup/wali/kernel"
	"walisup/wali/kernel/abi"
	"walisup/wali/memory"
	"walisup/wali/signals"
)

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

// exec finds out what a file is, follows `#!` lines, and hands a module to the
// helper and a native program to the kernel. Everything that can go wrong goes
// wrong here, while the calling program still exists.
func (t *Thread) exec(dirfd int32, pathAddr, argv, envp, flags uint32) int64 {
	path, e := t.execPath(pathAddr, flags)
	if e != 0 {
		return errno(e)
	}
	if flags&^(unix.AT_EMPTY_PATH|unix.AT_SYMLINK_NOFOLLOW|executable.CheckOnly) != 0 {
		return errno(unix.EINVAL)
	}
	files, restore := t.lendDescriptors()
	defer restore()

	s := executable.Search{Files: t.guard(), Sandboxed: t.Sandboxed}
	defer s.Close()
	kind, e := s.Find(dirfd, path, flags)
	switch {
	case e != 0:
		return errno(e)
	case kind == executable.Native && !t.Helper.NativeExec():
		return errno(unix.EACCES)
	case flags&executable.CheckOnly != 0:
		return 0
	case kind != executable.Module && t.Helper.NativeExec():
		restore()
		return t.execNative(dirfd, path, argv, envp, flags)
	case kind != executable.Module:
		return errno(unix.ENOEXEC)
	}
	hostArgv, e := t.hostStrings(argv, s.Argv)
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
	e = t.Helper.Exec(&Exec{
		Files: files, FD: int(s.FD), Path: s.Path(), Name: s.Name, Mask: t.Signals.Guest(mask),
		Argv: hostArgv.array, Envp: hostEnvp.array,
	})
	t.Signals.SetKernelMask(mask)
	return errno(e)
}

// quietSignals blocks all signals, once none is caught any more that waits for
// its handler: the handlers would be gone. It returns the kernel's mask of
// before, and ok false if a handler has jumped out of the host function.
func (t *Thread) quietSignals() (mask uint64, ok bool) {
	mask, pending := t.Signals.Block()
	for pending {
		if t.runHandlers() {
			return 0, false
		}
		mask, pending = t.Signals.Block()
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
	r := t.call(unix.SYS_EXECVEAT, uintptr(dirfd), name, hostArgv.array, hostEnvp.array, uintptr(flags)|executable.CheckOnly, 0)
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
			t.Signals.SetKernelMask(mask)
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
	size := int(unsafe.Sizeof(abi.Sigaction{}))
	ignore, actions := t.alloc(size), t.alloc(65*size)
	binary.LittleEndian.PutUint64(ignore, 1) // SIG_IGN
	ignored := t.Actions.Ignored() & signals.Unblockable
	for sig := 1; sig <= 64; sig++ {
		if ignored&(1<<(sig-1)) != 0 {
			t.call(unix.SYS_RT_SIGACTION, uintptr(sig), address(ignore), address(actions[sig*size:]), 8, 0, 0)
		}
	}
	b := t.alloc(8)
	binary.LittleEndian.PutUint64(b, t.Signals.Guest(mask))
	t.call(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, address(b), 0, 8, 0, 0)
	return func() {
		t.Signals.BlockAll()
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

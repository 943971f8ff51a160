package helper

import (
	"errors"

	"golang.org/x/sys/unix"

	"walisup/helper/module"
	"walisup/ipc"
	"walisup/ipc/cache"
	"walisup/wali"
)

// NativeExec implements wali.Helper.
func (t *thread) NativeExec() bool { return t.boot.NativeExec }

// Exec implements wali.Helper. The new helper gets the compiled module as an open
// file, so nothing that happens to the module or the cache from here on can keep
// it from starting.
func (t *thread) Exec(x *wali.Exec) unix.Errno {
	b := t.boot
	if b.alone {
		return b.execModule(x)
	}
	// Other threads would see descriptors that are the helper's, and must hold no
	// lock when the compiling child is made.
	t.stopOthers()
	defer t.resumeOthers()
	b.left = t.others(nil)
	compiled, e := b.compiledFile(x.FD, x.Path)
	if e != 0 {
		return e
	}
	defer unix.Close(compiled)
	order := *b.Boot
	order.Module, order.ModuleFD, order.Name = x.Path, -1, x.Name
	order.Compiled, order.Ready = true, false
	order.Progress, order.ListAdapted = false, false // the standard error is the guest's
	order.Channel = b.channel != nil
	order.Slot, order.Generation = t.ref.Slot, t.ref.Generation
	order.Ignored = t.Ignored()
	order.Mask, order.SetMask = x.Mask, true
	order.NoFile = x.Files
	order.Limits = [len(order.Limits)]ipc.Limit{}
	i := 0
	t.VirtualLimits(func(resource int32, limit wali.Limit) {
		order.Limits[i] = ipc.Limit{Set: true, Resource: resource, Soft: limit.Soft, Hard: limit.Hard}
		i++
	})
	record, err := ipc.WriteBoot(&order)
	if err != nil {
		return errnoOf(err, unix.ENOMEM)
	}
	defer unix.Close(record)
	defer b.hidePrivate()
	if e := b.showPrivate(map[int]int{ipc.BootOffset: record, ipc.EntryOffset: compiled}); e != 0 {
		return e
	}
	b.inheritAll(true)
	defer b.inheritAll(false)
	return execHelper(b.first+ipc.HelperOffset, x.Argv, x.Envp)
}

// showPrivate makes descriptors part of the private range as the next helper
// expects it. Keys are offsets. Where the guest has used up its own descriptors,
// ours were opened in the private range, and may be in the way.
func (b *bootstrap) showPrivate(files map[int]int) unix.Errno {
	for offset, fd := range files {
		if fd >= b.first && fd <= b.first+ipc.EntryOffset {
			moved, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, b.first+ipc.EntryOffset+1)
			if err != nil {
				return errnoOf(err, unix.EMFILE)
			}
			defer unix.Close(moved)
			files[offset] = moved
		}
	}
	for offset, fd := range files {
		if err := unix.Dup3(fd, b.first+offset, 0); err != nil {
			return errnoOf(err, unix.EMFILE)
		}
	}
	if _, err := unix.FcntlInt(uintptr(b.first+ipc.HelperOffset), unix.F_SETFD, 0); err != nil {
		return errnoOf(err, unix.EIO)
	}
	return 0
}

// inheritAll keeps what every helper hands on to the next open over an execve, or
// not. Native programs get none of it.
func (b *bootstrap) inheritAll(keep bool) {
	for _, private := range [...]struct {
		offset int
		has    bool
	}{
		{ipc.ChannelOffset, b.channel != nil},
		{ipc.TraceOffset, b.Trace != "" || b.channel != nil},
		{ipc.ReportOffset, b.Report},
		{ipc.CodeOffset, b.Code},
	} {
		if private.has {
			b.inherit(private.offset, keep)
		}
	}
}

// inherit keeps one private descriptor open over an execve, or not.
func (b *bootstrap) inherit(offset int, keep bool) {
	flags := unix.FD_CLOEXEC
	if keep {
		flags = 0
	}
	unix.FcntlInt(uintptr(b.first+offset), unix.F_SETFD, flags)
}

// hidePrivate undoes showPrivate.
func (b *bootstrap) hidePrivate() {
	unix.FcntlInt(uintptr(b.first+ipc.HelperOffset), unix.F_SETFD, unix.FD_CLOEXEC)
	unix.Close(b.first + ipc.BootOffset)
	unix.Close(b.first + ipc.EntryOffset)
}

// compiledFile opens the compiled form of the module in file fd. The errors are
// execve's.
func (b *bootstrap) compiledFile(fd int, path string) (int, unix.Errno) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return -1, errnoOf(err, unix.EIO)
	}
	if b.Code {
		if e := checkModule(fd, st.Size); e != 0 {
			return -1, e
		}
		if compiled, e := b.askForCode(fd); e != errNoAnswer {
			return compiled, e
		}
	}
	// The guest may have become a user whose cache this is not. It then does
	// without one.
	var dir *cache.Dir
	if b.CacheDir != "" {
		dir, _ = b.openCache()
	}
	if dir != nil {
		defer dir.Close()
		if entry, err := b.cachedFile(dir, fd, &st); err == nil || !errors.Is(err, cache.ErrAbsent) {
			return entry, errnoOf(err, 0)
		}
	} else if e := checkModule(fd, st.Size); e != 0 {
		return -1, e
	}
	result, err := cache.NewMemory()
	if err != nil {
		return -1, errnoOf(err, unix.ENOMEM)
	}
	order := *b.Boot
	order.Module, order.ModuleFD = path, b.first+ipc.ModuleOffset
	order.Trace, order.Code = "", false
	if dir == nil {
		order.CacheDir = ""
	}
	if e := b.compileQuietly(&order, fd, result); e != 0 {
		unix.Close(result)
		return -1, e
	}
	if err := cache.Seal(result); err != nil {
		unix.Close(result)
		return -1, errnoOf(err, unix.EIO)
	}
	return result, 0
}

// cachedFile opens the module's entry in the cache folder. The error is an Errno
// or cache.ErrAbsent.
func (b *bootstrap) cachedFile(dir *cache.Dir, fd int, st *unix.Stat_t) (int, error) {
	context := b.contextSum()
	if key, ok := dir.Find(st, context); ok {
		if entry, err := dir.Open(key); err == nil {
			return entry, nil
		}
	}
	content, e := mapModule(fd, st.Size)
	if e != 0 {
		return -1, e
	}
	defer unix.Munmap(content)
	key := b.key(content)
	entry, err := dir.Open(key)
	if err != nil {
		return -1, cache.ErrAbsent
	}
	dir.Remember(st, context, key)
	return entry, nil
}

// checkModule tells modules that can be run from other files.
func checkModule(fd int, size int64) unix.Errno {
	var head [module.HeaderSize]byte
	n, err := unix.Pread(fd, head[:], 0)
	if err != nil {
		return errnoOf(err, unix.EIO)
	}
	if module.Check(head[:n], size) != nil {
		return unix.ENOEXEC
	}
	return 0
}

// mapModule reads a module into memory of its own: the collector is off, so the
// heap is no place for it, and a mapping of the file could change or fault.
func mapModule(fd int, size int64) ([]byte, unix.Errno) {
	if e := checkModule(fd, size); e != 0 {
		return nil, e
	}
	content, err := unix.Mmap(-1, 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, unix.ENOMEM
	}
	for got := 0; got < len(content); {
		n, err := unix.Pread(fd, content[got:], int64(got))
		if err == unix.EINTR {
			continue
		}
		if err == nil && n == 0 {
			err = unix.ENOEXEC // shorter than it was
		}
		if err != nil {
			unix.Munmap(content)
			return nil, errnoOf(err, unix.EIO)
		}
		got += n
	}
	return content, 0
}

// errnoOf finds the kernel's error in err.
func errnoOf(err error, otherwise unix.Errno) unix.Errno {
	var e unix.Errno
	if errors.As(err, &e) {
		return e
	}
	return otherwise
}

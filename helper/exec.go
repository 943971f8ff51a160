package helper

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"walisup/helper/module"
	"walisup/ipc"
	"walisup/ipc/cache"
	"walisup/wali"
)

// NativeExec implements wali.Helper. No layer sees what a native program does, so each has
// to agree.
func (t *thread) NativeExec() bool {
	for i := range t.layers {
		if _, e := provider([]*layer{t.layers[i].layer}, exportNativeExec); e == nil {
			return false
		}
	}
	return t.boot.NativeExec
}

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
	order := *b.Boot
	private := map[int]int{}
	needed, e := t.needsWASI(x.FD)
	if e != 0 {
		return e
	}
	if needed {
		layer, e := b.compiledFor(ipc.RoleLayer(len(b.Layers)), b.first+ipc.WASIOffset, b.WASI[0].Path)
		if e != 0 {
			return e
		}
		defer unix.Close(layer)
		private[ipc.LayerOffset+len(b.Layers)] = layer
		order.Layers = append(slices.Clone(b.WASI), b.Layers...)
	}
	order.Role = ipc.RoleAlone
	if len(order.Layers) > 0 {
		order.Role = ipc.RoleLayered
	}
	compiled, e := b.compiledFor(order.Role, x.FD, x.Path)
	if e != 0 {
		return e
	}
	defer unix.Close(compiled)
	order.Module, order.ModuleFD, order.Name = x.Path, -1, x.Name
	order.Compiled, order.Ready = true, false
	order.NeedNative = false                         // which was about the first program
	order.Progress, order.ListAdapted = false, false // the standard error is the guest's
	order.Channel = b.channel != nil
	order.Slot, order.Generation = t.ref.Slot, t.ref.Generation
	order.Ignored = t.Actions.Ignored()
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
	private[ipc.BootOffset], private[ipc.EntryOffset] = record, compiled
	defer b.hidePrivate(private)
	if e := b.showPrivate(private); e != 0 {
		return e
	}
	b.inheritAll(true)
	defer b.inheritAll(false)
	return execHelper(b.first+ipc.HelperOffset, x.Argv, x.Envp)
}

// needsWASI reports whether the layer for WASI modules is to be put on top of the others for
// the module in an open file. The error is execve's if there is none, or no room for it.
func (t *thread) needsWASI(fd int) (bool, unix.Errno) {
	b := t.boot
	if !module.ImportsFrom(moduleReader(fd), ipc.WASINamespace) {
		return false, 0
	}
	if slices.ContainsFunc(t.program.layers, func(l *layer) bool {
		return slices.ContainsFunc(l.module.Exports, func(e module.Export) bool {
			return strings.HasPrefix(e.Name, ipc.WASINamespace+".")
		})
	}) {
		return false, 0
	}
	if len(b.WASI) == 0 || len(b.Layers) == ipc.MaxLayers {
		return false, unix.ENOEXEC
	}
	return true, 0
}

// moduleReader reads an open module.
type moduleReader int

// ReadAt implements io.ReaderAt, but for the error where there is less than was asked for.
func (fd moduleReader) ReadAt(b []byte, at int64) (int, error) {
	for {
		n, err := unix.Pread(int(fd), b, at)
		if err != unix.EINTR {
			return max(n, 0), err
		}
	}
}

// showPrivate makes descriptors part of the private range as the next helper
// expects it. Keys are offsets. Where the guest has used up its own descriptors,
// ours were opened in the private range, and may be in the way.
func (b *bootstrap) showPrivate(private map[int]int) unix.Errno {
	wanted := func(fd int) bool { _, ok := private[fd-b.first]; return ok }
	files := maps.Clone(private)
	for offset, fd := range files {
		// The free numbers of the range are few, and some are wanted themselves.
		for at := b.first; wanted(fd); at = fd + 1 {
			moved, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, at)
			if err != nil {
				return errnoOf(err, unix.EMFILE)
			}
			defer unix.Close(moved)
			fd = moved
		}
		files[offset] = fd
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
		{ipc.WASIOffset, len(b.WASI) > 0},
	} {
		if private.has {
			b.inherit(private.offset, keep)
		}
	}
	for i := range b.Layers {
		b.inherit(ipc.LayerOffset+i, keep)
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
func (b *bootstrap) hidePrivate(private map[int]int) {
	unix.FcntlInt(uintptr(b.first+ipc.HelperOffset), unix.F_SETFD, unix.FD_CLOEXEC)
	for offset := range private {
		unix.Close(b.first + offset)
	}
}

// compiledFor is compiledFile for a module that is to have a role.
func (b *bootstrap) compiledFor(role ipc.Role, fd int, path string) (int, unix.Errno) {
	boot, of := *b.Boot, *b
	boot.Role = role
	of.Boot = &boot
	return of.compiledFile(fd, path)
}

// compiledFile opens the compiled form of the module in file fd. The errors are
// execve's.
func (b *bootstrap) compiledFile(fd int, path string) (int, unix.Errno) {
	f := moduleFile{fd: fd}
	if err := f.look(); err != nil {
		return -1, errnoOf(err, unix.EIO)
	}
	if b.Code {
		if err := f.check(); err != nil {
			return -1, errnoOf(err, unix.ENOEXEC)
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
	order := *b.Boot
	order.Module, order.ModuleFD = path, b.first+ipc.ModuleOffset
	order.Trace, order.Code = "", false
	if dir == nil {
		order.CacheDir = ""
	} else {
		defer dir.Close()
	}
	compiled, err := fetch(b, &f, dir, fetcher[int]{
		open: func(dir *cache.Dir, key cache.Key) (int, error) {
			entry, err := dir.Open(key)
			if err != nil {
				return -1, cache.ErrAbsent
			}
			return entry, nil
		},
		compile: func(result int) error {
			if e := b.compileQuietly(&order, fd, result); e != 0 {
				return e
			}
			return nil
		},
		take: func(result int) (int, error) { return result, nil },
	})
	if err != nil {
		return -1, errnoOf(err, unix.ENOEXEC)
	}
	return compiled, 0
}

// errnoOf finds the kernel's error in err.
func errnoOf(err error, otherwise unix.Errno) unix.Errno {
	var e unix.Errno
	if errors.As(err, &e) {
		return e
	}
	return otherwise
}

package helper

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"walisup/helper/module"
	"walisup/ipc"
	"walisup/ipc/cache"
	"walisup/ipc/stagezero"
)

// A helper that no supervisor has started is a whole runtime of its own: the kernel starts it
// by binfmt_misc, or a container engine as the program of a container. It makes itself what
// a supervisor would have given it: the private descriptors and the boot record. There is no
// channel, so the process tree is not listed anywhere.

// errByHand is the error of a helper with a command line that nobody makes but people.
var errByHand = errors.New(`walisup-helper runs modules for walisup, for the kernel (walisup binfmt) and for containers;
to run a module by hand use walisup start, or: walisup-helper [--cache=DIR] [--dir=HOST[::GUEST]] -- MODULE ARGV0 [ARGUMENT...]`)

// invocation is what a helper without a supervisor is to run.
type invocation struct {
	module   string
	moduleFD int // -1 if the module is to be opened
	args     []string
	cacheDir string   // of the container, see sharedCache; empty for the user's own
	dirs     []string // that WASI modules may use, as --dir of wasi.wasm has them
}

// invoked reads the command line. binfmt_misc with flag P makes it from the one of the module:
// the interpreter, the path, argv[0] and the arguments; and says so in AT_FLAGS. Everybody
// else says what the words are.
func invoked(args []string, byKernel bool) (invocation, error) {
	v := invocation{moduleFD: -1}
	if !byKernel {
		if len(args) == 0 {
			return v, errByHand
		}
		args = args[1:]
		for len(args) > 0 && args[0] != "--" {
			name, value, _ := strings.Cut(args[0], "=")
			switch {
			case name == "--cache" && filepath.IsAbs(value):
				v.cacheDir = value
			case name == "--dir" && value != "":
				v.dirs = append(v.dirs, value)
			default:
				return v, errByHand
			}
			args = args[1:]
		}
		if len(args) == 0 {
			return v, errByHand
		}
	}
	if len(args) < 3 {
		return v, errByHand
	}
	v.module, v.args = args[1], args[2:]
	return v, nil
}

// restart executes this program again, as a supervisor would have: then the arguments of the
// process are the guest's, for ps and for the guest itself. It returns only on failure.
func (b *bootstrap) restart() error {
	b.Ignored = stagezero.Ignored()
	b.Mask, b.SetMask = stagezero.Mask(), true
	record, err := ipc.WriteBoot(b.Boot)
	if err != nil {
		return err
	}
	if err := unix.Dup3(record, b.first+ipc.BootOffset, 0); err != nil {
		return fmt.Errorf("no room for descriptor %d under the hard limit of open files: %w", b.first+ipc.BootOffset, err)
	}
	unix.Close(record)
	argv, err := syscall.SlicePtrFromStrings(b.args)
	if err != nil {
		return err
	}
	envp, err := syscall.SlicePtrFromStrings(stagezero.Environ())
	if err != nil {
		return err
	}
	return fmt.Errorf("execute walisup-helper again: %w", execAgain(b.first+ipc.HelperOffset, argv, envp))
}

// standalone makes the boot record of a helper that no supervisor has started, and places the
// private descriptors.
//
// Precondition: nothing else has opened a descriptor.
func standalone() (*bootstrap, error) {
	byKernel := stagezero.PreservesArgv0()
	v, err := invoked(stagezero.Args(), byKernel)
	if err != nil {
		return nil, err
	}
	if fd, ok := stagezero.ExecFD(); ok && byKernel {
		v.moduleFD = fd // the kernel has it open, also where no path leads to it
		if err := mayRead(fd); err != nil {
			return nil, &exitError{exitNotRunnable, fmt.Errorf("%s: who may not read a module cannot run it: %w", v.module, err)}
		}
	}
	soft, hard := stagezero.NoFile()
	if hard < ipc.LeastFiles {
		return nil, fmt.Errorf("the hard limit of open files (ulimit -n) is %d: walisup needs %d", hard, ipc.LeastFiles)
	}
	first := ipc.FirstReserved(ipc.DefaultFiles, hard)
	b := &bootstrap{first: first, args: v.args, Boot: &ipc.Boot{
		ModuleFD: first + ipc.ModuleOffset,
		NoFile:   soft,
		Spare:    ipc.SpareReserved(first, hard),
	}}
	if n, err := ipc.ParseExecPath(v.module); err == nil && byKernel && n == first+ipc.ModuleOffset {
		unix.Close(n) // see execModule
	}
	for fd := first; fd < first+ipc.ReservedFDs; fd++ {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
			return nil, fmt.Errorf("descriptor %d is open, but %d to %d are for walisup", fd, first, first+ipc.ReservedFDs-1)
		}
	}
	if v.moduleFD < 0 {
		v.moduleFD, err = unix.Open(v.module, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
		if err != nil {
			status := exitNotRunnable
			if err == unix.ENOENT || err == unix.ENOTDIR {
				status = exitNotFound
			}
			return nil, &exitError{status, fmt.Errorf("%s: %w", v.module, err)}
		}
	}
	if err := place(v.moduleFD, first+ipc.ModuleOffset); err != nil {
		return nil, err
	}
	b.Module = modulePath(b.ModuleFD, v.module)
	if b.Module == "" {
		return nil, notRunnable(v.module, errors.New("its path is not known, since /proc is not mounted and the working directory is gone"))
	}
	b.Name = filepath.Base(v.args[0])
	// Without /proc there is no way to this program; see bootstrap.alone.
	self, err := unix.Open("/proc/self/exe", unix.O_PATH|unix.O_CLOEXEC, 0)
	if err == nil {
		err = place(self, first+ipc.HelperOffset)
	}
	b.alone = err != nil // in a container that the kernel has started the helper in, say
	if err := b.findWASI(v.dirs); err != nil {
		return nil, err
	}
	if flags, err := unix.FcntlInt(2, unix.F_GETFL, 0); err == nil && flags&unix.O_PATH == 0 && flags&unix.O_ACCMODE != unix.O_RDONLY {
		b.Report = unix.Dup3(2, first+ipc.ReportOffset, 0) == nil
	}
	if v.cacheDir != "" {
		b.shareCache(v.cacheDir)
	} else {
		b.useCache(usersCache(stagezero.Environ()))
	}
	if !b.alone {
		return nil, b.restart()
	}
	return b, nil
}

// installedPrograms are where the helper may be installed. It says where the layers are if the
// kernel has started it from somewhere else.
var installedPrograms = []string{"/usr/libexec/walisup", "/usr/local/libexec/walisup"}

// findWASI takes the layer that comes with the helper, for the module if it is a WASI module,
// and for those that it executes.
func (b *bootstrap) findWASI(dirs []string) error {
	var programs []string
	buffer := make([]byte, unix.PathMax)
	if n, err := unix.Readlink("/proc/self/exe", buffer); err == nil {
		programs = append(programs, filepath.Dir(string(buffer[:n])))
	}
	file, path := -1, ""
	for _, program := range append(programs, installedPrograms...) {
		for _, dir := range ipc.LayerDirectories(program) {
			if file < 0 {
				path = filepath.Join(dir, ipc.WASILayer)
				file, _ = unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
			}
		}
	}
	needed := module.ImportsFrom(moduleReader(b.ModuleFD), ipc.WASINamespace)
	if file < 0 {
		if needed {
			return notRunnable(b.Module, errors.New("it is a WASI module, and there is no layers/wasi.wasm beside walisup-helper or below "+
				"/usr/lib/walisup or /usr/local/lib/walisup; make layers builds it"))
		}
		return nil
	}
	args := []string{ipc.WASILayer}
	for _, dir := range dirs {
		args = append(args, "--dir", dir)
	}
	layers := []ipc.Layer{{Path: path, Args: args}}
	if needed {
		b.Layers, b.Role = layers, ipc.RoleLayered
		if err := unix.Dup3(file, b.first+ipc.LayerOffset, 0); err != nil {
			return fmt.Errorf("no room for descriptor %d under the hard limit of open files: %w", b.first+ipc.LayerOffset, err)
		}
	}
	b.WASI = layers
	return place(file, b.first+ipc.WASIOffset)
}

// mayRead reports whether the user may read an open file. The kernel opens modules for all who
// may execute them; but their code would be in the user's cache, and a process that has
// executed the helper again can be traced.
func mayRead(fd int) error {
	err := unix.Faccessat(fd, "", unix.R_OK, unix.AT_EACCESS|unix.AT_EMPTY_PATH)
	if err == nil || err == unix.EACCES {
		return err
	}
	// Before Linux 5.8, or where a filter refuses the call.
	again, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", fd), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err == nil {
		unix.Close(again)
	}
	return err
}

// place moves a descriptor.
func place(fd, to int) error {
	if err := unix.Dup3(fd, to, 0); err != nil {
		return fmt.Errorf("no room for descriptor %d under the hard limit of open files: %w", to, err)
	}
	return unix.Close(fd)
}

// modulePath returns the absolute path of an open module, as /proc/self/exe would show it for a
// native program, or what can be made of the path that it was opened by.
func modulePath(fd int, name string) string {
	buffer := make([]byte, unix.PathMax)
	if n, err := unix.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd), buffer); err == nil {
		if path := string(buffer[:n]); strings.HasPrefix(path, "/") && !strings.HasSuffix(path, " (deleted)") {
			return path
		}
	}
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	dir, err := unix.Getwd()
	if err != nil || !filepath.IsAbs(dir) {
		return ""
	}
	return filepath.Join(dir, name)
}

// useCache takes a user's own compile cache. A helper that has none compiles in memory.
func (b *bootstrap) useCache(path string) {
	if path == "" {
		return
	}
	if dir, err := cache.Open(path); err == nil {
		dir.Close()
		b.CacheDir = path
	}
}

// shareCache takes the compile cache of a container, if it is one that can be trusted.
func (b *bootstrap) shareCache(path string) {
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil {
		return
	}
	if dir, err := cache.OpenShared(path, st.Dev, st.Ino); err == nil {
		dir.Close()
		b.CacheDir, b.CacheShared, b.CacheDev, b.CacheIno = path, true, st.Dev, st.Ino
	}
}

// compileHere compiles the module in this process, which costs memory that the guest never
// gets back, and puts the result into an empty file.
func (b *bootstrap) compileHere(f *moduleFile, result int) error {
	content, err := f.read()
	if err != nil {
		return err
	}
	defer unix.Munmap(content)
	entry, err := b.compile(content)
	if err != nil {
		return err
	}
	if err := cache.Write(result, entry); err != nil {
		return fmt.Errorf("keep the compiled module: %w", err)
	}
	return nil
}

// usersCache is the compile cache of whoever has this environment, see
// supervisor.DefaultCache; empty if there is none that can be used.
func usersCache(environ []string) string {
	value := func(name string) string {
		for _, e := range environ {
			if text, ok := strings.CutPrefix(e, name+"="); ok {
				return text
			}
		}
		return ""
	}
	dir := filepath.Join(value("XDG_CACHE_HOME"), "walisup")
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(value("HOME"), ".cache", "walisup")
	}
	if !filepath.IsAbs(dir) {
		return ""
	}
	return dir
}

package oci

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"walisup/ipc/cache"
)

// compileCommand is how this program is started in the background for the modules of an image
// besides the first. It is no command of runc's.
const compileCommand = "compile-image"

// fillCache compiles the container's first module, if it is one, and starts to compile those in
// the same directories. It returns the directory of compiled modules, or nothing if there
// can be none: helpers then compile for themselves. An error means that the module cannot run.
func (r *runtime) fillCache(root *rootfs, p program, searchPath string) (dir string, err error) {
	c, err := openCache(r.Config.Cache, r.Helper)
	if err != nil {
		r.message.warn(fmt.Errorf("compile for each container: %w", err))
		return "", nil
	}
	defer c.dir.Close()
	if p.path != "" && p.kind == wasm {
		s, err := c.load(root, p.file)
		if err == nil && s != nil {
			err = r.compile(c, s)
		}
		if err != nil {
			return "", err
		}
	}
	if dirs := c.missing(root, searchPath); len(dirs) > 0 {
		r.compileLater(root, dirs)
	}
	return r.Config.Cache, nil
}

// nodeCache is the directory of compiled modules that all containers of a node share.
type nodeCache struct {
	dir     *cache.Dir
	path    string
	context cache.Context
}

// openCache makes the directory, if need be, so that every user can read it: the processes
// of a container may be any user's.
func openCache(path, helper string) (*nodeCache, error) {
	if path == "" {
		return nil, errors.New("there is no directory for compiled modules")
	}
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, err
	}
	dir, err := cache.Open(path)
	if err != nil {
		return nil, err
	}
	file, err := os.Open(helper)
	if err != nil {
		dir.Close()
		return nil, err
	}
	defer file.Close()
	head := make([]byte, cache.BuildIDHead)
	n, err := file.Read(head)
	var context cache.Context
	if err == nil {
		context.Build, err = cache.BuildID(head[:n])
	}
	if err != nil {
		dir.Close()
		return nil, fmt.Errorf("%s: %w", helper, err)
	}
	return &nodeCache{dir: dir, path: path, context: context}, nil
}

// has reports whether the compiled form of the file with this state is there.
func (c *nodeCache) has(st *unix.Stat_t) bool {
	key, ok := c.dir.Find(st, c.context.Sum())
	if !ok {
		return false
	}
	fd, err := c.dir.Open(key)
	if err != nil {
		return false
	}
	unix.Close(fd)
	return true
}

// source is a module whose compiled form is not there yet. It is a copy, so that the
// container's file system is in use for as long as reading takes.
type source struct {
	name    string // in the container
	state   unix.Stat_t
	content []byte
}

// What an image can make a node compile.
const (
	maxModule  = 1 << 30 // bytes of one module
	maxModules = 1 << 10 // modules besides the first
)

// load reads a module in the container; nil if its compiled form is there.
func (c *nodeCache) load(root *rootfs, name string) (*source, error) {
	file, err := root.open(name)
	if err != nil {
		return nil, fmt.Errorf("exec: %q: %w", name, err)
	}
	defer file.Close()
	s := &source{name: name}
	err = unix.Fstat(int(file.Fd()), &s.state)
	if err == nil && (c.has(&s.state) || s.state.Size > maxModule) {
		return nil, nil // what is too large is the helper's to refuse
	}
	if err == nil {
		s.content, err = io.ReadAll(io.LimitReader(file, maxModule))
	}
	if err != nil {
		return nil, fmt.Errorf("exec: %q: %w", name, err)
	}
	return s, nil
}

// compile makes the compiled form of a module. An error means that it cannot run.
func (r *runtime) compile(c *nodeCache, s *source) error {
	memory, err := inMemory(s.content)
	if err != nil {
		return err
	}
	defer memory.Close()
	cmd := exec.Command(r.Walisup, "compile", "--helper", r.Helper, "--cache", c.path, "/proc/self/fd/3")
	cmd.ExtraFiles = []*os.File{memory}
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.Getenv("TMPDIR")}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	err = cmd.Run()
	var exit *exec.ExitError
	const notRunnable = 126 // see package supervisor
	switch {
	case err == nil:
		c.dir.Remember(&s.state, c.context.Sum(), c.context.Key(s.content))
	case errors.As(err, &exit) && exit.ExitCode() == notRunnable:
		return fmt.Errorf("exec: %q: %s", s.name, said(stderr.String(), s.name))
	default:
		// A full disk, say: the helper compiles for itself.
		r.message.warn(fmt.Errorf("compile %s: %s", s.name, cmp.Or(said(stderr.String(), s.name), err.Error())))
	}
	return nil
}

// inMemory makes a memfd of some content.
func inMemory(content []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate("module", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	file := os.NewFile(uintptr(fd), "module")
	if _, err := file.Write(content); err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// said makes one line of what walisup says about a module.
func said(text, name string) string {
	text = strings.TrimSpace(strings.TrimPrefix(text, "walisup: "))
	text = strings.ReplaceAll(text, "/proc/self/fd/3", name)
	return strings.ReplaceAll(text, "\n", "; ")
}

// missing returns those directories of a search path in which there are modules whose
// compiled form is not there.
func (c *nodeCache) missing(root *rootfs, searchPath string) []string {
	var dirs []string
	for _, dir := range filepath.SplitList(searchPath) {
		if !path.IsAbs(dir) {
			continue
		}
		if len(c.missingIn(root, dir, 1)) > 0 {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// missingIn returns at most n modules of a directory whose compiled form is not there.
func (c *nodeCache) missingIn(root *rootfs, dir string, n int) []string {
	d, err := root.open(dir)
	if err != nil {
		return nil
	}
	names, _ := d.Readdirnames(-1)
	d.Close()
	var found []string
	for _, name := range names {
		name = path.Join(dir, name)
		if head, err := root.head(name); err != nil || !strings.HasPrefix(head, moduleMagic) {
			continue
		}
		file, err := root.open(name)
		if err != nil {
			continue
		}
		var st unix.Stat_t
		if unix.Fstat(int(file.Fd()), &st) == nil && !c.has(&st) {
			found = append(found, name)
		}
		file.Close()
		if len(found) == n {
			break
		}
	}
	return found
}

// compileLater compiles what is missing in directories of the container, in a process of its
// own that nobody waits for and that lets others have the processor first.
func (r *runtime) compileLater(root *rootfs, dirs []string) {
	self, err := os.Executable()
	if err != nil {
		return
	}
	cmd := exec.Command(self, append([]string{compileCommand, root.dir.Name()}, dirs...)...)
	cmd.Env = append(os.Environ(), "WALISUP_OCI_CACHE="+r.Config.Cache, "WALISUP_HELPER="+r.Helper)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if cmd.Start() == nil {
		cmd.Process.Release()
	}
}

// compileImage is compileCommand: the arguments are the container's root and directories in it.
// Nothing of the container stays open, so that its file system can be unmounted meanwhile.
func (r *runtime) compileImage() error {
	if len(r.Arguments) == 0 {
		return errors.New("compile-image: want a root file system and directories in it")
	}
	if err := unix.Setpriority(unix.PRIO_PROCESS, 0, 19); err != nil {
		return os.NewSyscallError("setpriority", err)
	}
	c, err := openCache(r.Config.Cache, r.Helper)
	if err != nil {
		return err
	}
	defer c.dir.Close()
	// One at a time on a node, however many containers are created.
	lock, err := os.OpenFile(filepath.Join(c.path, "compiling.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return os.NewSyscallError("flock", err)
	}
	within := func(do func(*rootfs)) bool {
		root, err := openRoot(r.Arguments[0], nil)
		if err != nil {
			return false // the container is gone
		}
		defer root.close()
		do(root)
		return true
	}
	compiled := 0
	for _, dir := range r.Arguments[1:] {
		var names []string
		within(func(root *rootfs) { names = c.missingIn(root, dir, -1) })
		for _, name := range names {
			var module *source
			there := within(func(root *rootfs) { module, err = c.load(root, name) })
			if !there {
				return nil
			}
			if err == nil && module != nil {
				if compiled++; compiled > maxModules {
					return fmt.Errorf("%s has more than %d modules; the rest is compiled in each container", r.Arguments[0], maxModules)
				}
				err = r.compile(c, module)
			}
			if err != nil {
				r.message.warn(err)
			}
		}
	}
	return nil
}

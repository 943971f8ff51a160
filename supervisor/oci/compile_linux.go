package oci

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"walisup/helper/report"
	"walisup/ipc"
	"walisup/ipc/cache"
	"walisup/supervisor/compilation"
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
	defer c.close()
	if p.path != "" && p.kind == wasm {
		s, err := c.load(root, p.file)
		if err == nil && s != nil {
			_, err = r.compile(c, s)
			s.close()
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
	helper  int // the helper program; O_PATH
	context cache.Context
	limits  compilation.Limits
}

// openCache makes the directory, if need be, so that every user can read it: the processes
// of a container may be any user's. The caller closes it.
func openCache(path, helper string) (*nodeCache, error) {
	if path == "" {
		return nil, errors.New("there is no directory for compiled modules")
	}
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, err
	}
	c := &nodeCache{helper: -1}
	var err error
	if c.dir, err = cache.Open(path); err != nil {
		return nil, err
	}
	c.helper, err = unix.Open(helper, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err == nil {
		c.context.Build, err = buildOf(c.helper)
	}
	if err != nil {
		c.close()
		return nil, fmt.Errorf("%s: %w", helper, err)
	}
	return c, nil
}

func (c *nodeCache) close() {
	c.dir.Close()
	if c.helper >= 0 {
		unix.Close(c.helper)
	}
}

// buildOf is the build of an open helper program.
func buildOf(helper int) (string, error) {
	file, err := os.Open("/proc/self/fd/" + strconv.Itoa(helper))
	if err != nil {
		return "", err
	}
	defer file.Close()
	head := make([]byte, cache.BuildIDHead)
	n, err := file.Read(head)
	if err != nil {
		return "", err
	}
	return cache.BuildID(head[:n])
}

func (c *nodeCache) compiler() *compilation.Compiler {
	hard := uint64(ipc.DefaultFiles)
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) == nil {
		hard = limit.Max
	}
	return &compilation.Compiler{Helper: c.helper, First: ipc.FirstReserved(ipc.DefaultFiles, hard), Context: c.context, Limits: c.limits}
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

// source is a module whose compiled form is not there yet. It is a sealed copy: nobody changes
// what is judged, and the container's file system is in use for as long as copying takes.
type source struct {
	name    string // in the container
	state   unix.Stat_t
	content int // a memory file
}

func (s *source) close() { unix.Close(s.content) }

// What an image can make a node read and compile.
const (
	maxModule   = 128 << 20 // bytes of one module; helpers compile larger ones by themselves
	maxModules  = 1 << 10   // modules besides the first
	maxCompiled = 1 << 30   // bytes of their compiled forms
	maxNames    = 1 << 14   // files of a directory that are looked at
	maxDirs     = 32        // directories
)

// load reads a module in the container; nil if its compiled form is there, or is left to helpers.
// The caller closes it.
func (c *nodeCache) load(root *rootfs, name string) (*source, error) {
	file, err := root.open(name)
	if err != nil {
		return nil, fmt.Errorf("exec: %q: %w", name, err)
	}
	defer file.Close()
	s := &source{name: name}
	fd := int(file.Fd())
	if err := unix.Fstat(fd, &s.state); err != nil {
		return nil, fmt.Errorf("exec: %q: %w", name, err)
	}
	if s.state.Mode&unix.S_IFMT != unix.S_IFREG || s.state.Size > maxModule || c.has(&s.state) {
		return nil, nil
	}
	var head [len(moduleMagic)]byte
	if n, err := unix.Pread(fd, head[:], 0); err != nil || string(head[:n]) != moduleMagic {
		return nil, fmt.Errorf("exec: %q: is not a WebAssembly module", name)
	}
	if s.content, err = cache.SealedPart(fd, s.state.Size); err != nil {
		return nil, fmt.Errorf("exec: %q: read it: %w", name, err)
	}
	return s, nil
}

// patience is how long one module may be compiled, whatever the machine does besides.
const patience = 20 * time.Minute

// compile makes the compiled form of a module, and returns its size; 0 if it was there, or cannot
// be made and is left to helpers. An error means that the module cannot run.
func (r *runtime) compile(c *nodeCache, s *source) (size int64, err error) {
	key, err := c.context.KeyOf(s.content, s.state.Size)
	if err != nil {
		return 0, err
	}
	leave := func(err error) (int64, error) {
		r.message.warn(fmt.Errorf("compile %q for each process that starts it: %w", s.name, err))
		return 0, nil
	}
	if _, err := c.dir.Load(key); err == nil { // by another name
		c.dir.Remember(&s.state, c.context.Sum(), key)
		return 0, nil
	}
	if err := r.hopeless(key); err != nil {
		return leave(err)
	}
	done, err := r.takeTurn(key)
	if err != nil {
		return leave(err)
	}
	defer done()
	if _, err := c.dir.Load(key); err == nil { // while others had their turn
		c.dir.Remember(&s.state, c.context.Sum(), key)
		return 0, nil
	}
	result, err := cache.NewMemory()
	if err != nil {
		return leave(err)
	}
	defer unix.Close(result)
	said, err := c.compiler().Run(s.content, result, s.name, patience)
	var costly *compilation.CostlyError
	switch {
	case errors.Is(err, compilation.ErrNotModule):
		return 0, fmt.Errorf("exec: %q: %s", s.name, clean(said, s.name))
	case errors.As(err, &costly):
		r.giveUp(key)
	}
	if err != nil {
		first, _, _ := strings.Cut(clean(said, s.name), "; ")
		if first != "" {
			err = fmt.Errorf("%w: %s", err, first)
		}
		return leave(err)
	}
	// Sealed first, so that what is filed is what is measured.
	if err := cache.Seal(result); err != nil {
		return leave(err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(result, &st); err != nil {
		return leave(err)
	}
	if err := c.dir.StoreWith(key, func(fd int) error { return cache.Copy(fd, result, st.Size) }); err != nil {
		return leave(err) // a full disk, say
	}
	c.dir.Remember(&s.state, c.context.Sum(), key)
	return st.Size, nil
}

// clean makes one line of what a compiling helper says about a module: which may be what the
// module has made it say.
func clean(said, name string) string {
	said = strings.TrimPrefix(strings.TrimSpace(said), "walisup: ")
	said = strings.TrimPrefix(said, report.Printable(name)+": ")
	return report.Printable(strings.ReplaceAll(said, "\n", "; "))
}

// missing returns those directories of a search path in which there are modules whose
// compiled form is not there.
func (c *nodeCache) missing(root *rootfs, searchPath string) []string {
	var dirs []string
	list := filepath.SplitList(searchPath)
	for _, dir := range list[:min(len(list), maxDirs)] {
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
	names, _ := d.Readdirnames(maxNames)
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
	defer c.close()
	done, err := r.takeTurnInBackground()
	if err != nil {
		return err
	}
	defer done()
	within := func(do func(*rootfs)) bool {
		root, err := openRoot(r.Arguments[0], nil)
		if err != nil {
			return false // the container is gone
		}
		defer root.close()
		do(root)
		return true
	}
	modules, bytes := 0, int64(0)
	for _, dir := range r.Arguments[1:] {
		var names []string
		within(func(root *rootfs) { names = c.missingIn(root, dir, -1) })
		for _, name := range names {
			if modules++; modules > maxModules || bytes > maxCompiled {
				return fmt.Errorf("%s has more than %d modules or %d MB of compiled ones; the rest is compiled in each container",
					r.Arguments[0], maxModules, maxCompiled>>20)
			}
			var module *source
			if !within(func(root *rootfs) { module, err = c.load(root, name) }) {
				return nil
			}
			if err == nil && module != nil {
				var size int64
				size, err = r.compile(c, module)
				bytes += size
				module.close()
			}
			if err != nil {
				r.message.warn(err)
			}
		}
	}
	return nil
}

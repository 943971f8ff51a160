// Package nativecode makes native code of modules for the cache: it runs the compiler of the
// native engine, and LLVM's programs for that, confined and within limits.
package nativecode

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"walisup/helper/engine/native/compiler"
	"walisup/helper/engine/native/image"
	"walisup/helper/module"
	"walisup/ipc/cache"
	"walisup/ipc/sandbox"
	"walisup/supervisor/seccomp"
)

// Limits of each of LLVM's programs, which work on a module that nobody vouches for. The
// largest units of the ports take a tenth of this.
const (
	toolSeconds = 300
	toolData    = 4 << 30 // bytes of its own
	toolFile    = 1 << 30 // bytes of a file that it writes
	toolMessage = 64 << 10

	toolPatience = 2 * toolSeconds * time.Second // for one that waits
)

// installed is where LLVM's programs are looked for.
const installed = "/usr"

// programs are where LLVM's programs lie, and what they need to start.
var programs = []string{installed, "/lib", "/lib64", "/etc/ld.so.cache"}

// Order says what is to be compiled.
type Order struct {
	CacheDir    string
	Build       string // of the helper that is to run the code, see cache.BuildID
	PlainTables bool
	Path        string // of the module
	// Progress is told how many of how many parts are done.
	Progress func(done, all int)
}

// ErrNotCompiled is returned for a module that the other engine has not compiled before: it
// validates, and the compiler relies on that.
var ErrNotCompiled = errors.New("the module has changed meanwhile, or the cache lost it: compile it again")

// Tools finds LLVM's programs; the error is compiler.ErrNoTools if they are not installed.
func Tools() (*compiler.Tools, error) { return compiler.FindTools(run, installed) }

// Compile puts native code for a module into the cache, which must have code of the engine
// wazero for it. The error is a compiler.Unsupported, or one of a tool, for a module that is
// to stay with that. done is false if the code was there already.
func Compile(ctx context.Context, tools *compiler.Tools, o Order) (done bool, err error) {
	content, err := os.ReadFile(o.Path)
	if err != nil {
		return false, err
	}
	dir, err := cache.Open(o.CacheDir)
	if err != nil {
		return false, err
	}
	defer dir.Close()
	c := cache.Context{Build: o.Build, PlainTables: o.PlainTables}
	key := c.Key(content)
	if old, err := dir.Load(key); err == nil && image.Is(old.Head) {
		if d, err := image.Decode(old.Head); err == nil && d.Tools == tools.Version+" "+compiler.March {
			return false, nil
		}
	}
	c.OnlyWazero = true
	other, err := dir.Load(c.Key(content))
	if err != nil {
		return false, ErrNotCompiled
	}
	m, err := module.Prepare(content, module.Options{PlainTables: o.PlainTables})
	if err != nil {
		return false, err
	}
	work, err := os.MkdirTemp("", "walisup-native-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(work)
	i, err := compiler.Compile(ctx, m, tools, work, runtime.NumCPU(), o.Progress)
	if err != nil {
		return false, err
	}
	return true, dir.Store(key, &cache.Entry{
		Meta: other.Meta, Names: other.Names, Head: i.Head, Index: i.Index, Code: i.Code,
	})
}

// filter is what LLVM's programs may ask of the kernel.
var filter = sync.OnceValues(func() ([]byte, error) { return seccomp.Compile(seccomp.Tool()) })

// run is a compiler.Runner.
func run(ctx context.Context, dir, program string, args ...string) (stderr []byte, err error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	ctx, cancel := context.WithTimeoutCause(ctx, toolPatience, fmt.Errorf("not done after %s", toolPatience))
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=/usr/bin:/bin", "TMPDIR=" + dir, "LC_ALL=C"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	var text limited
	cmd.Stdin, cmd.Stdout, cmd.Stderr = null, null, &text
	started, ended := make(chan error, 1), make(chan struct{})
	defer close(ended)
	go func() {
		// The program inherits what its thread has given up. The thread, which the program's
		// life depends on, stays until the program has ended, and ends with that.
		runtime.LockOSThread()
		err := shutIn(dir)
		if err == nil {
			err = cmd.Start()
		}
		started <- err
		<-ended
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	failure := sandbox.LimitProcess(cmd.Process.Pid, sandbox.Limit{Resource: unix.RLIMIT_CPU, Most: toolSeconds},
		sandbox.Limit{Resource: unix.RLIMIT_DATA, Most: toolData}, sandbox.Limit{Resource: unix.RLIMIT_FSIZE, Most: toolFile},
		sandbox.Limit{Resource: unix.RLIMIT_CORE})
	if failure != nil {
		cmd.Process.Kill()
	}
	err = cmd.Wait()
	switch ws, ended := cmd.ProcessState.Sys().(syscall.WaitStatus); {
	case failure != nil:
		err = failure
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case err != nil && ended && ws.Signaled():
		err = fmt.Errorf("%w (it may use %d s of processor time and %d GB)", err, toolSeconds, toolData>>30)
	}
	return text.text, err
}

// shutIn takes from the calling thread what LLVM's programs do not need.
func shutIn(dir string) error {
	filter, err := filter()
	if err != nil {
		return err
	}
	if err := sandbox.Renounce(); err != nil {
		return err
	}
	if err := sandbox.ToolOnly(programs, dir, filter); err != nil {
		return fmt.Errorf("confine LLVM: %w", err)
	}
	return nil
}

// limited keeps the beginning of what is written to it.
type limited struct{ text []byte }

func (l *limited) Write(b []byte) (int, error) {
	l.text = append(l.text, b[:min(len(b), toolMessage-len(l.text))]...)
	return len(b), nil
}

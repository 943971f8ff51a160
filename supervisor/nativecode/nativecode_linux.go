// Package nativecode makes native code of modules for the cache: it runs the compiler of the
// native engine, and LLVM's programs for that, confined and within limits.
package nativecode

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"walisup/helper/engine/native/compiler"
	"walisup/helper/engine/native/image"
	"walisup/helper/module"
	"walisup/ipc/cache"
	"walisup/ipc/sandbox"
)

// Limits of each of LLVM's programs, which work on a module that nobody vouches for. The
// largest units of the ports take a tenth of this.
const (
	toolSeconds = 300
	toolData    = 4 << 30 // bytes of its own
	toolFile    = 1 << 30 // bytes of a file that it writes
	toolMessage = 64 << 10
)

// programs are where LLVM's programs lie, and what they need to start.
var programs = []string{"/usr", "/lib", "/lib64", "/etc/ld.so.cache"}

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
func Tools() (*compiler.Tools, error) { return compiler.FindTools(run) }

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

// run is a compiler.Runner. The program inherits what the thread that starts it has given up;
// the thread ends with that.
func run(ctx context.Context, dir, program string, args ...string) (stderr []byte, err error) {
	type result struct {
		stderr []byte
		err    error
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	ended := make(chan result, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked
		var r result
		if r.err = shutIn(dir); r.err == nil {
			r.stderr, r.err = runHere(ctx, null, dir, program, args)
		}
		ended <- r
	}()
	r := <-ended
	return r.stderr, r.err
}

// shutIn takes from the calling thread what LLVM's programs do not need.
func shutIn(dir string) error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl", err)
	}
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil && err != unix.EPERM && err != unix.EINVAL {
		return os.NewSyscallError("unshare", err)
	}
	if err := sandbox.ToolOnly(programs, dir); err != nil {
		return fmt.Errorf("confine LLVM: %w", err)
	}
	return nil
}

// limited keeps the beginning of what is written to it.
type limited struct{ bytes.Buffer }

func (l *limited) Write(b []byte) (int, error) {
	if left := toolMessage - l.Len(); left > 0 {
		l.Buffer.Write(b[:min(len(b), left)])
	}
	return len(b), nil
}

func runHere(ctx context.Context, null *os.File, dir, program string, args []string) (stderr []byte, err error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL} // of this thread, which waits
	cmd.Env = []string{"PATH=/usr/bin:/bin", "TMPDIR=" + dir, "LC_ALL=C"}
	var text limited
	cmd.Stdin, cmd.Stdout, cmd.Stderr = null, null, &text
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	if err := limit(cmd.Process.Pid); err != nil {
		cmd.Process.Kill()
		cmd.Wait()
		return nil, err
	}
	err = cmd.Wait()
	var status *exec.ExitError
	if errors.As(err, &status) {
		if ws, ok := status.Sys().(interface{ Signaled() bool }); ok && ws.Signaled() {
			err = fmt.Errorf("%w (it may use %d s of processor time and %d GB)", err, toolSeconds, toolData>>30)
		}
	}
	return text.Bytes(), err
}

// limit sets the limits of a program that has just been started.
func limit(pid int) error {
	for _, l := range []struct {
		resource int
		most     uint64
	}{
		{unix.RLIMIT_CPU, toolSeconds}, {unix.RLIMIT_DATA, toolData}, {unix.RLIMIT_FSIZE, toolFile}, {unix.RLIMIT_CORE, 0},
	} {
		var limit unix.Rlimit
		err := unix.Prlimit(pid, l.resource, nil, &limit)
		if err == nil {
			limit.Cur, limit.Max = min(limit.Cur, l.most), min(limit.Max, l.most)
			err = unix.Prlimit(pid, l.resource, &limit, nil)
		}
		if err != nil && err != unix.ESRCH {
			return os.NewSyscallError("prlimit", err)
		}
	}
	return nil
}

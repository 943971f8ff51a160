package supervisor

import (
	"bufio"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"walisup/supervisor/internal/testguest"
	"walisup/supervisor/procfs"
)

func TestMain(m *testing.M) {
	testguest.Main()
	os.Exit(m.Run())
}

// session returns how to start a guest in a session of its own, and what it writes.
func session(t *testing.T, orders ...string) (Spec, *bufio.Reader) {
	t.Helper()
	helper, module := testguest.Program(t)
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { null.Close() })
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { read.Close(); write.Close() })
	return Spec{
		Module: module, Args: orders, Env: testguest.Env(), Helper: helper, Name: "test",
		Inherited: &Inherited{NoFile: testguest.NoFile()},
		Session:   &Session{Streams: [3]int{int(null.Fd()), int(write.Fd()), int(write.Fd())}},
	}, bufio.NewReader(read)
}

// end clears away a guest in a session of its own.
func end(t *testing.T, g *Guest) {
	t.Helper()
	if err := g.Tree().Kill(10 * time.Second); err != nil {
		t.Error(err)
	}
	if err := g.Cgroups().Remove(); err != nil {
		t.Error(err)
	}
	g.Tree().Close()
}

func TestGuestInASession(t *testing.T) {
	spec, out := session(t, "boot", "ready", "child", "trap:15", "say:set", "await", "exit:7")
	spec.Boot.CacheDir = "/cache"
	g, err := Start(spec)
	if err != nil {
		t.Fatal(err)
	}
	defer end(t, g)
	if !g.Ready() {
		t.Error("the guest has not said that it runs")
	}
	resolved, err := filepath.EvalSymlinks(spec.Module)
	if err != nil {
		t.Fatal(err)
	}
	if line, err := out.ReadString('\n'); err != nil || line != "module "+resolved+" cache \"/cache\" ready true channel true files 1024\n" {
		t.Errorf("its boot record: %q, %v", line, err)
	}
	if sid, err := unix.Getsid(g.Pid()); err != nil || sid != g.Pid() {
		t.Errorf("its session is %d, %v, want %d", sid, err, g.Pid())
	}
	if line, err := out.ReadString('\n'); err != nil || line != "set\n" {
		t.Fatalf("%q, %v", line, err)
	}
	children := procfs.Children(g.Pid())
	if len(children) != 1 {
		t.Fatalf("children %v, want one", children)
	}
	child, err := procfs.Of(children[0])
	if err != nil {
		t.Fatal(err)
	}
	unix.Kill(g.Pid(), unix.SIGTERM)
	ws, err := g.Wait()
	if got := EndOf(ws); err != nil || got != (End{Status: 7}) {
		t.Errorf("it ended as %+v, %v", got, err)
	}
	if !child.Running() {
		t.Error("its child has ended with it, before anybody asked for that")
	}
	if err := g.Tree().Kill(10 * time.Second); err != nil || child.Running() {
		t.Errorf("after the end of the tree: %v, child running %v", err, child.Running())
	}
}

func TestHelperEndsBeforeTheGuestRuns(t *testing.T) {
	spec, _ := session(t, "exit:126")
	g, err := Start(spec)
	if err != nil {
		t.Fatal(err)
	}
	defer end(t, g)
	if g.Ready() {
		t.Error("it is said to run")
	}
	ws, err := g.Wait()
	if got := EndOf(ws); err != nil || got.Status != 126 {
		t.Errorf("it ended as %+v, %v", got, err)
	}
}

func TestGuestEndsByASignal(t *testing.T) {
	spec, _ := session(t, "die:9")
	g, err := Start(spec)
	if err != nil {
		t.Fatal(err)
	}
	defer end(t, g)
	g.CloseReady()
	ws, err := g.Wait()
	if got := EndOf(ws); err != nil || got != (End{Status: 137, Signal: unix.SIGKILL}) {
		t.Errorf("it ended as %+v, %v", got, err)
	}
}

// TestForegroundGuest starts a guest in the session of the test, and has a signal sent to
// the test that is the guest's.
func TestForegroundGuest(t *testing.T) {
	spec, out := session(t, "trap:14", "say:set", "await", "child", "exit:3")
	// The guest's standard output is the caller's, which is that of the test.
	stdout, err := unix.FcntlInt(1, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Dup2(spec.Session.Streams[1], 1); err != nil {
		t.Fatal(err)
	}
	spec.Session = nil
	g, err := Start(spec)
	unix.Dup2(stdout, 1)
	unix.Close(stdout)
	if err != nil {
		t.Fatal(err)
	}
	if pgid, err := unix.Getpgid(g.Pid()); err != nil || pgid != unix.Getpgrp() {
		t.Errorf("its process group is %d, %v, want the test's", pgid, err)
	}
	if line, err := out.ReadString('\n'); err != nil || line != "set\n" {
		t.Fatalf("%q, %v", line, err)
	}
	// The kernel sends this one to the test, by the timer.
	if _, err := unix.Setitimer(unix.ITIMER_REAL, unix.Itimerval{Value: unix.Timeval{Usec: 1000}}); err != nil {
		t.Fatal(err)
	}
	if line, err := out.ReadString('\n'); err != nil || line != "caught alarm clock\n" {
		t.Errorf("%q, %v", line, err)
	}
	ws, err := g.Wait()
	if got := EndOf(ws); err != nil || got != (End{Status: 3}) {
		t.Errorf("it ended as %+v, %v", got, err)
	}
	if sig := g.Missed(); sig != 0 {
		t.Errorf("missed %v", sig)
	}
	g.Release()
	if left := procfs.Children(os.Getpid()); len(left) != 0 {
		t.Errorf("processes %v are left", left)
	}
}

func TestStartRefuses(t *testing.T) {
	helper, module := testguest.Program(t)
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	good := Spec{Module: module, Helper: helper, Env: testguest.Env(), Inherited: &Inherited{NoFile: testguest.NoFile()}, Name: "test"}
	for name, c := range map[string]struct {
		change func(*Spec)
		status int
		says   string
	}{
		"no module":         {func(s *Spec) { s.Module = filepath.Join(dir, "missing") }, ExitNotFound, "no such file"},
		"path through file": {func(s *Spec) { s.Module = plain + "/x" }, ExitNotFound, "not a directory"},
		"directory":         {func(s *Spec) { s.Module = dir }, ExitNotRunnable, "is a directory"},
		"fifo":              {func(s *Spec) { s.Module = fifo }, ExitNotRunnable, "is a pipe"},
		"device":            {func(s *Spec) { s.Module = "/dev/null" }, ExitNotRunnable, "is a device"},
		"no helper":         {func(s *Spec) { s.Helper = filepath.Join(dir, "missing") }, ExitOwn, "helper"},
		"helper is no file": {func(s *Spec) { s.Helper = dir }, ExitOwn, "is a directory, not a program"},
		"helper may not":    {func(s *Spec) { s.Helper = plain }, ExitOwn, "permission denied"},
		"working directory": {func(s *Spec) { s.Dir = filepath.Join(dir, "missing") }, ExitOwn, "working directory"},
		"confinement":       {func(s *Spec) { s.Boot.Confine = "nonsense\n" }, ExitOwn, "bad confinement"},
		"memory":            {func(s *Spec) { s.Isolation.Memory = 1 }, ExitOwn, "memory limit"},
		"arguments":         {func(s *Spec) { s.Args = []string{strings.Repeat("x", 1<<20)} }, ExitNotRunnable, "argument list too long"},
		"no entry point":    {func(s *Spec) { s.Inherited = nil }, ExitOwn, "entry point"},
	} {
		for _, foreground := range []bool{false, true} {
			spec := good
			if !foreground {
				spec.Session = &Session{Streams: [3]int{0, 1, 2}}
			}
			c.change(&spec)
			before := descriptors(t)
			g, err := Start(spec)
			failure, ok := errors.AsType[*Error](err)
			if g != nil || !ok || failure.Status != c.status || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: %v, %v, want status %d and %q", name, g, err, c.status, c.says)
			}
			if after := descriptors(t); after != before {
				t.Errorf("%s, foreground %v: %d descriptors are open, before %d", name, foreground, after, before)
			}
		}
	}
	if left := procfs.Children(os.Getpid()); len(left) != 0 {
		t.Errorf("processes %v are left", left)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	dir, err := os.Open("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil && err != io.EOF {
		t.Fatal(err)
	}
	return len(names)
}

package integration

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patience bounds every program that a test runs; it only ever passes if something
// hangs. A machine that is very slow, as an emulated one is, needs more of it.
var patience = func() time.Duration {
	if d, err := time.ParseDuration(os.Getenv("WALISUP_TEST_PATIENCE")); err == nil {
		return d
	}
	return 2 * time.Minute
}()

// root is the directory of the project.
var root = func() string {
	dir, err := filepath.Abs("..")
	if err != nil {
		panic(err)
	}
	return dir
}()

// TestMain keeps descriptors that whoever started the tests has left open from
// the programs that they run.
func TestMain(m *testing.M) {
	unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
	if err := leaveOrphanedGroup(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	status := m.Run()
	if onNative() {
		nativeSummary()
	}
	os.Exit(status)
}

// leaveOrphanedGroup makes the tests a process group of their own, unless a terminal signals
// the one that they are in. Some tests stop processes of their group, and some make children
// that change theirs. In a group that is orphaned, as without a shell that does job control,
// both together let the kernel end the whole group with SIGHUP, go and make included:
// setpgid(2), POSIX _exit(2). A new group has go test as a parent outside, so it is not orphaned.
func leaveOrphanedGroup() error {
	if tty, err := unix.Open("/dev/tty", unix.O_RDONLY|unix.O_CLOEXEC, 0); err == nil {
		foreground, err := unix.IoctlGetInt(tty, unix.TIOCGPGRP)
		unix.Close(tty)
		if err == nil && foreground == unix.Getpgrp() {
			return nil
		}
	}
	if session, err := unix.Getsid(0); err == nil && session == unix.Getpid() {
		return nil // which cannot leave its group, nor has it a parent in the session
	}
	return os.NewSyscallError("setpgid", unix.Setpgid(0, 0))
}

func walisupPath() string { return filepath.Join(root, "bin", "walisup") }
func testCache() string   { return filepath.Join(root, ".cache", "tests") }

// need ends the test if a file is missing that it cannot do without: as a
// failure under make test, otherwise as skipped.
func need(tb testing.TB, path, remedy string) {
	tb.Helper()
	if _, err := os.Stat(path); err == nil {
		return
	}
	message := fmt.Sprintf("%s is missing: %s", path, remedy)
	if os.Getenv("WALISUP_TEST_REQUIRE") != "" {
		tb.Fatal(message)
	}
	tb.Skip(message)
}

func needWalisup(tb testing.TB) {
	tb.Helper()
	need(tb, walisupPath(), "run make build")
	need(tb, filepath.Join(root, "bin", "walisup-helper"), "run make build")
}

// pair is one program built twice.
type pair struct {
	name   string // argv[0] of both
	native string
	module string
}

// port returns a program that integration/ports/port.sh has built.
func port(tb testing.TB, name, program string) pair {
	tb.Helper()
	needWalisup(tb)
	dir := filepath.Join(root, ".cache", "ports", name)
	p := pair{
		name:   program,
		native: filepath.Join(dir, "native", program),
		module: filepath.Join(dir, "wali", program+".wasm"),
	}
	need(tb, p.native, "run make ports")
	need(tb, p.module, "run make ports")
	nativeCode(tb, p.module)
	return p
}

// furtherPort returns a program of a port that make test does not build: without it the
// test is skipped, except under make ports-test.
func furtherPort(tb testing.TB, name, program string) pair {
	tb.Helper()
	built := filepath.Join(root, ".cache", "ports", name, "wali.stamp")
	if _, err := os.Stat(built); err != nil && os.Getenv("WALISUP_TEST_PORTS") == "" {
		tb.Skipf("%s is not built: run make port-%s", name, name)
	}
	return port(tb, name, program)
}

// invocation is one run of a program.
type invocation struct {
	args  []string
	env   []string // beyond the common ones, NAME=VALUE
	stdin string
	files map[string]string // what lies in the working directory beforehand
	flags []string          // for walisup start
}

// outcome is everything that a run leaves behind.
type outcome struct {
	status int // exit status, or 128+n for signal n
	stdout string
	stderr string
	files  map[string]string // path to a description with the content
	maxRSS int64             // largest resident memory in kB of any one process
}

// runNative runs the native build of p in an empty directory.
func (p pair) runNative(t *testing.T, call invocation) outcome {
	t.Helper()
	cmd := exec.Command(p.native, call.args...)
	cmd.Args[0] = alias(t, p.native, p.name)
	return run(t, cmd, call)
}

// runGuest runs the module of p under walisup in an empty directory.
func (p pair) runGuest(t *testing.T, call invocation) outcome {
	t.Helper()
	args := append([]string{"start"}, call.flags...)
	args = append(append(args, "--", alias(t, p.module, p.name)), call.args...)
	return run(t, exec.Command(walisupPath(), args...), call)
}

// aliases is a directory name that does not stay in the output of programs.
const aliases = "/alias/"

// alias makes a link to a program in a directory of its own and returns its path,
// so that both builds of a program get the same argv[0] but for the directory.
func alias(t *testing.T, program, name string) string {
	t.Helper()
	dir := t.TempDir() + aliases
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(program, dir+name); err != nil {
		t.Fatal(err)
	}
	return dir + name
}

// baseEnv is the environment of every program, of native ones too: a program
// that prints it must print the same.
func baseEnv() []string {
	return append([]string{
		"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/nonexistent", "LANG=C.UTF-8", "TZ=UTC",
		"WALISUP_CACHE=" + filepath.Join(testCache(), "compiled"),
	}, seccompEnv()...)
}

// seccompEnv has walisup run all modules under the profile that WALISUP_TEST_SECCOMP names,
// if it does: "default" lets every test pass that does not say otherwise by a flag.
func seccompEnv() []string {
	if profile := os.Getenv("WALISUP_TEST_SECCOMP"); profile != "" {
		return []string{"WALISUP_SECCOMP=" + profile}
	}
	return nil
}

var aliasPattern = regexp.MustCompile(`/[^ \t\n:"']*` + aliases)

// run runs a command with call's input, environment and files. The name of the
// working directory reads as $DIR in its output, and the directory of argv[0] does
// not show.
func run(t *testing.T, cmd *exec.Cmd, call invocation) outcome {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(call.files)) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(call.files[name]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var stdout, stderr bytes.Buffer
	cmd.Dir = dir
	cmd.Env = append(append(baseEnv(), "PWD="+dir), call.env...)
	if call.stdin != "" {
		cmd.Stdin = strings.NewReader(call.stdin)
	}
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	status := runBounded(t, cmd)
	neutral := func(text string) string {
		return aliasPattern.ReplaceAllString(strings.ReplaceAll(text, dir, "$DIR"), "")
	}
	return outcome{
		status: status,
		stdout: neutral(stdout.String()),
		stderr: neutral(stderr.String()),
		files:  snapshot(t, dir),
		maxRSS: cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss,
	}
}

// runBounded runs a command and returns its status as a shell would.
func runBounded(tb testing.TB, cmd *exec.Cmd) int {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	defer cancel()
	// A child that has inherited the output must not keep us waiting for ever.
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		tb.Fatalf("start %s: %v", cmd.Path, err)
	}
	stop := context.AfterFunc(ctx, func() { cmd.Process.Kill() })
	err := cmd.Wait()
	stop()
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		tb.Fatalf("%s has not ended after %v", strings.Join(cmd.Args, " "), patience)
	}
	if err != nil && cmd.ProcessState == nil {
		tb.Fatalf("wait for %s: %v", cmd.Path, err)
	}
	return shellStatus(cmd.ProcessState.Sys().(syscall.WaitStatus))
}

func shellStatus(ws syscall.WaitStatus) int {
	if ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return ws.ExitStatus()
}

// snapshot describes every file below dir.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		description := info.Mode().String()
		switch {
		case info.Mode().IsRegular():
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			description += " " + string(data)
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			description += " -> " + strings.ReplaceAll(target, dir, "$DIR")
		}
		files[name] = description
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// compare reports how two outcomes differ. What a program that a signal ended
// says on standard error is not compared: walisup adds a report.
func compare(t *testing.T, native, guest outcome) {
	t.Helper()
	if native.status != guest.status {
		t.Errorf("status: native %d, guest %d", native.status, guest.status)
	}
	if native.stdout != guest.stdout {
		t.Errorf("standard output differs: %s", difference(native.stdout, guest.stdout))
	}
	if native.stderr != guest.stderr && native.status <= 128 {
		t.Errorf("standard error differs: %s", difference(native.stderr, guest.stderr))
	}
	for name := range maps.Keys(native.files) {
		if _, ok := guest.files[name]; !ok {
			t.Errorf("file %s: missing under walisup", name)
		}
	}
	for name, got := range guest.files {
		want, ok := native.files[name]
		switch {
		case !ok:
			t.Errorf("file %s: only under walisup", name)
		case got != want:
			t.Errorf("file %s differs: %s", name, difference(want, got))
		}
	}
	if t.Failed() {
		t.Logf("guest's standard error:\n%s", shorten(guest.stderr))
	}
}

// difference shows the first line in which two texts differ.
func difference(native, guest string) string {
	want, got := strings.Split(native, "\n"), strings.Split(guest, "\n")
	for i := range max(len(want), len(got)) {
		var w, g string
		if i < len(want) {
			w = want[i]
		}
		if i < len(got) {
			g = got[i]
		}
		if w != g || i >= len(want) || i >= len(got) {
			return fmt.Sprintf("line %d of %d and %d\n\tnative: %s\n\tguest:  %s",
				i+1, len(want), len(got), shorten(w), shorten(g))
		}
	}
	return "not at all"
}

func shorten(s string) string {
	const most = 2000
	if len(s) > most {
		return fmt.Sprintf("%q... (%d bytes)", s[:most], len(s))
	}
	return s
}

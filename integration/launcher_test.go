package integration

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"walisup/ipc"
)

// The tests of this file and of signals_test.go look at the launcher alone: a
// native program stands in for the helper and tells what it was given.

// standin returns the path of that program.
func standin(tb testing.TB) string {
	tb.Helper()
	needWalisup(tb)
	return compileC(tb, nativeCompiler(tb), "testdata/launcher/standin.c", "", nil)
}

// emptyModule returns the path of a file that walisup opens as the module; no
// one reads it.
func emptyModule(tb testing.TB) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "app.wasm")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		tb.Fatal(err)
	}
	return path
}

// startStandin returns a command that starts the stand-in through walisup.
func startStandin(tb testing.TB, flags []string, args ...string) *exec.Cmd {
	tb.Helper()
	line := append([]string{"start", "--no-cache", "--helper", standin(tb)}, flags...)
	line = append(append(line, emptyModule(tb)), args...)
	cmd := exec.Command(walisupPath(), line...)
	cmd.Stderr = &testLog{tb}
	// A guest that outlives walisup must not hold up the test.
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// testLog writes to the log of a test.
type testLog struct{ tb testing.TB }

func (l *testLog) Write(p []byte) (int, error) {
	l.tb.Logf("%s", p)
	return len(p), nil
}

// report runs the stand-in's report and returns its lines.
func report(t *testing.T, cmd *exec.Cmd) []string {
	t.Helper()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", strings.Join(cmd.Args, " "), err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

// values returns what follows a key in a report.
func values(report []string, key string) []string {
	var found []string
	for _, line := range report {
		if value, ok := strings.CutPrefix(line, key+" "); ok {
			found = append(found, value)
		}
	}
	return found
}

func TestStartHandsOverArguments(t *testing.T) {
	t.Parallel()
	cmd := startStandin(t, nil, "report", "--help", "-x", "", "a b", "--")
	module := cmd.Args[len(cmd.Args)-7]
	want := []string{module, "report", "--help", "-x", "", "a b", "--"}
	if got := values(report(t, cmd), "arg"); !slices.Equal(got, want) {
		t.Errorf("arguments %q, want %q", got, want)
	}
}

func TestStartHandsOverEnvironment(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "settings")
	text := "\ufeff# comment\n\n  FROM_FILE=value with spaces \nBOTH=file\nCALLERS\nABSENT\nEMPTY=\n"
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	caller := []string{"PATH=/bin", "CALLERS=1", "KEPT=2", "CHANGED=3"}
	cases := []struct {
		name  string
		flags []string
		want  []string
	}{
		{"the caller's", nil, caller},
		{"one more", []string{"--env", "NEW=a=b"}, append(slices.Clone(caller), "NEW=a=b")},
		{"one changed", []string{"-e", "CHANGED=", "-e", "CHANGED=x"}, []string{"PATH=/bin", "CALLERS=1", "KEPT=2", "CHANGED=x"}},
		{"none", []string{"--clear-env"}, nil},
		{"some kept", []string{"--clear-env", "--env", "KEPT", "--env", "ABSENT"}, []string{"KEPT=2"}},
		{"file and flag", []string{"--clear-env", "--env-file", file, "--env", "BOTH=flag"},
			[]string{"FROM_FILE=value with spaces ", "BOTH=flag", "CALLERS=1", "EMPTY="}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cmd := startStandin(t, c.flags, "report")
			cmd.Env = caller
			if got := values(report(t, cmd), "env"); !slices.Equal(got, c.want) {
				t.Errorf("environment %q, want %q", got, c.want)
			}
		})
	}
}

func TestStartChangesDirectory(t *testing.T) {
	t.Parallel()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	cmd := startStandin(t, []string{"--workdir", dir}, "report")
	cmd.Env = []string{"PWD=/somewhere"}
	lines := report(t, cmd)
	if got := values(lines, "cwd"); !slices.Equal(got, []string{dir}) {
		t.Errorf("working directory %q, want %q", got, dir)
	}
	if got := values(lines, "env"); !slices.Equal(got, []string{"PWD=" + dir}) {
		t.Errorf("environment %q, want PWD to follow", got)
	}
}

// TestStartHandsOverDescriptors has a shell prepare them, as a user would.
func TestStartHandsOverDescriptors(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name     string
		redirect string
		want     []string // below the private range
	}{
		{"standard ones", "</dev/null", []string{"0", "1", "2"}},
		{"more", "</dev/null 5</etc/passwd 9>/dev/null", []string{"0", "1", "2", "5", "9"}},
		{"gaps", "</dev/null 4</etc/passwd", []string{"0", "1", "2", "4"}},
		{"no input", "<&- 3</etc/passwd", []string{"1", "2", "3"}},
		{"no input and errors", "<&- 2>&-", []string{"1"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			start := startStandin(t, nil, "report")
			shell := exec.Command("sh", "-c", `exec "$@" `+c.redirect, "sh")
			shell.Args = append(shell.Args, start.Args...)
			lines := report(t, shell)
			first := values(lines, "first")[0]
			var got []string
			for _, fd := range values(lines, "fd") {
				if len(fd) < len(first) {
					got = append(got, fd)
				}
			}
			slices.Sort(got)
			if !slices.Equal(got, c.want) {
				t.Errorf("descriptors %q, want %q", got, c.want)
			}
		})
	}
}

func TestStartKeepsProcessGroupAndBlocksSignals(t *testing.T) {
	t.Parallel()
	lines := report(t, startStandin(t, nil, "report"))
	if got := values(lines, "group"); !slices.Equal(got, []string{"shared"}) {
		t.Errorf("process group: %q, want walisup's own", got)
	}
	// Its runtime's threads have to inherit that.
	if got := values(lines, "usr1"); !slices.Equal(got, []string{"blocked"}) {
		t.Errorf("SIGUSR1: %q, want blocked", got)
	}
}

// TestStartWritesBootRecord has a shell set up what a guest must inherit.
func TestStartWritesBootRecord(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name  string
		shell string
		flags []string
		check func(b ipc.Boot) bool
	}{
		{"nothing ignored", "", nil, func(b ipc.Boot) bool { return b.Ignored == 0 && b.SetMask && b.Mask == 0 }},
		{"ignored signals", "trap '' TERM HUP;", nil, func(b ipc.Boot) bool { return b.Ignored == 1<<14|1<<0 }},
		{"soft limit", "ulimit -Sn 200;", nil, func(b ipc.Boot) bool {
			return b.NoFile == 200 && b.ModuleFD == ipc.DefaultFiles+2 && b.Spare > ipc.DefaultFiles
		}},
		{"hard limit", "ulimit -n 500;", nil, func(b ipc.Boot) bool { return b.NoFile == 500 && b.ModuleFD == 478 && b.Spare == 476 }},
		{"files asked for", "ulimit -Sn 200;", []string{"--max-files", "5000"}, func(b ipc.Boot) bool { return b.NoFile == 5000 && b.ModuleFD == 5002 }},
		{"no flags", "", nil, func(b ipc.Boot) bool {
			return !b.KeepDebug && !b.PlainTables && !b.NativeExec && !b.Progress && !b.CompileOnly && !b.ListAdapted && !b.PerfMap && b.CacheDir == ""
		}},
		{"all flags", "", []string{"--keep-debug", "--plain-tables", "--native-exec", "--list-adapted", "--perf-map"}, func(b ipc.Boot) bool {
			return b.KeepDebug && b.PlainTables && b.NativeExec && b.ListAdapted && b.PerfMap
		}},
		{"flag from the environment", "export WALISUP_KEEP_DEBUG=1;", nil, func(b ipc.Boot) bool { return b.KeepDebug }},
		{"command line before environment", "export WALISUP_KEEP_DEBUG=1;", []string{"--keep-debug=false"}, func(b ipc.Boot) bool { return !b.KeepDebug }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			start := startStandin(t, c.flags, "boot")
			// Whoever runs the tests may have ignored some signals.
			shell := exec.Command("env", "--default-signal", "sh", "-c", c.shell+` exec "$@"`, "sh")
			shell.Args = append(shell.Args, start.Args...)
			record, err := shell.Output()
			if err != nil {
				t.Fatal(err)
			}
			var boot ipc.Boot
			if err := boot.UnmarshalBinary(record); err != nil {
				t.Fatal(err)
			}
			// glibc's posix_spawn, and so make, leaves its own two signals ignored.
			boot.Ignored &^= 1<<31 | 1<<32
			if !c.check(boot) {
				t.Errorf("unexpected boot record %+v", boot)
			}
			module := start.Args[len(start.Args)-2]
			if resolved, err := filepath.EvalSymlinks(module); err != nil || boot.Module != resolved {
				t.Errorf("module %q, want %q (%v)", boot.Module, resolved, err)
			}
		})
	}
}

func TestStartMirrorsStatus(t *testing.T) {
	t.Parallel()
	cases := []struct {
		args []string
		want int
	}{
		{[]string{"exit", "0"}, 0},
		{[]string{"exit", "1"}, 1},
		{[]string{"exit", "255"}, 255},
		{[]string{"die", fmt.Sprint(int(unix.SIGKILL))}, 137},
		{[]string{"die", fmt.Sprint(int(unix.SIGTERM))}, 143},
		{[]string{"die", fmt.Sprint(int(unix.SIGSEGV))}, 139},
	}
	for _, c := range cases {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			t.Parallel()
			if got := runBounded(t, startStandin(t, nil, c.args...)); got != c.want {
				t.Errorf("status %d, want %d", got, c.want)
			}
		})
	}
}

func TestHelperIsFound(t *testing.T) {
	t.Parallel()
	// install copies by another process: a program that this one has written may
	// still be open for writing in a child that another test is about to start.
	install := func(t *testing.T, program, path string) string {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("cp", program, path).CombinedOutput(); err != nil {
			t.Fatalf("cp: %v: %s", err, out)
		}
		return path
	}
	cases := []struct {
		name   string
		helper string // where it lies below the test's directory
		flags  []string
		env    []string
		want   int
	}{
		{"beside walisup", "bin/walisup-helper", nil, nil, 7},
		{"on PATH", "other/walisup-helper", nil, []string{"PATH=relative:/nonexistent:$T/other"}, 7},
		{"by flag", "elsewhere/any-name", []string{"--helper", "$T/elsewhere/any-name"}, nil, 7},
		{"by environment", "elsewhere/any-name", nil, []string{"WALISUP_HELPER=$T/elsewhere/any-name"}, 7},
		{"nowhere", "elsewhere/walisup-helper", nil, []string{"PATH=/nonexistent"}, 125},
		{"not executable", "elsewhere/any-name", []string{"--helper", "/etc/passwd"}, nil, 125},
		{"not a file", "elsewhere/any-name", []string{"--helper", "/"}, nil, 125},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			place := func(words []string) []string {
				var placed []string
				for _, word := range words {
					placed = append(placed, strings.ReplaceAll(word, "$T", dir))
				}
				return placed
			}
			install(t, standin(t), filepath.Join(dir, c.helper))
			walisup := install(t, walisupPath(), filepath.Join(dir, "bin", "walisup"))
			args := append(append([]string{"start", "--no-cache"}, place(c.flags)...), emptyModule(t), "exit", "7")
			cmd := exec.Command(walisup, args...)
			cmd.Env = append([]string{"HOME=" + dir}, place(c.env)...)
			if got := runBounded(t, cmd); got != c.want {
				t.Errorf("status %d, want %d", got, c.want)
			}
		})
	}
}

// TestGuestSurvivesWalisup kills walisup with a signal that it cannot relay.
func TestGuestSurvivesWalisup(t *testing.T) {
	t.Parallel()
	cmd := startStandin(t, nil, "echo")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(stdout)
	expectLine(t, lines, "ready")
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if state, err := cmd.Process.Wait(); err != nil || state.Sys().(syscall.WaitStatus).Signal() != unix.SIGKILL {
		t.Fatalf("walisup: %v, %v, want killed", state, err)
	}
	if _, err := io.WriteString(stdin, "still here\n"); err != nil {
		t.Fatal(err)
	}
	expectLine(t, lines, "still here")
	stdin.Close() // ends the guest
	if _, err := lines.ReadString('\n'); err != io.EOF {
		t.Errorf("after the end of input: %v, want end of output", err)
	}
}

func expectLine(t *testing.T, lines *bufio.Reader, want string) {
	t.Helper()
	line, err := lines.ReadString('\n')
	if err != nil || strings.TrimRight(line, "\r\n") != want {
		t.Fatalf("got line %q, %v, want %q", line, err, want)
	}
}

// TestStartInRemovedDirectory starts a module where there is no directory any more, which
// concerns neither the module nor the instance's record.
func TestStartInRemovedDirectory(t *testing.T) {
	t.Parallel()
	needWalisup(t)
	module := buildC(t, "testdata/c/arguments.c").module
	dir := filepath.Join(t.TempDir(), "gone")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", `rmdir "$PWD" && exec "$0" start --state-dir "$2" -- "$1"`, walisupPath(), module, t.TempDir())
	cmd.Dir = dir
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil || stderr.Len() > 0 {
		t.Errorf("%v, standard error %q", err, stderr.String())
	}
}

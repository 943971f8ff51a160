package integration

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// family is a script of a shell that forks, daemonises and waits: four processes.
const family = `
echo begin
sleep 1000 &
(setsid sh -c 'sleep 1001 & echo daemon; wait' &)
echo error >&2
trap 'echo ended; exit 7' TERM
while :; do sleep 1002 & wait $!; done`

func TestDetachedInstance(t *testing.T) {
	t.Parallel()
	forUsers(t, func(t *testing.T, s *site) {
		id := s.detach(family, "--name", "family", "--pid-file", s.work("pid"))
		if !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(id) {
			t.Errorf("start printed %q, want an id", id)
		}
		s.untilLog("family", "daemon\n")

		// The list, as a terminal shows it.
		lines := strings.Split(s.must("ps"), "\n")
		if len(lines) != 2 || !regexp.MustCompile(`^ID  +NAME +STATUS +SINCE +PID +RESTARTS +COMMAND$`).MatchString(lines[0]) ||
			!regexp.MustCompile(`^`+id[:12]+` +family +running +[A-Za-z0-9 ]+ ago +[0-9]+ +0 +sh -c '.*\.\.\.$`).MatchString(lines[1]) {
			t.Errorf("ps printed %q", lines)
		}
		if strings.Index(lines[0], "PID") != strings.Index(lines[1], s.field("family", "{{.Pid}}")) {
			t.Errorf("columns do not stand below each other: %q", lines)
		}
		if got := s.must("ps", "-q"); got != id[:12] {
			t.Errorf("ps -q printed %q", got)
		}
		if got := s.must("ps", "-q", "--no-trunc"); got != id {
			t.Errorf("ps -q --no-trunc printed %q", got)
		}
		var list []struct {
			ID, Name, Status string
			Pid              int
			Command          []string
		}
		if err := json.Unmarshal([]byte(s.must("ps", "--format", "json")), &list); err != nil || len(list) != 1 ||
			list[0].ID != id || list[0].Status != "running" || list[0].Command[2] != family {
			t.Errorf("ps --format json: %+v, %v", list, err)
		}
		pid, err := os.ReadFile(s.work("pid"))
		if err != nil || string(pid) != strconv.Itoa(list[0].Pid)+"\n" {
			t.Errorf("pid file: %q, %v, want %d", pid, err, list[0].Pid)
		}

		// The tree: the daemon's parent has ended, it belongs to the instance
		// nevertheless.
		s.until("five processes", func() bool { return len(strings.Split(s.must("top", "family"), "\n")) == 6 })
		tree := s.must("ps", "family")
		for _, want := range []string{
			`(?m)^PID +PPID +STATE +THREADS +CPU +MEMORY +MODULE +COMMAND$`, `(?m) └ sleep 1000$`, `(?m)[0-9.]+[KM]iB +busybox +sh -c 'sleep 1001`,
			`(?m) └ sleep 1001$`, `(?m) └ sleep 1002$`,
		} {
			if !regexp.MustCompile(want).MatchString(tree) {
				t.Errorf("ps family does not match %q:\n%s", want, tree)
			}
		}

		got := s.run("logs", "family")
		if got.stdout != "begin\ndaemon\n" && got.stdout != "daemon\nbegin\n" || got.stderr != "error\n" {
			t.Errorf("logs: %+v", got)
		}
		if got := s.must("stop", "family"); got != "family" {
			t.Errorf("stop printed %q", got)
		}
		s.expectGone()
		if got := s.field(id[:6], "{{.Status}} {{.ExitStatus}} {{.Pid}} {{.Problems}}"); got != "exited 7 0 []" {
			t.Errorf("after stop: %q", got)
		}
		if _, err := os.Stat(s.work("pid")); err == nil {
			t.Error("the pid file is left")
		}
		if got := s.must("ps", "-q"); got != "" {
			t.Errorf("ps lists %q after stop", got)
		}
		if got := s.must("ps", "--all", "--format", "{{.Name}} {{.Status}}"); got != "family exited" {
			t.Errorf("ps --all: %q", got)
		}
		if got := s.must("wait", "family"); got != "7" {
			t.Errorf("wait after the end: %q", got)
		}
		if got := s.run("logs", "family"); !strings.HasSuffix(got.stdout, "\nended\n") {
			t.Errorf("logs after the end: %+v", got)
		}
		s.must("rm", "family")
		s.fails(125, "no such instance", "logs", "family")
		if left := s.glob("run/walisup/*"); len(left) != 1 {
			t.Errorf("rm has left %q", left)
		}
	})
}

func TestStopKillsWhatDoesNotEnd(t *testing.T) {
	t.Parallel()
	forUsers(t, func(t *testing.T, s *site) {
		const stubborn = `trap '' TERM HUP; (setsid sh -c "trap '' TERM; while :; do sleep 1001; done" &) ; echo ready; while :; do sleep 1002; done`
		s.detach(stubborn, "--name", "stubborn", "--stop-timeout", "100ms")
		s.untilLog("stubborn", "ready")
		s.must("stop", "stubborn")
		s.expectGone()
		if got := s.field("stubborn", "{{.Status}} {{.ExitStatus}}"); got != "exited 137" {
			t.Errorf("after stop: %q, want exited 137", got)
		}
	})
}

func TestKill(t *testing.T) {
	t.Parallel()
	forUsers(t, func(t *testing.T, s *site) {
		s.detach(`trap 'echo got usr1' USR1; sleep 1000 & echo ready; while :; do wait; done`, "--name", "a")
		s.untilLog("a", "ready")
		s.must("kill", "-s", "usr1", "a")
		s.untilLog("a", "got usr1")
		s.must("kill", "--tree", "--signal", "SIGKILL", "a")
		if got := s.must("wait", "a"); got != "137" {
			t.Errorf("status %q, want 137", got)
		}
		s.expectGone()
		s.fails(125, "is not running", "kill", "a")
		s.fails(125, `"NIX" is no signal`, "kill", "-s", "NIX", "a")

		// The death of the main process alone is the end of the others too.
		s.detach(family, "--name", "b")
		s.untilLog("b", "daemon\n")
		s.must("kill", "b")
		if got := s.must("wait", "b"); got != "137" {
			t.Errorf("status %q, want 137", got)
		}
		s.expectGone()
	})
}

func TestDetachedStartFails(t *testing.T) {
	t.Parallel()
	forUsers(t, func(t *testing.T, s *site) {
		noModule := s.work("text")
		if err := os.WriteFile(noModule, []byte("hello"), 0o644); err != nil {
			t.Fatal(err)
		}
		s.fails(127, "no such file", "start", "-d", "--name", "x", s.work("missing.wasm"))
		s.fails(126, "not a WebAssembly module", "start", "-d", "--name", "x", noModule)
		s.fails(125, "working directory", "start", "-d", "--name", "x", "--workdir", s.work("missing"), filepath.Join(s.dir, "tools", "true"))
		s.fails(125, "--restart", "start", "--restart", "always", filepath.Join(s.dir, "tools", "true"))
		s.fails(125, "none of no", "start", "-d", "--restart", "sometimes", filepath.Join(s.dir, "tools", "true"))
		if got := s.must("ps", "-aq"); got != "" {
			t.Errorf("instances that never ran are listed: %q", got)
		}
		// One that runs and then fails is another matter.
		id := s.must("start", "-d", filepath.Join(s.dir, "tools", "sh"), "-c", "exit 127")
		if got := s.must("wait", id); got != "127" {
			t.Errorf("status %q, want 127", got)
		}
	})
}

func TestForegroundInstanceIsListed(t *testing.T) {
	t.Parallel()
	forUsers(t, func(t *testing.T, s *site) {
		cmd := s.command("start", "--name", "front", filepath.Join(s.dir, "tools", "sh"), "-c",
			`trap 'exit 9' TERM; touch ready; while :; do sleep 1000 & wait $!; done`)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		s.until("the script is ready", func() bool { return len(s.glob("work/ready")) > 0 })
		if got := s.must("ps", "--format", "{{.Name}} {{.Status}} {{.Detached}} {{.Monitor}}"); got != "front running false "+strconv.Itoa(cmd.Process.Pid) {
			t.Errorf("ps: %q", got)
		}
		s.fails(125, "runs in the foreground", "logs", "front")
		s.fails(125, "name is taken", "start", "--name", "front", filepath.Join(s.dir, "tools", "true"))
		waiting := make(chan answer, 1)
		go func() { waiting <- s.run("wait", "front") }()
		s.until("somebody waits", func() bool { return len(s.glob("run/walisup/*/waiters")) > 0 })
		s.must("stop", "front")
		if got := <-waiting; got.status != 0 || got.stdout != "9\n" {
			t.Errorf("wait: %+v, want 9", got)
		}
		cmd.Wait()
		if got := cmd.ProcessState.ExitCode(); got != 9 {
			t.Errorf("walisup's status: %d, want 9", got)
		}
		if got := s.must("ps", "-aq"); got != "" {
			t.Errorf("after its end %q is listed", got)
		}
		s.expectGone()
	})
}

func TestNames(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	a := s.detach("exec sleep 1000", "--name", "one")
	b := s.detach("exec sleep 1000")
	name := s.field(b, "{{.Name}}")
	if !regexp.MustCompile(`^[a-z]+_[a-z]+$`).MatchString(name) {
		t.Errorf("generated name %q", name)
	}
	for reference, want := range map[string]string{"one": a, a: a, a[:12]: a, name: b, b[:20]: b} {
		if got := s.field(reference, "{{.ID}}"); got != want {
			t.Errorf("%s means %s, want %s", reference, got, want)
		}
	}
	s.fails(125, "no such instance", "stop", "on")
	s.fails(125, "no such instance", "stop", "")
	s.fails(125, "name is taken: one is instance "+a[:12], "start", "-d", "--name", "one", filepath.Join(s.dir, "tools", "true"))
	for _, bad := range []string{"-x", "a b", "a/b", "..", strings.Repeat("a", 64), strings.Repeat("a", 32)} {
		s.fails(125, "name", "start", "-d", "--name="+bad, filepath.Join(s.dir, "tools", "true"))
	}
	// Sixteen more and some of them begin with the same digit.
	ids := []string{a, b}
	for range 16 {
		ids = append(ids, s.detach("exit 0"))
	}
	slices.Sort(ids)
	for n := range ids[1:] {
		if ids[n][0] == ids[n+1][0] {
			s.fails(125, "give more digits", "inspect", ids[n][:1])
			break
		}
	}
	// A name is free again when its instance is removed.
	s.must("rm", "--force", "one")
	s.detach("exit 0", "--name", "one")
	s.must("stop", "--all")
	s.must("rm", "--all")
	if got := s.must("ps", "-aq"); got != "" {
		t.Errorf("after rm --all %q is listed", got)
	}
	s.expectGone()
}

func TestStateIsTheOwners(t *testing.T) {
	t.Parallel()
	forUsers(t, func(t *testing.T, s *site) {
		id := s.detach("exec sleep 1000")
		for path, want := range map[string]os.FileMode{
			s.state(): 0o700, filepath.Join(s.state(), id): 0o700, filepath.Join(s.state(), id, "record.json"): 0o600,
			filepath.Join(s.state(), id, "log"): 0o600, filepath.Join(s.state(), id, "stdout"): 0o600,
		} {
			st, err := os.Stat(path)
			if err != nil || st.Mode().Perm() != want {
				t.Errorf("%s: %v, %v, want mode %v", path, st, err, want)
			}
		}
		open := s.work("open")
		if err := os.Mkdir(open, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(open, 0o777); err != nil {
			t.Fatal(err)
		}
		if s.user != nil {
			s.fails(125, "belongs to user 0", "ps", "--state-dir", "/usr")
			if err := os.Chown(open, nobody, nobody); err != nil {
				t.Fatal(err)
			}
		}
		s.fails(125, "can be written by others", "ps", "--state-dir", open)
		s.fails(125, "is not a directory", "ps", "--state-dir", "/dev/null")
		s.must("rm", "-f", id)
	})
}

// TestDefaultStateDir looks for it where an ordinary user has it.
func TestDefaultStateDir(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("becomes another user, which needs root")
	}
	s := newSite(t, &syscall.Credential{Uid: nobody, Gid: nobody})
	runtime := s.work("runtime")
	if err := os.Mkdir(runtime, 0o700); err != nil {
		t.Fatal(err)
	}
	ps := func(runtimeDir string) {
		t.Helper()
		cmd := s.command("ps")
		cmd.Env = []string{"XDG_RUNTIME_DIR=" + runtimeDir}
		if status := runBounded(t, cmd); status != 0 {
			t.Errorf("ps with XDG_RUNTIME_DIR=%q: status %d", runtimeDir, status)
		}
	}
	fallback := "/tmp/walisup-" + strconv.Itoa(nobody)
	ps(runtime) // somebody else's, as after su
	if st, err := os.Lstat(fallback); err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("%s: %v, %v", fallback, st, err)
	}
	if err := unix.Chown(runtime, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	ps(runtime)
	if st, err := os.Stat(filepath.Join(runtime, "walisup")); err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("walisup in XDG_RUNTIME_DIR: %v, %v", st, err)
	}
}

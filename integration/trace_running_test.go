package integration

import (
	"bufio"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// tracing is a walisup trace that runs.
type tracing struct {
	*site
	lines chan string // of its output; closed at its end
	end   func() error
	kill  func(unix.Signal)
	seen  []string
}

// trace begins to trace an instance.
func (s *site) trace(args ...string) *tracing {
	s.t.Helper()
	cmd := s.command(append([]string{"trace"}, args...)...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	tr := &tracing{site: s, lines: make(chan string, 1<<16), end: cmd.Wait, kill: func(sig unix.Signal) { cmd.Process.Signal(sig) }}
	s.t.Cleanup(func() { cmd.Process.Kill() })
	go func() {
		defer close(tr.lines)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			tr.lines <- lines.Text()
		}
	}()
	tr.until("^walisup: tracing ")
	return tr
}

// until reads lines to the first that matches a pattern, and returns that.
func (tr *tracing) until(pattern string) string {
	tr.t.Helper()
	want := regexp.MustCompile(pattern)
	timeout := time.After(patience / 4)
	for {
		select {
		case line, ok := <-tr.lines:
			tr.seen = append(tr.seen, line)
			if want.MatchString(line) {
				return line
			}
			if !ok {
				tr.t.Fatalf("the trace has ended without %s:\n%s", pattern, strings.Join(tr.seen, "\n"))
			}
		case <-timeout:
			tr.t.Fatalf("no line %s in\n%s", pattern, strings.Join(tr.seen, "\n"))
		}
	}
}

// stop ends the tracing, which has to succeed, and returns the lines not yet read.
func (tr *tracing) stop() []string {
	tr.t.Helper()
	tr.kill(unix.SIGINT)
	var rest []string
	for line := range tr.lines {
		rest = append(rest, line)
	}
	if err := tr.end(); err != nil {
		tr.t.Errorf("walisup trace: %v: %q", err, rest)
	}
	return rest
}

func TestTraceOfRunningInstance(t *testing.T) {
	t.Parallel()
	forUsers(t, func(t *testing.T, s *site) {
		// No fork and no call at all between the signals.
		s.detach(`trap 'echo hello; sleep 0; (exit 3)' USR1; echo ready; while :; do :; done`, "--name", "spin")
		s.untilLog("spin", "ready")
		if line := s.run("trace", "--filter", "%nonsense", "spin"); line.status != 125 || !strings.Contains(line.stderr, "%nonsense") {
			t.Errorf("a bad filter: %+v", line)
		}
		for range 2 { // the second time all is as the first
			tr := s.trace("--durations", "spin")
			s.fails(125, "is being traced already", "trace", "spin")
			s.must("kill", "-s", "USR1", "spin")
			tr.until(`^\[pid \d+\] --- SIGUSR1 {si_signo=SIGUSR1, si_code=SI_USER, si_pid=\d+, si_uid=\d+} ---$`)
			tr.until(`^\[pid \d+\] write(v)?\(1, .*"hello.*\) += 6 <\d\.\d{6}>$`)
			tr.until(`^\[pid \d+\] \+\+\+ started \+\+\+$`)
			tr.until(`execve\(".*/sleep", \["sleep", "0"\], 0x[0-9a-f]+ /\* \d+ vars \*/(\) = 0| <unfinished ...>)`)
			tr.until(`\+\+\+ exited with 0 \+\+\+`)
			tr.until(`exit_group\(3\) += \?`)
			tr.until(`wait4\(|wait4 resumed>.*WEXITSTATUS\(s\) == 3`)
			s.must("exec", "spin", filepath.Join(s.dir, "tools", "echo"), "again")
			tr.until(`write(v)?\(1, .*"again`)
			tr.stop()
		}

		// A tracer that is killed costs the instance nothing.
		tr := s.trace("spin")
		tr.kill(unix.SIGKILL)
		tr.end()
		s.must("kill", "-s", "USR1", "spin")
		s.until("three greetings", func() bool { return strings.Count(s.run("logs", "spin").stdout, "hello") == 3 })

		tr = s.trace("--filter", "%process", "--filter", "%signal", "--output", s.work("trace"), "spin")
		s.must("kill", "-s", "USR1", "spin")
		s.until("the end of sleep in the trace", func() bool {
			text, _ := os.ReadFile(s.work("trace"))
			return strings.Contains(string(text), "exited with 3")
		})
		s.must("kill", "-s", "TERM", "spin")
		for range tr.lines {
		}
		if err := tr.end(); err != nil {
			t.Errorf("the trace of an instance that ends: %v", err)
		}
		text, err := os.ReadFile(s.work("trace"))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "write") || !strings.Contains(string(text), "+++ killed by SIGTERM +++") {
			t.Errorf("trace of signals and processes:\n%s", text)
		}
		s.must("wait", "spin")
		s.fails(125, "is not running", "trace", "spin")
	})
}

func TestTraceSummary(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	got := s.run("start", "--trace="+s.work("summary"), "--trace-summary", filepath.Join(s.dir, "tools", "cat"), "/dev/null/file", "/dev/null")
	if got.status != 1 {
		t.Errorf("cat: %+v", got)
	}
	text, err := os.ReadFile(s.work("summary"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{`(?m)^% time +seconds +usecs/call +calls +errors syscall$`, `(?m)^ *\d+\.\d\d +\d+\.\d{6} +\d+ +2 +1 open$`, `(?m)^100.00 .* total$`} {
		if !regexp.MustCompile(line).Match(text) {
			t.Errorf("no line %s in\n%s", line, text)
		}
	}
}

// TestTraceToFullDisk shows that a guest does not suffer from its trace.
func TestTraceToFullDisk(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	got := s.run("start", "--trace=/dev/full", filepath.Join(s.dir, "tools", "echo"), "hello")
	if got.status != 0 || got.stdout != "hello\n" || !strings.Contains(got.stderr, "no space left") {
		t.Errorf("%+v, want hello and a warning", got)
	}
	s.fails(125, "not a directory", "start", "--trace=/dev/null/trace", filepath.Join(s.dir, "tools", "echo"))
	s.fails(125, "walisup trace", "start", "--trace", "--detach", filepath.Join(s.dir, "tools", "echo"))
	s.fails(125, "neither a system call nor", "start", "--trace", "--trace-filter=opne", filepath.Join(s.dir, "tools", "echo"))
}

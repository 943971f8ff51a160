package integration

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// site is a place with walisup, some commands as modules and a state directory, which
// the user who works there can read.
type site struct {
	t     *testing.T
	dir   string
	user  *syscall.Credential // nil for the test's own
	extra []string            // environment
}

const nobody = 65534

// newSite makes a site. What still runs there at the end of the test is killed.
func newSite(t *testing.T, user *syscall.Credential) *site {
	t.Helper()
	s := newSiteWith(t, user, map[string]string{port(t, "busybox", "busybox").module: "tools/busybox"})
	for _, name := range []string{"sh", "sleep", "setsid", "cat", "kill", "true", "echo", "seq", "mkdir", "touch", "rm", "dd", "yes", "tty", "stty"} {
		if err := os.Symlink("busybox", filepath.Join(s.dir, "tools", name)); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// newSiteWith makes a site with walisup and copies of further files.
func newSiteWith(t *testing.T, user *syscall.Credential, files map[string]string) *site {
	t.Helper()
	needWalisup(t)
	s := &site{t: t, dir: openDirectory(t), user: user}
	all := map[string]string{walisupPath(): "bin/walisup", filepath.Join(root, "bin", "walisup-helper"): "bin/walisup-helper"}
	maps.Copy(all, files)
	if err := os.Mkdir(filepath.Join(s.dir, "tools"), 0o755); err != nil {
		t.Fatal(err)
	}
	for from, to := range all {
		to = filepath.Join(s.dir, to)
		os.MkdirAll(filepath.Dir(to), 0o755)
		// By another process, see TestHelperIsFound.
		if out, err := exec.Command("cp", from, to).CombinedOutput(); err != nil {
			t.Fatalf("cp: %v: %s", err, out)
		}
	}
	for _, name := range []string{"run", "work"} {
		path := filepath.Join(s.dir, name)
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		if user != nil {
			if err := os.Chown(path, int(user.Uid), int(user.Gid)); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Cleanup(func() {
		if t.Failed() {
			for _, file := range s.glob("run/walisup/*/monitor.err") {
				text, _ := os.ReadFile(file)
				t.Logf("%s:\n%s", file, text)
			}
		}
		for range 50 {
			left := s.survivors()
			for _, pid := range append(left, s.monitors()...) {
				unix.Kill(pid, unix.SIGKILL)
			}
			if len(left) == 0 {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	})
	return s
}

// forUsers runs a test at a site of root's and at one of an ordinary user, as far as
// the test's own user can.
func forUsers(t *testing.T, test func(t *testing.T, s *site)) {
	t.Helper()
	if os.Geteuid() != 0 {
		test(t, newSite(t, nil))
		return
	}
	t.Run("root", func(t *testing.T) {
		t.Parallel()
		test(t, newSite(t, nil))
	})
	t.Run("nobody", func(t *testing.T) {
		t.Parallel()
		test(t, newSite(t, &syscall.Credential{Uid: nobody, Gid: nobody}))
	})
}

// environ is what every program at the site gets.
func (s *site) environ() []string {
	return append([]string{
		"PATH=" + filepath.Join(s.dir, "tools"), "HOME=" + filepath.Join(s.dir, "work"), "TZ=UTC",
		"WALISUP_CACHE=" + filepath.Join(s.dir, "work", "cache"),
		"WALISUP_STATE_DIR=" + s.state(), "SITE=" + s.dir,
	}, append(seccompEnv(), s.extra...)...)
}

func (s *site) state() string { return filepath.Join(s.dir, "run", "walisup") }
func (s *site) work(name string) string {
	return filepath.Join(s.dir, "work", name)
}

func (s *site) glob(pattern string) []string {
	found, err := filepath.Glob(filepath.Join(s.dir, pattern))
	if err != nil {
		s.t.Fatal(err)
	}
	return found
}

// in returns the site for a subtest.
func (s *site) in(t *testing.T) *site {
	other := *s
	other.t = t
	return &other
}

// command returns walisup with arguments.
func (s *site) command(args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.dir, "bin", "walisup"), args...)
	cmd.Dir = filepath.Join(s.dir, "work")
	cmd.Env = s.environ()
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.user}
	return cmd
}

// answer is what a command has said.
type answer struct {
	status         int
	stdout, stderr string
}

// run runs walisup.
func (s *site) run(args ...string) answer {
	s.t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := s.command(args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	status := runBounded(s.t, cmd)
	return answer{status, stdout.String(), stderr.String()}
}

// must runs walisup, which has to succeed, and returns its output without the
// last line feed.
func (s *site) must(args ...string) string {
	s.t.Helper()
	got := s.run(args...)
	if got.status != 0 {
		s.t.Fatalf("walisup %s: status %d: %s%s", strings.Join(args, " "), got.status, got.stdout, got.stderr)
	}
	return strings.TrimSuffix(got.stdout, "\n")
}

// fails runs walisup, which has to fail with status and say something.
func (s *site) fails(status int, says string, args ...string) {
	s.t.Helper()
	got := s.run(args...)
	if got.status != status || !strings.Contains(got.stderr, says) || says != "" && got.stdout != "" {
		s.t.Errorf("walisup %s: %+v, want status %d and %q", strings.Join(args, " "), got, status, says)
	}
}

// detach starts a shell script as a detached instance and returns its id.
func (s *site) detach(script string, flags ...string) string {
	s.t.Helper()
	args := append([]string{"start", "--detach"}, flags...)
	return s.must(append(args, filepath.Join(s.dir, "tools", "sh"), "-c", script)...)
}

// field returns what a template makes of an instance.
func (s *site) field(instance, template string) string {
	s.t.Helper()
	return s.must("inspect", "--format", template, instance)
}

// until waits until a condition holds that no one announces.
func (s *site) until(what string, holds func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(patience / 4); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("%s: has not come true", what)
		}
	}
}

// untilLog waits until the log of an instance holds a text.
func (s *site) untilLog(instance, text string) {
	s.t.Helper()
	var last answer
	defer func() {
		if s.t.Failed() {
			s.t.Logf("the log: %q", last.stdout+last.stderr)
		}
	}()
	s.until("log with "+text, func() bool {
		last = s.run("logs", instance)
		return strings.Contains(last.stdout+last.stderr, text)
	})
}

// survivors returns the processes that were started with the site's environment:
// guests, and commands that have not ended.
func (s *site) survivors() []int { return processesWith("environ", "SITE="+s.dir+"\x00") }

// monitors returns the monitors of the site's instances.
func (s *site) monitors() []int {
	return processesWith("cmdline", "monitor\x00"+s.state()+"\x00")
}

func processesWith(file, text string) []int {
	var found []int
	files, _ := filepath.Glob("/proc/[0-9]*/" + file)
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err == nil && bytes.Contains(data, []byte(text)) {
			if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil && pid != os.Getpid() {
				found = append(found, pid)
			}
		}
	}
	return found
}

// expectGone insists that no process of the site's guests is left.
func (s *site) expectGone() {
	s.t.Helper()
	if left := s.survivors(); len(left) > 0 {
		names := ""
		for _, pid := range left {
			line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
			names += fmt.Sprintf("\n\t%d %q", pid, line)
		}
		s.t.Errorf("processes are left:%s", names)
	}
}

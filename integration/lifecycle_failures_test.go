package integration

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// ownGroups makes control groups of the test's own, below which walisup makes its own,
// and returns a function that lists those. Without the right, or where control groups
// are of version 2, there are none.
func (s *site) ownGroups() (enter string, left func() []string) {
	s.t.Helper()
	var dirs []string
	for _, controller := range []string{"memory", "cpu", "pids"} {
		dir := filepath.Join("/sys/fs/cgroup", controller, "test-"+filepath.Base(s.dir))
		if os.Mkdir(dir, 0o755) != nil {
			s.t.Log("without control groups")
			return "", func() []string { return nil }
		}
		s.t.Cleanup(func() {
			s.until("the control group can be removed", func() bool { return unix.Rmdir(dir) != unix.EBUSY })
		})
		dirs = append(dirs, dir)
		enter += fmt.Sprintf("echo $$ >%s/cgroup.procs; ", dir)
	}
	return enter, func() (found []string) {
		for _, dir := range dirs {
			filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
				if err == nil && d.IsDir() && path != dir {
					found = append(found, path)
				}
				return nil
			})
		}
		return found
	}
}

// runAfter runs walisup after commands of a shell.
func (s *site) runAfter(commands string, args ...string) answer {
	s.t.Helper()
	start := s.command(args...)
	var stdout, stderr strings.Builder
	cmd := exec.Command("sh", append([]string{"-c", commands + `exec "$@"`, "sh"}, start.Args...)...)
	cmd.Env, cmd.Dir, cmd.SysProcAttr = start.Env, start.Dir, start.SysProcAttr
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	status := runBounded(s.t, cmd)
	return answer{status, stdout.String(), stderr.String()}
}

// TestFailedStartLeavesNothing has a start fail wherever it can.
func TestFailedStartLeavesNothing(t *testing.T) {
	t.Parallel()
	s := newTinySite(t)
	enter, groups := s.ownGroups()
	guest := s.sleeper()
	text := s.work("text")
	if err := os.WriteFile(text, []byte("hello"), 0o755); err != nil {
		t.Fatal(err)
	}
	killed := s.work("killed") // a helper that is killed while it loads
	if err := os.WriteFile(killed, []byte("#!/bin/sh\nkill -9 $$\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(s.work("full/pid"), 0o755); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name   string
		status int
		says   string
		args   []string
	}{
		{"no module", 127, "no such file", []string{s.work("missing.wasm")}},
		{"no WebAssembly", 126, "not a WebAssembly module", []string{text}},
		{"no helper", 125, "helper", []string{"--helper", s.work("missing"), guest}},
		{"another program as helper", 125, "the helper has ended", []string{"--helper", "/bin/true", guest}},
		{"a helper that is killed", 137, "the helper has ended", []string{"--helper", killed, guest}},
		{"no working directory", 125, "working directory", []string{"--workdir", s.work("missing"), guest}},
		{"no folder for the pid file", 125, "pid file", []string{"--pid-file", s.work("missing/pid"), guest}},
		{"a folder as pid file", 125, "pid file", []string{"--pid-file", s.work("full/pid"), guest}},
		{"a device as pid file", 125, "pid file", []string{"--pid-file", "/dev/null", guest}},
		{"too few descriptors", 0, "", []string{"--ulimit", "nofile=1", "--helper", "/bin/false", guest}},
	}
	for _, c := range cases {
		for _, foreground := range []bool{false, true} {
			if foreground && (strings.Contains(c.says, "has ended") || c.says == "") {
				continue // that end is the guest's for all that walisup knows
			}
			args := []string{"start", "--name", "x", "--restart", "on-failure", "-d"}
			if foreground {
				args = args[:3]
			}
			if enter != "" {
				args = append(args, "--memory", "512m", "--cpus", "1", "--pids-limit", "1000", "--net", "none")
			}
			got := s.runAfter(enter, append(args, c.args...)...)
			if got.status != c.status && c.status != 0 || got.status == 0 && c.says == "" || !strings.Contains(got.stderr, c.says) || got.stdout != "" {
				t.Errorf("%s: %+v, want status %d and %q", c.name, got, c.status, c.says)
			}
			if left := s.glob("run/walisup/*"); len(left) > 1 || len(s.glob("run/walisup/names/*")) > 0 {
				t.Errorf("%s: left %q", c.name, left)
			}
			if left := groups(); len(left) > 0 {
				t.Errorf("%s: control groups %q are left", c.name, left)
			}
			s.expectGone()
		}
	}
	if left := s.glob("work/*"); len(left) > 4 { // cache, text, killed, full
		t.Errorf("left: %q", left)
	}
	if info, err := os.Stat("/dev/null"); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		t.Errorf("/dev/null: %v, %v", info, err)
	}
}

// TestGroupsOfAKilledMonitor looks whether the next command removes them, also if the
// guest was killed with it.
func TestGroupsOfAKilledMonitor(t *testing.T) {
	t.Parallel()
	s := newTinySite(t)
	enter, groups := s.ownGroups()
	if enter == "" {
		t.Skip("needs the right to make control groups")
	}
	if got := s.runAfter(enter, "start", "-d", "--name", "a", "--memory", "512m", "--pids-limit", "100", s.sleeper()); got.status != 0 {
		t.Fatalf("start: %+v", got)
	}
	if len(groups()) != 2 {
		t.Errorf("control groups %q, want two", groups())
	}
	for _, pid := range append(s.monitors(), s.survivors()...) {
		unix.Kill(pid, unix.SIGKILL)
	}
	s.until("all are gone", func() bool { return len(append(s.monitors(), s.survivors()...)) == 0 })
	if got := s.must("ps", "--all", "--format", "{{.Name}} {{.Status}}"); got != "a exited" {
		t.Errorf("ps: %q", got)
	}
	if left := groups(); len(left) > 0 {
		t.Errorf("control groups %q are left", left)
	}
}

// TestUpdateBetweenRuns changes limits while there is no process.
func TestUpdateBetweenRuns(t *testing.T) {
	t.Parallel()
	s := newTinySite(t)
	enter, groups := s.ownGroups()
	if enter == "" {
		t.Skip("needs the right to make control groups")
	}
	guest := s.build("guest", func(b *tiny) {
		b.fails("openat", []value{number(-100), b.path("go"), number(os.O_RDONLY), number(0)}, func() { b.exit(1) })
		b.print(1, "on\n").forever(func() { b.sleep(time.Hour) })
	})
	if got := s.runAfter(enter, "start", "-d", "--name", "a", "--restart", "always", "--memory", "256m", guest); got.status != 0 {
		t.Fatalf("start: %+v", got)
	}
	s.until("it waits long enough", func() bool {
		var restarts int
		var status string
		fmt.Sscan(s.field("a", "{{.Restarts}} {{.Status}}"), &restarts, &status)
		return restarts >= 3 && status == "restarting"
	})
	s.must("update", "--memory", "300m", "a")
	s.fails(125, "started without limits", "update", "--pids-limit", "50", "a")
	if err := os.WriteFile(s.work("go"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	s.untilLog("a", "on\n")
	limit := func() string {
		list := groups()
		if len(list) != 1 {
			t.Fatalf("control groups %q, want one", list)
		}
		data, err := os.ReadFile(filepath.Join(list[0], "memory.limit_in_bytes"))
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(data))
	}
	if got := limit(); got != fmt.Sprint(300<<20) {
		t.Errorf("the limit is %s", got)
	}
	s.must("update", "--memory", "400m", "a")
	if got := limit(); got != fmt.Sprint(400<<20) {
		t.Errorf("the limit is %s", got)
	}
	s.must("rm", "-f", "a")
	if left := groups(); len(left) > 0 {
		t.Errorf("control groups %q are left", left)
	}
}

// TestPidFiles looks at the file in the lives of instances, in both ways of running.
func TestPidFiles(t *testing.T) {
	t.Parallel()
	forTinyUsers(t, func(t *testing.T, s *site) {
		guest, path := s.sleeper(), s.work("pid")
		read := func() string {
			data, _ := os.ReadFile(path)
			return strings.TrimSpace(string(data))
		}
		for _, detached := range []bool{true, false} {
			if err := os.WriteFile(path, []byte("99999999\n"), 0o666); err != nil { // stale
				t.Fatal(err)
			}
			args := []string{"start", "--name", "a", "--pid-file", "pid", guest}
			var cmd *exec.Cmd
			if detached {
				s.must(append([]string{"start", "-d"}, args[1:]...)...)
			} else {
				cmd = s.command(args...)
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				s.until("it is registered", func() bool { return s.run("inspect", "a").status == 0 })
			}
			if want := s.field("a", "{{.Pid}}"); read() != want {
				t.Errorf("pid file: %q, want %q", read(), want)
			}
			// One that another process has taken over is not removed.
			if err := os.WriteFile(path, []byte("1\n"), 0o666); err != nil {
				t.Fatal(err)
			}
			s.must("stop", "a")
			if cmd != nil {
				cmd.Wait()
			}
			if read() != "1" {
				t.Errorf("the pid file of another: %q", read())
			}
			s.run("rm", "a")
		}
		// A file that a stop during the restart's pause finds, and a name that is lost.
		os.Remove(path)
		s.must("start", "-d", "--name", "b", "--restart", "always", "--pid-file", path, s.failer())
		s.until("it waits", func() bool { return s.field("b", "{{.Status}}") == "restarting" })
		const moment = "{{.Status}} {{.Restarts}}"
		if before, got := s.field("b", moment), read(); got != "" && strings.HasPrefix(before, "restarting") && s.field("b", moment) == before {
			t.Errorf("pid file in the pause: %q", got)
		}
		if err := os.Mkdir(path+".d", 0o777); err != nil {
			t.Fatal(err)
		}
		s.until("there is a folder in its place", func() bool { return os.Rename(path+".d", path) == nil })
		s.until("its restart fails", func() bool { return strings.Contains(s.field("b", "{{.Problems}}"), "pid file") })
		s.must("stop", "b")
		s.expectGone()
		if left := s.glob("work/.walisup*"); len(left) > 0 {
			t.Errorf("left: %q", left)
		}
	})
}

// TestForegroundStateFails cannot be registered: the guest runs all the same, and has
// its pid file.
func TestForegroundStateFails(t *testing.T) {
	t.Parallel()
	s := newTinySite(t)
	if err := os.WriteFile(s.work("state"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	guest := s.build("guest", func(b *tiny) {
		b.await("pid").exit(3)
	})
	got := s.run("start", "--state-dir", s.work("state"), "--pid-file", "pid", guest)
	if got.status != 3 || !strings.Contains(got.stderr, "not registered") {
		t.Errorf("%+v, want status 3", got)
	}
	if left := s.glob("work/pid"); len(left) > 0 {
		t.Error("the pid file is left")
	}
}

// TestOutputThatCannotBeWritten has every command that prints write to a full device.
func TestOutputThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	s := newTinySite(t)
	guest := s.sleeper()
	s.must("start", "-d", "--name", "a", guest)
	s.untilLog("a", "ready")
	s.must("start", "-d", "--name", "ended", s.failer())
	s.must("wait", "ended")
	for _, args := range [][]string{
		{"ps"}, {"ps", "-q"}, {"ps", "--format", "json"}, {"ps", "--format", "{{.Name}}"}, {"ps", "a"}, {"top", "a"},
		{"inspect", "a"}, {"logs", "a"}, {"logs", "-n", "1", "a"}, {"events", "a"}, {"events", "--format", "json", "a"},
		{"wait", "ended"}, {"kill", "-s", "WINCH", "a"}, {"version"}, {"--version"}, {"--help"}, {"help", "ps"}, {"ps", "--help"},
		{"completion", "bash"}, {"completion", "zsh"}, {"__complete", "stop", ""}, {"binfmt"},
	} {
		for device, says := range map[string]string{">/dev/full": "no space left on device", ">&-": "bad file descriptor"} {
			start := s.command(args...)
			var stderr strings.Builder
			cmd := exec.Command("sh", append([]string{"-c", `exec "$@" ` + device, "sh"}, start.Args...)...)
			cmd.Env, cmd.Dir, cmd.Stderr = start.Env, start.Dir, &stderr
			if status := runBounded(t, cmd); status != 125 || !strings.Contains(stderr.String(), "write to standard output: "+says) {
				t.Errorf("%v %s: status %d, %q", args, device, status, stderr.String())
			}
		}
		// Nobody reads: as other programs.
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		read.Close()
		cmd := s.command(args...)
		cmd.Stdout = write
		runBounded(t, cmd)
		write.Close()
		if ws := cmd.ProcessState.Sys().(syscall.WaitStatus); !ws.Signaled() || ws.Signal() != unix.SIGPIPE {
			t.Errorf("%v into a closed pipe: %v", args, cmd.ProcessState)
		}
	}
	got := s.runAfter("exec >/dev/full; ", "start", "-d", "--name", "b", guest)
	if got.status != 125 || !strings.Contains(got.stderr, "instance b runs") {
		t.Errorf("start: %+v", got)
	}
	s.must("rm", "-f", "a", "b")
	s.expectGone()
}

// TestEventsOfSeveral follows some while others cannot be read.
func TestEventsOfSeveral(t *testing.T) {
	t.Parallel()
	s := newTinySite(t)
	guest := s.sleeper()
	for _, name := range []string{"a", "b"} {
		s.must("start", "-d", "--name", name, guest)
	}
	for range 20 {
		s.fails(125, "no such instance", "events", "-f", "a", "b", "missing")
	}
	follower := make(chan answer, 1)
	go func() { follower <- s.run("events", "-f", "a", "b", "a") }()
	s.until("they are followed", func() bool { return len(processesWith("cmdline", "\x00events\x00-f\x00a\x00b\x00a\x00")) > 0 })
	s.must("stop", "-t", "0", "a")
	s.must("stop", "-t", "0", "b")
	if got := <-follower; got.status != 0 || got.stderr != "" {
		t.Errorf("events: %+v", got)
	}
}

// TestFollowersOfARotatingLog are as slow as they like: each sees every line once, or
// is told that some are missing.
func TestFollowersOfARotatingLog(t *testing.T) {
	t.Parallel()
	s := newTinySite(t)
	guest := s.build("guest", func(b *tiny) {
		b.await("go")
		for n := range 400 {
			b.print(1, fmt.Sprintf("%d %s\n", n, strings.Repeat("x", 400)))
			if n%50 == 49 {
				b.sleep(20 * time.Millisecond)
			}
		}
		b.exit(0)
	})
	s.must("start", "-d", "--name", "a", "--log-size", "4096", "--log-files", "2", guest)
	type reader struct {
		cmd    *exec.Cmd
		stderr strings.Builder
		lines  []string
	}
	var readers [4]reader
	done := make(chan int)
	for n := range readers {
		r := &readers[n]
		r.cmd = s.command("logs", "-f", "a")
		r.cmd.Stderr = &r.stderr
		out, err := r.cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := r.cmd.Start(); err != nil {
			t.Fatal(err)
		}
		go func() {
			defer func() { done <- n }()
			var text strings.Builder
			buffer := make([]byte, 500)
			for {
				count, err := out.Read(buffer)
				text.Write(buffer[:count])
				if err != nil {
					r.lines = strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n")
					return
				}
				time.Sleep(time.Duration(n) * time.Millisecond) // as a slow terminal
			}
		}()
	}
	s.until("all follow", func() bool { return len(processesWith("cmdline", "\x00logs\x00-f\x00a\x00")) == len(readers) })
	if err := os.WriteFile(s.work("go"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for range readers {
		n := <-done
		r := &readers[n]
		r.cmd.Wait()
		last, gaps := -1, 0
		for _, line := range r.lines {
			var number int
			fmt.Sscan(line, &number)
			switch {
			case number <= last:
				t.Errorf("reader %d: line %d after %d", n, number, last)
			case number > last+1 && last >= 0:
				gaps++
			}
			last = number
		}
		if told := strings.Count(r.stderr.String(), "were removed before they could be read"); told < gaps || last != 399 {
			t.Errorf("reader %d: %d gaps, told of %d, last line %d: %s", n, gaps, told, last, shorten(r.stderr.String()))
		}
	}
}

package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// states returns the kernel's letters for the processes of an instance.
func (s *site) states(instance string) string {
	return strings.ReplaceAll(s.must("top", "--format", "{{.State}}", instance), "\n", "")
}

func TestExecInInstance(t *testing.T) {
	t.Parallel()
	forUsers(t, func(t *testing.T, s *site) {
		sh := filepath.Join(s.dir, "tools", "sh")
		s.must("start", "-d", "--name", "a", "--env", "MINE=1", "--workdir", "/", sh, "-c", "exec sleep 1000")
		cmd := s.command("exec", "--env", "NEW=2", "a", sh, "-c", `echo "$MINE $NEW $PWD $(pwd)"; cat; exit 5`)
		cmd.Env = append(cmd.Env, "CALLERS=3")
		cmd.Stdin = strings.NewReader("input\n")
		var out strings.Builder
		cmd.Stdout = &out
		if status := runBounded(t, cmd); status != 5 || out.String() != "1 2 / /\ninput\n" {
			t.Errorf("exec: status %d, output %q", status, out.String())
		}
		s.fails(127, "no such file", "exec", "a", "/nonexistent.wasm")
		s.fails(125, "needs an instance and a module", "exec", "a")
		s.fails(125, "no such instance", "exec", "other", sh)

		// Its processes show in the tree, those that daemonise too, and end with the
		// instance.
		cmd = s.command("exec", "a", sh, "-c", "(setsid sleep 1003 &); sleep 1004")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		shows := func(parts ...string) func() bool {
			return func() bool {
				tree := strings.Split(s.must("top", "--format", `{{.Depth}} {{join .Command " "}}`, "a"), "\n")
				return !slices.ContainsFunc(parts, func(part string) bool { return !slices.Contains(tree, part) })
			}
		}
		s.until("the tree shows it", shows("0 sleep 1000", "0 sleep 1003", "0 sleep 1004"))
		s.must("stop", "a")
		cmd.Wait()
		if ws := cmd.ProcessState.Sys().(syscall.WaitStatus); !ws.Signaled() || ws.Signal() != syscall.SIGKILL {
			t.Errorf("exec after stop: %v, want it to be killed like its guest", cmd.ProcessState)
		}
		s.expectGone()
		s.fails(125, "is not running", "exec", "a", sh)
	})
}

func TestPauseAndResume(t *testing.T) {
	t.Parallel()
	forUsers(t, func(t *testing.T, s *site) {
		s.detach(family, "--name", "a")
		s.untilLog("a", "daemon\n")
		s.until("five processes", func() bool { return len(s.states("a")) == 5 })
		s.must("pause", "a")
		if got := s.states("a"); strings.Trim(got, "T") != "" {
			t.Errorf("states after pause: %q", got)
		}
		if got := s.must("ps", "--format", "{{.Status}}"); got != "paused" {
			t.Errorf("ps: %q", got)
		}
		s.fails(125, "is not running (paused)", "pause", "a")
		s.fails(125, "is paused", "exec", "a", filepath.Join(s.dir, "tools", "true"))
		s.must("resume", "a")
		if got := s.states("a"); strings.Contains(got, "T") {
			t.Errorf("states after resume: %q", got)
		}
		// A paused instance can be stopped, and handles the stop signal.
		s.must("pause", "--all")
		s.must("stop", "a")
		if got := s.field("a", "{{.Status}} {{.ExitStatus}}"); got != "exited 7" {
			t.Errorf("after stop: %q", got)
		}
		s.expectGone()
	})
}

// TestPauseStopsForks pauses a shell that forks all the time.
func TestPauseStopsForks(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.detach(`echo ready; while :; do (:) & (:); done`, "--name", "forks")
	s.untilLog("forks", "ready")
	for range 5 {
		s.must("pause", "forks")
		pids := s.must("top", "forks", "--format", "{{.Pid}} {{.State}}")
		for line := range strings.Lines(pids) {
			if state := strings.Fields(line)[1]; state != "T" && state != "Z" {
				t.Errorf("after pause: %q", pids)
				break
			}
		}
		s.must("resume", "forks")
	}
	s.must("kill", "--tree", "forks")
	s.must("wait", "forks")
	s.expectGone()
}

func TestEvents(t *testing.T) {
	t.Parallel()
	forUsers(t, func(t *testing.T, s *site) {
		end := s.work("end")
		s.detach("true; sh -c 'exit 3'; (setsid sh -c 'kill -9 $$' &); while ! [ -e "+end+" ]; do sleep 0.01; done", "--name", "a")
		follower := make(chan answer, 1)
		go func() { follower <- s.run("events", "--follow", "--format", "json", "a") }()
		s.until("it is followed", func() bool {
			return len(processesWith("cmdline", "\x00events\x00--follow\x00")) > 0
		})
		type event struct {
			Instance, Kind, Module, Source string
			Time                           time.Time
			Pid, Other                     int
			Status                         *int
		}
		decode := func(text string) (list []event) {
			t.Helper()
			for line := range strings.Lines(text) {
				var e event
				if err := json.Unmarshal([]byte(line), &e); err != nil {
					t.Fatalf("%q: %v", line, err)
				}
				list = append(list, e)
			}
			return list
		}
		killed := func(list []event) bool {
			return slices.ContainsFunc(list, func(e event) bool { return e.Kind == "exit" && e.Status != nil && *e.Status == 137 })
		}
		s.until("the daemon's end is seen", func() bool { return killed(decode(s.must("events", "--format", "json", "a"))) })
		if err := os.WriteFile(end, nil, 0o666); err != nil {
			t.Fatal(err)
		}
		s.must("wait", "a")
		got := <-follower
		list := decode(got.stdout)
		if got.status != 0 || len(list) == 0 {
			t.Fatalf("events --follow: %+v", got)
		}
		parents := map[int]int{}
		statuses := map[int]int{}
		for _, e := range list {
			if e.Instance != "a" || time.Since(e.Time) > time.Hour || e.Pid <= 0 {
				t.Errorf("event %+v", e)
			}
			switch e.Kind {
			case "fork":
				parents[e.Pid] = e.Other
			case "exit":
				statuses[e.Pid] = *e.Status
			}
		}
		first := list[0]
		if first.Kind != "fork" || first.Module != "busybox" {
			t.Errorf("the first event is %+v", first)
		}
		for pid, parent := range parents {
			if _, known := parents[parent]; !known && pid != first.Pid {
				t.Errorf("process %d has parent %d, which is not in the instance", pid, parent)
			}
		}
		var ends []int
		for _, status := range statuses {
			ends = append(ends, status)
		}
		for _, want := range []int{3, 137, 0} {
			if !slices.Contains(ends, want) {
				t.Errorf("no process ends with %d: %v", want, statuses)
			}
		}
		s.fails(125, "is not running", "events", "a")
	})
}

// TestEventsInWords looks at the lines for people.
func TestEventsInWords(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.detach("(:); echo ready; exec sleep 1000", "--name", "a")
	s.untilLog("a", "ready")
	var lines []string
	s.until("exec is told", func() bool {
		lines = strings.Split(s.must("events"), "\n")
		return strings.HasSuffix(lines[len(lines)-1], " exec module=busybox") && len(lines) >= 5
	})
	pid := s.field("a", "{{.Pid}}")
	want := fmt.Sprintf(" a %s fork parent=%d module=busybox", pid, s.monitors()[0])
	if len(lines[0]) < 26 || lines[0][26:] != want {
		t.Errorf("first line %q, want it to end in %q", lines[0], want)
	}
	s.must("rm", "-f", "a")
}

// TestCompletionOfInstances asks as the shell's completion function does.
func TestCompletionOfInstances(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	a := s.detach("exec sleep 1000", "--name", "left")
	s.detach("exit 0", "--name", "right")
	s.must("wait", "right")
	// Ids are hexadecimal: no name may begin like one.
	cases := []struct {
		args []string
		want []string
	}{
		{[]string{"stop", ""}, []string{"left"}},
		{[]string{"stop", "le"}, []string{"left"}},
		{[]string{"stop", "r"}, nil},
		{[]string{"stop", a[:4]}, []string{a[:12]}},
		{[]string{"rm", ""}, []string{"right"}},
		{[]string{"rm", "--force", ""}, []string{"left", "right"}},
		{[]string{"logs", ""}, []string{"left", "right"}},
		{[]string{"logs", "left", ""}, nil},
		{[]string{"inspect", "left", "r"}, []string{"right"}},
		{[]string{"exec", "l"}, []string{"left"}},
		{[]string{"kill", "--signal", "HU"}, []string{"HUP"}},
		{[]string{"start", "--restart", "on"}, []string{"on-failure"}},
	}
	for _, c := range cases {
		out := s.must(append([]string{"__complete"}, c.args...)...)
		var got []string
		for line := range strings.Lines(out) {
			if word, _, _ := strings.Cut(strings.TrimSpace(line), "\t"); !strings.HasPrefix(word, ":") && word != "" {
				if strings.HasPrefix(word, c.args[len(c.args)-1]) {
					got = append(got, word)
				}
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("completing %q offers %q, want %q", c.args, got, c.want)
		}
	}
	s.must("rm", "-f", "left", "right")
}

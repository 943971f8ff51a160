package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestRestartPolicies counts the runs of a script in a file.
func TestRestartPolicies(t *testing.T) {
	t.Parallel()
	cases := []struct {
		policy string
		script string // runs after the count
		want   string // status, restarts, runs
	}{
		{"no", "exit 3", "3 0 1"},
		{"on-failure", "[ $n = 4 ]", "0 3 4"},
		{"on-failure:2", "exit 3", "3 2 3"},
		{"on-failure", "exit 0", "0 0 1"},
		{"on-failure:1", "kill -9 $$", "137 1 2"},
	}
	s := newSite(t, nil)
	for n, c := range cases {
		t.Run(c.policy+" "+c.script, func(t *testing.T) {
			t.Parallel()
			s := s.in(t)
			name := fmt.Sprintf("restart%d", n)
			count := s.work(name)
			// The shell has no file redirection that survives, so it counts by files.
			script := fmt.Sprintf("n=1; while [ -e %[1]s.$n ]; do n=$((n+1)); done; : > %[1]s.$n; %s", count, c.script)
			s.detach(script, "--name", name, "--restart", c.policy)
			status := s.must("wait", name)
			got := fmt.Sprintf("%s %s %d", status, s.field(name, "{{.Restarts}}"), len(s.glob("work/"+name+".*")))
			if got != c.want {
				t.Errorf("status, restarts and runs are %q, want %q", got, c.want)
			}
		})
	}
}

func TestRestartEndsWithStop(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	for _, policy := range []string{"always", "unless-stopped", "on-failure"} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			s := s.in(t)
			// Running: killed, it comes again; stopped, it does not.
			run := "run-" + policy
			s.detach("echo run; exec sleep 1000", "--name", run, "--restart", policy)
			s.must("kill", run)
			s.until("a second run", func() bool { return s.field(run, "{{.Restarts}} {{.Status}}") == "1 running" })
			s.must("stop", run)
			if got := s.field(run, "{{.Status}} {{.ExitStatus}} {{.Restarts}}"); got != "exited 143 1" {
				t.Errorf("after stop: %q", got)
			}
			// Between two runs.
			fail := "fail-" + policy
			s.detach("exit 5", "--name", fail, "--restart", policy)
			// The pauses double: the one after the fourth restart is long enough for
			// stop to come in it.
			s.until("it waits to be started again", func() bool {
				var restarts int
				var status string
				fmt.Sscan(s.field(fail, "{{.Restarts}} {{.Status}}"), &restarts, &status)
				return restarts >= 4 && status == "restarting"
			})
			s.must("stop", fail)
			if got := s.field(fail, "{{.Status}} {{.ExitStatus}}"); got != "exited 5" {
				t.Errorf("after stop: %q", got)
			}
		})
	}
	t.Cleanup(s.expectGone)
}

// TestMonitorIsKilled kills the monitor of a guest that goes on writing, and looks
// whether the next command puts another in its place.
func TestMonitorIsKilled(t *testing.T) {
	t.Parallel()
	forUsers(t, func(t *testing.T, s *site) {
		go1, go2 := s.work("go1"), s.work("go2")
		id := s.detach(fmt.Sprintf(`(setsid sh -c 'while :; do sleep 1000; done' &)
			echo before
			while ! [ -e %s ]; do sleep 0.01; done; echo while alone; : > %s.done
			while ! [ -e %s ]; do sleep 0.01; done; echo after; exit 6`, go1, go1, go2), "--name", "orphan")
		s.untilLog("orphan", "before")
		monitor := s.monitors()
		if len(monitor) != 1 {
			t.Fatalf("monitors %v, want one", monitor)
		}
		pid := s.field(id, "{{.Pid}}")
		unix.Kill(monitor[0], unix.SIGKILL)
		s.until("the monitor is gone", func() bool { return unix.Kill(monitor[0], 0) != nil || len(s.monitors()) == 0 })
		if err := os.WriteFile(go1, nil, 0o666); err != nil {
			t.Fatal(err)
		}
		s.until("the guest writes", func() bool { return len(s.glob("work/go1.done")) == 1 })

		// The first command that sees it.
		if got := s.must("ps", "--format", "{{.Name}} {{.Status}} {{.Supervised}} {{.Pid}}"); got != "orphan running true "+pid {
			t.Errorf("ps: %q", got)
		}
		if got := s.monitors(); len(got) != 1 || got[0] == monitor[0] {
			t.Errorf("monitors %v, want one that is not %v", got, monitor)
		}
		s.untilLog("orphan", "while alone")
		if err := os.WriteFile(go2, nil, 0o666); err != nil {
			t.Fatal(err)
		}
		if got := s.must("wait", "orphan"); got != "6" {
			t.Errorf("status %q, want 6", got)
		}
		s.expectGone()
		got := s.run("logs", "orphan")
		if got.stdout != "before\nwhile alone\nafter\n" || !strings.Contains(got.stderr, "another took over") {
			t.Errorf("logs: %+v", got)
		}
		if got := s.field("orphan", "{{.Problems}}"); !strings.Contains(got, "monitor was killed") {
			t.Errorf("problems: %q", got)
		}
	})
}

// TestMonitorIsKilledAndStopped has the instance stopped by the command that finds it
// orphaned, and one that has ended in the meantime found out.
func TestMonitorIsKilledAndStopped(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.detach(family, "--name", "a")
	s.detach("while ! [ -e "+s.work("end")+" ]; do sleep 0.01; done", "--name", "b")
	s.untilLog("a", "daemon\n")
	s.until("the daemon's child", func() bool { return strings.Contains(s.must("top", "a"), "└ sleep 1001") })
	for _, pid := range s.monitors() {
		unix.Kill(pid, unix.SIGKILL)
	}
	if err := os.WriteFile(s.work("end"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	before := len(s.survivors())
	s.must("stop", "a")
	s.until("b ends", func() bool { return len(s.survivors()) == 0 })
	if before < 5 {
		t.Errorf("%d processes survived the monitor, want 5 at least", before)
	}
	if got := s.must("ps", "--all", "--format", "{{.Name}} {{.Status}}"); got != "a exited\nb exited" {
		t.Errorf("ps --all: %q", got)
	}
	// The status of b is known only if it ended after its adoption.
	got := s.field("b", "{{if .ExitStatus}}{{.ExitStatus}}{{else}}{{.Problems}}{{end}}")
	if got != "0" && !strings.Contains(got, "exit status is not known") {
		t.Errorf("end of b: %q", got)
	}
}

// TestForegroundWalisupIsKilled leaves a guest that other commands still see.
func TestForegroundWalisupIsKilled(t *testing.T) {
	t.Parallel()
	forUsers(t, func(t *testing.T, s *site) {
		cmd := s.command("start", "--name", "front", filepath.Join(s.dir, "tools", "sh"), "-c",
			"(setsid sleep 1001 &) ; sleep 1002 & : > ready; wait")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		s.until("the script is ready", func() bool { return len(s.glob("work/ready")) > 0 })
		cmd.Process.Kill()
		cmd.Wait()
		if got := s.must("ps", "--format", "{{.Name}} {{.Status}} {{.Supervised}}"); got != "front running false" {
			t.Errorf("ps: %q", got)
		}
		if got := s.must("ps"); !strings.Contains(got, "running (unsupervised)") {
			t.Errorf("ps: %q", got)
		}
		s.must("stop", "front")
		s.expectGone()
		if got := s.must("ps", "-aq"); got != "" {
			t.Errorf("ps -aq: %q", got)
		}
	})
}

// TestCommandsAtOnce lets many commands loose on the same instances.
func TestCommandsAtOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	together := func(n int, args ...string) (succeeded int, all []answer) {
		var wait sync.WaitGroup
		all = make([]answer, n)
		for i := range n {
			wait.Go(func() { all[i] = s.run(args...) })
		}
		wait.Wait()
		for _, a := range all {
			if a.status == 0 {
				succeeded++
			}
		}
		return succeeded, all
	}
	const n = 8
	shell := filepath.Join(s.dir, "tools", "sh")
	// One name is given away once.
	if got, all := together(n, "start", "-d", "--name", "one", shell, "-c", "exec sleep 1000"); got != 1 {
		t.Errorf("%d of %d got the name: %+v", got, n, all)
	}
	if got, all := together(n, "stop", "one"); got != n {
		t.Errorf("%d of %d stops succeeded: %+v", got, n, all)
	}
	s.expectGone()
	if got, all := together(n, "rm", "one"); got != 1 {
		t.Errorf("%d of %d removed it: %+v", got, n, all)
	}
	// Lists while instances come and go.
	var wait sync.WaitGroup
	for range n {
		wait.Go(func() { s.must("start", "-d", "--rm", shell, "-c", "exit 0") })
		wait.Go(func() {
			if got := s.run("ps", "-a"); got.status != 0 || got.stderr != "" {
				t.Errorf("ps: %+v", got)
			}
		})
	}
	wait.Wait()
	s.until("all have removed themselves", func() bool { return s.must("ps", "-aq") == "" })
	s.until("their folders are gone", func() bool { return len(s.glob("run/walisup/*")) == 1 })
	if left := s.glob("run/walisup/names/*"); len(left) != 0 {
		t.Errorf("names left behind: %q", left)
	}
}

// TestWaitersOfARemovedInstance wait for one that removes itself at its end.
func TestWaitersOfARemovedInstance(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	end := s.work("end")
	id := s.detach("while ! [ -e "+end+" ]; do sleep 0.01; done; exit 4", "--rm")
	answers := make(chan answer, 3)
	for range cap(answers) {
		go func() { answers <- s.run("wait", id) }()
	}
	s.until("somebody waits", func() bool { return len(s.glob("run/walisup/*/waiters")) > 0 })
	s.until("all wait", func() bool {
		return len(processesWith("cmdline", "\x00wait\x00"+id+"\x00")) == cap(answers)
	})
	if err := os.WriteFile(end, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	known := 0
	for range cap(answers) {
		switch got := <-answers; {
		case got.status == 0 && got.stdout == "4\n":
			known++
		case !strings.Contains(got.stderr, "not known") && !strings.Contains(got.stderr, "no such instance"):
			t.Errorf("wait: %+v", got)
		}
	}
	if known == 0 {
		t.Error("nobody has got the exit status")
	}
	s.until("it is gone", func() bool { return len(s.glob("run/walisup/*")) == 1 })
}

// TestRecordOfAnEarlierBoot edits a record, as if the machine had been restarted.
func TestRecordOfAnEarlierBoot(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	age := func(id string) {
		t.Helper()
		file := filepath.Join(s.state(), id, "record.json")
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var record map[string]any
		if err := json.Unmarshal(text, &record); err != nil {
			t.Fatal(err)
		}
		record["boot_id"] = "00000000-0000-0000-0000-000000000000"
		text, err = json.Marshal(record)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, append(text, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	kept := s.detach("exec sleep 1000", "--name", "kept")
	removed := s.detach("exec sleep 1000", "--name", "removed", "--rm")
	unix.Kill(s.monitors()[0], unix.SIGSTOP) // it must not write the record again
	unix.Kill(s.monitors()[1], unix.SIGSTOP)
	age(kept)
	age(removed)
	if got := s.must("ps", "--all", "--format", "{{.Name}} {{.Status}} {{.Pid}} {{.Problems}}"); !strings.HasPrefix(got, "kept exited 0 [the machine was restarted") || strings.Contains(got, "removed") {
		t.Errorf("ps --all: %q", got)
	}
	if got := s.must("ps", "--all"); !strings.Contains(got, "exited (unknown)") {
		t.Errorf("ps --all: %q", got)
	}
	s.fails(125, "is not running", "kill", "kept") // whatever process has the number now
	if left := s.survivors(); len(left) != 2 {
		t.Errorf("processes %v, want both to be left alone", left)
	}
	s.must("rm", "kept")
}

// TestFullDisk has no space left for state and logs.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("mounts a small file system, which needs root")
	}
	s := newSite(t, nil)
	run := filepath.Join(s.dir, "run")
	if err := unix.Mount("none", run, "tmpfs", 0, "size=256k,mode=0700"); err != nil {
		t.Skipf("mount: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(run, unix.MNT_DETACH) })
	end := s.work("end")
	s.detach("echo first; while ! [ -e "+end+" ]; do sleep 0.01; done; seq 5000; echo last; exit 3", "--name", "full")
	s.untilLog("full", "first")
	ballast, err := os.Create(filepath.Join(run, "ballast"))
	if err != nil {
		t.Fatal(err)
	}
	defer ballast.Close()
	page := make([]byte, 4096)
	for err == nil {
		_, err = ballast.Write(page)
	}
	if pathErr, ok := err.(*os.PathError); !ok || pathErr.Err != syscall.ENOSPC {
		t.Fatalf("filling the disk: %v", err)
	}
	// Foreground guests do not need it.
	got := s.run("start", filepath.Join(s.dir, "tools", "sh"), "-c", "echo works; exit 2")
	if got.status != 2 || got.stdout != "works\n" || !strings.Contains(got.stderr, "not registered") {
		t.Errorf("foreground start: %+v", got)
	}
	s.fails(125, "no space left", "start", "-d", filepath.Join(s.dir, "tools", "true"))
	if err := os.WriteFile(end, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if got := s.must("wait", "full"); got != "3" {
		t.Errorf("status %q, want 3", got)
	}
	// The record tells that lines are missing or, if there was space again for the
	// last one, the log.
	logs := s.run("logs", "full")
	if !strings.HasPrefix(logs.stdout, "first") {
		t.Errorf("logs: %+v", logs)
	}
	if got := s.field("full", "{{.Problems}}") + logs.stderr; !strings.Contains(got, "lost: ") || !strings.Contains(got, "no space left") {
		t.Errorf("nobody tells of lost lines: %q", got)
	}
	s.must("rm", "full")
}

// TestLogRotation keeps the newest lines, and a follower sees all.
func TestLogRotation(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	const lines = 20000
	end := s.work("end")
	s.detach(fmt.Sprintf("while ! [ -e %s ]; do sleep 0.01; done; i=0; while [ $i -lt %d ]; do seq $((i+1)) $((i+1000)); i=$((i+1000)); sleep 0.02; done", end, lines),
		"--name", "much", "--log-size", "64k", "--log-files", "3")
	follower := make(chan answer, 1)
	go func() {
		defer close(follower)
		follower <- s.run("logs", "--follow", "much")
	}()
	s.until("it is followed", func() bool { return len(processesWith("cmdline", "\x00logs\x00--follow\x00much\x00")) == 1 })
	if err := os.WriteFile(end, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for n := range lines {
		want.WriteString(strconv.Itoa(n+1) + "\n")
	}
	if got := <-follower; got.stdout != want.String() {
		t.Errorf("the follower has got %d bytes, want %d: %s", len(got.stdout), want.Len(), difference(want.String(), got.stdout))
	}
	left := s.must("logs", "much") + "\n"
	// It may begin within a line: what was read at once goes into one file.
	if !strings.HasSuffix(want.String(), left) || len(left) < 10000 {
		t.Errorf("%d bytes are left, and are not the end of it", len(left))
	}
	if got := s.must("logs", "--tail", "2", "much"); got != "19999\n20000" {
		t.Errorf("--tail 2: %q", got)
	}
	if got := s.must("logs", "--since", "1h", "--until", "2026-01-01", "much"); got != "" {
		t.Errorf("--until long ago: %q", got)
	}
	if files := s.glob("run/walisup/*/log.*"); len(files) != 3 {
		t.Errorf("files of the log: %q", files)
	}
}

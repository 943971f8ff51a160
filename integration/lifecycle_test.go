package integration

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The tests of this file have guests that are assembled here: what is tested is
// around them.

// forTinyUsers is forUsers for sites without commands.
func forTinyUsers(t *testing.T, test func(t *testing.T, s *site)) {
	t.Helper()
	if os.Geteuid() != 0 {
		test(t, newTinySite(t))
		return
	}
	t.Run("root", func(t *testing.T) {
		t.Parallel()
		test(t, newTinySite(t))
	})
	t.Run("nobody", func(t *testing.T) {
		t.Parallel()
		test(t, newSiteWith(t, &syscall.Credential{Uid: nobody, Gid: nobody}, nil))
	})
}

// sleeper is a guest that sleeps.
func (s *site) sleeper() string {
	return s.build("sleeper", func(b *tiny) { b.print(1, "ready\n").forever(func() { b.sleep(time.Hour) }) })
}

// failer is a guest that ends at once, with status 1.
func (s *site) failer() string {
	return s.build("failer", func(b *tiny) { b.exit(1) })
}

// TestLifeWithoutCommands goes through the life of an instance.
func TestLifeWithoutCommands(t *testing.T) {
	t.Parallel()
	forTinyUsers(t, func(t *testing.T, s *site) {
		guest := s.build("guest", func(b *tiny) {
			b.print(1, "out\n").print(2, "err\n")
			b.handle(int(unix.SIGTERM), func() { b.print(1, "stopped\n").exit(7) })
			b.print(1, "ready\n").forever(func() { b.sleep(time.Hour) })
		})
		id := s.must("start", "-d", "--name", "a", "--pid-file", s.work("pid"), guest)
		s.untilLog("a", "ready")
		pid, err := os.ReadFile(s.work("pid"))
		if got := s.field(id, "{{.Name}} {{.Status}} {{.Pid}}"); err != nil || got != "a running "+strings.TrimSpace(string(pid)) {
			t.Errorf("inspect: %q, pid file %q, %v", got, pid, err)
		}
		s.must("pause", "a")
		if got := s.field("a", "{{.Status}}"); got != "paused" {
			t.Errorf("status %q, want paused", got)
		}
		s.must("stop", "a")
		s.expectGone()
		if got := s.field("a", "{{.Status}} {{.ExitStatus}} {{.Restarts}} {{.Problems}}"); got != "exited 7 0 []" {
			t.Errorf("after stop: %q", got)
		}
		if got := s.run("logs", "a"); got.stdout != "out\nready\nstopped\n" || got.stderr != "err\n" {
			t.Errorf("logs: %+v", got)
		}
		if got := s.must("wait", "a"); got != "7" {
			t.Errorf("wait: %q", got)
		}
		if left := s.glob("work/*pid*"); len(left) != 0 {
			t.Errorf("left: %q", left)
		}
		s.must("rm", "a")
		if left := s.glob("run/walisup/*"); len(left) != 1 {
			t.Errorf("rm has left %q", left)
		}
	})
}

// TestStopMeetsRestart stops instances that are started again and again at points
// all over their lives.
func TestStopMeetsRestart(t *testing.T) {
	t.Parallel()
	forTinyUsers(t, func(t *testing.T, s *site) {
		// Its first run fails at once, further ones live. It takes no notice of SIGTERM's
		// kind: a stop that had no effect would take its full timeout.
		guest := s.build("guest", func(b *tiny) {
			b.succeeds("openat", b.create("ran"), func() { b.exit(1) }).forever(func() { b.sleep(time.Hour) })
		})
		failer := s.failer()
		commands := [][]string{{"stop", "-t", "60"}, {"rm", "-f"}, {"stop", "-t", "0"}}
		var wait sync.WaitGroup
		for n := range 48 {
			module := guest
			if n%3 == 2 {
				module = failer
			}
			name, command := "race"+strconv.Itoa(n), commands[n%len(commands)]
			dir := s.work(name)
			if err := os.Mkdir(dir, 0o777); err != nil {
				t.Fatal(err)
			}
			os.Chmod(dir, 0o777)
			s.must("start", "-d", "--name", name, "--restart", "on-failure", "--workdir", dir, module)
			wait.Go(func() {
				time.Sleep(60*time.Millisecond + time.Duration(rand.IntN(80))*time.Millisecond) // the pause ends within
				begun := time.Now()
				if n%8 == 0 { // another one at the same time
					wait.Go(func() { s.run("stop", name) })
				}
				if got := s.run(append(command, name)...); got.status != 0 {
					t.Errorf("%v %s: %+v", command, name, got)
				}
				if took := time.Since(begun); took > 30*time.Second {
					t.Errorf("%v %s took %v", command, name, took)
				}
			})
			if n%8 == 7 {
				wait.Wait()
			}
		}
		wait.Wait()
		if got := s.must("ps", "-q"); got != "" {
			t.Errorf("after all were stopped there are %q", got)
		}
		s.expectGone()
		s.until("no monitor is left", func() bool { return len(s.monitors()) == 0 })
		s.must("rm", "--all")
	})
}

// TestStopMeetsFirstStart stops instances that are just being started.
func TestStopMeetsFirstStart(t *testing.T) {
	t.Parallel()
	s := newTinySite(t)
	guest := s.sleeper()
	s.must("compile", guest)
	for n := range 8 {
		name := "first" + strconv.Itoa(n)
		started := make(chan answer, 1)
		go func() { started <- s.run("start", "-d", "--name", name, guest) }()
		var stopped answer
		s.until("there is something to stop", func() bool {
			stopped = s.run("stop", "-t", "60", name)
			return stopped.status == 0
		})
		if got := <-started; got.status != 0 && !strings.Contains(got.stderr, "was stopped before it ran") {
			t.Errorf("start: %+v", got)
		}
		s.expectGone()
		s.run("rm", name)
	}
	if left := s.glob("run/walisup/*"); len(left) != 1 {
		t.Errorf("left: %q", left)
	}
}

// TestMonitorIsKilledInThePause expects the next command to go on with the restarts, or
// to stop them.
func TestMonitorIsKilledInThePause(t *testing.T) {
	t.Parallel()
	s := newTinySite(t)
	guest := s.build("guest", func(b *tiny) {
		b.succeeds("openat", b.create("go"), func() { b.call("unlinkat", number(-100), b.path("go"), number(0)).exit(1) })
		b.print(1, "on\n").forever(func() { b.sleep(time.Hour) })
	})
	for _, name := range []string{"on", "stopped"} {
		dir := s.work(name)
		if err := os.Mkdir(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		s.must("start", "-d", "--name", name, "--restart", "always", "--workdir", dir, guest)
		s.until("it waits long enough", func() bool {
			var restarts int
			var status string
			fmt.Sscan(s.field(name, "{{.Restarts}} {{.Status}}"), &restarts, &status)
			return restarts >= 3 && status == "restarting"
		})
		monitor := s.monitors()
		if len(monitor) == 0 {
			t.Fatal("no monitor")
		}
		for _, pid := range monitor {
			unix.Kill(pid, unix.SIGKILL)
		}
		s.until("the monitor is gone", func() bool { return len(s.monitors()) == 0 })
		if name == "stopped" {
			s.must("stop", name)
			if got := s.field(name, "{{.Status}} {{.ExitStatus}}"); got != "exited 1" {
				t.Errorf("after stop: %q", got)
			}
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, "go"), nil, 0o666); err != nil {
			t.Fatal(err)
		}
		s.untilLog(name, "on\n")
		s.must("rm", "-f", name)
	}
	s.expectGone()
}

// TestWaitersReplaceAKilledMonitor has commands that were there before.
func TestWaitersReplaceAKilledMonitor(t *testing.T) {
	t.Parallel()
	s := newTinySite(t)
	guest := s.build("guest", func(b *tiny) {
		b.print(1, "before\n").await("go").print(1, "after\n").exit(6)
	})
	for _, command := range [][]string{{"wait", "a"}, {"logs", "-f", "a"}} {
		s.must("start", "-d", "--name", "a", guest)
		s.untilLog("a", "before")
		waiting := make(chan answer, 1)
		go func() { waiting <- s.run(command...) }()
		s.until("it waits", func() bool {
			return len(processesWith("cmdline", "\x00"+strings.Join(command, "\x00")+"\x00")) == 1 && len(s.glob("run/walisup/*/waiters")) == 1
		})
		old := s.monitors()
		for _, pid := range old {
			unix.Kill(pid, unix.SIGKILL)
		}
		s.until("there is another", func() bool {
			now := s.monitors()
			return len(now) == 1 && now[0] != old[0] && slices.ContainsFunc(s.glob("run/walisup/*/log.*"), func(file string) bool {
				text, _ := os.ReadFile(file)
				return bytes.Contains(text, []byte("another took over"))
			})
		})
		if err := os.WriteFile(s.work("go"), nil, 0o666); err != nil {
			t.Fatal(err)
		}
		want := "6\n"
		if command[0] == "logs" {
			want = "before\nafter\n"
		}
		if got := <-waiting; got.status != 0 || got.stdout != want {
			t.Errorf("%v: %+v, want %q", command, got, want)
		}
		s.must("rm", "a")
		os.Remove(s.work("go"))
	}
}

// TestStopWhereNothingCanBeWritten stops an instance whose directory can no longer be
// written to, or is on a disk that is full.
func TestStopWhereNothingCanBeWritten(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("mounts a small file system, which needs root")
	}
	for _, how := range []string{"forbidden", "full"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			s := newSiteWith(t, &syscall.Credential{Uid: nobody, Gid: nobody}, nil)
			run := filepath.Join(s.dir, "run")
			if err := unix.Mount("none", run, "tmpfs", 0, "size=128k,mode=0700,uid=65534,gid=65534"); err != nil {
				t.Skipf("mount: %v", err)
			}
			t.Cleanup(func() { unix.Unmount(run, unix.MNT_DETACH) })
			guest := s.build("guest", func(b *tiny) { b.print(1, "ready\n").forever(func() { b.sleep(time.Hour) }) })
			s.must("start", "-d", "--name", "a", "--restart", "always", guest)
			s.untilLog("a", "ready")
			s.must("start", "-d", "--name", "b", "--restart", "always", s.failer())
			if how == "full" {
				file, err := os.Create(filepath.Join(run, "ballast"))
				for page := make([]byte, 4096); err == nil; {
					_, err = file.Write(page)
				}
				file.Close()
			} else {
				for _, dir := range s.glob("run/walisup/????????????????????????????????") {
					if err := os.Chmod(dir, 0o500); err != nil {
						t.Fatal(err)
					}
				}
			}
			for _, name := range []string{"a", "b"} {
				begun := time.Now()
				got := s.run("stop", "-t", "60", name)
				if took := time.Since(begun); took > 30*time.Second {
					t.Errorf("stop %s took %v", name, took)
				}
				if how == "full" && got.status != 0 {
					t.Errorf("stop %s: %+v", name, got)
				}
			}
			s.expectGone()
			s.until("no monitor is left", func() bool { return len(s.monitors()) == 0 })
		})
	}
}

package integration

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"walisup/ipc/channel"
	"walisup/supervisor/proctree"
)

// pidIn reads a pid that a guest has written to a file in its working directory.
func (s *site) pidIn(name string) int {
	s.t.Helper()
	pid := 0
	s.until("pid in "+name, func() bool {
		data, _ := os.ReadFile(s.work(name))
		text, whole := strings.CutSuffix(string(data), "\n")
		pid, _ = strconv.Atoi(text)
		return whole
	})
	return pid
}

// openChannel opens the channel of the instance that process pid belongs to, its
// supervisor or a helper.
func openChannel(t *testing.T, pid int) *channel.Channel {
	t.Helper()
	fd, err := channel.Find(pid)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	c, err := channel.Map(fd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// inTable returns what the table says of a process: nil if nothing.
func inTable(t *testing.T, c *channel.Channel, supervisor, pid int) *proctree.Process {
	t.Helper()
	snapshot := proctree.TakeSnapshot(c, supervisor)
	if snapshot.Damage != nil {
		t.Errorf("channel: %v", snapshot.Damage)
	}
	for i := range snapshot.Processes {
		if p := &snapshot.Processes[i]; p.PID == pid {
			return p
		}
	}
	return nil
}

// TestTreeKnowsHowProcessesEnd: whoever waits for a process or nobody, and whatever
// it says of itself, the table holds its parent, its module and its wait status.
func TestTreeKnowsHowProcessesEnd(t *testing.T) {
	t.Parallel()
	forUsers(t, func(t *testing.T, s *site) {
		id := s.detach(`
			echo $$ >main
			sh -c 'echo $$ >exits; exit 3'
			sh -c 'echo $$ >dies; kill -TERM $$'
			(setsid sh -c 'echo $$ >daemon; exec sleep 1000' &)
			sh -c 'echo $$ >careless; trap "" CHLD; sleep 1000 & echo $! >unseen; exec sleep 1001' &
			sh -c 'echo $$ >lazy; sleep 1000 & echo $! >zombie; exec sleep 1001' &
			wait`)
		monitor, err := strconv.Atoi(s.field(id, "{{.Monitor}}"))
		if err != nil {
			t.Fatal(err)
		}
		c := openChannel(t, monitor)
		first := s.pidIn("main")
		kill := func(name string) int {
			pid := s.pidIn(name)
			s.until(name+" sleeps", func() bool {
				p := inTable(t, c, monitor, pid)
				return p != nil && p.Name == "sleep"
			})
			unix.Kill(pid, unix.SIGKILL)
			return pid
		}
		cases := []struct {
			name, end string
			pid       int
			status    unix.WaitStatus
			source    channel.Source // or better
		}{
			{"exits", "waited for by its parent", s.pidIn("exits"), 3 << 8, channel.Parent},
			{"dies", "killed and waited for by its parent", s.pidIn("dies"), unix.WaitStatus(unix.SIGTERM), channel.Parent},
			{"daemon", "a daemon, killed", kill("daemon"), unix.WaitStatus(unix.SIGKILL), channel.Kernel},
			{"unseen", "killed, with a parent that ignores it", kill("unseen"), unix.WaitStatus(unix.SIGKILL), channel.Connector},
			{"zombie", "killed, with a parent that never waits", kill("zombie"), unix.WaitStatus(unix.SIGKILL), channel.Connector},
		}
		for _, test := range cases {
			var p *proctree.Process
			s.until("end of "+test.name, func() bool {
				p = inTable(t, c, monitor, test.pid)
				return p != nil && p.Source >= test.source
			})
			if p.Status != test.status || p.Alive() || p.Creator == 0 || p.Native || !strings.HasSuffix(p.Module, "/busybox") {
				t.Errorf("%s: %+v, want status %#x", test.end, p, test.status)
			}
		}
		for _, name := range []string{"careless", "lazy"} {
			if p := inTable(t, c, monitor, s.pidIn(name)); p == nil || p.Parent != first || p.Creator != first || !p.Alive() || p.Start == 0 {
				t.Errorf("%s: %+v, want a living child of %d", name, p, first)
			}
		}
		s.must("stop", "--time", "0", id)
		s.expectGone()
	})
}

// TestNothingOutlivesForegroundWalisup: however it has daemonised.
func TestNothingOutlivesForegroundWalisup(t *testing.T) {
	t.Parallel()
	cases := map[string]string{
		"background job":      `sleep 1000 & echo $$ >ready`,
		"deaf to signals":     `(trap "" TERM HUP INT; echo $$ >ready; while :; do sleep 1000; done) &`,
		"sessions of its own": `setsid sh -c 'setsid sleep 1000 & setsid sleep 1000 & echo $$ >ready' &`,
		"stopped":             `sh -c 'echo $$ >ready; kill -STOP $$' &`,
		// Each process makes the next and ends.
		"always another": `f() { echo $$ >ready; f & }; f`,
	}
	for name, script := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			forUsers(t, func(t *testing.T, s *site) {
				script := script + "\nwhile ! cat ready >/dev/null; do :; done 2>/dev/null; exit 5"
				if got := s.run("start", filepath.Join(s.dir, "tools", "sh"), "-c", script); got.status != 5 {
					t.Errorf("%+v, want status 5", got)
				}
				s.expectGone()
			})
		})
	}
}

// TestTreeWithoutSupervisor: when walisup is killed the guests go on, and their
// channel still tells who they are.
func TestTreeWithoutSupervisor(t *testing.T) {
	t.Parallel()
	forUsers(t, func(t *testing.T, s *site) {
		cmd := s.command("start", filepath.Join(s.dir, "tools", "sh"), "-c", `
			(setsid sh -c 'echo $$ >daemon; exec sleep 1000' &)
			sh -c 'echo $$ >go; read go; exit 3'; echo $$ >status; exec sleep 1000`)
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer cmd.Wait()
		daemon, child := s.pidIn("daemon"), s.pidIn("go")
		c := openChannel(t, cmd.Process.Pid)
		cmd.Process.Kill()
		s.until("walisup is gone", func() bool {
			return inTable(t, c, 0, daemon) != nil && inTable(t, c, 0, daemon).Parent != cmd.Process.Pid
		})
		stdin.Write([]byte("\n"))
		main := s.pidIn("status")
		s.until("all is in the table", func() bool {
			a, b, d := inTable(t, c, 0, main), inTable(t, c, 0, child), inTable(t, c, 0, daemon)
			return a != nil && a.Alive() && a.Name == "sleep" && d != nil && d.Alive() && d.Name == "sleep" &&
				b != nil && !b.Alive() && b.Status == 3<<8 && b.Source == channel.Parent
		})
	})
}

// isHere reports whether a process belongs to the site, so that no other is killed that
// has got its number since.
func (s *site) isHere(pid int) bool {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	return strings.Contains(string(data), "SITE="+s.dir+"\x00")
}

// TestTreeHammer kills processes of an instance at any moment. The channel must come
// to no harm, and the table must know who lives.
func TestTreeHammer(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	cmd := s.command("start", filepath.Join(s.dir, "tools", "sh"), "-c", `
		echo $$ >main
		for i in 1 2 3; do
			while :; do (sh -c : & (sleep 1000 & :); sleep 1000 & sh -c 'sleep 1000 & :'; kill -9 $!); done &
		done 2>/dev/null
		echo ready
		read end
		exit 5`)
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
	expectLine(t, bufio.NewReader(stdout), "ready")
	supervisor := cmd.Process.Pid
	main := s.pidIn("main")
	c := openChannel(t, supervisor)
	killed := 0
	var slots []channel.Slot
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); {
		if slots, err = c.Slots(slots[:0]); err != nil {
			t.Fatalf("channel: %v", err)
		}
		rand.Shuffle(len(slots), func(a, b int) { slots[a], slots[b] = slots[b], slots[a] })
		for _, slot := range slots[:len(slots)/2] {
			// The loops themselves are the main process's children.
			if slot.State == channel.Live && slot.PID != main && slot.Creator != main && s.isHere(slot.PID) {
				unix.Kill(slot.PID, unix.SIGKILL)
				killed++
			}
		}
	}
	t.Logf("%d killed; %d slots missing, %d overwritten", killed, c.Unlisted(), c.Overwritten())
	if p := inTable(t, c, supervisor, main); p == nil || !p.Alive() || killed == 0 {
		t.Errorf("main process: %+v; %d others killed", p, killed)
	}
	fmt.Fprintln(stdin)
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 5 {
		t.Errorf("walisup: %v, want status 5", err)
	}
	s.expectGone()
	if slots, err = c.Slots(slots[:0]); err != nil {
		t.Errorf("channel: %v", err)
	}
	for _, slot := range slots {
		if slot.State == channel.Live {
			t.Errorf("said to live: %+v", slot)
		}
	}
}

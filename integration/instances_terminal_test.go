package integration

import (
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// attach runs walisup attach in a terminal of its own.
func (s *site) attach(args ...string) *terminal {
	s.t.Helper()
	argv := append([]string{filepath.Join(s.dir, "bin", "walisup"), "attach"}, args...)
	if s.user != nil {
		argv = append([]string{"setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"}, argv...)
	}
	return newTerminal(s.t, argv, s.environ()...)
}

// TestAttach uses a shell in a detached terminal, leaves it and comes back.
func TestAttach(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("setpriv"); err != nil {
		t.Skip("setpriv is missing")
	}
	forUsers(t, func(t *testing.T, s *site) {
		sh := filepath.Join(s.dir, "tools", "sh")
		s.must("start", "-d", "-t", "--name", "shell", "--env", "PS1=READY> ", "--env", "TERM=dumb", sh, "-i")
		s.fails(125, "was not started with", "attach", s.must("start", "-d", sh, "-c", "exec sleep 1000"))
		first := s.attach("shell")
		first.expect(`READY> $`) // what was written before
		first.send("echo $((6 * 7)); tty >/dev/null || echo none; echo on $((1+1)) lines\n")
		first.expect(`\n42\n(.*\n)*on 2 lines\nREADY> $`)
		// Keys go to the guest's process group: ^C ends the sleep and not the shell.
		first.send("sleep 1000; echo status $?\n")
		first.expect(`sleep 1000; echo status \$\?\n`)
		s.until("it sleeps", func() bool { return strings.Contains(s.must("top", "shell"), "└ sleep 1000") })
		first.send("\x03")
		first.expect(`READY> $`)
		// The size of the window, and what becomes of it.
		unix.IoctlSetWinsize(first.master, unix.TIOCSWINSZ, &unix.Winsize{Row: 33, Col: 111})
		s.until("the guest's terminal has it", func() bool {
			first.send("stty size\n")
			// The shell may write its prompt again, amid the echo, for the signal.
			first.expect(`(?s)\n([0-9]+ [0-9]+)\n.*READY> $`)
			return first.matched == "33 111"
		})
		first.send("x=5\n")
		first.expect(`READY> $`)
		first.send("\x10\x11")
		if status := first.wait(); status != 0 {
			t.Errorf("status after the detach keys: %d", status)
		}
		if got := s.must("ps", "--format", "{{.Name}} {{.Status}}"); !strings.Contains(got, "shell running") {
			t.Errorf("after the detach keys: %q", got)
		}
		// Two at a time see the same.
		second, third := s.attach("shell"), s.attach("--detach-keys", "ctrl-a,x", "shell")
		second.expect(`READY> $`)
		third.expect(`READY> $`)
		second.send("echo x is $x\n")
		second.expect(`\nx is 5\nREADY> $`)
		third.expect(`\nx is 5\nREADY> $`)
		third.send("\x01x")
		if status := third.wait(); status != 0 {
			t.Errorf("status after own detach keys: %d", status)
		}
		second.send("exit 9\n")
		if status := second.wait(); status != 9 {
			t.Errorf("status after the end: %d, want 9", status)
		}
		if got := s.must("logs", "shell"); !strings.Contains(got, "x is 5\r\n") {
			t.Errorf("logs: %q", got)
		}
		s.fails(125, "is not running", "attach", "shell")
		s.must("stop", "--all", "--time", "0")
		s.expectGone()
	})
}

// TestAttachWithoutTerminal feeds a detached terminal from a pipe.
func TestAttachWithoutTerminal(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.must("start", "-d", "-t", "--name", "cat", filepath.Join(s.dir, "tools", "sh"), "-c", "read a; read b; echo \"[$a $b]\"; seq 2000; exit 3")
	cmd := s.command("attach", "cat")
	cmd.Stdin = strings.NewReader("one\ntwo\n")
	var out strings.Builder
	cmd.Stdout = &out
	if status := runBounded(t, cmd); status != 3 || !strings.Contains(out.String(), "[one two]\r\n1\r\n2\r\n") ||
		!strings.HasSuffix(out.String(), "\r\n1999\r\n2000\r\n") {
		t.Errorf("status %d, %d bytes of output %s", status, out.Len(), shorten(out.String()))
	}
}

// TestTerminalIsRestored looks at the settings after attach has ended by a signal.
func TestTerminalIsRestored(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.must("start", "-d", "-t", "--name", "cat", filepath.Join(s.dir, "tools", "cat"))
	term := s.attach("cat")
	settings := func() uint32 {
		t.Helper()
		termios, err := unix.IoctlGetTermios(term.master, unix.TCGETS)
		if err != nil {
			t.Fatal(err)
		}
		return termios.Lflag & (unix.ECHO | unix.ICANON | unix.ISIG)
	}
	s.until("the terminal is raw", func() bool { return settings() == 0 })
	term.cmd.Process.Signal(syscall.SIGTERM)
	if status := term.wait(); status != 128+int(unix.SIGTERM) {
		t.Errorf("status %d", status)
	}
	if settings() != unix.ECHO|unix.ICANON|unix.ISIG {
		t.Errorf("the terminal is left raw: %#x", settings())
	}
	s.must("rm", "-f", "cat")
}

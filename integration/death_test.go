package integration

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// dying is a guest that ends by a signal, whatever it has inherited.
func (s *site) dying(sig int) string {
	return s.build(fmt.Sprintf("dying%d", sig), func(b *tiny) {
		if sig != int(unix.SIGKILL) {
			b.disposition(sig, 0)
			set := make([]byte, 8)
			set[(sig-1)/8] = 1 << ((sig - 1) % 8)
			b.call("rt_sigprocmask", number(1), b.constant(string(set)), number(0), number(8)) // SIG_UNBLOCK
		}
		b.raise(sig).exit(5)
	})
}

// TestWalisupDiesOfTheGuestsSignal compares with what a parent would see of a native
// program.
func TestWalisupDiesOfTheGuestsSignal(t *testing.T) {
	t.Parallel()
	s := newTinySite(t)
	for _, sig := range []unix.Signal{
		unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGABRT, unix.SIGKILL, unix.SIGUSR1, unix.SIGUSR2, unix.SIGPIPE,
		unix.SIGALRM, unix.SIGTERM, unix.SIGXCPU, unix.SIGXFSZ, unix.SIGVTALRM, unix.SIGIO, unix.SIGPWR, unix.SIGSYS,
		unix.SIGSEGV, unix.SIGBUS, unix.SIGFPE, unix.SIGILL, unix.SIGTRAP, 34, 64,
	} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			s := s.in(t)
			module := s.dying(int(sig))
			// Ignored or blocked by whoever starts walisup: a shell sets up what it inherits.
			for _, prefix := range [][]string{nil, {"--ignore-signal=%d"}, {"--block-signal=%d"}} {
				if len(prefix) > 0 && (sig == unix.SIGKILL || sig >= 32) {
					continue
				}
				start := s.command("start", module)
				words := []string{"env"}
				for _, word := range prefix {
					words = append(words, fmt.Sprintf(word, int(sig)))
				}
				dir := t.TempDir()
				cmd := exec.Command("sh", append(append([]string{"-c", `ulimit -c unlimited; exec "$@"`, "sh"}, words...), start.Args...)...)
				cmd.Env, cmd.Dir = append(start.Env, "PATH=/usr/bin:/bin"), dir
				runBounded(t, cmd)
				ws := cmd.ProcessState.Sys().(syscall.WaitStatus)
				if !ws.Signaled() || ws.Signal() != sig || ws.CoreDump() {
					t.Errorf("%v: walisup ended with %v (core dump %v), want signal %v", prefix, cmd.ProcessState, ws.CoreDump(), sig)
				}
			}
		})
	}
}

// TestWaitTellsSignals shows how instances ended by a signal are told of.
func TestWaitTellsSignals(t *testing.T) {
	t.Parallel()
	s := newTinySite(t)
	s.must("start", "-d", "--name", "a", s.dying(int(unix.SIGUSR1)))
	if got := s.must("wait", "a"); got != "138" {
		t.Errorf("wait: %q, want 138", got)
	}
	if got := s.field("a", "{{.ExitStatus}} {{.ExitSignal}}"); got != "138 SIGUSR1" {
		t.Errorf("inspect: %q", got)
	}
	s.must("start", "-d", "--name", "b", s.build("exits", func(b *tiny) { b.exit(138) }))
	s.must("wait", "b")
	if got := s.field("b", "{{.ExitStatus}} [{{.ExitSignal}}]"); got != "138 []" {
		t.Errorf("inspect: %q", got)
	}
}

// TestExecAndAttachDieOfTheGuestsSignal are the other commands that stand in for a guest.
func TestExecAndAttachDieOfTheGuestsSignal(t *testing.T) {
	t.Parallel()
	s := newTinySite(t)
	guest := s.build("guest", func(b *tiny) {
		b.handle(int(unix.SIGUSR1), func() { b.print(1, "here\n") }).print(1, "ready\n").forever(func() { b.sleep(time.Hour) })
	})
	s.must("start", "-d", "-t", "--name", "a", guest)
	s.untilLog("a", "ready")
	module := s.dying(int(unix.SIGUSR1))
	cmd := s.command("exec", "a", module)
	runBounded(t, cmd)
	if ws := cmd.ProcessState.Sys().(syscall.WaitStatus); !ws.Signaled() || ws.Signal() != unix.SIGUSR1 {
		t.Errorf("exec ended with %v", cmd.ProcessState)
	}
	attached := s.command("attach", "a")
	out, err := attached.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := attached.Start(); err != nil {
		t.Fatal(err)
	}
	first := make(chan string, 1)
	go func() {
		buffer := make([]byte, 100)
		n, _ := out.Read(buffer)
		first <- string(buffer[:n])
		io.Copy(io.Discard, out)
	}()
	s.until("it is attached", func() bool {
		s.must("kill", "-s", "USR1", "a")
		return len(first) > 0
	})
	s.must("kill", "-s", "USR2", "a")
	attached.Wait()
	if ws := attached.ProcessState.Sys().(syscall.WaitStatus); !ws.Signaled() || ws.Signal() != unix.SIGUSR2 {
		t.Errorf("attach ended with %v", attached.ProcessState)
	}
}

// TestFirstProcessOfNamespaceExits cannot die of a signal that it does not handle.
func TestFirstProcessOfNamespaceExits(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("makes a pid namespace, which needs root")
	}
	s := newTinySite(t)
	start := s.command("start", s.dying(int(unix.SIGTERM)))
	cmd := exec.Command("unshare", append([]string{"--pid", "--fork", "--mount-proc"}, start.Args...)...)
	cmd.Env, cmd.Dir = start.Env, start.Dir
	if status := runBounded(t, cmd); status != 143 || !cmd.ProcessState.Exited() {
		t.Errorf("ended with %v, want status 143", cmd.ProcessState)
	}
}

// TestInterruptEndsTheShellsLoop types ^C at a shell that starts a guest again and again.
func TestInterruptEndsTheShellsLoop(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"bash", "dash"} {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			path, err := exec.LookPath(shell)
			if err != nil {
				t.Skip(shell + " is missing")
			}
			s := newTinySite(t)
			loop := fmt.Sprintf(`while :; do %s start %s; echo "again $?"; done`, filepath.Join(s.dir, "bin", "walisup"), s.sleeper())
			term := newTerminal(t, []string{path, "-c", loop}, s.environ()...)
			term.expect("ready")
			term.send("\x03")
			done := make(chan struct{})
			go func() {
				defer close(done)
				term.wait()
			}()
			select {
			case <-done:
			case <-time.After(patience / 4):
				t.Fatal("the loop goes on")
			}
			if ws := term.cmd.ProcessState.Sys().(syscall.WaitStatus); !ws.Signaled() || ws.Signal() != unix.SIGINT {
				t.Errorf("the shell ended with %v", term.cmd.ProcessState)
			}
			if strings.Contains(term.unread, "again") {
				t.Errorf("the shell went on: %q", term.unread)
			}
			s.expectGone()
		})
	}
}

// TestInterruptIsNeverLost types ^C at all times of a guest's start.
func TestInterruptIsNeverLost(t *testing.T) {
	t.Parallel()
	s := newTinySite(t)
	guest := s.build("silent", func(b *tiny) { b.forever(func() { b.sleep(time.Hour) }) })
	s.must("compile", guest)
	for n := range 30 {
		term := newTerminal(t, []string{filepath.Join(s.dir, "bin", "walisup"), "start", guest}, s.environ()...)
		// Before it has the terminal there is nobody to interrupt.
		s.until("it is in the foreground", func() bool {
			group, err := unix.IoctlGetInt(term.master, unix.TIOCGPGRP)
			return err == nil && group == term.cmd.Process.Pid
		})
		time.Sleep(time.Duration(n) * time.Millisecond)
		term.send("\x03")
		term.wait()
		if ws := term.cmd.ProcessState.Sys().(syscall.WaitStatus); !ws.Signaled() || ws.Signal() != unix.SIGINT {
			t.Errorf("after %d ms walisup ended with %v", n, term.cmd.ProcessState)
		}
	}
	s.expectGone()
}

// TestInterruptEndsALoopOfShortGuests types ^C while guests begin and end. One that comes
// when a guest has just ended may be lost, as one that comes before a shell has waited
// for a native program.
func TestInterruptEndsALoopOfShortGuests(t *testing.T) {
	t.Parallel()
	s := newTinySite(t)
	guest := s.build("short", func(b *tiny) { b.print(1, "x").exit(0) })
	loop := fmt.Sprintf(`while :; do %s start --name a %s || exit; done`, filepath.Join(s.dir, "bin", "walisup"), guest)
	for n := range 4 {
		term := newTerminal(t, []string{"/bin/bash", "-c", loop}, s.environ()...)
		term.expect("xx")
		time.Sleep(time.Duration(7*n) * time.Millisecond)
		done := make(chan struct{})
		go func() {
			defer close(done)
			term.wait()
		}()
		for tries := 0; ; tries++ {
			unix.Write(term.master, []byte("\x03"))
			select {
			case <-done:
			case <-time.After(patience / 60):
				if tries < 10 {
					continue
				}
				t.Fatal("the loop goes on")
			}
			break
		}
		if ws := term.cmd.ProcessState.Sys().(syscall.WaitStatus); !ws.Signaled() || ws.Signal() != unix.SIGINT {
			t.Errorf("the shell ended with %v", term.cmd.ProcessState)
		}
		if left := s.glob("run/walisup/*"); len(left) > 1 {
			s.must("ps") // a walisup that was killed before it could tidy up
		}
	}
	s.expectGone()
}

// TestSignalToTheParentEndsAtWalisup has a guest signal its parent, which walisup is.
func TestSignalToTheParentEndsAtWalisup(t *testing.T) {
	t.Parallel()
	s := newTinySite(t)
	module := s.build("parent", func(b *tiny) {
		b.handle(int(unix.SIGUSR1), func() { b.print(1, "it came back\n") })
		b.call("kill", result("getppid"), number(int(unix.SIGUSR1))).sleep(50 * time.Millisecond).exit(6)
	})
	if got := s.run("start", module); got.status != 6 || got.stdout != "" || got.stderr != "" {
		t.Errorf("%+v, want status 6", got)
	}
}

package integration

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// watched is a running stand-in whose lines a test reads.
type watched struct {
	cmd   *exec.Cmd
	lines *bufio.Reader
}

// watch starts cmd with its output, unless that is set, in a pipe.
func watch(t *testing.T, cmd *exec.Cmd) watched {
	t.Helper()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			unix.Kill(cmd.Process.Pid, unix.SIGCONT)
			unix.Kill(cmd.Process.Pid, unix.SIGTERM)
			cmd.Wait()
		}
	})
	return watched{cmd: cmd, lines: bufio.NewReader(stdout)}
}

func (w watched) send(t *testing.T, sig unix.Signal) {
	t.Helper()
	if err := unix.Kill(w.cmd.Process.Pid, sig); err != nil {
		t.Fatal(err)
	}
}

func (w watched) expectSignal(t *testing.T, sig unix.Signal) {
	t.Helper()
	expectLine(t, w.lines, fmt.Sprintf("got %d", int(sig)))
}

// end ends a stand-in that waits for SIGTERM and insists that nothing else has
// arrived before: walisup relays signals in the order in which it gets them.
func (w watched) end(t *testing.T) {
	t.Helper()
	w.send(t, unix.SIGTERM)
	w.expectSignal(t, unix.SIGTERM)
	rest, err := io.ReadAll(w.lines)
	if err != nil || len(rest) != 0 {
		t.Errorf("after SIGTERM: %q, %v", rest, err)
	}
	if err := w.cmd.Wait(); err != nil {
		t.Errorf("walisup: %v", err)
	}
}

func TestSignalsAreRelayed(t *testing.T) {
	t.Parallel()
	w := watch(t, startStandin(t, nil, "signals"))
	expectLine(t, w.lines, "ready")
	for _, sig := range []unix.Signal{
		unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGABRT, unix.SIGUSR1, unix.SIGUSR2, unix.SIGPIPE, unix.SIGALRM,
		unix.SIGTTIN, unix.SIGTTOU, unix.SIGXCPU, unix.SIGXFSZ, unix.SIGVTALRM, unix.SIGWINCH, unix.SIGIO, unix.SIGPWR,
		unix.Signal(40), unix.Signal(64),
	} {
		w.send(t, sig)
		w.expectSignal(t, sig)
	}
	w.end(t)
}

// TestGroupSignalIsNotRelayedToItsSender has the guest signal its process
// group, walisup included, which must neither die nor send it back.
func TestGroupSignalIsNotRelayedToItsSender(t *testing.T) {
	t.Parallel()
	cmd := startStandin(t, nil, "group")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	w := watch(t, cmd)
	expectLine(t, w.lines, "ready")
	w.expectSignal(t, unix.SIGUSR1) // from itself, held back until it waits
	w.send(t, unix.SIGUSR2)
	w.expectSignal(t, unix.SIGUSR2)
	w.end(t)
}

// TestTerminalSignalsArriveOnce types at a terminal whose foreground process
// group holds both walisup and the guest.
func TestTerminalSignalsArriveOnce(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		key  string
		sig  unix.Signal
	}{
		{"interrupt", "\x03", unix.SIGINT},
		{"quit", "\x1c", unix.SIGQUIT},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			terminal, line := openTerminal(t)
			cmd := startStandin(t, nil, "signals")
			cmd.Stdin = line
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}
			w := watch(t, cmd)
			expectLine(t, w.lines, "ready")
			if _, err := io.WriteString(terminal, c.key); err != nil {
				t.Fatal(err)
			}
			w.expectSignal(t, c.sig)
			w.end(t)
		})
	}
}

// TestHangupReachesTheGuest closes the terminal.
func TestHangupReachesTheGuest(t *testing.T) {
	t.Parallel()
	terminal, line := openTerminal(t)
	cmd := startStandin(t, nil, "signals")
	cmd.Stdin = line
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}
	w := watch(t, cmd)
	expectLine(t, w.lines, "ready")
	line.Close()
	terminal.Close()
	w.expectSignal(t, unix.SIGHUP)
	w.end(t)
}

func TestStopIsMirrored(t *testing.T) {
	t.Parallel()
	for _, sig := range []unix.Signal{unix.SIGSTOP, unix.SIGTSTP, unix.SIGTTIN} {
		t.Run(unix.SignalName(sig), func(t *testing.T) {
			t.Parallel()
			cmd := startStandin(t, nil, "stop", fmt.Sprint(int(sig)))
			// A group of its own, with a parent outside of it but in its session:
			// otherwise the kernel ignores the terminal's stop signals.
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			w := watch(t, cmd)
			var ws unix.WaitStatus
			if _, err := unix.Wait4(cmd.Process.Pid, &ws, unix.WUNTRACED, nil); err != nil {
				t.Fatal(err)
			}
			if !ws.Stopped() || ws.StopSignal() != sig {
				t.Fatalf("walisup: status %#x, want stopped by %v", uint32(ws), sig)
			}
			w.send(t, unix.SIGCONT)
			expectLine(t, w.lines, "continued")
			if err := cmd.Wait(); err != nil {
				t.Errorf("walisup: %v", err)
			}
		})
	}
}

// openTerminal opens a pseudo-terminal: the user's side and the program's.
func openTerminal(t *testing.T) (user, program *os.File) {
	t.Helper()
	user, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { user.Close() })
	if err := unix.IoctlSetPointerInt(int(user.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(user.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { program.Close() })
	return user, program
}

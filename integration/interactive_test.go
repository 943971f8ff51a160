package integration

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestInteractiveShell uses bash in a terminal, with job control, as a person
// would. The native one goes first, to show that the expectations are right.
func TestInteractiveShell(t *testing.T) {
	t.Parallel()
	bash := port(t, "bash", "bash")
	tools := newToolbox(t)
	for _, f := range []struct {
		name, path string
		argv       []string
	}{
		{"native", tools.native, []string{bash.native}},
		{"guest", tools.guest, []string{walisupPath(), "start", bash.module}},
	} {
		t.Run(f.name, func(t *testing.T) {
			term := newTerminal(t, append(f.argv, "--norc", "--noprofile", "-i"), "PATH="+f.path, "PS1=READY> ", "TERM=dumb")
			const prompt = `(?s).*READY> $`
			term.expect(prompt)
			for _, step := range []struct{ send, expect string }{
				{"echo hello | tr a-z A-Z\n", `HELLO` + prompt},
				{"tty > /dev/null && echo terminal\n", `\nterminal` + prompt},
				// A program that says when it runs in the foreground.
				{"sh -c 'trap \"echo IN FRONT\" CONT; echo GO; while :; do sleep 0.02; done'\n", `\nGO`},
				{"\x1a", `Stopped.*sleep` + prompt},
				{"jobs\n", `Stopped.*sleep` + prompt},
				{"fg\n", `\nIN FRONT`},
				{"\x03", prompt},
				{"echo status $?\n", `status 130` + prompt},
				{"sleep 100 & echo number $!\n", `number [0-9]+` + prompt},
				{"kill %1; wait %1; echo status $?\n", `status 143` + prompt},
				{"sh -c 'echo GO; sleep 100' | cat\n", `\nGO`},
				{"\x1a", `Stopped.*cat` + prompt},
				{"bg\n", prompt},
				{"jobs\n", `Running.*cat` + prompt},
				{"kill %%; wait; jobs; echo none left\n", `\nnone left` + prompt},
				{"sh -c 'echo GO; exec cat'\n", `\nGO`},
				{"typed\n", `typed\s+typed`},
				{"\x04", prompt},
				{"cat & wait\n", `Stopped|READY> $`}, // reads from the terminal in the background
				{"kill %%; wait; echo over\n", `\nover` + prompt},
				{"sh -c 'echo GO; sleep 100'\n", `\nGO`},
				{"\x03", prompt},
				{"suspended() { set -m; (kill -STOP $BASHPID; echo back) & wait $!; }; suspended; fg\n", `back` + prompt},
				{"history | tail -n 1 | cut -c8-\n", `history` + prompt},
			} {
				term.send(step.send)
				term.expect(step.expect)
			}
			term.send("exit 7\n")
			if status := term.wait(); status != 7 {
				t.Errorf("status %d, want 7", status)
			}
		})
	}
}

// terminal is a program in a terminal of its own.
type terminal struct {
	t      *testing.T
	master int
	cmd    *exec.Cmd
	unread string

	matched string // the first group of the pattern that expect has matched last
}

func newTerminal(t *testing.T, argv []string, env ...string) *terminal {
	t.Helper()
	master, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(master) })
	if err := unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(master, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer slave.Close()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = t.TempDir()
	cmd.Env = append(baseEnv(), env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// What is left of the session goes with its terminal.
		cmd.Process.Signal(unix.SIGHUP)
		cmd.Process.Kill()
	})
	return &terminal{t: t, master: master, cmd: cmd}
}

func (term *terminal) send(text string) {
	term.t.Helper()
	if _, err := unix.Write(term.master, []byte(text)); err != nil {
		term.t.Fatal(err)
	}
}

// expect reads until what came since the last match matches the pattern.
func (term *terminal) expect(pattern string) {
	term.t.Helper()
	re := regexp.MustCompile(pattern)
	deadline := time.Now().Add(patience / 4)
	for {
		if at := re.FindStringSubmatchIndex(term.unread); at != nil {
			term.matched = ""
			if len(at) > 2 && at[2] >= 0 {
				term.matched = term.unread[at[2]:at[3]]
			}
			term.unread = term.unread[at[1]:]
			return
		}
		if !term.read(deadline) {
			term.t.Fatalf("want %q, got\n%s", pattern, shorten(term.unread))
		}
	}
}

// read appends to unread; false at the end or at the deadline.
func (term *terminal) read(deadline time.Time) bool {
	poll := []unix.PollFd{{Fd: int32(term.master), Events: unix.POLLIN}}
	n, err := unix.Poll(poll, int(time.Until(deadline).Milliseconds()))
	if err == unix.EINTR {
		return true
	}
	if err != nil || n == 0 {
		return false
	}
	var b [4096]byte
	n, err = unix.Read(term.master, b[:])
	if err != nil || n <= 0 {
		return false
	}
	term.unread += strings.ReplaceAll(string(b[:n]), "\r", "")
	return true
}

// wait reads what is left and returns the program's status.
func (term *terminal) wait() int {
	term.t.Helper()
	for term.read(time.Now().Add(patience / 4)) {
	}
	term.cmd.Wait()
	return shellStatus(term.cmd.ProcessState.Sys().(syscall.WaitStatus))
}

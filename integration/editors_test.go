package integration

import (
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// screenSteps are what a person does with a program that draws in a terminal, started from
// bash: what is typed, and what then shows. A step with rows changes the terminal's size
// first; it types the key that repaints, since less can miss the signal just before it reads.
type screenSteps []struct {
	send    string
	rows    uint16
	columns uint16
	expect  string
}

const (
	shellPrompt = `(?s).*READY> $`
	drawn       = `(?s)READY> .*\[work\] 0:|\[work\] 0:.*READY> ` // by tmux, in either order
	backInShell = `(?s)Stopped.*READY> $`
)

// TestPortVim edits a file: inserts, searches, changes the window's size, goes to the shell
// and back, and saves.
func TestPortVim(t *testing.T) {
	t.Parallel()
	testScreen(t, "vim", "", screenSteps{
		{send: "vim -u NONE -i NONE -n text\n", expect: `"text" 200 lines(?s).*line 23`},
		{send: "ofresh\x1b", expect: `fresh`},
		{send: ":set lines? columns?\n", expect: `lines=24(?s).*columns=80`},
		{send: "\n", expect: `(?s).`},
		{rows: 40, columns: 100, send: "\x0c", expect: `(?s)line 38.*`},
		{send: ":set lines? columns?\n", expect: `lines=40(?s).*columns=100`},
		{send: "\n", expect: `(?s).`},
		{send: "/line 150\n", expect: `(?s)line 150.*`},
		{send: "ccchanged\x1b", expect: `changed`},
		{send: "\x1a", expect: backInShell},
		{send: "jobs; test -s text && echo unsaved\n", expect: `Stopped.*vim(?s).*unsaved` + shellPrompt},
		{send: "fg\n", expect: `(?s)line 149.*changed.*line 151`},
		{send: ":1,100s/line/LINE/\n", expect: `99 substitutions on 99 lines(?s).*`},
		{send: ":!echo from the sh''ell\n", expect: `from the shell(?s).*ENTER`},
		{send: "\n", expect: `(?s)LINE 9.*`},
		{send: ":%!sort -rn -k2\n", expect: `201 lines filtered(?s).*`},
		{send: "u", expect: `before #(?s).*`},
		{send: ":wq\n", expect: `"text" 201 lines(?s).*` + shellPrompt},
	})
}

// TestPortNano edits a file with nano.
func TestPortNano(t *testing.T) {
	t.Parallel()
	testScreen(t, "nano", "", screenSteps{
		{send: "nano --ignorercfiles text\n", expect: `Read 200 lines(?s).*line 20.*`},
		{send: "typed \xc3\xa4\r", expect: `typed ä`},
		{rows: 40, columns: 100, send: "\x0c", expect: `GNU nano(?s).*line 35.*`},
		{send: "\x17line 150\r", expect: `(?s)line 150.*`},
		{send: "found: ", expect: `found: `},
		{send: "\x14\x1a", expect: backInShell},
		{send: "fg\n", expect: `(?s)found: line 150`},
		{send: "\x1c" + "line 160\rLINE 160\r", expect: `Replace this instance`},
		{send: "y", expect: `Replaced 1 occurrence`},
		{send: "\x0f\r", expect: `Wrote 201 lines`},
		{send: "\x18", expect: shellPrompt},
	})
}

// TestPortLess pages through a file, and through a pipe with the keyboard on /dev/tty.
func TestPortLess(t *testing.T) {
	t.Parallel()
	testScreen(t, "less", "/bin/sh", screenSteps{
		{send: "less text\n", expect: `line 1\n(?s).*line 23\n.*text`},
		{send: " ", expect: `line 46\n(?s).*:`},
		{send: "/line 12.\n", expect: `(?s)line 120.*:`},
		{rows: 40, columns: 100, send: "r", expect: `(?s)line 15[0-9]\n.*:`},
		{send: "G", expect: `(?s)line 200\n.*END`},
		{send: "100g", expect: `(?s)line 100\n.*:`},
		{send: "=", expect: `text lines 100-138/200`},
		{send: "!echo from the sh''ell\n", expect: `from the shell(?s).*done`},
		{send: "\n", expect: `(?s).`},
		{send: "q", expect: shellPrompt},
		{send: "sort -rn -k2 text | less -S\n", expect: `line 200\n(?s).*line 162\n.*:`},
		{send: "-N\n", expect: `(?s)39.*line 162\n.*:`},
		{send: "G", expect: `(?s)200.*line 1\n.*END`},
		{send: "q", expect: shellPrompt},
	})
}

// TestPortTmux has two shells in one window, goes away from them and comes back: a server
// that daemonises, terminals of its own, and descriptors that clients pass to it.
func TestPortTmux(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "socket")
	t.Cleanup(func() {
		// Of no use but where the test failed half-way natively.
		exec.Command(furtherPort(t, "tmux", "tmux").native, "-S", socket, "kill-server").Run()
	})
	testScreen(t, "tmux", "", screenSteps{
		{send: "echo 'set -g default-command sh' >conf; tmux -S " + socket + " -f conf new-session -s work\n", expect: drawn},
		{send: "stty size; tty | tr 0-9 N\n", expect: `23 80(?s).*/dev/pts/N.*READY> `},
		{send: "\x02\"", expect: `(?s)READY> `},
		{send: "stty size; echo lower >lower\n", expect: `11 80(?s).*READY> `},
		{rows: 40, columns: 100, send: "until [ \"$(stty size)\" = '19 100' ]; do sleep 0.1; done; echo res''ized\n", expect: `resized(?s).*READY> `},
		{send: "\x02o" + "sh -c 'echo ru\"\"ns; exec sleep 1000'\n", expect: `runs`},
		{send: "\x1a", expect: `(?s)Stopped.*READY> `},
		{send: "kill -9 %1; wait %1; tmux list-panes -F '#{pane_index} #{pane_active} #{pane_dead}' | tee panes\n", expect: `0 1 0(?s).*1 0 0.*READY> `},
		{send: "\x02d", expect: `(?s)detached \(from session work\).*` + shellPrompt},
		{send: "tmux -S " + socket + " send-keys -t work:0.1 'echo sent >sent; tmux wait-for -S done' Enter; tmux -S " + socket + " wait-for done; cat sent\n", expect: `cat sent(?s).*sent.*` + shellPrompt},
		{send: "tmux -S " + socket + " attach\n", expect: drawn},
		{send: "tmux kill-pane -t 1; exit\n", expect: `(?s)\[exited\].*` + shellPrompt},
		{send: "while tmux -S " + socket + " list-sessions 2>/dev/null; do sleep 0.1; done; echo no''ne\n", expect: `none(?s).*` + shellPrompt},
	})
}

// TestPortReadline types lines to readline's example: completed, edited, searched for, gone
// back over, and interrupted.
func TestPortReadline(t *testing.T) {
	t.Parallel()
	const prompt = `(?s).*FileMan: $`
	testScreen(t, "readline", "", screenSteps{
		{send: "mkdir folder folder/inner; fileman\n", expect: prompt},
		{send: "he\t", expect: `help $`},
		{send: "view\n", expect: `view\s+View the contents of FILE` + prompt},
		{send: "p\t\n", expect: `Current directory is /.*` + prompt},
		{send: "\t\t", expect: `(?s)rename  view.*cd  .*stat` + prompt},
		{send: "cd fo\tin\t\n", expect: `folder/inner` + prompt},
		{send: "cd ../..\n", expect: prompt},
		{send: "delete te\t", expect: `delete text $`},
		{send: "\n", expect: `delete: Too dangerous` + prompt},
		{send: "pass\x01help \x05\x17view\n", expect: `View the contents of FILE` + prompt},
		{send: "\x1b[A\x1b[A\n", expect: `delete: Too dangerous` + prompt},
		{send: "not this\x15help quitxx\x17\x1f\x7f\x7f\n", expect: `Quit using Fileman` + prompt},
		{send: "\x12viw\x7few", expect: `(?s)reverse-i-search.*help view`},
		{send: "\r", expect: `View the contents of FILE` + prompt},
		{send: "none gr\xc3\xbc\xc3\x9f\x7f\x7f\xc3\xb6\xc3\x9fe\n", expect: `none: No such command` + prompt},
		{send: "delete gr\xc3\xbc\xc3\x9f\x7f\x1b[D\x1b[3~\xc3\xb6\xc3\x9fe\n", expect: `öße\s.*delete: Too dangerous` + prompt},
		{rows: 40, columns: 30, send: "not\x0b-a command that is longer than the line\n", expect: `not-a: No such command` + prompt},
		{send: "help\x1a", expect: backInShell},
		{send: "fg\n", expect: `fileman`},
		{send: "\x0c", expect: `FileMan: $`},
		{send: "help\n", expect: `(?s)Delete FILE` + prompt},
		{send: "half a line\x03", expect: shellPrompt},
		{send: "stty -a | tr ' ' '\\n' | grep -x -e -*echo -e -*icanon; fileman\n", expect: `(?s)icanon.*echo` + prompt},
		{send: "\x04", expect: shellPrompt},
	})
}

// testScreen takes the steps natively, which shows that they are right, and as a guest, from
// a bash of the same kind, in a directory with a file named text of 200 lines. Both must leave
// the same files. Native programs may run: what uses system() runs /bin/sh. The shell is
// what SHELL says, or if empty one of the same kind.
func testScreen(t *testing.T, name, shell string, steps screenSteps) {
	bash := port(t, "bash", "bash")
	tools := newToolbox(t)
	tools.add(t, name)
	left := map[string]map[string]string{}
	for _, f := range []struct {
		name, path string
		argv       []string
	}{
		{"native", tools.native, []string{bash.native}},
		{"guest", tools.guest, []string{walisupPath(), "start", "--native-exec", "--seccomp", "none", bash.module}},
	} {
		t.Run(f.name, func(t *testing.T) {
			shell := shell
			if shell == "" {
				shell = filepath.Join(f.path, "sh")
			}
			term := newTerminal(t, append(f.argv, "--norc", "--noprofile", "-i"),
				"PATH="+f.path, "PS1=READY> ", "TERM=xterm", "SHELL="+shell, "LESSHISTFILE=-")
			term.resize(24, 80)
			term.expect(shellPrompt)
			term.send("printf 'line %d\\n' {1..200} >text\n")
			term.expect(shellPrompt)
			for _, step := range steps {
				if step.rows > 0 {
					term.resize(step.rows, step.columns)
				}
				term.send(step.send)
				term.expect(step.expect)
			}
			term.send("exit\n")
			if status := term.wait(); status != 0 {
				t.Errorf("status %d, want 0", status)
			}
			left[f.name] = snapshot(t, term.cmd.Dir)
		})
	}
	for path, want := range left["native"] {
		if got := left["guest"][path]; got != want {
			t.Errorf("%s: native left %q, the guest %q", path, shorten(want), shorten(got))
		}
	}
	if len(left["native"]) != len(left["guest"]) {
		t.Errorf("native left %d files, the guest %d", len(left["native"]), len(left["guest"]))
	}
}

// resize changes the terminal's size; its foreground programs get SIGWINCH.
func (term *terminal) resize(rows, columns uint16) {
	term.t.Helper()
	if err := unix.IoctlSetWinsize(term.master, unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: columns}); err != nil {
		term.t.Fatal(err)
	}
}

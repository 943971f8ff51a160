package integration

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestShellScripts runs the scripts of testdata/shell by dash and bash, natively
// and as guests. The commands that they run are busybox's, for the guests as a
// module too.
func TestShellScripts(t *testing.T) {
	t.Parallel()
	scripts, err := filepath.Glob("testdata/shell/*.sh")
	if err != nil {
		t.Fatal(err)
	}
	if len(scripts) == 0 {
		t.Fatal("no scripts in testdata/shell")
	}
	for _, shell := range []string{"dash", "bash"} {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			program := port(t, shell, shell)
			tools := newToolbox(t)
			for _, script := range scripts {
				name := filepath.Base(script)
				text, err := os.ReadFile(script)
				if err != nil {
					t.Fatal(err)
				}
				if only := scriptShell(string(text)); only != "" && only != shell {
					continue
				}
				t.Run(strings.TrimSuffix(name, ".sh"), func(t *testing.T) {
					t.Parallel()
					call := invocation{args: []string{"script"}, files: map[string]string{"script": string(text)}}
					native, guest := tools.run(t, program, call)
					compare(t, native, guest)
				})
			}
		})
	}
}

// scriptShell returns the shell that a script is for, from its first line.
func scriptShell(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	shell, _ := strings.CutPrefix(line, "# shell: ")
	if shell == line {
		return ""
	}
	return shell
}

// toolbox is a pair of directories with busybox's commands, for PATH.
type toolbox struct{ native, guest string }

// newToolbox makes links to both builds of busybox.
func newToolbox(tb testing.TB) toolbox {
	tb.Helper()
	busybox := port(tb, "busybox", "busybox")
	list, err := exec.Command(busybox.native, "--list").Output()
	if err != nil {
		tb.Fatal(err)
	}
	dir := tb.TempDir()
	tools := toolbox{native: filepath.Join(dir, "native"), guest: filepath.Join(dir, "guest")}
	for folder, program := range map[string]string{tools.native: busybox.native, tools.guest: busybox.module} {
		if err := os.Mkdir(folder, 0o755); err != nil {
			tb.Fatal(err)
		}
		for lines := bufio.NewScanner(strings.NewReader(string(list))); lines.Scan(); {
			if err := os.Symlink(program, filepath.Join(folder, lines.Text())); err != nil {
				tb.Fatal(err)
			}
		}
	}
	return tools
}

// run runs a shell natively and as a guest, with the commands of its kind.
func (tools toolbox) run(t *testing.T, shell pair, call invocation) (native, guest outcome) {
	t.Helper()
	with := func(folder string) invocation {
		c := call
		c.env = append(slices.Clip(call.env), "PATH="+folder)
		return c
	}
	native = shell.runNative(t, with(tools.native))
	guest = shell.runGuest(t, with(tools.guest))
	for _, o := range []*outcome{&native, &guest} {
		for _, text := range []*string{&o.stdout, &o.stderr} {
			*text = strings.NewReplacer(tools.native, "$PATH", tools.guest, "$PATH").Replace(*text)
		}
	}
	return native, guest
}

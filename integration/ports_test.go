package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPortScripts runs the scripts of testdata/ports by bash, natively and as guests. A
// script's first line names the ports whose programs it uses; all other commands are
// busybox's. A second line may have flags for walisup start.
func TestPortScripts(t *testing.T) {
	t.Parallel()
	scripts, err := filepath.Glob("testdata/ports/*.sh")
	if err != nil {
		t.Fatal(err)
	}
	if len(scripts) == 0 {
		t.Fatal("no scripts in testdata/ports")
	}
	bash := port(t, "bash", "bash")
	for _, script := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(script), ".sh"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(script)
			if err != nil {
				t.Fatal(err)
			}
			line, _, _ := strings.Cut(string(text), "\n")
			needs, found := strings.CutPrefix(line, "# needs: ")
			if !found {
				t.Fatalf("%s does not begin with a line that names its ports", script)
			}
			tools := newToolbox(t)
			for _, name := range strings.Fields(needs) {
				tools.add(t, name)
			}
			call := invocation{flags: scriptFlags(string(text)), args: []string{"script"}, files: map[string]string{"script": string(text)}}
			native, guest := tools.run(t, bash, call)
			if native.stdout == "" {
				t.Fatalf("the native shell says nothing: %s", native.stderr)
			}
			compare(t, native, guest)
		})
	}
}

// scriptFlags returns what the second line of a script asks for.
func scriptFlags(text string) []string {
	_, rest, _ := strings.Cut(text, "\n")
	line, _, _ := strings.Cut(rest, "\n")
	flags, _ := strings.CutPrefix(line, "# flags: ")
	if flags == line {
		return nil
	}
	return strings.Fields(flags)
}

// add puts all programs of a port into the toolbox, by all their names, in place of
// busybox's of those names.
func (tools toolbox) add(t *testing.T, name string) {
	t.Helper()
	programs, err := filepath.Glob(filepath.Join(root, ".cache", "ports", name, "wali", "*.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	if len(programs) == 0 {
		furtherPort(t, name, "anything")
	}
	for _, module := range programs {
		p := furtherPort(t, name, strings.TrimSuffix(filepath.Base(module), ".wasm"))
		names := []string{p.name}
		if links, err := os.ReadFile(strings.TrimSuffix(module, ".wasm") + ".links"); err == nil {
			names = append(names, strings.Fields(string(links))...)
		}
		for folder, program := range map[string]string{tools.native: p.native, tools.guest: p.module} {
			for _, name := range names {
				link := filepath.Join(folder, name)
				if err := os.Remove(link); err != nil && !os.IsNotExist(err) {
					t.Fatal(err)
				}
				if err := os.Symlink(program, link); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

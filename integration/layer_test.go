package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// buildLayer returns the path of a layer of testdata/layer.
func buildLayer(tb testing.TB, source string) string {
	tb.Helper()
	needWalisup(tb)
	need(tb, filepath.Join(root, ".cache", "sysroot", "stamp"), "run make sysroot")
	return compileC(tb, filepath.Join(root, "bin", "walicc"), source, ".wasm", []string{"--layer"})
}

// buildModule is buildC for a program that has no native form.
func buildModule(tb testing.TB, source string) pair {
	tb.Helper()
	needWalisup(tb)
	need(tb, filepath.Join(root, ".cache", "sysroot", "stamp"), "run make sysroot")
	return pair{
		name:   strings.TrimSuffix(filepath.Base(source), ".c"),
		module: compileC(tb, filepath.Join(root, "bin", "walicc"), source, ".wasm", nil),
	}
}

// TestLayers has an application show each rule of docs/layers.md.
func TestLayers(t *testing.T) {
	t.Parallel()
	marks, asks := buildLayer(t, "testdata/layer/marks.c"), buildModule(t, "testdata/layer/asks.c")
	one := []string{"--layer", marks}
	for _, c := range []struct {
		name   string
		flags  []string
		args   string
		status int
		stdout string
		stderr []string // what it must contain; nothing else if empty
	}{
		{"a layer provides a system call", []string{"--layer", marks + " 1000"}, "pid", 0, "getpid is too large by 1000\n", nil},
		{"a layer calls the one below it", []string{"--layer", marks + " 1000", "--layer", marks + " 20"}, "pid", 0,
			"getpid is too large by 1020\n", nil},
		{"eight layers", strings.Split(strings.Repeat("--layer|"+marks+" 1|", 8), "|")[:16], "pid", 0, "getpid is too large by 8\n", nil},
		{"any namespace", one, "now", 0, "now 42\n", nil},
		{"arguments and forks", []string{"--layer", marks + " 5 'a  b'\\ c"}, "pid", 0,
			"layer_main 3 a  b c in nothing\nlayer_fork 1\ngetpid is too large by 5\n", nil},
		{"exec keeps the stack", []string{"--layer", marks + " 7 say"}, "exec " + asks.module, 0,
			"layer_main 3 say in nothing\nlayer_main 3 say in exec\nlayer_fork 1\ngetpid is too large by 7\n", nil},
		{"a signal ends a call of a layer", one, "interrupt", 0,
			"read: Interrupted system call; 1 handled, 0 of them inside\n", nil},
		{"SA_RESTART makes the call again", one, "restart", 0, "read 1: x; 1 handled, 0 of them inside\n", nil},
		{"threads have instances of their own", one, "threads", 0, "8000 calls of 8 threads, 0 of this one\n", nil},
		{"a busy layer can be stopped", one, "stop", 0, "fork was fast\n", nil},
		{"memories are apart", one, "secrets", 0, "peek at 0: 1, at mine: 0\nintact: 1\n", nil},
		{"a trap names the layer", one, "trap", 128 + 4, "",
			[]string{"asks", "in the layer marks", "unreachable instruction", "SIGILL", "culprit", "main"}},
		{"a fault names the layer", one, "fault", 128 + 11, "", []string{"in the layer marks", "0x10", "SIGSEGV", "culprit_fault"}},
		{"native programs are refused", append([]string{"--native-exec"}, one...), "native", 0, "execl: Permission denied\n", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := asks.runGuest(t, invocation{args: strings.Fields(c.args), flags: c.flags})
			if got.status != c.status || got.stdout != c.stdout {
				t.Errorf("status %d, standard output %q, want %d and %q", got.status, got.stdout, c.status, c.stdout)
			}
			if len(c.stderr) == 0 && got.stderr != "" {
				t.Errorf("standard error %q", got.stderr)
			}
			for _, part := range c.stderr {
				if !strings.Contains(got.stderr, part) {
					t.Errorf("standard error %q does not say %q", got.stderr, part)
				}
			}
		})
	}
}

// TestLayersRefused starts applications with layers that cannot be.
func TestLayersRefused(t *testing.T) {
	t.Parallel()
	marks, asks := buildLayer(t, "testdata/layer/marks.c"), buildModule(t, "testdata/layer/asks.c")
	text := filepath.Join(t.TempDir(), "text.wasm")
	if err := os.WriteFile(text, []byte("no module"), 0o644); err != nil {
		t.Fatal(err)
	}
	wrong := filepath.Join(t.TempDir(), "wrong.c")
	source := `#include <wali/layer.h>
LAYER_PROVIDES("env.now") long now(int a) { return a; }`
	if err := os.WriteFile(wrong, []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	needy := filepath.Join(t.TempDir(), "needy.c")
	source = `#include <wali/layer.h>
__attribute__((import_module("else"), import_name("where"))) int elsewhere(void);
LAYER_PROVIDES("env.now") int now(void) { return elsewhere(); }`
	if err := os.WriteFile(needy, []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	dying := filepath.Join(t.TempDir(), "dying.c")
	source = `#include <wali/layer.h>
LAYER_ENTRY("layer_main") void layer_main(int argc, char **argv) { __builtin_trap(); }`
	if err := os.WriteFile(dying, []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		flags  []string
		status int
		stderr []string
	}{
		{"no such layer", []string{"--layer", "/nonexistent/l.wasm"}, 127, []string{"layer", "/nonexistent/l.wasm", "no such file"}},
		{"no module", []string{"--layer", text}, 126, []string{"layer", "text.wasm"}},
		{"a directory", []string{"--layer", "/"}, 126, []string{"layer", "is a directory"}},
		{"no name", []string{"--layer", " "}, 125, []string{"--layer", "names no module"}},
		{"an open quote", []string{"--layer", marks + " 'a"}, 125, []string{"--layer"}},
		{"nine layers", strings.Split(strings.Repeat("--layer|"+marks+"|", 9), "|")[:18], 125, []string{"9 layers", "at most 8"}},
		{"a wrong signature", []string{"--layer", buildLayer(t, wrong), "--layer", marks}, 125,
			[]string{"wrong", "env.now", "(i32) -> i64", "asks", "() -> i32"}},
		{"an import that nobody provides", []string{"--layer", buildLayer(t, needy)}, 126, []string{"needy", "else.where", "() -> i32"}},
		{"a function that no layer provides", []string{"--layer", buildLayer(t, dying)}, 126, []string{"asks", "env."}},
		{"a trap in layer_main", []string{"--layer", marks, "--layer", buildLayer(t, dying)}, 128 + 4, []string{"in the layer dying", "layer_main"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := asks.runGuest(t, invocation{args: []string{"now"}, flags: c.flags})
			if got.status != c.status || got.stdout != "" {
				t.Errorf("status %d, standard output %q, want %d and nothing", got.status, got.stdout, c.status)
			}
			for _, part := range c.stderr {
				if !strings.Contains(got.stderr, part) {
					t.Errorf("standard error %q does not say %q", got.stderr, part)
				}
			}
		})
	}
}

// TestLayersSandboxed has a layer stand between an application and a sandbox: both refuse
// what they refuse, and executed modules have both.
func TestLayersSandboxed(t *testing.T) {
	t.Parallel()
	bash := port(t, "bash", "bash")
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"both", "layer", "sandbox"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	const script = `cd "$1"; for d in both layer sandbox; do echo x >$d/$2 && echo $d; done`
	got := bash.runGuest(t, invocation{
		args: []string{"-c", script + `; exec "$BASH_MODULE" -c '` + script + `' bash "$1" second`, "bash", dir, "first"},
		env:  []string{"BASH_MODULE=" + bash.module},
		flags: []string{"--sandbox", "--allow-read", "/", "--allow-write", dir + "/both", "--allow-write", dir + "/sandbox",
			"--layer", supplied(t, "readonly.wasm", dir+"/both", dir+"/layer")},
	})
	if got.status != 1 || got.stdout != "both\nboth\n" {
		t.Errorf("status %d, standard output %q, standard error %q", got.status, got.stdout, got.stderr)
	}
	files := snapshot(t, dir)
	for _, name := range []string{"both/first", "both/second"} {
		if files[name] == "" {
			t.Errorf("%s is missing in %q", name, files)
		}
	}
	if len(files) != 5 {
		t.Errorf("there is more than allowed: %q", files)
	}
}

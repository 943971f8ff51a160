package integration

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// buildWASI compiles a Go program of testdata/wasi for WASI preview 1.
func buildWASI(t *testing.T, source string) string {
	t.Helper()
	needWalisup(t)
	need(t, filepath.Join(root, "bin", "layers", "wasi.wasm"), "run make layers")
	text, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(text)
	out := filepath.Join(testCache(), "wasi", filepath.Base(source)+"-"+hex.EncodeToString(sum[:8])+".wasm")
	if _, err := os.Stat(out); err == nil {
		return out
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "build", "-o", out, source)
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, text)
	}
	return out
}

// TestWASIPaths has a module that gets one directory try to leave it, and use it.
func TestWASIPaths(t *testing.T) {
	t.Parallel()
	module := buildWASI(t, "testdata/wasi/paths.go")
	dir := t.TempDir()
	for name, text := range map[string]string{"secret": "secret", "box/file": "file"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{"link": "../secret", "up": "..", "absolute": dir + "/secret"} {
		if err := os.Symlink(target, filepath.Join(dir, "box", link)); err != nil {
			t.Fatal(err)
		}
	}
	before := snapshot(t, dir)
	got := pair{name: "paths", module: module}.runGuest(t, invocation{
		args: []string{"x", "y z"}, env: []string{"MARK=mark"}, flags: []string{"--dir", dir + "/box::/box"},
	})
	want, err := os.ReadFile("testdata/wasi/paths.txt")
	if err != nil {
		t.Fatal(err)
	}
	if got.status != 3 || got.stderr != "" {
		t.Errorf("status %d, standard error %q, want 3 and nothing", got.status, got.stderr)
	}
	if got.stdout != string(want) {
		t.Errorf("standard output: %s", difference(string(want), got.stdout))
	}
	after := snapshot(t, dir)
	for name, is := range before {
		if after[name] != is {
			t.Errorf("%s was %s and is %s", name, is, after[name])
		}
	}
}

// TestWASIChosen has walisup find out which modules need wasi.wasm.
func TestWASIChosen(t *testing.T) {
	t.Parallel()
	module := pair{name: "paths", module: buildWASI(t, "testdata/wasi/paths.go")}
	missing := filepath.Join(t.TempDir(), "missing")
	got := module.runGuest(t, invocation{flags: []string{"--dir", missing}})
	if got.status != 125 || !strings.Contains(got.stderr, "wasi.wasm: --dir "+missing+": No such file") {
		t.Errorf("a directory that is not there: status %d, %q", got.status, got.stderr)
	}
	native := buildC(t, "testdata/faults/faults.c")
	got = native.runGuest(t, invocation{flags: []string{"--dir", "/"}})
	if got.status != 125 || !strings.Contains(got.stderr, "is no WASI module") {
		t.Errorf("--dir for a WALI module: status %d, %q", got.status, got.stderr)
	}
	got = module.runGuest(t, invocation{flags: []string{"--layer", "wasi.wasm", "--dir", "/"}})
	if got.status != 125 || !strings.Contains(got.stderr, "give it the directories as arguments") {
		t.Errorf("--dir with a WASI layer: status %d, %q", got.status, got.stderr)
	}
}

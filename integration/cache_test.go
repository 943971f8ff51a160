package integration

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// entries returns the files of a cache directory and their contents.
func entries(t *testing.T, cache string) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(cache, "*"))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]byte{}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		found[path] = data
	}
	return found
}

func TestCompileFillsTheCache(t *testing.T) {
	t.Parallel()
	lua := port(t, "lua5.4", "lua")
	cache := filepath.Join(t.TempDir(), "new", "cache")
	got := run(t, exec.Command(walisupPath(), "compile", "--cache", cache, lua.module), invocation{})
	if got.status != 0 || got.stdout != "" || got.stderr != "" {
		t.Fatalf("compile: %+v, want status 0 in silence", got)
	}
	info, err := os.Stat(cache)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("cache folder: %v, %v, want mode 0700", info, err)
	}
	compiled := entries(t, cache)
	if len(compiled) != 1 {
		t.Fatalf("%d entries, want 1", len(compiled))
	}
	// A copy elsewhere is the same module.
	moved := filepath.Join(t.TempDir(), "moved.wasm")
	data, err := os.ReadFile(lua.module)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(moved, data, 0o644); err != nil {
		t.Fatal(err)
	}
	got = run(t, exec.Command(walisupPath(), "start", "--cache", cache, moved, "-e", "print(6 * 7)"), invocation{})
	if got.status != 0 || got.stdout != "42\n" {
		t.Errorf("start: %+v", got)
	}
	for path, data := range entries(t, cache) {
		// The copy itself is remembered if it was not that new any more.
		if name := filepath.Base(path); !strings.HasPrefix(name, "file-") && !bytes.Equal(data, compiled[path]) {
			t.Errorf("entry %s is new or has changed", name)
		}
	}
}

func TestCompileGoesOnAfterABadModule(t *testing.T) {
	t.Parallel()
	lua := port(t, "lua5.4", "lua")
	cache := filepath.Join(t.TempDir(), "cache")
	got := run(t, exec.Command(walisupPath(), "compile", "--cache", cache, "bad.wasm", "gone.wasm", lua.module),
		invocation{files: map[string]string{"bad.wasm": "no module"}})
	if got.status != 126 || strings.Count(got.stderr, "\n") != 2 {
		t.Errorf("%+v, want status 126 and two messages", got)
	}
	if n := len(entries(t, cache)); n != 1 {
		t.Errorf("%d entries, want that of the good module", n)
	}
}

// TestDamagedCacheEntriesAreReplaced damages everything of an entry that is
// read before its code runs.
func TestDamagedCacheEntriesAreReplaced(t *testing.T) {
	t.Parallel()
	lua := port(t, "lua5.4", "lua")
	cache := filepath.Join(t.TempDir(), "cache")
	start := func() outcome {
		return run(t, exec.Command(walisupPath(), "start", "--cache", cache, lua.module, "-e", "print('works')"), invocation{})
	}
	if got := start(); got.status != 0 {
		t.Fatalf("%+v", got)
	}
	for path, good := range entries(t, cache) {
		damages := map[string][]byte{
			"empty":      nil,
			"short":      good[:10],
			"cut":        good[:len(good)/2],
			"last byte":  good[:len(good)-1],
			"longer":     append(bytes.Clone(good), 0),
			"other file": []byte(strings.Repeat("not an entry ", 1000)),
		}
		for _, offset := range []int{0, 8, 12, 20, 32, 39, 100, 1000} {
			flipped := bytes.Clone(good)
			flipped[offset] ^= 0x55
			damages[fmt.Sprint("flipped at ", offset)] = flipped
		}
		for label, data := range damages {
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			if got := start(); got.status != 0 || got.stdout != "works\n" || got.stderr != "" {
				t.Errorf("%s: %+v", label, got)
			}
			if now := entries(t, cache); len(now) != 1 || !bytes.Equal(now[path], good) {
				t.Errorf("%s: the entry is not as before", label)
			}
		}
	}
}

// TestColdStartsAtOnce has several processes compile the same module.
func TestColdStartsAtOnce(t *testing.T) {
	t.Parallel()
	lua := port(t, "lua5.4", "lua")
	cache := filepath.Join(t.TempDir(), "cache")
	results := make(chan string)
	for range 4 {
		go func() {
			out, err := exec.Command(walisupPath(), "start", "--cache", cache, lua.module, "-e", "print('works')").CombinedOutput()
			if err != nil {
				out = append(out, err.Error()...)
			}
			results <- string(out)
		}()
	}
	for range 4 {
		if got := <-results; got != "works\n" {
			t.Errorf("got %q", got)
		}
	}
	if n := len(entries(t, cache)); n != 1 {
		t.Errorf("%d entries, want 1", n)
	}
}

// TestCompilingShowsOnATerminal compiles something large with standard error on
// a terminal, and then starts it again when nothing needs compiling.
func TestCompilingShowsOnATerminal(t *testing.T) {
	t.Parallel()
	sqlite := port(t, "sqlite3", "sqlite3")
	cache := filepath.Join(t.TempDir(), "cache")
	shown := func() string {
		terminal, line := openTerminal(t)
		cmd := exec.Command(walisupPath(), "start", "--cache", cache, sqlite.module, ":memory:", "SELECT 42")
		var stdout bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, line
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		status := runBounded(t, cmd)
		line.Close()
		text, _ := io.ReadAll(terminal) // ends with EIO when the last program has closed the terminal
		if status != 0 || stdout.String() != "42\n" {
			t.Fatalf("status %d, output %q, terminal %q", status, stdout.String(), text)
		}
		return string(text)
	}
	if text := shown(); !strings.Contains(text, "compil") || !strings.Contains(text, "sqlite3") {
		t.Errorf("cold start shows %q, want that it compiles sqlite3", text)
	}
	if text := shown(); text != "" {
		t.Errorf("warm start shows %q, want nothing", text)
	}
}

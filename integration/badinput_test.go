package integration

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// section returns a section of a WebAssembly module with its header.
func section(id byte, content ...byte) []byte {
	if len(content) > 127 {
		panic("content does not fit a size of one byte")
	}
	return append([]byte{id, byte(len(content))}, content...)
}

// name returns a name as WebAssembly writes it.
func name(text string) []byte { return append([]byte{byte(len(text))}, text...) }

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// The parts of the smallest module that walisup runs; tests leave out or
// replace one of them.
var (
	header    = []byte("\x00asm\x01\x00\x00\x00")
	voidType  = section(1, 1, 0x60, 0, 0) // type 0: no parameters, no results
	oneBody   = section(3, 1, 0)          // function 0 has type 0
	memory    = section(5, 1, 3, 1, 16)   // shared, 1 to 16 pages
	startName = name("_start")            //
	exports   = section(7, join([]byte{2}, name("memory"), []byte{2, 0}, startName, []byte{0, 0})...)
	emptyCode = section(10, 1, 2, 0, 0x0b) // function 0 returns at once
	smallest  = join(header, voidType, oneBody, memory, exports, emptyCode)
)

// importing returns a module that imports one function of type 0.
func importing(module, function string) []byte {
	imports := section(2, join([]byte{1}, name(module), name(function), []byte{0, 0})...)
	exports := section(7, join([]byte{2}, name("memory"), []byte{2, 0}, startName, []byte{0, 1})...)
	return join(header, voidType, imports, oneBody, memory, exports, emptyCode)
}

func TestSmallestModuleRuns(t *testing.T) {
	t.Parallel()
	needWalisup(t)
	for label, module := range map[string][]byte{
		"no imports":             smallest,
		"unimplemented call":     importing("wali", "SYS_no_such_call"),
		"after a custom section": join(header, section(0, name("note")...), smallest[len(header):]),
	} {
		t.Run(label, func(t *testing.T) {
			t.Parallel()
			got := startFile(t, module)
			if got.status != 0 || got.stdout != "" || got.stderr != "" {
				t.Errorf("got %+v, want status 0 in silence", got)
			}
		})
	}
}

// TestBadModulesAreRefused feeds files that are no modules walisup can run:
// each gives one line that names the file and the reason, status 126, and
// leaves nothing behind.
func TestBadModulesAreRefused(t *testing.T) {
	t.Parallel()
	needWalisup(t)
	random := make([]byte, 10_000)
	generator := rand.NewChaCha8([32]byte{1})
	generator.Read(random)
	cases := []struct {
		name   string
		module []byte
		reason string // part of the message
	}{
		{"empty", nil, "empty"},
		{"half a header", header[:6], "truncated"},
		{"text", []byte("#!/bin/sh\necho hello\n"), "not a WebAssembly module"},
		{"wrong magic", join([]byte("\x00asn\x01\x00\x00\x00"), smallest[8:]), "not a WebAssembly module"},
		{"native program", []byte("\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00"), "ELF"},
		{"version 2", join([]byte("\x00asm\x02\x00\x00\x00"), smallest[8:]), "version"},
		{"component", join([]byte("\x00asm\x0d\x00\x01\x00"), smallest[8:]), ""},
		{"random", random, "not a WebAssembly module"},
		{"random after the header", join(header, random), ""},
		{"nothing after the header", header, ""},
		{"truncated", smallest[:len(smallest)-3], "truncated"},
		{"bytes after the last section", join(smallest, []byte{0xff}), ""},
		{"section longer than the file", join(header, []byte{1, 0xff, 0xff, 0xff, 0xff, 0x0f}), "truncated"},
		{"sections out of order", join(header, oneBody, voidType, memory, exports, emptyCode), "order"},
		{"unknown section", join(smallest, section(77)), "section"},
		{"other import namespace", importing("nowhere", "f"), "nowhere"},
		{"no memory", join(header, voidType, oneBody, section(7, join([]byte{1}, startName, []byte{0, 0})...), emptyCode), "memory"},
		{"memory without maximum", join(header, voidType, oneBody, section(5, 1, 0, 1), exports, emptyCode), "maximum"},
		{"no start function", join(header, voidType, oneBody, memory, section(7, join([]byte{1}, name("memory"), []byte{2, 0})...), emptyCode), "_start"},
		{"start function is the memory", join(header, voidType, oneBody, memory, section(7, join([]byte{1}, startName, []byte{2, 0})...), emptyCode), "_start"},
		{"start function with a parameter", join(header, section(1, 1, 0x60, 1, 0x7f, 0), oneBody, memory, exports, emptyCode), "_start"},
		{"start function that does not exist", join(header, voidType, oneBody, memory, section(7, join([]byte{2}, name("memory"), []byte{2, 0}, startName, []byte{0, 9})...), emptyCode), ""},
		{"invalid code", join(header, voidType, oneBody, memory, exports, section(10, 1, 3, 0, 0x6a, 0x0b)), ""},
		{"unknown instruction", join(header, voidType, oneBody, memory, exports, section(10, 1, 3, 0, 0xff, 0x0b)), ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := startFile(t, c.module)
			expectRefusal(t, got, 126, "bad.wasm", c.reason)
		})
	}
}

// TestTruncatedModulesAreRefused cuts a real program at many places.
func TestTruncatedModulesAreRefused(t *testing.T) {
	t.Parallel()
	whole, err := os.ReadFile(port(t, "lua5.4", "lua").module)
	if err != nil {
		t.Fatal(err)
	}
	for length := 0; length < len(whole); length += len(whole)/16 + 1 {
		got := startFile(t, whole[:length])
		expectRefusal(t, got, 126, "bad.wasm", "")
	}
}

// startFile writes a module and starts it with a cache of its own, which must
// not hold anything but finished entries afterwards.
func startFile(t *testing.T, module []byte) outcome {
	t.Helper()
	cache := filepath.Join(t.TempDir(), "cache")
	got := run(t, exec.Command(walisupPath(), "start", "--cache", cache, "bad.wasm"),
		invocation{files: map[string]string{"bad.wasm": string(module)}})
	if len(got.files) != 1 {
		t.Errorf("files left behind: %v", got.files)
	}
	leftovers, err := filepath.Glob(filepath.Join(cache, "*.*"))
	if err != nil || len(leftovers) != 0 {
		t.Errorf("left in the cache: %q, %v", leftovers, err)
	}
	return got
}

// expectRefusal checks the form of a message and that it says what it should.
func expectRefusal(t *testing.T, got outcome, status int, parts ...string) {
	t.Helper()
	if got.status != status {
		t.Errorf("status %d, want %d", got.status, status)
	}
	if got.stdout != "" {
		t.Errorf("standard output %q, want none", got.stdout)
	}
	if strings.Count(got.stderr, "\n") != 1 || !strings.HasPrefix(got.stderr, "walisup: ") || len(got.stderr) > 500 {
		t.Errorf("message %q, want one line that begins with walisup:", got.stderr)
	}
	for _, part := range parts {
		if !strings.Contains(got.stderr, part) {
			t.Errorf("message %q does not say %q", got.stderr, part)
		}
	}
}

// TestBadPathsAreRefused asks for modules that cannot be opened.
func TestBadPathsAreRefused(t *testing.T) {
	t.Parallel()
	needWalisup(t)
	cases := []struct {
		name   string
		setup  string // shell text, run in the working directory
		module string
		status int
		reason string
	}{
		{"missing", ":", "gone.wasm", 127, "no such file"},
		{"missing folder", ":", "gone/app.wasm", 127, "no such file"},
		{"below a file", ": >file", "file/app.wasm", 127, "not a directory"},
		{"dangling link", "ln -s gone link", "link", 127, "no such file"},
		{"link to itself", "ln -s loop loop", "loop", 126, "symbolic links"},
		{"directory", "mkdir dir", "dir", 126, "directory"},
		{"pipe", "mkfifo pipe", "pipe", 126, "pipe"},
		{"device", ":", "/dev/null", 126, "device"},
		{"empty name", ":", "", 127, "no such file"},
		{"long name", ":", strings.Repeat("x", 300), 126, "name too long"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			shell := exec.Command("sh", "-c", c.setup+` && exec "$0" start "$1"`, walisupPath(), c.module)
			got := run(t, shell, invocation{})
			expectRefusal(t, got, c.status, c.module, c.reason)
		})
	}
}

// TestUnreadableModuleIsRefused runs as another user, whom permissions bind.
func TestUnreadableModuleIsRefused(t *testing.T) {
	t.Parallel()
	needWalisup(t)
	dir := openDirectory(t)
	path := filepath.Join(dir, "secret.wasm")
	if err := os.WriteFile(path, smallest, 0o000); err != nil {
		t.Fatal(err)
	}
	got := run(t, asNobody(t, walisupPath(), "start", "--no-cache", path), invocation{})
	expectRefusal(t, got, 126, path, "permission denied")
}

func TestBadCachesAreRefused(t *testing.T) {
	t.Parallel()
	needWalisup(t)
	dir := openDirectory(t)
	module := filepath.Join(dir, "app.wasm")
	if err := os.WriteFile(module, smallest, 0o644); err != nil {
		t.Fatal(err)
	}
	folder := func(name string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	open := folder("open", 0o777)
	const foreign = "/usr"
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	public := publicWalisup(t)
	t.Run("open to others", func(t *testing.T) {
		expectRefusal(t, run(t, exec.Command(walisupPath(), "start", "--cache", open, module), invocation{}), 125, open, "0777")
	})
	t.Run("a file", func(t *testing.T) {
		expectRefusal(t, run(t, exec.Command(walisupPath(), "start", "--cache", file, module), invocation{}), 125, file, "not a directory")
	})
	t.Run("somebody else's", func(t *testing.T) {
		expectRefusal(t, run(t, asNobody(t, public, "start", "--cache", foreign, module), invocation{}), 125, foreign, "belongs to")
	})
	t.Run("cannot be made", func(t *testing.T) {
		path := foreign + "/walisup-test"
		expectRefusal(t, run(t, asNobody(t, public, "start", "--cache", path, module), invocation{}), 125, path, "permission denied")
	})
	t.Run("default one is done without", func(t *testing.T) {
		cmd := asNobody(t, "env", "-u", "WALISUP_CACHE", "XDG_CACHE_HOME="+foreign, public, "start", module)
		got := run(t, cmd, invocation{})
		if got.status != 0 || !strings.Contains(got.stderr, "permission denied") || strings.Count(got.stderr, "\n") != 1 {
			t.Errorf("got %+v, want status 0 and one line about the cache", got)
		}
	})
}

// openDirectory returns a new directory that every user can look into.
func openDirectory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "walisup-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// publicWalisup returns a copy of walisup, with its helper, that every user can run:
// the working tree may lie in a home directory.
func publicWalisup(t *testing.T) string {
	t.Helper()
	dir := openDirectory(t)
	// By another process, see TestHelperIsFound.
	out, err := exec.Command("cp", walisupPath(), filepath.Join(root, "bin", "walisup-helper"), dir).CombinedOutput()
	if err != nil {
		t.Fatalf("cp: %v: %s", err, out)
	}
	return filepath.Join(dir, "walisup")
}

// asNobody returns a command that runs as a user without privileges, or as the
// user who runs the tests, if that is one.
func asNobody(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	if os.Geteuid() != 0 {
		return exec.Command(name, args...)
	}
	// setpriv from util-linux, which every Debian has.
	return exec.Command("setpriv", append([]string{"--reuid=65534", "--regid=65534", "--clear-groups", name}, args...)...)
}

// TestWrongUsageIsRefused gives command lines that mean nothing.
func TestWrongUsageIsRefused(t *testing.T) {
	t.Parallel()
	needWalisup(t)
	cases := []struct {
		name   string
		args   []string
		env    []string
		reason string
	}{
		{"no command", nil, nil, "--help"},
		{"unknown command", []string{"begin"}, nil, "begin"},
		{"unknown flag", []string{"start", "--bogus", "app.wasm"}, nil, "--bogus"},
		{"flag without value", []string{"start", "--env"}, nil, "--env"},
		{"no module", []string{"start"}, nil, "no module"},
		{"no module to compile", []string{"compile"}, nil, "no module"},
		{"no cache to compile into", []string{"compile", "--no-cache", "app.wasm"}, nil, "cache"},
		{"bad number", []string{"start", "--max-files", "many", "app.wasm"}, nil, "max-files"},
		{"bad variable", []string{"start", "--env", "A B=1", "app.wasm"}, nil, "white space"},
		{"no variable", []string{"start", "--env", "=1", "app.wasm"}, nil, "no variable name"},
		{"no environment file", []string{"start", "--env-file", "gone", "app.wasm"}, nil, "gone"},
		{"environment file is a folder", []string{"start", "--env-file", ".", "app.wasm"}, nil, "directory"},
		{"bad environment file", []string{"start", "--env-file", "app.wasm", "app.wasm"}, nil, "app.wasm: line 1"},
		{"no working directory", []string{"start", "--workdir", "gone", "app.wasm"}, nil, "gone"},
		{"working directory is a file", []string{"start", "--workdir", "app.wasm", "app.wasm"}, nil, "not a directory"},
		{"bad environment twin", []string{"start", "app.wasm"}, []string{"WALISUP_KEEP_DEBUG=maybe"}, "WALISUP_KEEP_DEBUG"},
		{"arguments to version", []string{"version", "now"}, nil, "now"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := run(t, exec.Command(walisupPath(), c.args...),
				invocation{env: c.env, files: map[string]string{"app.wasm": "=\n"}})
			expectRefusal(t, got, 125, c.reason)
		})
	}
}

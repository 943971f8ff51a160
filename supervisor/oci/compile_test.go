package oci

import (
	"bytes"
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	gort "runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"walisup/ipc"
	"walisup/ipc/cache"
	"walisup/supervisor/compilation"
)

func init() { gort.LockOSThread() } // see Main

// TestMain makes the test program a compiling helper, too, which does what the module says.
func TestMain(m *testing.M) {
	if os.Args[0] != "walisup-helper" {
		os.Exit(m.Run())
	}
	first := (&nodeCache{}).compiler().First
	boot, err := ipc.ReadBoot(first + ipc.BootOffset)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(125)
	}
	text := make([]byte, 1000)
	n, _ := unix.Pread(boot.ModuleFD, text, int64(len(moduleMagic)))
	switch verb, argument, _ := strings.Cut(string(text[:n]), " "); verb {
	case "good":
		if err := cache.Write(first+ipc.EntryOffset, &cache.Entry{Meta: []byte(argument)}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(125)
		}
	case "bad":
		fmt.Fprintf(os.Stderr, "walisup: %s: %s\n", boot.Module, argument)
		os.Exit(126)
	case "odd":
		fmt.Fprintf(os.Stderr, "%s\nand more\n", argument)
		os.Exit(125)
	case "endless":
		for n := 0; ; n++ {
		}
	}
}

// newNode is a runtime with a cache and a state directory, and what it logs.
func newNode(t *testing.T) (*runtime, *nodeCache, *bytes.Buffer) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	file, err := elf.Open(self)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if libraries, err := file.ImportedLibraries(); err == nil && len(libraries) > 0 {
		t.Skip("the test program needs libraries, which it could not open: set CGO_ENABLED=0")
	}
	dir := t.TempDir()
	r := &runtime{Config: Config{Helper: self, Cache: filepath.Join(dir, "cache"), State: filepath.Join(dir, "state")}, message: newMessages("", "json")}
	var log bytes.Buffer
	r.message.log.SetOutput(&log)
	c, err := openCache(r.Config.Cache, r.Helper)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	c.limits = compilation.Limits{Seconds: 1}
	return r, c, &log
}

// image makes a root file system of modules: of their texts, behind the magic number.
func image(t *testing.T, modules map[string]string) *rootfs {
	t.Helper()
	dir := t.TempDir()
	content := map[string]string{}
	for name, text := range modules {
		content[name] = moduleMagic + text
	}
	files(t, dir, content)
	root, err := openRoot(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(root.close)
	// Until the files are old enough for their state to be remembered.
	for name := range modules {
		for {
			info, err := os.Stat(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if time.Since(info.ModTime()) > 200*time.Millisecond {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	return root
}

func load(t *testing.T, c *nodeCache, root *rootfs, name string) *source {
	t.Helper()
	s, err := c.load(root, name)
	if err != nil {
		t.Fatal(err)
	}
	if s != nil {
		t.Cleanup(s.close)
	}
	return s
}

func TestCompile(t *testing.T) {
	t.Parallel()
	r, c, log := newNode(t)
	root := image(t, map[string]string{"good": "good code", "same": "good code", "bad": "bad \x1b[31mred\u202e " + strings.Repeat("x", 900), "odd": "odd \x1b]0;title\a"})
	s := load(t, c, root, "/good")
	if _, err := unix.Pwrite(s.content, []byte("x"), 0); err == nil {
		t.Error("the copy of a module can be changed")
	}
	if size, err := r.compile(c, s); err != nil || size == 0 {
		t.Errorf("compile: %d, %v: %s", size, err, log)
	}
	if again := load(t, c, root, "/good"); again != nil {
		t.Error("it is to be compiled again")
	}
	if size, err := r.compile(c, load(t, c, root, "/same")); err != nil || size != 0 {
		t.Errorf("the same by another name: %d, %v", size, err)
	}
	if log.Len() != 0 {
		t.Errorf("logged %s", log)
	}

	_, err := r.compile(c, load(t, c, root, "/bad"))
	if err == nil || !strings.HasPrefix(err.Error(), `exec: "/bad": \x1b[31mred\u202e xxx`) || len(err.Error()) > 1100 {
		t.Errorf("a bad module: %v", err)
	}

	if size, err := r.compile(c, load(t, c, root, "/odd")); err != nil || size != 0 {
		t.Errorf("a helper that fails: %d, %v", size, err)
	}
	const want = `compile \"/odd\" for each process that starts it: the compiling helper has ended with status 125: \\x1b]0;title\\a"`
	if got := log.String(); !strings.Contains(got, want) || strings.Contains(got, "more") {
		t.Errorf("logged %s", got)
	}
}

// A module that takes too much is not tried at every start.
func TestCompileEndless(t *testing.T) {
	t.Parallel()
	r, c, log := newNode(t)
	root := image(t, map[string]string{"endless": "endless"})
	s := load(t, c, root, "/endless")
	for _, want := range []string{"it may use 1 s of processor time", "it took too much when it was last tried"} {
		log.Reset()
		if size, err := r.compile(c, s); err != nil || size != 0 || !strings.Contains(log.String(), want) {
			t.Errorf("compile: %d, %v, want %q: %s", size, err, want, log)
		}
	}
	key, err := c.context.KeyOf(s.content, s.state.Size)
	if err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-2 * forgetting)
	if err := os.Chtimes(r.compiling(key.String()), old, old); err != nil {
		t.Fatal(err)
	}
	if err := r.hopeless(key); err != nil {
		t.Errorf("after %s: %v", 2*forgetting, err)
	}
	r.forget()
	if _, err := os.Stat(r.compiling(key.String())); err == nil {
		t.Error("it is remembered for ever")
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	_, c, _ := newNode(t)
	root := image(t, map[string]string{"huge": "", "bin/app": "app"})
	dir := root.dir.Name()
	if err := os.Truncate(filepath.Join(dir, "huge"), maxModule+1); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(filepath.Join(dir, "fifo"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"/huge", "/fifo", "/bin"} {
		if s, err := c.load(root, name); s != nil || err != nil {
			t.Errorf("%s: %v, %v", name, s, err)
		}
	}
	files(t, dir, map[string]string{"text": "no module", "short": "\x00asm", "empty": ""})
	for _, name := range []string{"/text", "/short", "/empty"} {
		if s, err := c.load(root, name); s != nil || err == nil || !strings.Contains(err.Error(), "is not a WebAssembly module") {
			t.Errorf("%s: %v, %v", name, s, err)
		}
	}
	if s, err := c.load(root, "/none"); s != nil || err == nil {
		t.Errorf("nothing: %v, %v", s, err)
	}
}

// Modules have their turns one after the other, and no container has a hand on that.
func TestTurns(t *testing.T) {
	t.Parallel()
	r, _, _ := newNode(t)
	var key, other cache.Key
	other[len(other)-1] = 1
	done, err := r.takeTurn(key)
	if err != nil {
		t.Fatal(err)
	}
	second := make(chan func())
	go func() {
		done, err := r.takeTurn(key)
		if err != nil {
			t.Error(err)
		}
		second <- done
	}()
	otherDone, err := r.takeTurn(other)
	if err != nil {
		t.Fatal(err)
	}
	otherDone()
	select {
	case <-second:
		t.Error("two have the same turn")
	default:
	}
	done()
	(<-second)()
	locks, err := filepath.Glob(filepath.Join(r.Config.Cache, "*"))
	if err != nil || len(locks) != 0 {
		t.Errorf("in the cache: %q, %v", locks, err)
	}
}

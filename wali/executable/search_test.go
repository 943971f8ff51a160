package executable

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"walisup/wali/kernel/kerneltest"
	"walisup/wali/pathguard"
)

// native makes system calls for a Search of a test, in a process whose helper does not exist.
type native struct {
	*kerneltest.Caller
	module string
}

func (n *native) OwnsFD(int32) bool                              { return false }
func (n *native) Slots() pathguard.Slots                         { return pathguard.Slots{} }
func (n *native) Place(int32, int32) bool                        { return false }
func (n *native) LendDescriptors() func()                        { return func() {} }
func (n *native) HelperFile() (dev, inode uint64)                { return 0, 0 }
func (n *native) ModulePath() string                             { return n.module }
func (n *native) OwnView(pathguard.Verdict, pathguard.How) int64 { return -int64(unix.EACCES) }

func newSearch(t testing.TB, sandboxed bool) *Search {
	t.Helper()
	n := &native{Caller: kerneltest.New(t)}
	s := &Search{Files: &pathguard.Thread{Guard: new(pathguard.Guard), Caller: n, Process: n}, Sandboxed: sandboxed}
	t.Cleanup(s.Close)
	return s
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	const module, elf = "\x00asm\x01\x00\x00\x00", "\x7fELF..."
	put := func(name, content string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	app := put("app", module, 0o755)
	put("tool", elf, 0o755)
	put("text", "no program", 0o755)
	put("data", module, 0o644)
	last := app
	for i := range maxInterpreters + 1 {
		last = put(fmt.Sprintf("script%d", i+1), "#!"+last+" arg of "+fmt.Sprint(i+1)+"\n", 0o755)
	}
	put("nameless", "#!\n", 0o755)
	put("lost", "#!/no/such/interpreter\n", 0o755)
	put("closed", "#!"+filepath.Join(dir, "data")+"\n", 0o755)
	if err := os.Symlink("app", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, c := range []struct {
		name  string
		flags uint32
		kind  Kind
		want  unix.Errno
		argv  []string
	}{
		{name: "app", kind: Module},
		{name: "link", kind: Module},
		{name: "link", flags: unix.AT_SYMLINK_NOFOLLOW, want: unix.ELOOP},
		{name: "tool", kind: Native},
		{name: "text", kind: Unknown},
		{name: "data", want: unix.EACCES},
		{name: "folder", want: unix.EACCES},
		{name: "missing", want: unix.ENOENT},
		{name: "app/under", want: unix.ENOTDIR},
		{name: "script1", kind: Module, argv: []string{app, "arg of 1", in("script1")}},
		{name: "script2", kind: Module, argv: []string{app, "arg of 1", in("script1"), "arg of 2", in("script2")}},
		{name: "script6", want: unix.ELOOP},
		{name: "nameless", want: unix.ENOEXEC},
		{name: "lost", want: unix.ENOENT},
		{name: "closed", want: unix.EACCES},
	} {
		for _, sandboxed := range []bool{false, true} {
			s := newSearch(t, sandboxed)
			kind, e := s.Find(unix.AT_FDCWD, in(c.name), c.flags)
			if e != c.want || e == 0 && kind != c.kind {
				t.Errorf("%s, sandbox %v: kind %d, %v; want %d, %v", c.name, sandboxed, kind, e, c.kind, c.want)
			}
			if c.want == 0 && (!slices.Equal(s.Argv, c.argv) || s.Name != c.name) {
				t.Errorf("%s: arguments %q, name %q", c.name, s.Argv, s.Name)
			}
			if e == 0 && kind == Module && s.Path() != app {
				t.Errorf("%s: the module is %s", c.name, s.Path())
			}
			s.Close()
		}
	}
}

// A script that is given by a close-on-exec descriptor is out of its interpreter's reach.
func TestFindByDescriptor(t *testing.T) {
	dir := t.TempDir()
	app, script := filepath.Join(dir, "app"), filepath.Join(dir, "script")
	for path, content := range map[string]string{app: "\x00asm", script: "#!" + app + "\n"} {
		if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		path  string
		flags int
		want  unix.Errno
	}{{app, unix.O_CLOEXEC, 0}, {app, unix.O_PATH, 0}, {script, 0, 0}, {script, unix.O_CLOEXEC, unix.ENOENT}} {
		fd, err := unix.Open(c.path, c.flags, 0)
		if err != nil {
			t.Fatal(err)
		}
		s := newSearch(t, false)
		kind, e := s.Find(int32(fd), "", unix.AT_EMPTY_PATH)
		if e != c.want || e == 0 && kind != Module {
			t.Errorf("%s with %#x: kind %d, %v, want %v", c.path, c.flags, kind, e, c.want)
		}
		s.Close()
		unix.Close(fd)
	}
	s := newSearch(t, false)
	if _, e := s.Find(-1, "", unix.AT_EMPTY_PATH); e != unix.EBADF {
		t.Errorf("no descriptor: %v", e)
	}
}

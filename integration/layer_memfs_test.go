package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLayerMemfs has a shell and its children use a file system in memory.
func TestLayerMemfs(t *testing.T) {
	t.Parallel()
	bash, busybox, sqlite := port(t, "bash", "bash"), port(t, "busybox", "busybox"), port(t, "sqlite3", "sqlite3")
	say := buildWASIC(t, "testdata/wasi/say.c")
	parent, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(parent, "a b")
	if err := os.Mkdir(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "below"), []byte("below"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, module := range map[string]string{"bash": bash.module, "busybox": busybox.module, "sqlite": sqlite.module, "say": say} {
		if err := os.Symlink(module, filepath.Join(parent, name)); err != nil {
			t.Fatal(err)
		}
	}
	memfs := func(args ...string) []string { return []string{"--layer", supplied(t, "memfs.wasm", args...)} }
	probe := bash.runGuest(t, invocation{args: []string{"-c", "true"}, flags: memfs(dir)})
	if strings.Contains(probe.stderr, "a user namespace") || strings.Contains(probe.stderr, "make the mounts private") {
		t.Skipf("this user may not mount: %s", probe.stderr)
	}
	before := snapshot(t, parent)
	for _, c := range []struct {
		name, script string
		flags        []string
		want         string
	}{
		{"empty at first", `echo *; ../busybox stat -c %a .`, memfs(dir), "*\n750\n"},
		{"all processes share it", `(echo one >x); ../bash -c 'echo two >>x; ../busybox mv x y'; echo $(<y); ../busybox ls`, memfs(dir), "one two\ny\n"},
		{"what a file system does", `mkdir d; echo x >d/x; ln d/x l; ln -s d/x s; ln -s .. d/up; cat s d/up/l; ls -i d/x l | { read a b; read c e; echo $((a == c)); }
			rm d/x; cat s 2>/dev/null || echo gone; cat l; mkfifo p; echo pipe >p & cat p; chmod 640 l; stat -c %a l; mv d e; rmdir e 2>/dev/null || echo full`,
			memfs(dir), "x\nx\n1\ngone\nx\npipe\n640\nfull\n"},
		{"a database", `../sqlite db 'pragma journal_mode=wal' 'create table t(a)' 'insert into t values(1)'
			for i in 2 3 4; do ../sqlite -cmd '.timeout 60000' db "insert into t values($i)" & done; wait; ../sqlite db 'select sum(a) from t' 'pragma integrity_check'`,
			memfs(dir), "wal\n10\nok\n"},
		{"a size", `dd if=/dev/zero of=big bs=4096 count=300 2>/dev/null || echo full; stat -c %s big`, memfs("size=1m", dir), "full\n1048576\n"},
		{"it stays mounted", `umount "$PWD" 2>/dev/null || umount -l "$PWD" 2>/dev/null; echo x >x; cat x`, memfs(dir), "x\n"},
		{"below a policy", `echo x >x; echo x 2>/dev/null >../x || echo refused; cat x`,
			append([]string{"--layer", supplied(t, "readonly.wasm", dir)}, memfs(dir)...), "refused\nx\n"},
		{"a WASI module in it", `echo content >file; ../say`,
			append([]string{"--layer", supplied(t, "wasi.wasm", "--dir", dir)}, memfs(dir)...), "[../say] content\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.name == "it stays mounted" && os.Getuid() == 0 {
				t.Skip("root may unmount what it likes")
			}
			tools := `for f in cat ls ln rm mkdir rmdir mkfifo chmod stat mv dd umount; do eval "$f() { ../busybox $f \"\$@\"; }"; done; `
			got := bash.runGuest(t, invocation{args: []string{"-c", `cd "$0"; ` + tools + c.script, dir}, flags: c.flags})
			if got.stdout != c.want || got.stderr != "" {
				t.Errorf("status %d, standard output %q, standard error %q, want %q", got.status, got.stdout, got.stderr, c.want)
			}
		})
	}
	t.Run("the working directory", func(t *testing.T) {
		t.Parallel()
		for cwd, want := range map[string]string{dir: dir + "\n*\n", parent: parent + "\na b bash busybox say sqlite\n"} {
			got := bash.runGuest(t, invocation{args: []string{"-c", "pwd -P; echo *"}, flags: append(memfs(dir), "--workdir", cwd)})
			if got.stdout != want {
				t.Errorf("in %s: standard output %q, standard error %q, want %q", cwd, got.stdout, got.stderr, want)
			}
		}
	})
	t.Run("no new rights", func(t *testing.T) {
		t.Parallel()
		script := `while read -r line; do case $line in Cap[IPEA]*) echo "$line";; esac; done </proc/self/status; echo $UID $EUID`
		alone := bash.runGuest(t, invocation{args: []string{"-c", script}})
		for _, inner := range []string{script, `exec "$0" -c '` + script + `'`} {
			got := bash.runGuest(t, invocation{args: []string{"-c", inner, bash.module}, flags: memfs(dir)})
			if got.stdout != alone.stdout {
				t.Errorf("with the file system %q, without %q", got.stdout, alone.stdout)
			}
		}
	})
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		for args, says := range map[string]string{
			"":                            "the directory is missing",
			"/":                           "directory /: Invalid argument",
			"relative":                    "argument relative",
			"size=1x|" + dir:              "argument size=1x",
			dir + "|" + dir:               "argument " + dir,
			dir + "/missing":              "missing: No such file or directory",
			filepath.Join(parent, "bash"): "bash: Not a directory",
		} {
			flags := memfs()
			if args != "" {
				flags = memfs(strings.Split(args, "|")...)
			}
			got := bash.runGuest(t, invocation{args: []string{"-c", "echo no"}, flags: flags})
			if got.status != 125 || got.stdout != "" || !strings.Contains(got.stderr, "memfs.wasm: "+says) && !strings.Contains(got.stderr, says) {
				t.Errorf("%q: %+v, want %q", args, got, says)
			}
		}
	})
	t.Cleanup(func() {
		if after := snapshot(t, parent); fmt.Sprint(after) != fmt.Sprint(before) {
			t.Errorf("outside there was %v, and is %v", before, after)
		}
	})
}

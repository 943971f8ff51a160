package integration

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// buildWASIC is buildWASI for a program in C without a library.
func buildWASIC(t *testing.T, source string) string {
	t.Helper()
	needWalisup(t)
	need(t, filepath.Join(root, "bin", "layers", "wasi.wasm"), "run make layers")
	need(t, filepath.Join(root, ".cache", "sysroot", "stamp"), "run make sysroot")
	return compileOnce(t, filepath.Join(root, "bin", "walicc"), source, ".wasm",
		[]string{"-ffreestanding", "-fno-builtin", "-nostdlib", "-nostartfiles"})
}

// TestWASIExecuted has bash execute a WASI module, in all that can be around it.
func TestWASIExecuted(t *testing.T) {
	t.Parallel()
	bash := port(t, "bash", "bash")
	say, paths := buildWASIC(t, "testdata/wasi/say.c"), buildWASI(t, "testdata/wasi/paths.go")
	box := filepath.Dir(say)
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("content"), 0o644); err != nil {
		t.Fatal(err)
	}
	const script = `MARK=mark $SAY a 'b c'; echo " $?"; exec $SAY ''`
	const alone, served = "[SAY][a][b c]mark errno 08 3\n[SAY][] errno 08", "[SAY][a][b c]mark content 3\n[SAY][] content"
	for _, c := range []struct {
		name   string
		flags  []string
		script string
		want   string
	}{
		{"no layer", nil, script, alone},
		{"a layer that is not for WASI", []string{"--layer", supplied(t, "readonly.wasm")}, script, alone},
		{"seven of them", strings.Split(strings.Repeat("--layer|"+supplied(t, "readonly.wasm")+"|", 7), "|")[:14], script, alone},
		{"the layer for WASI", []string{"--layer", supplied(t, "wasi.wasm", "--dir", dir)}, script, served},
		{"a sandbox", []string{"--sandbox", "--allow-read", box}, script, alone},
		{"a sandbox and a layer", []string{"--sandbox", "--allow-read", dir, "--allow-read", box,
			"--layer", supplied(t, "wasi.wasm", "--dir", dir)}, script, served},
		// The next program has a copy of the non-blocking descriptor, or none.
		{"closed streams", []string{"--sandbox", "--allow-read", box}, `$SAY <&-; $SAY 2>&-; exec <&-; exec $SAY`,
			strings.Repeat("[SAY] errno 08", 3)},
		{"every descriptor in use", []string{"--max-files", "64"},
			`for ((i = 3; i < 64; i++)); do eval "exec $i</dev/null"; done; exec $SAY x`, "[SAY][x] errno 08"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := bash.runGuest(t, invocation{
				args: []string{"-c", c.script}, env: []string{"SAY=" + say}, flags: c.flags,
			})
			if text := strings.ReplaceAll(got.stdout, say, "SAY"); text != c.want || got.status != 3 || got.stderr != "" {
				t.Errorf("status %d, standard output %q, standard error %q, want %q", got.status, text, got.stderr, c.want)
			}
		})
	}
	t.Run("a program in Go", func(t *testing.T) {
		t.Parallel()
		box := t.TempDir()
		if err := os.WriteFile(filepath.Join(box, "file"), []byte("file"), 0o644); err != nil {
			t.Fatal(err)
		}
		got := bash.runGuest(t, invocation{
			args: []string{"-c", paths + ` x "y z"; echo $?`}, env: []string{"MARK=mark"},
			flags: []string{"--layer", supplied(t, "wasi.wasm", "--dir", box+"::/box")},
		})
		if !strings.HasSuffix(got.stdout, "\n3\n") || got.stderr != "" {
			t.Errorf("standard output %q, standard error %q", got.stdout, got.stderr)
		}
	})
	t.Run("eight layers", func(t *testing.T) {
		t.Parallel()
		got := bash.runGuest(t, invocation{
			args: []string{"-c", "exec " + say}, flags: strings.Split(strings.Repeat("--layer|"+supplied(t, "readonly.wasm")+"|", 8), "|")[:16],
		})
		if got.status != 126 || !strings.Contains(got.stderr, "Exec format error") {
			t.Errorf("status %d, standard error %q", got.status, got.stderr)
		}
	})
}

// TestWASICompiled has compile make all that the start of a WASI module needs.
func TestWASICompiled(t *testing.T) {
	t.Parallel()
	say, dir := buildWASIC(t, "testdata/wasi/say.c"), t.TempDir()
	walisup := func(args ...string) string {
		cmd := exec.Command(walisupPath(), args...)
		cmd.Env = append(baseEnv(), "WALISUP_CACHE="+dir)
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		return fmt.Sprintf("%d %s", runBounded(t, cmd), &out)
	}
	entries := func() (n int) {
		t.Helper()
		names, err := filepath.Glob(filepath.Join(dir, "????????*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if !strings.HasPrefix(filepath.Base(name), "file-") {
				n++
			}
		}
		return n
	}
	if got := walisup("compile", say); got != "0 " || entries() != 2 {
		t.Errorf("compile: %q, %d entries", got, entries())
	}
	if got, want := walisup("start", say), "3 ["+say+"] errno 08"; got != want || entries() != 2 {
		t.Errorf("start: %q and %d entries, want %q and 2", got, entries(), want)
	}
	if got := walisup("compile", "--layer", supplied(t, "readonly.wasm"), say); got != "0 " || entries() != 4 {
		t.Errorf("with a layer: %q, %d entries", got, entries())
	}
	if got := walisup("compile", "--layer", "/dev/null", say); !strings.HasPrefix(got, "126 ") || !strings.Contains(got, "layer /dev/null") {
		t.Errorf("with a layer that is none: %q", got)
	}
}

// TestWASIWithoutSupervisor has the helper itself run a WASI module.
func TestWASIWithoutSupervisor(t *testing.T) {
	t.Parallel()
	bash, say := port(t, "bash", "bash"), buildWASIC(t, "testdata/wasi/say.c")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("content"), 0o644); err != nil {
		t.Fatal(err)
	}
	helper := filepath.Join(root, "bin", "walisup-helper")
	lonely := filepath.Join(dir, "walisup-helper")
	data, err := os.ReadFile(helper)
	if err == nil {
		err = os.WriteFile(lonely, data, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		args   []string
		status int
		want   string
	}{
		{"no directory", []string{helper, "--", say, "say", "x"}, 3, "[say][x] errno 08"},
		{"a directory", []string{helper, "--dir=/", "--dir=" + dir, "--", say, "say"}, 3, "[say] errno 44"},
		{"the first directory", []string{helper, "--dir=" + dir + "::/", "--", say, "say"}, 3, "[say] content"},
		{"executed", []string{helper, "--dir=" + dir, "--", bash.module, "bash", "-c", say + "; exec " + say}, 3, "[SAY] content[SAY] content"},
		{"a word that is no option", []string{helper, "--dir=", "--", say, "say"}, 125, ""},
		{"no layer beside it", []string{lonely, "--", say, "say"}, 126, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := run(t, exec.Command(c.args[0], c.args[1:]...), invocation{env: []string{"XDG_CACHE_HOME=" + testCache()}})
			if text := strings.ReplaceAll(got.stdout, say, "SAY"); text != c.want || got.status != c.status {
				t.Errorf("status %d, standard output %q, standard error %q, want %d and %q", got.status, text, got.stderr, c.status, c.want)
			}
			if c.status == 126 && !strings.Contains(got.stderr, "no layers/wasi.wasm beside") {
				t.Errorf("standard error %q", got.stderr)
			}
		})
	}
}

// TestWASIBinfmt has the kernel start WASI modules, with and without a supervisor.
func TestWASIBinfmt(t *testing.T) {
	t.Parallel()
	say := buildWASIC(t, "testdata/wasi/say.c")
	for _, c := range []struct{ name, script, want string }{
		{"supervised", `walisup binfmt --register && ./say x; WALISUP_DIR=$PWD ./say`, "[./say][x] errno 08[./say] content"},
		{"fixed", `walisup binfmt --register --fix-binary && ./say x`, "[./say][x] errno 08"},
		{"fixed, in a root", `walisup binfmt --register --fix-binary && mkdir r && cp say r && chroot r /say x 2>&1 | grep -c 'no layers/wasi.wasm' &&
			mkdir -p r/usr/lib/walisup/layers && cp "$(dirname "$(command -v walisup)")/layers/wasi.wasm" r/usr/lib/walisup/layers && chroot r /say y`,
			"1\n[/say][y] errno 08"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			data, err := os.ReadFile(say)
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, "say"), data, 0o755)
			}
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, "file"), []byte("content"), 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
			cmd := binfmtScript(t, c.script)
			cmd.Dir = dir
			out, err := cmd.Output()
			if string(out) != c.want {
				t.Errorf("%q, %v, want %q", out, err, c.want)
			}
		})
	}
}

package integration

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// supplied names a layer of wali/layers with its arguments, quoted for --layer.
func supplied(tb testing.TB, name string, args ...string) string {
	tb.Helper()
	needWalisup(tb)
	path := filepath.Join(root, "bin", "layers", name)
	need(tb, path, "run make layers")
	for _, arg := range args {
		path += " '" + arg + "'"
	}
	return path
}

// escapeArea makes what testdata/layer/escapes.c tries its hand on: outside and inside.
func escapeArea(t *testing.T) (outside, inside string) {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	outside, inside = filepath.Join(dir, "outside"), filepath.Join(dir, "inside")
	for i := range 100 {
		own := filepath.Join(outside, fmt.Sprint(i))
		if err := os.MkdirAll(filepath.Join(own, "dir"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(own, "victim"), []byte("victim"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(inside, 0o755); err != nil {
		t.Fatal(err)
	}
	return outside, inside
}

// sendDescriptors answers each connection to a socket with a descriptor that can write a file.
func sendDescriptors(t *testing.T, socket, file string) {
	t.Helper()
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		listener.Close()
		f.Close()
	})
	rights := unix.UnixRights(int(f.Fd()))
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			c.(*net.UnixConn).WriteMsgUnix([]byte("x"), rights, nil)
			c.Close()
		}
	}()
}

// tryEscapes runs all attempts and returns what they say of themselves.
func tryEscapes(t *testing.T, app pair, outside, inside string, flags ...string) map[string]string {
	t.Helper()
	given := filepath.Join(outside, "99", "victim")
	sendDescriptors(t, filepath.Join(inside, "server"), filepath.Join(outside, "98", "victim"))
	f, err := os.OpenFile(given, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	args := append([]string{"start", "--preserve-fds", "1"}, flags...)
	args = append(args, "--", app.module, "escape", outside, inside)
	cmd := exec.Command(walisupPath(), args...)
	cmd.ExtraFiles = []*os.File{f}
	got := run(t, cmd, invocation{})
	if got.status != 0 || got.stderr != "" {
		t.Fatalf("status %d, standard output %q, standard error %q", got.status, got.stdout, got.stderr)
	}
	results := map[string]string{}
	for line := range strings.Lines(got.stdout) {
		name, result, _ := strings.Cut(strings.TrimSpace(line), ": ")
		results[name] = result
	}
	return results
}

// TestLayerReadonly has a hostile application try to write where readonly.wasm does not let
// it. That the attempts are what they say shows without the layer, where they succeed.
func TestLayerReadonly(t *testing.T) {
	t.Parallel()
	layer, app := supplied(t, "readonly.wasm"), buildModule(t, "testdata/layer/escapes.c")
	outside, inside := escapeArea(t)
	before := snapshot(t, outside)
	for name, result := range tryEscapes(t, app, outside, inside, "--layer", layer+" '"+inside+"'") {
		if result != "refused" {
			t.Errorf("%s: %s", name, result)
		}
	}
	after := snapshot(t, outside)
	for name, is := range after {
		if before[name] != is {
			t.Errorf("%s was %q and is %q", name, before[name], is)
		}
	}
	for name := range before {
		if _, ok := after[name]; !ok {
			t.Errorf("%s is gone", name)
		}
	}

	outside, inside = escapeArea(t)
	// These need a privilege, a limit, a file system or a kernel that has them, or luck; the
	// kernel itself refuses map_shared and native programs; and the others are about the layer's
	// descriptors.
	optional := map[string]bool{"open_by_handle": true, "make_node": true, "mount_over": true, "change_root": true,
		"namespaces": true, "fanotify": true, "set_flags": true, "set_attribute": true, "set_attribute_of_descriptor": true,
		"copy_range": true, "native_program": true, "map_shared": true, "core_file": true, "replace_descriptors": true,
		"close_descriptors": true, "race_numbers": true, "race_address": true, "race_link": true, "race_directory": true,
		"race_path": true, "race_mode": true, "race_descriptor": true, "race_own_table": true}
	escaped := 0
	for name, result := range tryEscapes(t, app, outside, inside) {
		switch {
		case result == "escaped":
			escaped++
		case !optional[name]:
			t.Errorf("without the layer %s is %s", name, result)
		}
	}
	if escaped < 50 {
		t.Errorf("without the layer %d attempts succeed", escaped)
	}
}

// TestLayerReadonlyUse has an application do below a directory that readonly.wasm leaves it
// all that the layer judges. The results are those without it.
func TestLayerReadonlyUse(t *testing.T) {
	t.Parallel()
	layer, app := supplied(t, "readonly.wasm"), buildModule(t, "testdata/layer/escapes.c")
	_, with := escapeArea(t)
	_, without := escapeArea(t)
	want := app.runGuest(t, invocation{args: []string{"use", without}})
	got := app.runGuest(t, invocation{args: []string{"use", with}, flags: []string{"--layer", layer + " '" + with + "'"}})
	if want.status != 0 || got.status != 0 || got.stderr != "" {
		t.Fatalf("status %d without and %d with the layer, standard error %q", want.status, got.status, got.stderr)
	}
	if got.stdout != want.stdout {
		t.Errorf("standard output: %s", difference(want.stdout, got.stdout))
	}
	files, wanted := snapshot(t, with), snapshot(t, without)
	for name, is := range wanted {
		if files[name] != is {
			t.Errorf("%s is %q instead of %q", name, files[name], is)
		}
	}
}

// TestLayerReadonlyArguments starts readonly.wasm with names that are none of directories.
func TestLayerReadonlyArguments(t *testing.T) {
	t.Parallel()
	app := buildModule(t, "testdata/layer/escapes.c")
	_, inside := escapeArea(t)
	link := filepath.Join(filepath.Dir(inside), "link")
	if err := os.Symlink(inside, link); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, arg, says string }{
		{"relative", ".", "must begin with /"},
		{"missing", inside + "/missing", "No such file or directory"},
		{"a symbolic link", link, "use " + inside},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := app.runGuest(t, invocation{args: []string{"use", inside}, flags: []string{"--layer", supplied(t, "readonly.wasm", c.arg)}})
			if got.status != 125 || got.stdout != "" || !strings.Contains(got.stderr, c.says) {
				t.Errorf("status %d, standard output %q, standard error %q, want 125 and %q", got.status, got.stdout, got.stderr, c.says)
			}
		})
	}
}

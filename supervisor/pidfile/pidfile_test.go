package pidfile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return strings.Join(list, " ")
}

func TestPublishAndRemove(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "pid")
	for _, stale := range []string{"", "123456789\n"} { // none, and one left behind by somebody
		if stale != "" {
			if err := os.WriteFile(path, []byte(stale), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		f, err := Prepare(path)
		if err != nil {
			t.Fatal(err)
		}
		if data, err := os.ReadFile(path); err == nil && string(data) != stale {
			t.Errorf("before it is published: %q", data)
		}
		if err := f.Publish(42); err != nil {
			t.Fatal(err)
		}
		if data, err := os.ReadFile(path); err != nil || string(data) != "42\n" {
			t.Errorf("published: %q, %v", data, err)
		}
		if err := Remove(path, 4); err != nil || names(t, dir) != "pid" {
			t.Errorf("removed by another process: %v", err)
		}
		if err := Remove(path, 42); err != nil || names(t, dir) != "" {
			t.Errorf("after removal: %v, %q", err, names(t, dir))
		}
		if err := Remove(path, 42); err != nil {
			t.Errorf("removed a second time: %v", err)
		}
	}
}

func TestAbandonLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f, err := Prepare(filepath.Join(dir, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	f.Abandon()
	if got := names(t, dir); got != "" {
		t.Errorf("left: %q", got)
	}
	f.Abandon()
	var none *File
	none.Abandon()
	if f, err := Prepare(""); f != nil || err != nil || none.Publish(1) != nil || Remove("", 1) != nil {
		t.Errorf("without a path: %v, %v", f, err)
	}
}

func TestPrepareRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	target := filepath.Join(dir, "target")
	if err := os.WriteFile(target, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, make := range map[string]func(path string) error{
		"link":      func(path string) error { return os.Symlink(target, path) },
		"nowhere":   func(path string) error { return os.Symlink(filepath.Join(dir, "new"), path) },
		"directory": func(path string) error { return os.Mkdir(path, 0o700) },
		"fifo":      func(path string) error { return unix.Mkfifo(path, 0o600) },
	} {
		path := filepath.Join(dir, name)
		if err := make(path); err != nil {
			t.Fatal(err)
		}
		if f, err := Prepare(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, %v, want an error that names it", name, f, err)
		}
		if err := Remove(path, 1); err != nil {
			t.Errorf("remove %s: %v", name, err)
		}
	}
	for _, path := range []string{"/dev/null", filepath.Join(dir, "missing", "pid"), filepath.Join(dir, strings.Repeat("x", 300)), dir} {
		if f, err := Prepare(path); err == nil {
			t.Errorf("%s: %v, want an error", path, f)
		}
	}
	if data, err := os.ReadFile(target); err != nil || string(data) != "precious" {
		t.Errorf("the link's target: %q, %v", data, err)
	}
	if got, want := names(t, dir), "directory fifo link nowhere target"; got != want {
		t.Errorf("in the directory: %q, want %q", got, want)
	}
}

// TestPublishFails puts a directory where the file is to be, and looks what is left.
func TestPublishFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "pid")
	f, err := Prepare(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := f.Publish(1); err == nil || names(t, dir) != "pid" {
		t.Errorf("%v, left %q", err, names(t, dir))
	}
}

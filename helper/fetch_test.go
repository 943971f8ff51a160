package helper

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"walisup/ipc"
	"walisup/ipc/cache"
)

func newBoot(module string) *ipc.Boot { return &ipc.Boot{Module: module, ModuleFD: -1} }

// world counts what fetch asks for. What it hands out is the file's content.
type world struct {
	opened, compiled int
	fail             error
}

func (w *world) fetcher() fetcher[string] {
	content := func(fd int) (string, error) {
		defer unix.Close(fd)
		var b [64]byte
		n, err := unix.Pread(fd, b[:], 0)
		return string(b[:max(n, 0)]), err
	}
	return fetcher[string]{
		open: func(dir *cache.Dir, key cache.Key) (string, error) {
			w.opened++
			fd, err := dir.Open(key)
			if err != nil {
				return "", err
			}
			return content(fd)
		},
		compile: func(result int) error {
			w.compiled++
			unix.Write(result, []byte("compiled"))
			return w.fail
		},
		take: content,
	}
}

func fetchFrom(t *testing.T, content, dir string) (*world, func() (string, error)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "app.wasm")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	b := &bootstrap{Boot: newBoot(path), build: strings.Repeat("0", 16)}
	w := &world{}
	return w, func() (string, error) {
		f, done, err := b.openModule()
		if err != nil {
			t.Fatal(err)
		}
		defer done()
		var d *cache.Dir
		if dir != "" {
			if d, err = cache.Open(dir); err != nil {
				t.Fatal(err)
			}
			defer d.Close()
		}
		return fetch(b, &f, d, w.fetcher())
	}
}

const emptyModule = "\x00asm\x01\x00\x00\x00"

func TestFetchCompilesWhatIsNotThere(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		w, fetch := fetchFrom(t, emptyModule, dir)
		if got, err := fetch(); got != "compiled" || err != nil || w.compiled != 1 || w.opened > 1 {
			t.Errorf("folder %q: %q, %v, %+v", dir, got, err, w)
		}
	}
}

func TestFetchFindsWhatIsThere(t *testing.T) {
	dir := t.TempDir()
	w, fetch := fetchFrom(t, emptyModule, dir)
	b := &bootstrap{Boot: newBoot(""), build: strings.Repeat("0", 16)}
	if err := os.WriteFile(filepath.Join(dir, b.key([]byte(emptyModule)).String()), []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time by the file's name and state
		if got, err := fetch(); got != "kept" || err != nil || w.compiled != 0 {
			t.Errorf("%q, %v, %+v", got, err, w)
		}
	}
}

func TestFetchRefusesOtherFiles(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		for _, content := range []string{"", "#!/bin/sh", "hello"} {
			w, fetch := fetchFrom(t, content, dir)
			_, err := fetch()
			var e *fileError
			if !errors.As(err, &e) || w.compiled != 0 {
				t.Errorf("%q: %v, %+v", content, err, w)
			}
		}
	}
}

// A compiler that fails leaves no descriptor open.
func TestFetchFails(t *testing.T) {
	w, fetch := fetchFrom(t, emptyModule, "")
	w.fail = unix.EIO
	count := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	before := count()
	if _, err := fetch(); !errors.Is(err, unix.EIO) {
		t.Error(err)
	}
	if after := count(); after != before {
		t.Errorf("%d descriptors open, %d before", after, before)
	}
}

package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// all reads what is there and joins the texts as the guest wrote them.
func all(t *testing.T, r *Reader) string {
	t.Helper()
	var out bytes.Buffer
	for {
		line, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "%s:%s", line.Stream, line.Text)
		if !line.Partial {
			out.WriteByte('\n')
		}
	}
}

func TestLinesComeBack(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", maxText)
	cases := []struct {
		name   string
		writes []string
		want   string
	}{
		{"nothing", nil, ""},
		{"one line", []string{"hello\n"}, "stdout:hello\n"},
		{"several at once", []string{"a\n\nb\n"}, "stdout:a\nstdout:\nstdout:b\n"},
		{"in parts", []string{"he", "llo\nx\n"}, "stdout:hestdout:llo\nstdout:x\n"},
		{"unfinished", []string{"prompt> "}, "stdout:prompt> stdout:\n"},
		{"longest", []string{long + "\n"}, "stdout:" + long + "\n"},
		{"longer", []string{long + "y\n"}, "stdout:" + long + "stdout:y\n"},
		{"any bytes", []string{"\x00\xff\r\x1b[0m\n"}, "stdout:\x00\xff\r\x1b[0m\n"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "log")
			w := Create(path, 1<<20, 2)
			defer w.Close()
			for _, text := range c.writes {
				w.Write(time.Now(), Stdout, []byte(text))
			}
			w.End(time.Now())
			r := NewReader(path)
			defer r.Close()
			if got := all(t, r); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestTimeAndStreamComeBack(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	w := Create(path, 1<<20, 2)
	defer w.Close()
	now := time.Date(2026, 3, 1, 12, 0, 0, 5, time.UTC)
	w.Write(now, Stderr, []byte("oops\n"))
	r := NewReader(path)
	defer r.Close()
	line, err := r.Next()
	if err != nil || !line.Time.Equal(now) || line.Stream != Stderr || line.Partial || string(line.Text) != "oops" {
		t.Errorf("got %+v, %v", line, err)
	}
}

// TestRotationKeepsTheNewest also follows the journal meanwhile: a reader that
// keeps up misses nothing.
func TestRotationKeepsTheNewest(t *testing.T) {
	t.Parallel()
	const size, files, lines = 8 << 10, 3, 2000
	path := filepath.Join(t.TempDir(), "log")
	w := Create(path, size, files)
	defer w.Close()
	follower := NewReader(path)
	defer follower.Close()
	var followed strings.Builder
	var want strings.Builder
	for n := range lines {
		w.Write(time.Now(), Stdout, fmt.Appendf(nil, "line %d\n", n))
		fmt.Fprintf(&want, "stdout:line %d\n", n)
		if n%50 == 0 {
			followed.WriteString(all(t, follower))
		}
	}
	followed.WriteString(all(t, follower))
	if followed.String() != want.String() {
		t.Errorf("the follower read %d bytes, want %d", followed.Len(), want.Len())
	}
	late := NewReader(path)
	defer late.Close()
	got := all(t, late)
	if !strings.HasSuffix(want.String(), got) || got == "" {
		t.Errorf("what is left is not the end of what was written: %q", got)
	}
	var total int64
	names, err := filepath.Glob(path + "*")
	if err != nil || len(names) != files {
		t.Errorf("files %q, %v, want %d", names, err, files)
	}
	for _, name := range names {
		st, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		total += st.Size()
	}
	if total > size*files {
		t.Errorf("%d bytes are kept, want at most %d", total, size*files)
	}
}

// TestFullDiskLosesLinesOnly limits the size of files, which fails in the middle
// of a write as a full disk does.
func TestFullDiskLosesLinesOnly(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounts a small file system, which needs root")
	}
	dir := t.TempDir()
	if err := unix.Mount("none", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("mount: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 56<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "log")
	w := Create(path, 1<<20, 2)
	defer w.Close()
	for n := range 500 {
		w.Write(time.Now(), Stdout, fmt.Appendf(nil, "line %d\n", n))
	}
	lost, cause := w.Lost()
	if lost == 0 || !errors.Is(cause, unix.ENOSPC) {
		t.Fatalf("%d lines lost (%v), want some: the disk was not full", lost, cause)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	w.Write(time.Now(), Stdout, []byte("after\n"))
	r := NewReader(path)
	defer r.Close()
	got := all(t, r)
	var want strings.Builder
	for n := range 500 - lost {
		fmt.Fprintf(&want, "stdout:line %d\n", n)
	}
	fmt.Fprintf(&want, "walisup:%d lines lost: ", lost)
	if !strings.HasPrefix(got, want.String()) || !strings.HasSuffix(got, "\nstdout:after\n") {
		t.Errorf("with %d lines lost the journal is\n%s", lost, got)
	}
}

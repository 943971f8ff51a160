package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
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
	names, err := filepath.Glob(path + ".*")
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
	newest, err := os.Readlink(path)
	if err != nil || filepath.Join(filepath.Dir(path), newest) != names[len(names)-1] {
		t.Errorf("the link shows %q, %v", newest, err)
	}
}

// TestReaderFallsBehind has several rotations between two reads.
func TestReaderFallsBehind(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	w := Create(path, 4096, 2)
	defer w.Close()
	r := NewReader(path)
	defer r.Close()
	line := func(n int) { w.Write(time.Now(), Stdout, fmt.Appendf(nil, "%d%s\n", n, strings.Repeat(".", 1000))) }
	expect := func(what string, want ...string) {
		t.Helper()
		for _, text := range want {
			got, err := r.Next()
			if err != nil || !strings.HasPrefix(string(got.Text), text) {
				t.Fatalf("%s: %.40q, %v, want %q", what, got.Text, err, text)
			}
		}
		if got, err := r.Next(); !errors.Is(err, io.EOF) {
			t.Fatalf("%s: then %.40q, %v, want the end", what, got.Text, err)
		}
	}
	for n := range 2 {
		line(n)
	}
	expect("at first", "0.", "1.")
	for n := range 4 {
		line(2 + n) // three fit in a file
	}
	expect("after one rotation", "2.", "3.", "4.", "5.")
	for n := range 12 {
		line(6 + n)
	}
	// Files 5 and 6 are left.
	expect("after many", "2 files of the log were removed", "12.", "13.", "14.", "15.", "16.", "17.")
	os.RemoveAll(filepath.Dir(path))
	expect("after removal")
}

// TestWriterIsKilled leaves an incomplete line behind, which the reader sees before and
// after the next writer has come.
func TestWriterIsKilled(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	w := Create(path, 1<<20, 2)
	w.Write(time.Now(), Stdout, []byte("one\n"))
	w.file.WriteString("2026-03-01T12:00:00.000000000Z stdout F tw")
	w.Close()
	r := NewReader(path)
	defer r.Close()
	if got := all(t, r); got != "stdout:one\n" {
		t.Errorf("before: %q", got)
	}
	w = Create(path, 1<<20, 2)
	defer w.Close()
	w.Write(time.Now(), Stdout, []byte("three\n"))
	if got := all(t, r); got != "stdout:tw\nstdout:three\n" {
		t.Errorf("after: %q", got)
	}
}

// TestHammerReaders follows a journal that is rotated all the time, whose writer is
// replaced, and in which lines are taken back. Every reader gets each line once, in
// order, or is told that some are missing.
func TestHammerReaders(t *testing.T) {
	t.Parallel()
	lines := 20_000
	if testing.Short() {
		lines = 3000
	}
	path := filepath.Join(t.TempDir(), "log")
	done := make(chan struct{})
	var wait sync.WaitGroup
	for n := range 4 {
		wait.Go(func() {
			r := NewReader(path)
			defer r.Close()
			next, gap := -1, false
			for {
				ended := false
				select {
				case <-done:
					ended = true
				default:
				}
				for {
					line, err := r.Next()
					if errors.Is(err, io.EOF) {
						break
					}
					if err != nil {
						t.Error(err)
						return
					}
					if line.Stream == Remark {
						gap = true
						continue
					}
					number, rest, ok := strings.Cut(string(line.Text), " ")
					got, err := strconv.Atoi(number)
					if !ok || err != nil || rest != strings.Repeat("x", got%50) {
						t.Errorf("line %q", line.Text)
						return
					}
					if next >= 0 && got != next && (!gap || got < next) {
						t.Errorf("reader %d: line %d after %d, told of a gap: %v", n, got, next-1, gap)
						return
					}
					next, gap = got+1, false
					if n > 0 && got%(400*n) == 0 {
						time.Sleep(time.Duration(n) * time.Millisecond)
					}
				}
				if ended {
					if next != lines {
						t.Errorf("reader %d: the last line is %d, want %d", n, next-1, lines-1)
					}
					return
				}
			}
		})
	}
	w := Create(path, 4096, 3)
	for n := range lines {
		data := fmt.Appendf(nil, "%d %s\n", n, strings.Repeat("x", n%50))
		switch {
		case n%97 == 0: // as on a full disk
			w.file.WriteString("2026-03-01T12:00:00.000000000Z stdout F 7")
			w.file.Truncate(w.written)
		case n%1009 == 0:
			w.Close()
			w = Create(path, 4096, 3)
		}
		w.Write(time.Now(), Stdout, data)
	}
	w.Close()
	close(done)
	wait.Wait()
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

package integration

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestSandboxThreads has threads try what the sandbox refuses: threads of a program, threads
// that these make, threads of a child that a thread has forked, and of a program that a
// thread has executed. Then it looks from outside at every kernel thread of the process.
func TestSandboxThreads(t *testing.T) {
	t.Parallel()
	forUsers(t, func(t *testing.T, s *site) {
		needLandlock(t, s)
		_, write, outside := sandboxSite(t, s)
		module := sandboxProgram(t, s, "threads")
		fifo := func(name string) *os.File {
			path := filepath.Join(write, name)
			if err := unix.Mkfifo(path, 0o666); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, 0o666); err != nil {
				t.Fatal(err)
			}
			f, err := os.OpenFile(path, os.O_RDWR|unix.O_NONBLOCK, 0)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { f.Close() })
			return f
		}
		hello, gate := fifo("hello"), fifo("gate")
		s.must("start", "-d", "--name", "threads", "--allow-read", filepath.Dir(module), "--allow-write", write,
			module, write, outside, strconv.Itoa(os.Getpid()))
		if err := hello.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(hello, make([]byte, len("ready\n"))); err != nil {
			t.Fatalf("%v: %+v", err, s.run("logs", "threads"))
		}
		status, err := filepath.Glob(fmt.Sprintf("/proc/%s/task/*/status", s.field("threads", "{{.Pid}}")))
		if err != nil {
			t.Fatal(err)
		}
		const guestThreads = 9
		if len(status) < guestThreads {
			t.Errorf("%d threads, want at least %d: %s", len(status), guestThreads, s.must("logs", "threads"))
		}
		filters := ""
		for _, path := range status {
			text, err := os.ReadFile(path)
			if errors.Is(err, os.ErrNotExist) {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{"NoNewPrivs:\t1\n", "Seccomp:\t2\n"} {
				if !strings.Contains(string(text), want) {
					t.Errorf("%s: no %q in\n%s", path, want, text)
				}
			}
			// All threads have as many filters, and the same capabilities.
			has := strings.Join(regexp.MustCompile(`(?m)^(Seccomp_filters|Cap\w+):.*$`).FindAllString(string(text), -1), "\n")
			if filters == "" {
				filters = has
			}
			if has != filters {
				t.Errorf("%s: %s, another thread has %s", path, has, filters)
			}
		}
		if _, err := gate.WriteString("go\n"); err != nil {
			t.Fatal(err)
		}
		if got := s.must("wait", "threads"); strings.TrimSpace(got) != "0" {
			t.Errorf("status %s: %s", got, s.must("logs", "threads"))
		}
		// 1, twice 8 of threads, 8 that fork, 2 that fork and execute, twice 8 that stay.
		if log := s.must("logs", "threads"); log != "43 checks" {
			t.Errorf("%s", log)
		}
		s.must("rm", "threads")
	})
}

// sandboxProgram builds a program of testdata/confine and puts it where the users of a site
// can read it.
func sandboxProgram(t *testing.T, s *site, name string) (module string) {
	t.Helper()
	dir := s.work("program")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(buildC(t, "testdata/confine/"+name+".c").module)
	if err != nil {
		t.Fatal(err)
	}
	module = filepath.Join(dir, name+".wasm")
	if err := os.WriteFile(module, data, 0o755); err != nil {
		t.Fatal(err)
	}
	return module
}

// TestSandboxChangesOnlyWhatItMay has threads swap what paths lead to while others change
// modes, owners, times and attributes by these paths.
func TestSandboxChangesOnlyWhatItMay(t *testing.T) {
	t.Parallel()
	forUsers(t, func(t *testing.T, s *site) {
		needLandlock(t, s)
		read, write, _ := sandboxSite(t, s)
		module := sandboxProgram(t, s, "metadata")
		type state struct {
			mode, uid, gid uint32
			mtime          unix.Timespec
			attributes     int
		}
		look := func() map[string]state {
			found := map[string]state{}
			for _, name := range []string{"", "file", "below", "below/file"} {
				path := filepath.Join(read, name)
				var st unix.Stat_t
				if err := unix.Stat(path, &st); err != nil {
					t.Fatal(err)
				}
				attributes, err := unix.Listxattr(path, nil)
				if err != nil {
					t.Fatal(err)
				}
				found[name] = state{st.Mode, st.Uid, st.Gid, st.Mtim, attributes}
			}
			return found
		}
		before := look()
		got := s.run("start", "--allow-read", filepath.Dir(module), "--allow-read", read, "--allow-write", write,
			module, write, read, strconv.FormatFloat(hostileTime(t).Seconds(), 'f', -1, 64))
		if got.status != 0 || !strings.HasSuffix(got.stdout, " refused\n") {
			t.Errorf("%+v", got)
		}
		t.Log(strings.TrimSpace(got.stdout))
		for name, now := range look() {
			if now != before[name] {
				t.Errorf("%q was %+v, is %+v", name, before[name], now)
			}
		}
	})
}

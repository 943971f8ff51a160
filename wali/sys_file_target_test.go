package wali

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// privateFile makes a file of the helper's and returns spellings of it: directory
// descriptors and paths, and what to compare its state with.
func privateFile(t *testing.T) (spellings []spelling, state func() unix.Stat_t) {
	t.Helper()
	memfd, err := unix.MemfdCreate("walisup-test", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	closeLater(t, memfd)
	slot, err := unix.FcntlInt(uintptr(memfd), unix.F_DUPFD_CLOEXEC, testReservedFD)
	if err != nil || slot >= testReservedFD+ReservedFDs {
		t.Fatalf("no free slot: %d, %v", slot, err)
	}
	closeLater(t, slot)
	fds, err := unix.Open("/proc/self/fd", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	closeLater(t, fds)
	dir := t.TempDir()
	link, second := filepath.Join(dir, "link"), filepath.Join(dir, "second")
	if err := os.Symlink(fmt.Sprintf("/proc/self/fd/%d", slot), link); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("link", second); err != nil {
		t.Fatal(err)
	}
	spellings = []spelling{
		{unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", slot)},
		{unix.AT_FDCWD, fmt.Sprintf("/proc//self/./fd/%d", slot)},
		{unix.AT_FDCWD, fmt.Sprintf("/proc/self/root/proc/%d/fd/%d", os.Getpid(), slot)},
		{unix.AT_FDCWD, link}, {unix.AT_FDCWD, second}, {fds, strconv.Itoa(slot)},
	}
	return spellings, func() unix.Stat_t {
		var st unix.Stat_t
		if err := unix.Fstat(memfd, &st); err != nil {
			t.Fatal(err)
		}
		return st
	}
}

type spelling struct {
	dirfd int
	path  string
}

func TestCallsDoNotChangePrivateFiles(t *testing.T) {
	if !inChild(t) { // with threads the guard puts descriptors into certain places
		return
	}
	lockThread(t)
	g := newGuest(t)
	spellings, state := privateFile(t)
	before := state()
	times := g.longs(1, 0, 1, 0)
	name, value := g.string("user.test"), g.string("value")
	place := filepath.Join(t.TempDir(), "place")
	if err := os.WriteFile(place, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	to := g.string(place)
	for _, contended := range []bool{false, true} {
		g.SetThreads(1)
		if contended {
			g.SetThreads(2)
		}
		for _, s := range spellings {
			path := g.string(s.path)
			results := map[string]int64{
				"fchmodat":        g.callRow("fchmodat", s.dirfd, path, 0o777, 0),
				"fchmodat2":       g.callRow("fchmodat2", s.dirfd, path, 0o777, 0),
				"fchownat":        g.callRow("fchownat", s.dirfd, path, 1, 1, 0),
				"utimensat":       g.callRow("utimensat", s.dirfd, path, times, 0),
				"futimesat":       g.callRow("futimesat", s.dirfd, path, times),
				"linkat":          g.callRow("linkat", s.dirfd, path, unix.AT_FDCWD, to, unix.AT_SYMLINK_FOLLOW),
				"open_tree":       g.callRow("open_tree", s.dirfd, path, 0),
				"openat":          g.callRow("openat", s.dirfd, path, unix.O_RDWR, 0),
				"openat path":     g.callRow("openat", s.dirfd, path, unix.O_PATH, 0),
				"openat creating": g.callRow("openat", s.dirfd, path, unix.O_RDWR|unix.O_CREAT, 0o600),
			}
			if s.dirfd == unix.AT_FDCWD {
				results["chmod"] = g.callRow("chmod", path, 0o777)
				results["chown"] = g.callRow("chown", path, 1, 1)
				results["utimes"] = g.callRow("utimes", path, times)
				results["utime"] = g.callRow("utime", path, times)
				results["setxattr"] = g.callRow("setxattr", path, name, value, 5, 0)
				results["removexattr"] = g.callRow("removexattr", path, name)
				results["mount"] = g.callRow("mount", path, to, 0, uint64(unix.MS_BIND), 0)
			}
			for call, r := range results {
				if r != -int64(unix.ENOENT) {
					t.Errorf("%s of %d %s: %d, want ENOENT", call, s.dirfd, s.path, r)
				}
			}
		}
	}
	after := state()
	if after.Mode != before.Mode || after.Uid != before.Uid || after.Mtim != before.Mtim {
		t.Errorf("before %+v, after %+v", before, after)
	}
}

// TestCallsChangeWhatMagicLinksLeadTo makes sure that the refusals above do not concern
// the guest's own files.
func TestCallsChangeWhatMagicLinksLeadTo(t *testing.T) {
	if !inChild(t) { // with threads the guard puts descriptors into certain places
		return
	}
	lockThread(t)
	g := newGuest(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open(file, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	closeLater(t, fd)
	for i, path := range []string{file, fmt.Sprintf("/proc/self/fd/%d", fd), fmt.Sprintf("/dev/fd/%d", fd), fmt.Sprintf("//proc/thread-self/fd/%d", fd)} {
		mode := 0o600 + i
		p, second := g.string(path), uint64(i+1)
		for threads := 1; threads <= 2; threads++ {
			g.SetThreads(threads)
			g.must("chmod", p, mode)
			g.must("utimes", p, g.longs(second, 0, second, 0))
			g.must("chown", p, os.Getuid(), os.Getgid())
			if r := g.callRow("setxattr", p, g.string("user.test"), g.string("value"), 5, 0); r == 0 {
				g.must("removexattr", p, g.string("user.test"))
			} else if r != -int64(unix.EOPNOTSUPP) {
				t.Errorf("setxattr of %s: %v", path, unix.Errno(-r))
			}
			place := file + strconv.Itoa(i) + strconv.Itoa(threads)
			g.must("linkat", unix.AT_FDCWD, p, unix.AT_FDCWD, g.string(place), unix.AT_SYMLINK_FOLLOW)
			var st, linked unix.Stat_t
			if err := errors.Join(unix.Stat(file, &st), unix.Stat(place, &linked)); err != nil {
				t.Fatal(err)
			}
			if int(st.Mode&0o777) != mode || st.Mtim.Sec != int64(second) || st.Ino != linked.Ino {
				t.Errorf("%s: mode %o, time %d, linked %t", path, st.Mode, st.Mtim.Sec, st.Ino == linked.Ino)
			}
		}
	}
}

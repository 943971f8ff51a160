package pathguard

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestWalk opens files in a process of one thread and in one that shares its descriptors
// with others; the answers are the same.
func TestWalk(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "file"), "x")
	for name, target := range map[string]string{
		"link": "file", "chain": "link", "memory": "/proc/self/mem", "process": "/proc/self", "loop": "loop", "nowhere": "nothing",
	} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	held, err := unix.Open(filepath.Join(dir, "file"), unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(held)
	const opened = unix.Errno(0)
	for _, threads := range []int{1, 2} {
		var g Guard
		g.SetThreads(threads)
		thread, n := newThread(t, &g)
		for _, c := range []struct {
			path  string
			flags uint64
			want  unix.Errno
		}{
			{"file", 0, opened},
			{"./file", unix.O_RDWR, opened},
			{"link", 0, opened},
			{"chain", 0, opened},
			{"file/", 0, unix.ENOTDIR},
			{".", unix.O_DIRECTORY, opened},
			{"link", unix.O_NOFOLLOW, unix.ELOOP},
			{"loop", 0, unix.ELOOP},
			{"nowhere", 0, unix.ENOENT},
			{"file", unix.O_CREAT | unix.O_EXCL, unix.EEXIST},
			{"memory", 0, unix.EACCES},
			{"process/mem", 0, unix.EACCES},
			{"process/task/../mem", unix.O_PATH, unix.EACCES},
			{"process/status", 0, opened},
			{"process/maps", 0, unix.ENODATA}, // what OwnView says here
			{"process/maps", unix.O_PATH, opened},
			{fmt.Sprintf("/proc/self/fd/%d", held), 0, opened},
			{fmt.Sprintf("/proc/self/fd/%d", testFirst+1), 0, unix.ENOENT},
			{"", 0, unix.ENOENT},
		} {
			at, err := unix.Open(dir, unix.O_PATH|unix.O_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			r := n.walk(thread, int32(at), c.path, How{Flags: c.flags | unix.O_CLOEXEC})
			unix.Close(at)
			if r >= 0 {
				unix.Close(int(r))
			}
			if min(r, 0) != errno(c.want) {
				t.Errorf("%d threads: %q with %#x: %d, want %v", threads, c.path, c.flags, r, c.want)
			}
			n.ResetScratch(0)
		}
		if len(n.views) != 1 || n.views[0] != OwnMaps {
			t.Errorf("%d threads: views %v", threads, n.views)
		}
		if count := openSlots(); count != 0 || g.Holds() {
			t.Errorf("%d threads: %d slots are left open", threads, count)
		}
	}
}

// TestHold has the descriptor replaced while it is held, which does not change what is
// held.
func TestHold(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "one"), "1")
	write(t, filepath.Join(dir, "two"), "2")
	open := func(name string) int {
		fd, err := unix.Open(filepath.Join(dir, name), unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		return fd
	}
	two := open("two")
	defer unix.Close(two)
	var g Guard
	g.SetThreads(2)
	thread, n := newThread(t, &g)
	one := open("one")
	r := thread.Hold(int32(one), func(held int32) int64 {
		if held == int32(one) || !n.OwnsFD(held) || !g.Holds() {
			t.Errorf("held is %d", held)
		}
		if err := unix.Dup3(two, one, unix.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
		path := string(thread.DescriptorPath(held))
		if filepath.Base(path) != "one" {
			t.Errorf("held is of %s", path)
		}
		return 7
	})
	unix.Close(one)
	if r != 7 || openSlots() != 0 || g.Holds() {
		t.Errorf("result %d, %d slots left open", r, openSlots())
	}
	r = thread.Hold(-1, func(int32) int64 { return 0 })
	if r != errno(unix.EMFILE) {
		t.Errorf("nothing held: %d", r)
	}
}

// TestForked leaves a child without what other threads of its parent had in their hands.
func TestForked(t *testing.T) {
	var g Guard
	g.SetThreads(2)
	thread, n := newThread(t, &g)
	other, _ := newThread(t, &g)
	file := func() int32 {
		fd, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		return int32(fd)
	}
	mine, theirs := file(), file()
	thread.lend(mine)
	other.lend(theirs)
	if !other.TakeTurn() {
		t.Fatal("no turn")
	}
	if other.secure(file()) != testFirst {
		t.Fatal("not the first slot")
	}
	thread.Forked(false)
	isOpen := func(fd int32) bool { return n.Call(unix.SYS_FCNTL, uintptr(fd), unix.F_GETFD, 0, 0, 0, 0) >= 0 }
	if !isOpen(mine) || isOpen(theirs) || isOpen(testFirst) || g.Holds() || g.Contended() {
		t.Errorf("open: mine %v, theirs %v, slot %v; holds %v, contended %v", isOpen(mine), isOpen(theirs), isOpen(testFirst), g.Holds(), g.Contended())
	}
	if !thread.TakeTurn() {
		t.Error("the turn is still another's")
	}
	thread.EndTurn()
	thread.takeBack(mine)
	thread.Close(mine)
}

package wali

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

func TestEventfd(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	fd := int(g.must("eventfd2", 3, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC))
	closeLater(t, fd)
	p := g.longs(4)
	g.must("write", fd, p, 8)
	if n := g.must("read", fd, p, 8); n != 8 || g.long(p) != 7 {
		t.Errorf("counter %d", g.long(p))
	}
	g.want(unix.EAGAIN, g.callRow("read", fd, p, 8))
	old := int(g.must("eventfd", 1))
	closeLater(t, old)
	if g.must("read", old, p, 8); g.long(p) != 1 {
		t.Errorf("counter %d", g.long(p))
	}
}

func TestTimerfd(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	fd := int(g.must("timerfd_create", unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC))
	closeLater(t, fd)
	old := g.longs(9, 9, 9, 9)
	g.must("timerfd_settime", fd, 0, g.longs(0, 1e6, 0, 1), old)
	if g.long(old) != 0 || g.long(old+24) != 0 {
		t.Errorf("old value %v", g.bytes(old, 32))
	}
	p := g.alloc(8)
	if n := g.must("read", fd, p, 8); n != 8 || g.long(p) == 0 {
		t.Errorf("%d expirations", g.long(p))
	}
	if g.must("timerfd_gettime", fd, old); g.long(old+8) != 1e6 {
		t.Errorf("interval %d ns", g.long(old+8))
	}
	g.want(unix.EINVAL, g.callRow("timerfd_settime", fd, 0, g.longs(0, 0, 0, 1e9), 0))
	g.want(unix.EFAULT, g.callRow("timerfd_settime", fd, 0, guestHole, 0))
}

func TestInotify(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	dir := t.TempDir()
	fd := int(g.must("inotify_init1", unix.IN_NONBLOCK|unix.IN_CLOEXEC))
	closeLater(t, fd)
	wd := g.must("inotify_add_watch", fd, g.string(dir), unix.IN_CREATE)
	if err := os.WriteFile(filepath.Join(dir, "new"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p := g.alloc(512)
	// wd, mask, cookie, len, name
	if n := g.must("read", fd, p, 512); n != 16+16 || int64(g.word(p)) != wd || g.word(p+4) != unix.IN_CREATE || string(g.bytes(p+16, 4)) != "new\x00" {
		t.Errorf("%d bytes: %v", n, g.bytes(p, 32))
	}
	g.must("inotify_rm_watch", fd, int(wd))
	g.want(unix.EINVAL, g.callRow("inotify_rm_watch", fd, int(wd)))
	g.want(unix.EFAULT, g.callRow("inotify_add_watch", fd, guestHole, unix.IN_CREATE))
	old := int(g.must("inotify_init"))
	closeLater(t, old)
}

func TestSignalfd(t *testing.T) {
	// Not parallel: the thread's mask is changed.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	set := unix.Sigset_t{}
	set.Val[0] = 1 << (unix.SIGWINCH - 1)
	var old unix.Sigset_t
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &set, &old); err != nil {
		t.Fatal(err)
	}
	defer unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil)

	g := newGuest(t)
	mask := g.longs(1<<(unix.SIGWINCH-1) | 1<<(unix.SIGKILL-1))
	fd := int(g.must("signalfd4", -1, mask, 8, unix.SFD_NONBLOCK|unix.SFD_CLOEXEC))
	closeLater(t, fd)
	p := g.alloc(128)
	g.want(unix.EAGAIN, g.callRow("read", fd, p, 128))
	if err := unix.Tgkill(os.Getpid(), unix.Gettid(), unix.SIGWINCH); err != nil {
		t.Fatal(err)
	}
	if n := g.must("read", fd, p, 128); n != 128 || g.word(p) != uint32(unix.SIGWINCH) || int(g.word(p+12)) != os.Getpid() {
		t.Errorf("%d bytes: %v", n, g.bytes(p, 16))
	}
	if r := g.must("signalfd", fd, mask, 8); int(r) != fd {
		t.Errorf("changing a signalfd gives %d", r)
	}
	g.want(unix.EINVAL, g.callRow("signalfd4", -1, mask, 16, 0))
	g.want(unix.EFAULT, g.callRow("signalfd4", -1, guestHole, 8, 0))
	g.want(unix.EBADF, g.callRow("signalfd4", reservedDescriptor(t), mask, 8, 0))
}

func TestSpliceTeeSendfileAndCopyFileRange(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	dir := t.TempDir()
	from, err := os.Create(filepath.Join(dir, "from"))
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	from.WriteString("0123456789")
	to, err := os.Create(filepath.Join(dir, "to"))
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	in, out := int(from.Fd()), int(to.Fd())
	r, w := nativePipe(t)
	r2, w2 := nativePipe(t)

	offset := g.longs(2)
	if n := g.must("splice", in, offset, w, 0, 4, 0); n != 4 || g.long(offset) != 6 {
		t.Errorf("splice: %d, offset %d", n, g.long(offset))
	}
	if n := g.must("tee", r, w2, 100, 0); n != 4 {
		t.Errorf("tee: %d", n)
	}
	p := g.alloc(16)
	for _, fd := range []int{r, r2} {
		if n := g.must("read", fd, p, 16); string(g.bytes(p, int(n))) != "2345" {
			t.Errorf("read %q", g.bytes(p, int(n)))
		}
	}
	g.write(offset, binary.LittleEndian.AppendUint64(nil, 7))
	if n := g.must("sendfile", out, in, offset, 100); n != 3 || g.long(offset) != 10 {
		t.Errorf("sendfile: %d, offset %d", n, g.long(offset))
	}
	start, end := g.longs(0), g.longs(3)
	if n := g.callRow("copy_file_range", in, start, out, end, 3, 0); n != 3 || g.long(start) != 3 || g.long(end) != 6 {
		t.Errorf("copy_file_range: %d, offsets %d %d", n, g.long(start), g.long(end))
	}
	if b, _ := os.ReadFile(to.Name()); string(b) != "789012" {
		t.Errorf("file has %q", b)
	}
	g.want(unix.EFAULT, g.callRow("splice", in, guestHole, w, 0, 4, 0))
	g.want(unix.EFAULT, g.callRow("sendfile", out, in, guestHole, 4))
	g.want(unix.EBADF, g.callRow("splice", in, 0, reservedDescriptor(t), 0, 4, 0))
}

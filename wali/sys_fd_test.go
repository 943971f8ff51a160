package wali

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestDuplicatingOntoTheHelpersDescriptors(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	slot := reservedDescriptor(t)
	r, _ := nativePipe(t)
	g.want(unix.EBADF, g.callRow("dup2", r, slot))
	g.want(unix.EBADF, g.callRow("dup3", r, slot, unix.O_CLOEXEC))
	g.want(unix.EBADF, g.callRow("dup2", slot, r))
	g.want(unix.EBADF, g.callRow("dup2", slot, slot))
	g.want(unix.EBADF, g.callRow("dup", slot))
	g.want(unix.EBADF, g.callRow("close", slot))
	g.want(unix.EBADF, g.callRow("fcntl", slot, unix.F_DUPFD, uint64(0)))
	g.want(unix.EBADF, g.callRow("fcntl", slot, unix.F_SETFD, uint64(0)))
	g.want(unix.EBADF, g.callRow("read", slot, g.alloc(8), 8))
	g.want(unix.EBADF, g.callRow("ioctl", slot, fioclex, 0))
	g.want(unix.EBADF, g.callRow("fchdir", slot))
	g.want(unix.EBADF, g.callRow("openat", slot, g.string("x"), 0, 0))
	g.want(unix.EBADF, g.callRow("fstat", slot, g.alloc(144)))
	g.want(unix.EBADF, g.callRow("mmap", 0, 4096, unix.PROT_READ, unix.MAP_PRIVATE, slot, int64(0)))
	if _, err := unix.FcntlInt(uintptr(slot), unix.F_GETFD, 0); err != nil {
		t.Errorf("the helper's descriptor: %v", err)
	}
	// A minimum inside the range is for the kernel to step over.
	n := int(g.must("fcntl", r, unix.F_DUPFD_CLOEXEC, uint64(slot)))
	if n == slot {
		t.Errorf("duplicated onto %d", n)
	}
	unix.Close(n)
}

func TestDup2(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	r, w := nativePipe(t)
	target, _ := nativePipe(t)
	if got := g.must("dup2", w, w); got != int64(w) {
		t.Errorf("onto itself: %d", got)
	}
	if flags, _ := unix.FcntlInt(uintptr(w), unix.F_GETFD, 0); flags != unix.FD_CLOEXEC {
		t.Error("dup2 onto itself changed the flags")
	}
	if got := g.must("dup2", w, target); got != int64(target) {
		t.Errorf("dup2: %d", got)
	}
	if flags, _ := unix.FcntlInt(uintptr(target), unix.F_GETFD, 0); flags != 0 {
		t.Error("the duplicate is close-on-exec")
	}
	g.must("write", target, g.string("x"), 1)
	if n := g.must("read", r, g.alloc(8), 8); n != 1 {
		t.Errorf("read %d bytes", n)
	}
	g.want(unix.EBADF, g.callRow("dup2", -1, -1))
	g.want(unix.EBADF, g.callRow("dup2", -1, target))
	g.want(unix.EBADF, g.callRow("dup2", r, -1))
	g.want(unix.EBADF, g.callRow("dup2", r, 1<<30))
	g.want(unix.EINVAL, g.callRow("dup3", r, r, 0))
	g.want(unix.EINVAL, g.callRow("dup3", r, target, unix.O_APPEND))
}

func TestCloseRangeSparesTheHelper(t *testing.T) {
	if !inChild(t) {
		return
	}
	g := newGuest(t)
	slot := reservedDescriptor(t)
	place := func(fd int) {
		t.Helper()
		if err := unix.Dup3(0, fd, 0); err != nil {
			t.Fatal(err)
		}
	}
	open := func(fd int) bool {
		_, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		return err == nil
	}
	const below, above = testReservedFD - 1, testReservedFD + ReservedFDs
	for _, c := range []struct {
		first, last, flags   uint32
		result               int64
		below, inside, above bool // what stays open
	}{
		{first: below, last: 1<<32 - 1, inside: true},
		{first: below, last: above, inside: true},
		{first: testReservedFD, last: 1<<32 - 1, below: true, inside: true},
		{first: testReservedFD, last: above - 1, below: true, inside: true, above: true},
		{first: below, last: testReservedFD + 2, inside: true, above: true},
		{first: testReservedFD + 2, last: above, below: true, inside: true},
		{first: above, last: above, below: true, inside: true},
		{first: below, last: above, flags: unix.CLOSE_RANGE_CLOEXEC, below: true, inside: true, above: true},
		{first: below, last: above, flags: 1, result: -int64(unix.EINVAL), below: true, inside: true, above: true},
		{first: testReservedFD, last: testReservedFD, flags: 1, result: -int64(unix.EINVAL), below: true, inside: true, above: true},
		{first: above, last: below, result: -int64(unix.EINVAL), below: true, inside: true, above: true},
		{first: testReservedFD + 1, last: testReservedFD, result: -int64(unix.EINVAL), below: true, inside: true, above: true},
	} {
		place(below)
		place(above)
		if r := g.callRow("close_range", c.first, c.last, c.flags); r != c.result {
			t.Errorf("%+v: %d", c, r)
		}
		if open(below) != c.below || open(slot) != c.inside || open(above) != c.above {
			t.Errorf("%+v: open below %v, inside %v, above %v", c, open(below), open(slot), open(above))
		}
	}
}

func TestFcntl(t *testing.T) {
	t.Parallel()
	const ownerPID, lifeShort = 1, 2 // F_OWNER_PID, RWH_WRITE_LIFE_SHORT
	g := newGuest(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, make([]byte, 100), 0o600); err != nil {
		t.Fatal(err)
	}
	fd := int(g.must("open", g.string(file), unix.O_RDWR|unix.O_APPEND, 0))
	other, err := unix.Open(file, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	closeLater(t, fd, other)
	const largeFile = 0o100000
	if flags := g.must("fcntl", fd, unix.F_GETFL, uint64(0)); flags != unix.O_RDWR|unix.O_APPEND|largeFile {
		t.Errorf("F_GETFL: %#o", flags)
	}
	g.must("fcntl", fd, unix.F_SETFL, uint64(unix.O_NONBLOCK))
	if flags := g.must("fcntl", fd, unix.F_GETFL, uint64(0)); flags != unix.O_RDWR|unix.O_NONBLOCK|largeFile {
		t.Errorf("F_GETFL after F_SETFL: %#o", flags)
	}
	g.must("fcntl", fd, unix.F_SETFD, uint64(unix.FD_CLOEXEC))
	if flags := g.must("fcntl", fd, unix.F_GETFD, uint64(0)); flags != unix.FD_CLOEXEC {
		t.Errorf("F_GETFD: %d", flags)
	}
	dup := int(g.must("fcntl", fd, unix.F_DUPFD, uint64(300)))
	if dup < 300 {
		t.Errorf("F_DUPFD: %d", dup)
	}
	unix.Close(dup)
	g.want(unix.EINVAL, g.callRow("fcntl", fd, unix.F_DUPFD, int64(-1)))

	// struct flock: i16 type, i16 whence, i64 start, i64 length, i32 pid.
	lock := func(kind uint64, start, length uint64) uint32 { return g.longs(kind, start, length, 0) }
	held := unix.Flock_t{Type: unix.F_WRLCK, Start: 10, Len: 5}
	if err := unix.FcntlFlock(uintptr(other), unix.F_OFD_SETLK, &held); err != nil {
		t.Fatal(err)
	}
	g.want(unix.EAGAIN, g.callRow("fcntl", fd, unix.F_OFD_SETLK, uint64(lock(unix.F_WRLCK, 0, 20))))
	g.want(unix.EAGAIN, g.callRow("fcntl", fd, unix.F_SETLK, uint64(lock(unix.F_RDLCK, 14, 1))))
	probe := lock(unix.F_WRLCK, 0, 20)
	g.must("fcntl", fd, unix.F_GETLK, uint64(probe))
	if g.word(probe) != unix.F_WRLCK || g.long(probe+8) != 10 || g.long(probe+16) != 5 || int32(g.word(probe+24)) != -1 {
		t.Errorf("F_GETLK: %d from %d, %d bytes, of process %d", g.word(probe), g.long(probe+8), g.long(probe+16), int32(g.word(probe+24)))
	}
	g.must("fcntl", fd, unix.F_SETLKW, uint64(lock(unix.F_WRLCK, 15, 5)))
	g.must("fcntl", fd, unix.F_OFD_SETLKW, uint64(lock(unix.F_UNLCK, 0, 0)))
	g.want(unix.EFAULT, g.callRow("fcntl", fd, unix.F_SETLK, uint64(guestHole)))
	g.want(unix.EFAULT, g.callRow("fcntl", fd, unix.F_GETLK, uint64(0)))

	r, w := nativePipe(t)
	if size := g.must("fcntl", w, unix.F_SETPIPE_SZ, uint64(8192)); size != 8192 {
		t.Errorf("F_SETPIPE_SZ: %d", size)
	}
	if size := g.must("fcntl", r, unix.F_GETPIPE_SZ, uint64(0)); size != 8192 {
		t.Errorf("F_GETPIPE_SZ: %d", size)
	}
	owner := g.words(ownerPID, uint32(os.Getpid()))
	g.must("fcntl", r, unix.F_SETOWN_EX, uint64(owner))
	got := g.alloc(8)
	g.must("fcntl", r, unix.F_GETOWN_EX, uint64(got))
	if g.word(got) != ownerPID || int(g.word(got+4)) != os.Getpid() {
		t.Errorf("F_GETOWN_EX: %d %d", g.word(got), g.word(got+4))
	}
	if pid := g.must("fcntl", r, unix.F_GETOWN, uint64(0)); int(pid) != os.Getpid() {
		t.Errorf("F_GETOWN: %d", pid)
	}
	g.must("fcntl", r, unix.F_SETSIG, uint64(unix.SIGUSR1))
	if sig := g.must("fcntl", r, unix.F_GETSIG, uint64(0)); sig != int64(unix.SIGUSR1) {
		t.Errorf("F_GETSIG: %d", sig)
	}
	hint := g.longs(lifeShort)
	g.must("fcntl", fd, unix.F_SET_RW_HINT, uint64(hint))
	g.write(hint, make([]byte, 8))
	g.must("fcntl", fd, unix.F_GET_RW_HINT, uint64(hint))
	if g.long(hint) != lifeShort {
		t.Errorf("F_GET_RW_HINT: %d", g.long(hint))
	}
	if lease := g.must("fcntl", fd, unix.F_GETLEASE, uint64(0)); lease != unix.F_UNLCK {
		t.Errorf("F_GETLEASE: %d", lease)
	}
	for _, unknown := range []int{999, -1, 0x7fffffff, 1019} {
		g.want(unix.EINVAL, g.callRow("fcntl", fd, unknown, uint64(0)))
		g.want(unix.EBADF, g.callRow("fcntl", 12345, unknown, uint64(0)))
	}
}

// TestFcntlCommandsTakePointersAsGuestAddresses makes sure that no command gets
// the guest's integer as a native address.
func TestFcntlCommandsTakePointersAsGuestAddresses(t *testing.T) {
	t.Parallel()
	for _, cmd := range []int32{unix.F_GETLK, unix.F_SETLK, unix.F_SETLKW, unix.F_OFD_GETLK, unix.F_OFD_SETLK, unix.F_OFD_SETLKW,
		unix.F_SETOWN_EX, unix.F_GETOWN_EX, fGetownerUIDs, unix.F_GET_RW_HINT, unix.F_SET_RW_HINT, unix.F_GET_FILE_RW_HINT, unix.F_SET_FILE_RW_HINT} {
		if fcntlCommandOf(cmd).arg != fcntlPointer {
			t.Errorf("command %d", cmd)
		}
	}
}

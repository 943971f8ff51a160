package wali

import (
	"bytes"
	"os"
	"runtime"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

func TestIdentityIsTheKernels(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	for call, want := range map[string]int{"getpid": os.Getpid(), "getppid": os.Getppid(), "getuid": os.Getuid(), "geteuid": os.Geteuid(), "getgid": os.Getgid(), "getegid": os.Getegid()} {
		if got := g.must(call); int(got) != want {
			t.Errorf("%s: %d, want %d", call, got, want)
		}
	}
	ids := g.alloc(16)
	g.must("getresuid", ids, ids+4, ids+8)
	if r, e, s := unix.Getresuid(); g.word(ids) != uint32(r) || g.word(ids+4) != uint32(e) || g.word(ids+8) != uint32(s) {
		t.Errorf("getresuid: %d %d %d", g.word(ids), g.word(ids+4), g.word(ids+8))
	}
	g.want(unix.EFAULT, g.callRow("getresuid", ids, guestHole, ids))

	groups, err := unix.Getgroups()
	if err != nil {
		t.Fatal(err)
	}
	list := g.alloc(4 * (len(groups) + 1))
	if n := g.must("getgroups", 0, 0); int(n) != len(groups) {
		t.Errorf("getgroups: %d, want %d", n, len(groups))
	}
	n := g.must("getgroups", len(groups)+1, list)
	got := make([]int, n)
	for i := range got {
		got[i] = int(g.word(list + uint32(4*i)))
	}
	if !slices.Equal(got, groups) {
		t.Errorf("getgroups: %v, want %v", got, groups)
	}
	g.want(unix.EINVAL, g.callRow("getgroups", -1, list))

	name := g.alloc(400)
	g.must("uname", name)
	var want unix.Utsname
	if err := unix.Uname(&want); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(g.bytes(name, 65), want.Sysname[:]) || !bytes.Equal(g.bytes(name+130, 65), want.Release[:]) || !bytes.Equal(g.bytes(name+260, 65), want.Machine[:]) {
		t.Errorf("uname: %q", g.bytes(name, 390))
	}
	buf := g.alloc(64)
	if n := g.must("getrandom", buf, 64, 0); n != 64 || bytes.Equal(g.bytes(buf, 64), make([]byte, 64)) {
		t.Errorf("getrandom: %d bytes %x", n, g.bytes(buf, 64))
	}
	g.want(unix.EFAULT, g.callRow("getrandom", guestHole, 16, 0))
	g.want(unix.EINVAL, g.callRow("getrandom", buf, 16, 0x100))
	if n := g.must("getcwd", g.alloc(4096), 4096); n < 2 {
		t.Errorf("getcwd: %d", n)
	}
	g.want(unix.ERANGE, g.callRow("getcwd", buf, 1))
	cpus := g.alloc(1024)
	if n := g.must("sched_getaffinity", 0, 1024, cpus); n < 8 || bytes.Equal(g.bytes(cpus, int(n)), make([]byte, n)) {
		t.Errorf("sched_getaffinity: %d bytes", n)
	}
	g.must("capget", g.words(0x20080522, 0), g.alloc(24))
	g.want(unix.EINVAL, g.callRow("capget", g.words(1, 0), g.alloc(24)))
}

func TestChangingIdentity(t *testing.T) {
	if !inChild(t) {
		return
	}
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	lockThread(t)
	g := newGuest(t)
	ids := func() (u, g uint32) {
		return uint32(kernelID(unix.SYS_GETEUID)), uint32(kernelID(unix.SYS_GETEGID))
	}
	g.must("setgroups", 2, g.words(11, 12))
	if n := g.must("getgroups", 0, 0); n != 2 {
		t.Errorf("%d groups", n)
	}
	g.must("setresgid", 0xffffffff, 1234, 0xffffffff)
	g.must("setfsuid", 77)
	if was := g.must("setfsuid", 0); was != 77 {
		t.Errorf("setfsuid: %d", was)
	}
	g.must("setreuid", 0xffffffff, 4321)
	if u, gid := ids(); u != 4321 || gid != 1234 {
		t.Errorf("effective %d:%d", u, gid)
	}
	g.must("setuid", 0)
	g.must("setresuid", 5, 5, 5)
	g.want(unix.EPERM, g.callRow("setuid", 0))
	g.want(unix.EPERM, g.callRow("setgroups", 0, 0))
	g.want(unix.EPERM, g.callRow("capset", g.words(0x20080522, 0), g.words(1, 1, 1, 0, 0, 0)))
	buf := g.alloc(256)
	n := g.must("prctl", prctlAuxv, uint64(buf), uint64(256), uint64(0), uint64(0))
	secure := false
	for off := uint32(0); off < uint32(n); off += 16 {
		secure = secure || g.long(buf+off) == atSecure && g.long(buf+off+8) == 1
	}
	if !secure {
		t.Error("AT_SECURE is 0 with differing group ids")
	}
}

func kernelID(nr uintptr) int64 {
	r, _, _ := unix.RawSyscall(nr, 0, 0, 0)
	return int64(r)
}

func TestPersonality(t *testing.T) {
	if !inChild(t) {
		return
	}
	lockThread(t)
	g := newGuest(t)
	if p := g.must("personality", uint64(personaQuery)); p != 0 {
		t.Skipf("started with personality %#x", p)
	}
	g.must("personality", uint64(personaNoRandomize|personaUname26))
	if p := g.must("personality", uint64(personaQuery)); p != personaNoRandomize|personaUname26 {
		t.Errorf("personality %#x", p)
	}
	g.must("personality", uint64(0))
	for _, p := range []uint64{0x0400000, 0x8000000, 0x0008, 0x0800000, 0x0200000} {
		g.want(unix.EINVAL, g.callRow("personality", p))
	}
}

func TestKeyrings(t *testing.T) {
	t.Parallel()
	// Threads that were there before do not get the process keyring that a thread makes.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	g := newGuest(t)
	key := g.callRow("add_key", g.string("user"), g.string("walisup-test"), g.string("secret"), 6, uint32(0xfffffffe)) // KEY_SPEC_PROCESS_KEYRING
	if key == -int64(unix.ENOSYS) || key == -int64(unix.EPERM) || key == -int64(unix.EDQUOT) {
		t.Skip("no keyrings here")
	}
	if key < 0 {
		t.Fatalf("add_key: %v", unix.Errno(-key))
	}
	buf := g.alloc(64)
	if n := g.must("keyctl", unix.KEYCTL_READ, uint64(key), uint64(buf), uint64(64), uint64(0)); string(g.bytes(buf, int(n))) != "secret" {
		t.Errorf("KEYCTL_READ: %q", g.bytes(buf, int(n)))
	}
	g.must("keyctl", unix.KEYCTL_UPDATE, uint64(key), uint64(g.string("other")), uint64(5), uint64(0))
	g.want(unix.EFAULT, g.callRow("keyctl", unix.KEYCTL_UPDATE, uint64(key), uint64(guestHole), uint64(5), uint64(0)))
	g.must("keyctl", unix.KEYCTL_INVALIDATE, uint64(key), uint64(0), uint64(0), uint64(0))
	for _, op := range []int{unix.KEYCTL_INSTANTIATE_IOV, unix.KEYCTL_DH_COMPUTE, unix.KEYCTL_WATCH_KEY, 33, -1, 1 << 20} {
		g.want(unix.EOPNOTSUPP, g.callRow("keyctl", op, uint64(0), uint64(0), uint64(0), uint64(0)))
	}
}

func TestSysfs(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	n := g.callRow("sysfs", 3, uint64(0), uint64(0))
	if n == -int64(unix.ENOSYS) {
		t.Skip("no sysfs call here")
	}
	index := g.must("sysfs", 1, uint64(g.string("proc")), uint64(0))
	name := g.alloc(64)
	g.must("sysfs", 2, uint64(index), uint64(name))
	if got := string(g.bytes(name, 5)); got != "proc\x00" {
		t.Errorf("file system %d of %d is %q", index, n, got)
	}
	g.want(unix.EFAULT, g.callRow("sysfs", 1, uint64(guestHole), uint64(0)))
}

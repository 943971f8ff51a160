package wali

import (
	"bytes"
	"encoding/binary"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestPrctl(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	// Names and most settings belong to threads.
	lockThread(t)
	buf := g.alloc(32)
	g.must("prctl", unix.PR_SET_NAME, uint64(g.string("a-name-that-is-too-long")), uint64(0), uint64(0), uint64(0))
	g.fill(buf, 32, 0x11)
	g.must("prctl", unix.PR_GET_NAME, uint64(buf), uint64(0), uint64(0), uint64(0))
	if got := string(g.bytes(buf, 16)); got != "a-name-that-is-\x00" {
		t.Errorf("PR_GET_NAME: %q", got)
	}
	g.untouched("PR_GET_NAME", buf+16, 16, 0x11)
	g.want(unix.EFAULT, g.callRow("prctl", unix.PR_SET_NAME, uint64(guestHole), uint64(0), uint64(0), uint64(0)))
	g.want(unix.EFAULT, g.callRow("prctl", unix.PR_GET_NAME, uint64(guestHole), uint64(0), uint64(0), uint64(0)))

	g.must("prctl", unix.PR_GET_PDEATHSIG, uint64(buf), uint64(0), uint64(0), uint64(0))
	if got := g.word(buf); got != 0 {
		t.Errorf("PR_GET_PDEATHSIG: %d", got)
	}
	g.must("prctl", unix.PR_GET_CHILD_SUBREAPER, uint64(buf), uint64(0), uint64(0), uint64(0))
	if got := g.must("prctl", unix.PR_GET_DUMPABLE, uint64(0), uint64(0), uint64(0), uint64(0)); got != 1 {
		t.Errorf("PR_GET_DUMPABLE: %d", got)
	}
	g.must("prctl", unix.PR_SET_TIMERSLACK, uint64(60000), uint64(0), uint64(0), uint64(0))
	if got := g.must("prctl", unix.PR_GET_TIMERSLACK, uint64(0), uint64(0), uint64(0), uint64(0)); got != 60000 {
		t.Errorf("PR_GET_TIMERSLACK: %d", got)
	}
	if got := g.must("prctl", unix.PR_CAPBSET_READ, uint64(0), uint64(0), uint64(0), uint64(0)); got != 0 && got != 1 {
		t.Errorf("PR_CAPBSET_READ: %d", got)
	}
	g.want(unix.EINVAL, g.callRow("prctl", unix.PR_SET_NO_NEW_PRIVS, uint64(1), uint64(1), uint64(0), uint64(0)))
	for _, option := range []int{unix.PR_SET_SECCOMP, unix.PR_SET_MM, unix.PR_SET_TSC, unix.PR_SET_UNALIGN, unix.PR_SCHED_CORE,
		unix.PR_SET_SYSCALL_USER_DISPATCH, unix.PR_SET_MDWE, 0, -1, 0x7fffffff, 0x41555856} {
		g.want(unix.EINVAL, g.callRow("prctl", option, uint64(guestStart), uint64(guestStart), uint64(guestStart), uint64(guestStart)))
	}
	at := uint64(g.must("mmap", 0, 8192, unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS, -1, int64(0)))
	r := g.callRow("prctl", unix.PR_SET_VMA, uint64(unix.PR_SET_VMA_ANON_NAME), at, uint64(4096), uint64(g.string("walisup test")))
	if r == 0 {
		if maps, _ := os.ReadFile("/proc/self/maps"); !bytes.Contains(maps, []byte("[anon:walisup test]")) {
			t.Error("PR_SET_VMA_ANON_NAME left no trace")
		}
	} else if r != -int64(unix.EINVAL) { // a kernel without it
		t.Errorf("PR_SET_VMA_ANON_NAME: %v", unix.Errno(-r))
	}
	for _, c := range [][2]uint64{{1 << 32, 4096}, {1 << 40, 4096}, {0, 1 << 40}, {guestLimit - 4096, 8192}, {1<<64 - 4096, 4096}} {
		g.want(unix.ENOMEM, g.callRow("prctl", unix.PR_SET_VMA, uint64(unix.PR_SET_VMA_ANON_NAME), c[0], c[1], uint64(g.string("x"))))
	}
	g.must("prctl", unix.PR_GET_TID_ADDRESS, uint64(buf), uint64(0), uint64(0), uint64(0))
	if got := g.word(buf); got != 0 {
		t.Errorf("PR_GET_TID_ADDRESS: %#x, with one that is not the guest's", got)
	}
}

func TestEnvironmentByPrctl(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	get := func(buf uint32, size int) int64 {
		return g.callRow("prctl", prctlEnviron, uint64(buf), uint64(size), uint64(0), uint64(0))
	}
	if n := get(0, 0); n != 0 {
		t.Errorf("an empty environment takes %d bytes", n)
	}
	g.Environ = []string{"A=1", "MULTI=two\nlines", "EMPTY=", strings.Repeat("x", 3000) + "=y"}
	block := strings.Join(g.Environ, "\x00") + "\x00"
	buf := g.alloc(8192)
	if n := get(0, 0); int(n) != len(block) {
		t.Errorf("size %d, want %d", n, len(block))
	}
	g.fill(buf, 8192, 0x99)
	if n := get(buf, len(block)-1); int(n) != len(block) {
		t.Errorf("size %d, want %d", n, len(block))
	}
	g.untouched("a buffer that is too small", buf, 8192, 0x99)
	if n := get(buf, len(block)); int(n) != len(block) || string(g.bytes(buf, len(block))) != block {
		t.Errorf("%d bytes: %.40q", n, g.bytes(buf, 40))
	}
	g.untouched("the environment", buf+uint32(len(block)), 100, 0x99)
	g.want(unix.EFAULT, get(guestHole-10, 1<<20))
}

func TestAuxiliaryVectorByPrctl(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	buf := g.alloc(512)
	n := g.must("prctl", prctlAuxv, uint64(0), uint64(0), uint64(0), uint64(0))
	if got := g.must("prctl", prctlAuxv, uint64(buf), uint64(512), uint64(0), uint64(0)); got != n || n%16 != 0 {
		t.Fatalf("%d bytes, then %d", n, got)
	}
	values := map[uint64]uint64{}
	for b := g.bytes(buf, int(n)); len(b) > 0; b = b[16:] {
		values[binary.LittleEndian.Uint64(b)] = binary.LittleEndian.Uint64(b[8:])
	}
	for key, want := range map[uint64]int{atPagesz: 4096, atUID: os.Getuid(), atEUID: os.Geteuid(), atGID: os.Getgid(), atEGID: os.Getegid(), atSecure: 0, atClktck: 100} {
		if got, ok := values[key]; !ok || int(got) != want {
			t.Errorf("key %d: %d, want %d", key, got, want)
		}
	}
	if last := g.long(buf + uint32(n) - 16); last != atNull {
		t.Errorf("ends with key %d", last)
	}
	g.want(unix.EFAULT, g.callRow("prctl", prctlAuxv, uint64(guestHole-24), uint64(512), uint64(0), uint64(0)))
}

func TestEnvironmentFile(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	buf := g.alloc(256)
	ask := func(size int) int64 { return initEnvFile(g.Thread, Args{uint64(buf), uint64(size)}) }
	if r := ask(256); r != 0 {
		t.Errorf("an empty environment: %d", r)
	}
	g.Environ = []string{"A=1", "B=two words", "MULTI=two\nlines"}
	if r := ask(len(initEnvPath)); r != 0 {
		t.Errorf("a small buffer: %d", r)
	}
	if r := ask(len(initEnvPath) + 1); r != 1 || string(g.bytes(buf, len(initEnvPath)+1)) != initEnvPath+"\x00" {
		t.Fatalf("%d, %q", r, g.bytes(buf, len(initEnvPath)+1))
	}
	if r := initEnvFile(g.Thread, Args{guestHole, 256}); r != 0 {
		t.Errorf("a bad buffer: %d", r)
	}
	for range 2 {
		fd := int(g.must("open", buf, unix.O_RDONLY|unix.O_CLOEXEC, 0))
		into := g.alloc(256)
		n := g.must("read", fd, into, 256)
		if got := string(g.bytes(into, int(n))); got != "A=1\nB=two words\nMULTI=two lines\n" {
			t.Errorf("the file holds %q", got)
		}
		if n := g.must("read", fd, into, 256); n != 0 {
			t.Errorf("%d bytes after its end", n)
		}
		if flags, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); flags != unix.FD_CLOEXEC {
			t.Error("not close-on-exec, as asked for")
		}
		g.must("close", fd)
	}
	g.want(unix.EACCES, g.callRow("open", buf, unix.O_RDWR, 0))
	g.want(unix.ENOENT, g.callRow("open", g.string(initEnvPath+"x"), unix.O_RDONLY, 0))
	if _, err := os.Open(initEnvPath); !os.IsNotExist(err) {
		t.Errorf("natively: %v", err)
	}
}

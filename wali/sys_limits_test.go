package wali

import (
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

func (g *guest) limit(resource int) Limit {
	g.t.Helper()
	buf := g.alloc(rlimitSize)
	g.must("getrlimit", resource, buf)
	return Limit{g.long(buf), g.long(buf + 8)}
}

func nativeLimit(t *testing.T, resource int) Limit {
	t.Helper()
	var l unix.Rlimit
	if err := unix.Prlimit(0, resource, nil, &l); err != nil {
		t.Fatal(err)
	}
	return Limit{l.Cur, l.Max}
}

func TestLimitsOfMemoryAreKeptFromTheKernel(t *testing.T) {
	t.Parallel()
	for _, resource := range []int{unix.RLIMIT_AS, unix.RLIMIT_DATA, unix.RLIMIT_STACK} {
		g := newGuest(t)
		native := nativeLimit(t, resource)
		if got := g.limit(resource); got != native {
			t.Errorf("resource %d is %v, want the kernel's %v", resource, got, native)
		}
		g.must("setrlimit", resource, g.longs(4096, 8192))
		if got := g.limit(resource); got != (Limit{4096, 8192}) {
			t.Errorf("resource %d was set to 4096 and 8192 and is %v", resource, got)
		}
		old := g.alloc(rlimitSize)
		g.must("prlimit64", os.Getpid(), resource, g.longs(1, 8192), old)
		if g.long(old) != 4096 || g.long(old+8) != 8192 {
			t.Errorf("prlimit64 said %d and %d", g.long(old), g.long(old+8))
		}
		if got := nativeLimit(t, resource); got != native {
			t.Errorf("the kernel's limit became %v", got)
		}
		g.want(unix.EINVAL, g.callRow("setrlimit", resource, g.longs(2, 1)))
		g.want(unix.EPERM, g.callRow("prlimit64", os.Getppid(), resource, g.longs(1, 2), 0))
		g.must("prlimit64", os.Getppid(), resource, 0, old)
		g.want(unix.EFAULT, g.callRow("setrlimit", resource, 0))
		g.want(unix.EFAULT, g.callRow("setrlimit", resource, guestHole-8))
		g.want(unix.EFAULT, g.callRow("getrlimit", resource, guestHole-8))
		g.VirtualLimits(func(r int32, got Limit) {
			if r != int32(resource) || got != (Limit{1, 8192}) {
				t.Errorf("VirtualLimits: %d has %v", r, got)
			}
		})
	}
	g := newGuest(t)
	g.want(unix.EINVAL, g.callRow("getrlimit", 99, g.alloc(16)))
	g.want(unix.EFAULT, g.callRow("setrlimit", unix.RLIMIT_CORE, 0))
	g.PutLimit(unix.RLIMIT_AS, Limit{1, 2})
	if got := g.limit(unix.RLIMIT_AS); got != (Limit{1, 2}) {
		t.Errorf("after PutLimit: %v", got)
	}
}

func TestLimitsOfMemoryAreEnforced(t *testing.T) {
	t.Parallel()
	for _, resource := range []int{unix.RLIMIT_AS, unix.RLIMIT_DATA} {
		g := newGuest(t)
		mmap := func(size int) int64 {
			return g.callRow("mmap", 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS, -1, int64(0))
		}
		const more = 1 << 20
		g.must("setrlimit", resource, g.longs(g.Memory.Mapped()+more, 1<<40))
		g.want(unix.ENOMEM, mmap(more+4096))
		if r := mmap(more); r < 0 {
			t.Errorf("within the limit of resource %d: %v", resource, unix.Errno(-r))
		}
		g.must("setrlimit", resource, g.longs(1<<40, 1<<40))
		if r := mmap(more); r < 0 {
			t.Errorf("with resource %d not limited: %v", resource, unix.Errno(-r))
		}
	}
}

func TestLimitOfDescriptors(t *testing.T) {
	if !inChild(t) {
		return
	}
	lockThread(t)
	g := newGuest(t)
	set := func(soft, hard uint64) int64 {
		return g.callRow("setrlimit", unix.RLIMIT_NOFILE, g.longs(soft, hard))
	}
	open := func() int64 {
		return g.callRow("fcntl", 0, unix.F_DUPFD, uint64(testReservedFD-2))
	}
	const end = testReservedFD + ReservedFDs
	if r := set(testReservedFD, 4096); r != 0 {
		t.Fatalf("setrlimit: %v", unix.Errno(-r))
	}
	slot := testReservedFD + 3
	if err := unix.Prlimit(0, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: end, Max: 4096}, nil); err != nil {
		t.Fatal(err)
	}
	if err := unix.Dup3(1, slot, unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	if r := set(testReservedFD, 4096); r != 0 {
		t.Fatalf("setrlimit: %v", unix.Errno(-r))
	}
	for _, want := range []int64{testReservedFD - 2, testReservedFD - 1, -int64(unix.EMFILE)} {
		if got := open(); got != want {
			t.Errorf("below the limit: descriptor %d, want %d", got, want)
		}
	}
	// Raised, it leaves the private range out, whether in use or not.
	if r := set(4096, 4096); r != 0 {
		t.Fatalf("setrlimit: %v", unix.Errno(-r))
	}
	if got := g.limit(unix.RLIMIT_NOFILE); got != (Limit{4096, 4096}) {
		t.Errorf("limit %v", got)
	}
	for _, want := range []int64{end, end + 1} {
		if got := open(); got != want {
			t.Errorf("above the range: descriptor %d, want %d", got, want)
		}
	}
	// A hard limit below the range must leave the helper room there.
	if r := set(20, 100); r != 0 {
		t.Fatalf("setrlimit: %v", unix.Errno(-r))
	}
	if got := g.limit(unix.RLIMIT_NOFILE); got != (Limit{20, 100}) {
		t.Errorf("limit %v, want 20 and 100", got)
	}
	if got := nativeLimit(t, unix.RLIMIT_NOFILE); got != (Limit{20, end}) {
		t.Errorf("the kernel's limit %v", got)
	}
	r := set(200, 200)
	if g.capable(capSysResource) {
		if r != 0 {
			t.Errorf("raising the hard limit with CAP_SYS_RESOURCE: %v", unix.Errno(-r))
		}
		if err := unix.Setresuid(1000, 1000, 1000); err != nil {
			t.Fatal(err)
		}
		r = set(300, 300)
	}
	g.want(unix.EPERM, r)
	g.want(unix.EINVAL, set(150, 100))
}

func TestDescriptorLimitAtTheStart(t *testing.T) {
	if !inChild(t) {
		return
	}
	lockThread(t)
	for _, c := range []struct{ soft, hard, want uint64 }{{0, 4096, testReservedFD}, {100, 4096, 100}, {2000, 4096, 2000}, {4096, 2000, 2000}} {
		if err := unix.Prlimit(0, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: min(c.hard, 4096), Max: c.hard}, nil); err != nil {
			t.Fatal(err)
		}
		g := newGuest(t)
		if e := g.LimitDescriptors(c.soft); e != 0 {
			t.Errorf("limit %d: %v", c.soft, e)
		}
		if got := nativeLimit(t, unix.RLIMIT_NOFILE); got != (Limit{c.want, c.hard}) {
			t.Errorf("limit %d: the kernel has %v", c.soft, got)
		}
		if got := g.limit(unix.RLIMIT_NOFILE); got != (Limit{c.want, c.hard}) {
			t.Errorf("limit %d: the guest sees %v", c.soft, got)
		}
		if _, err := unix.FcntlInt(testReservedFD+7, unix.F_GETFD, 0); (err == nil) != (c.want > testReservedFD) {
			t.Errorf("limit %d: the range is filled: %v", c.soft, err == nil)
		}
	}
}

func TestLimitsReachTheKernelWhereTheyMay(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("/bin/sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Skip(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	g := newGuest(t)
	g.must("prlimit64", cmd.Process.Pid, unix.RLIMIT_CORE, g.longs(7, 7), 0)
	var l unix.Rlimit
	if err := unix.Prlimit(cmd.Process.Pid, unix.RLIMIT_CORE, nil, &l); err != nil || l.Cur != 7 {
		t.Errorf("limit %v, %v", l, err)
	}
}

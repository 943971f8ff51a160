package wali

import (
	"encoding/binary"
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"walisup/wali/kernel"
)

// nativeClock reads a clock by the system call, in nanoseconds.
func nativeClock(g *guest, clock int) int64 {
	p := g.alloc(16)
	if r := kernel.Syscall(unix.SYS_CLOCK_GETTIME, uintptr(clock), g.Memory.Host(p), 0, 0, 0, 0); r != 0 {
		g.t.Fatal(r)
	}
	return int64(g.long(p))*1e9 + int64(g.long(p+8))
}

// TestClocksAreTheKernels reads each clock between two readings by the system
// call: it must lie between them.
func TestClocksAreTheKernels(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	tp := g.alloc(16)
	for _, clock := range []int{unix.CLOCK_REALTIME, unix.CLOCK_MONOTONIC, unix.CLOCK_BOOTTIME, unix.CLOCK_MONOTONIC_RAW, unix.CLOCK_TAI} {
		for range 200 {
			before := nativeClock(g, clock)
			g.must("clock_gettime", clock, tp)
			after := nativeClock(g, clock)
			if now := int64(g.long(tp))*1e9 + int64(g.long(tp+8)); now < before || now > after {
				t.Fatalf("clock %d: %d is not between %d and %d", clock, now, before, after)
			}
			if g.long(tp+8) >= 1e9 {
				t.Fatalf("clock %d: %d nanoseconds", clock, g.long(tp+8))
			}
		}
	}
	for range 200 {
		before := nativeClock(g, unix.CLOCK_REALTIME)
		g.must("gettimeofday", tp, 0)
		after := nativeClock(g, unix.CLOCK_REALTIME)
		if now := (int64(g.long(tp))*1e6 + int64(g.long(tp+8))) * 1e3; now < before-1000 || now > after {
			t.Fatalf("gettimeofday: %d is not between %d and %d", now, before, after)
		}
	}
	if s := g.must("time", tp); uint64(s) != g.long(tp) || s < nativeClock(g, unix.CLOCK_REALTIME)/1e9-1 {
		t.Errorf("time: %d, %d", s, g.long(tp))
	}
	zone := g.words(7, 7)
	if g.must("gettimeofday", tp, zone); g.word(zone) == 7 {
		t.Error("the time zone was not stored")
	}
	if g.must("clock_getres", unix.CLOCK_MONOTONIC, tp); g.long(tp) != 0 || g.long(tp+8) == 0 {
		t.Errorf("resolution %d s %d ns", g.long(tp), g.long(tp+8))
	}
	g.must("clock_getres", unix.CLOCK_MONOTONIC, 0)
	for _, bad := range []uint32{0, guestHole, guestHole - 8, 0xfffffff8} {
		g.want(unix.EFAULT, g.callRow("clock_gettime", unix.CLOCK_MONOTONIC, bad))
		g.want(unix.EFAULT, g.callRow("clock_gettime", unix.CLOCK_REALTIME, bad))
		if bad != 0 {
			g.want(unix.EFAULT, g.callRow("gettimeofday", bad, 0))
		}
	}
	g.want(unix.EINVAL, g.callRow("clock_gettime", 99, tp))
	g.must("gettimeofday", 0, 0)
}

func TestSleep(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	before := nativeClock(g, unix.CLOCK_MONOTONIC)
	g.must("nanosleep", g.longs(0, 2e6), 0)
	g.must("clock_nanosleep", unix.CLOCK_MONOTONIC, 0, g.longs(0, 2e6), 0)
	until := before + 6e6
	g.must("clock_nanosleep", unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, g.longs(uint64(until/1e9), uint64(until%1e9)), 0)
	if d := nativeClock(g, unix.CLOCK_MONOTONIC) - before; d < 6e6 {
		t.Errorf("slept %d ns, want 6 ms", d)
	}
	g.want(unix.EFAULT, g.callRow("nanosleep", guestHole, 0))
	g.want(unix.EINVAL, g.callRow("nanosleep", g.longs(0, 1e9), 0))
	g.want(unix.EINVAL, g.callRow("clock_nanosleep", 99, 0, g.longs(0, 1), 0))
}

func TestIntervalTimers(t *testing.T) {
	// Not parallel: the timer is the process's.
	g := newGuest(t)
	old, now := g.alloc(32), g.alloc(32)
	g.must("setitimer", unix.ITIMER_VIRTUAL, g.longs(0, 0, 500, 0), old)
	g.must("getitimer", unix.ITIMER_VIRTUAL, now)
	if s := g.long(now + 16); s < 498 || s > 500 {
		t.Errorf("%d seconds left of 500", s)
	}
	g.must("setitimer", unix.ITIMER_VIRTUAL, g.longs(0, 0, 0, 0), old)
	if s := g.long(old + 16); s < 498 || s > 500 {
		t.Errorf("%d seconds left of 500", s)
	}
	if r := g.must("alarm", 600); r != 0 {
		t.Errorf("an alarm is set already: %d", r)
	}
	if r := g.must("alarm", 0); r < 598 || r > 600 {
		t.Errorf("%d seconds left of 600", r)
	}
}

func TestPosixTimers(t *testing.T) {
	// Not parallel: the signal is blocked in this thread only.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const signal = 40
	var set, old unix.Sigset_t
	set.Val[0] = 1 << (signal - 1)
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &set, &old); err != nil {
		t.Fatal(err)
	}
	defer unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil)

	g := newGuest(t)
	id := g.words(0xffffffff)
	const threadID = 4 // SIGEV_THREAD_ID
	event := g.words(0xcafebabe, signal, threadID, uint32(unix.Gettid()))
	g.must("timer_create", unix.CLOCK_MONOTONIC, event, id)
	timer := int(int32(g.word(id)))
	g.must("timer_settime", timer, 0, g.longs(0, 0, 0, 1e6), 0)
	var info Siginfo
	p := g.alloc(128)
	r := g.block(unix.SYS_RT_SIGTIMEDWAIT, g.Memory.Host(g.longs(1<<(signal-1))), g.Memory.Host(p), g.Memory.Host(g.longs(5, 0)), 8, 0, 0)
	if r != signal {
		t.Fatalf("rt_sigtimedwait: %d", r)
	}
	copy(info[:], g.bytes(p, 128))
	toGuest(&info, g.Memory)
	if v := binary.LittleEndian.Uint32(info[24:]); v != 0xcafebabe || info.Code() != -2 {
		t.Errorf("value %#x, code %d", v, info.Code())
	}
	if n := g.must("timer_getoverrun", timer); n != 0 {
		t.Errorf("overrun %d", n)
	}
	now := g.alloc(32)
	g.must("timer_settime", timer, 0, g.longs(0, 0, 700, 0), now)
	if g.must("timer_gettime", timer, now); g.long(now+16) < 698 {
		t.Errorf("%d seconds left", g.long(now+16))
	}
	g.must("timer_delete", timer)
	g.want(unix.EINVAL, g.callRow("timer_delete", timer))
	g.want(unix.EFAULT, g.callRow("timer_create", unix.CLOCK_MONOTONIC, guestHole, id))
	g.want(unix.EINVAL, g.callRow("timer_create", unix.CLOCK_MONOTONIC, g.words(0, signal, 99, 0), id))
	// No event: SIGALRM, and the value is the timer's number.
	g.must("timer_create", unix.CLOCK_MONOTONIC, 0, id)
	g.must("timer_delete", int(int32(g.word(id))))
}

func TestClockAdjustmentIsRead(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	buf := g.alloc(208)
	native := new(unix.Timex)
	state, err := unix.Adjtimex(native)
	if err != nil {
		t.Skip(err)
	}
	if r := g.must("adjtimex", buf); r != int64(state) {
		t.Errorf("state %d, natively %d", r, state)
	}
	if tick := g.long(buf + 88); int64(tick) != int64(native.Tick) {
		t.Errorf("tick %d, natively %d", tick, native.Tick)
	}
	if r := g.must("clock_adjtime", unix.CLOCK_REALTIME, buf); r != int64(state) {
		t.Errorf("state %d, natively %d", r, state)
	}
}

func TestTimesAndUsage(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	p := g.alloc(32)
	if r := g.must("times", p); r == 0 {
		t.Error("times: 0")
	}
	usage := g.alloc(144)
	g.must("getrusage", unix.RUSAGE_SELF, usage)
	var native unix.Rusage
	unix.Getrusage(unix.RUSAGE_SELF, &native)
	if rss := int64(g.long(usage + 32)); rss == 0 || rss > native.Maxrss {
		t.Errorf("maxrss %d, natively %d", rss, native.Maxrss)
	}
}

// TestWait compares what wait4 and waitid store with what is known of a child.
func TestWait(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	status, usage, info := g.words(0xffffffff), g.alloc(144), g.alloc(128)
	start := func() int {
		p, err := os.StartProcess("/bin/sh", []string{"sh", "-c", "exit 7"}, &os.ProcAttr{})
		if err != nil {
			t.Fatal(err)
		}
		pid := p.Pid
		p.Release()
		return pid
	}
	pid := start()
	// The child stays a zombie; wait4 then takes it.
	g.must("waitid", unix.P_PID, pid, info, unix.WEXITED|unix.WNOWAIT, usage)
	var si Siginfo
	copy(si[:], g.bytes(info, 128))
	toGuest(&si, g.Memory)
	for offset, want := range map[int]uint32{0: uint32(unix.SIGCHLD), 8: 1, 16: uint32(pid), 24: 7} {
		if got := binary.LittleEndian.Uint32(si[offset:]); got != want {
			t.Errorf("siginfo at %d: %d, want %d", offset, got, want)
		}
	}
	if r := g.must("wait4", pid, status, 0, usage); r != int64(pid) || g.word(status) != 7<<8 {
		t.Errorf("wait4: %d, status %#x", r, g.word(status))
	}
	if g.long(usage+32) == 0 {
		t.Error("no maxrss in the child's usage")
	}
	g.want(unix.ECHILD, g.callRow("wait4", pid, 0, 0, 0))
	pid = start()
	g.want(unix.EFAULT, g.callRow("waitid", unix.P_PID, pid, guestHole, unix.WEXITED, 0))
	g.want(unix.EINVAL, g.callRow("wait4", pid, 0, 0x4000, 0))
}

func BenchmarkClockGettime(b *testing.B) {
	for name, clock := range map[string]int{"monotonic": unix.CLOCK_MONOTONIC, "realtime": unix.CLOCK_REALTIME} {
		g := newGuest(b)
		tp := g.alloc(16)
		b.Run(name+"/guest", func(b *testing.B) {
			fn, _ := bindRow(b, "clock_gettime")
			stack := make([]uint64, 2)
			b.ReportAllocs()
			for b.Loop() {
				stack[0], stack[1] = uint64(clock), uint64(tp)
				fn(g.Thread, stack)
			}
		})
		b.Run(name+"/system call", func(b *testing.B) {
			for b.Loop() {
				kernel.Syscall(unix.SYS_CLOCK_GETTIME, uintptr(clock), g.Memory.Host(tp), 0, 0, 0, 0)
			}
		})
	}
	b.Run("monotonic/vDSO", func(b *testing.B) {
		for b.Loop() {
			nanotime()
		}
	})
}

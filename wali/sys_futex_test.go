package wali

import (
	"encoding/binary"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"walisup/wali/kernel/abi"
)

const (
	futexWakeOp1       = 1
	futexCmpRequeueOp  = 4
	futexWakeOpOp      = 5
	futexPrivate       = 128
	futex2Size32       = 2
	futexBitsetMatches = 0xffffffff
)

// sibling is another thread of the same guest process.
func (g *guest) sibling() *guest {
	return &guest{Thread: NewThread(g.Process), t: g.t, next: g.next}
}

// whenWaiting calls wake until it says that it woke a thread.
func whenWaiting(wake func() int64) {
	for wake() == 0 {
		runtime.Gosched()
	}
}

func TestFutexWaitAndWake(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	word := g.words(7)
	g.want(unix.EAGAIN, g.callRow("futex", word, abi.FutexWait, 8, 0, 0, 0))
	g.want(unix.ETIMEDOUT, g.callRow("futex", word, abi.FutexWait|futexPrivate, 7, g.longs(0, 1e6), 0, 0))
	g.want(unix.EFAULT, g.callRow("futex", word, abi.FutexWait, 7, guestHole, 0, 0))
	g.want(unix.EFAULT, g.callRow("futex", guestHole, abi.FutexWait, 7, 0, 0, 0))
	g.want(unix.EFAULT, g.callRow("futex", 0, abi.FutexWait, 7, 0, 0, 0))
	g.want(unix.EINVAL, g.callRow("futex", word+1, abi.FutexWait, 7, 0, 0, 0))
	g.want(unix.ENOSYS, g.callRow("futex", word, 99, 0, 0, 0, 0))
	if r := g.must("futex", word, futexWakeOp1, 1, 0, 0, 0); r != 0 {
		t.Errorf("woke %d", r)
	}

	other := g.sibling()
	done := make(chan int64)
	for _, wait := range []int{abi.FutexWait, abi.FutexWait | futexPrivate, abi.FutexWaitBitset | futexPrivate} {
		go func() { done <- other.callRow("futex", word, wait, 7, 0, 0, futexBitsetMatches) }()
		whenWaiting(func() int64 { return g.must("futex", word, futexWakeOp1|wait&futexPrivate, 1, 0, 0, 0) })
		if r := <-done; r != 0 {
			t.Errorf("operation %d: %d", wait, r)
		}
	}
}

// TestFutexRequeue passes a number where other operations have a timeout.
func TestFutexRequeue(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	from, to := g.words(1), g.words(1)
	other := g.sibling()
	done := make(chan int64)
	go func() { done <- other.callRow("futex", from, abi.FutexWait, 1, 0, 0, 0) }()
	// Wake none, move one. The number is not a valid pointer.
	whenWaiting(func() int64 { return g.must("futex", from, futexCmpRequeueOp, 0, 1, to, 1) })
	if r := g.must("futex", to, futexWakeOp1, 1, 0, 0, 0); r != 1 {
		t.Errorf("woke %d at the new place", r)
	}
	if r := <-done; r != 0 {
		t.Errorf("wait: %d", r)
	}
	g.want(unix.EAGAIN, g.callRow("futex", from, futexCmpRequeueOp, 0, 1, to, 2))

	// FUTEX_WAKE_OP: add 5 to the second word, compare the old value.
	const opAdd, cmpEq = 1, 0
	g.must("futex", from, futexWakeOpOp, 1, 1, to, opAdd<<28|cmpEq<<24|5<<12|1)
	if v := g.word(to); v != 6 {
		t.Errorf("word %d, want 6", v)
	}
}

func TestFutexWaitv(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	a, b := g.words(1), g.words(2)
	waiters := g.longs(1, uint64(a), futex2Size32, 2, uint64(b), futex2Size32)
	r := g.callRow("futex_waitv", waiters, 2, 0, g.longs(1, 0), unix.CLOCK_MONOTONIC)
	if r == -int64(unix.ENOSYS) {
		t.Skip("this kernel has no futex_waitv")
	}
	g.want(unix.ETIMEDOUT, r) // an absolute time long past
	other := g.sibling()
	done := make(chan int64)
	go func() { done <- other.callRow("futex_waitv", waiters, 2, 0, 0, unix.CLOCK_MONOTONIC) }()
	whenWaiting(func() int64 { return g.must("futex", b, futexWakeOp1, 1, 0, 0, 0) })
	if r := <-done; r != 1 {
		t.Errorf("woken by waiter %d, want 1", r)
	}
	g.want(unix.EAGAIN, g.callRow("futex_waitv", g.longs(9, uint64(a), futex2Size32), 1, 0, 0, 0))
	g.want(unix.EFAULT, g.callRow("futex_waitv", g.longs(9, 1<<33, futex2Size32), 1, 0, 0, 0))
	g.want(unix.EFAULT, g.callRow("futex_waitv", g.longs(9, guestHole, futex2Size32), 1, 0, 0, 0))
	g.want(unix.EFAULT, g.callRow("futex_waitv", guestHole, 1, 0, 0, 0))
	g.want(unix.EINVAL, g.callRow("futex_waitv", waiters, 129, 0, 0, 0))
	g.want(unix.EINVAL, g.callRow("futex_waitv", 0, 1, 0, 0, 0))
}

// TestNewFutexCalls covers the calls that split futex up, where the kernel has
// them.
func TestNewFutexCalls(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	a, b := g.words(1), g.words(1)
	if g.callRow("futex_wake", a, int64(futexBitsetMatches), 1, futex2Size32) == -int64(unix.ENOSYS) {
		t.Skip("this kernel has no futex_wake")
	}
	other := g.sibling()
	done := make(chan int64)
	go func() {
		done <- other.callRow("futex_wait", a, int64(1), int64(futexBitsetMatches), futex2Size32, 0, 0)
	}()
	waiters := g.longs(1, uint64(a), futex2Size32, 1, uint64(b), futex2Size32)
	whenWaiting(func() int64 { return g.must("futex_requeue", waiters, 0, 0, 1) })
	if r := g.must("futex_wake", b, int64(futexBitsetMatches), 1, futex2Size32); r != 1 {
		t.Errorf("woke %d", r)
	}
	if r := <-done; r != 0 {
		t.Errorf("wait: %d", r)
	}
}

func TestSiginfoConversion(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	le := binary.LittleEndian
	base := uint64(g.Memory.Base())
	header := func(signo, code int32) (s Siginfo) {
		le.PutUint32(s[0:], uint32(signo))
		le.PutUint32(s[8:], uint32(code))
		return s
	}
	for _, test := range []struct {
		what        string
		signo, code int32
		host        map[int]uint64 // 64-bit words by offset
		guest       map[int]uint32
	}{
		{"child", int32(unix.SIGCHLD), 1,
			map[int]uint64{16: 5 | 6<<32, 24: 7, 32: 8, 40: 9},
			map[int]uint32{16: 5, 20: 6, 24: 7, 32: 8, 40: 9}},
		{"queued", 40, -1,
			map[int]uint64{16: 5 | 6<<32, 24: 0xcafebabe},
			map[int]uint32{16: 5, 20: 6, 24: 0xcafebabe}},
		{"poll", int32(unix.SIGIO), 1,
			map[int]uint64{16: 0x41, 24: 3},
			map[int]uint32{16: 0x41, 24: 3}},
		{"segment", int32(unix.SIGSEGV), 1,
			map[int]uint64{16: base + 0x1234},
			map[int]uint32{16: 0x1234}},
		{"bus error", int32(unix.SIGBUS), 4,
			map[int]uint64{16: base + 0xfffff000, 24: 12},
			map[int]uint32{16: 0xfffff000, 20: 12}},
		{"bounds", int32(unix.SIGSEGV), 3,
			map[int]uint64{16: base + 16, 32: base + 32, 40: base + 64},
			map[int]uint32{16: 16, 24: 32, 28: 64}},
		{"key", int32(unix.SIGSEGV), 4,
			map[int]uint64{16: base + 16, 32: 3},
			map[int]uint32{16: 16, 24: 3}},
		{"system call", int32(unix.SIGSYS), 1,
			map[int]uint64{16: base + 16, 24: 99 | 0xc000003e<<32},
			map[int]uint32{16: 16, 20: 99, 24: 0xc000003e}},
	} {
		host, guest := header(test.signo, test.code), header(test.signo, test.code)
		for at, v := range test.host {
			le.PutUint64(host[at:], v)
		}
		for at, v := range test.guest {
			le.PutUint32(guest[at:], v)
		}
		got := host
		if toGuest(&got, g.Memory); got != guest {
			t.Errorf("%s, to the guest:\n%v, want\n%v", test.what, got[:48], guest[:48])
		}
		if toHost(&got, g.Memory); got != host {
			t.Errorf("%s, to the kernel:\n%v, want\n%v", test.what, got[:48], host[:48])
		}
	}
	// An address of the helper's does not show.
	s := header(int32(unix.SIGSEGV), 1)
	le.PutUint64(s[16:], 0x7fff00001234)
	if toGuest(&s, g.Memory); le.Uint64(s[16:]) != 0 {
		t.Errorf("address %#x", le.Uint64(s[16:]))
	}
	// Rubbish in the padding after a value does not reach the kernel.
	s = header(40, -1)
	le.PutUint64(s[24:], 0xdeadbeef_00000001)
	if toHost(&s, g.Memory); le.Uint64(s[24:]) != 1 {
		t.Errorf("value %#x", le.Uint64(s[24:]))
	}
}

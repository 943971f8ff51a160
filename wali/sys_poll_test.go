package wali

import (
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"

	"walisup/wali/kernel"
)

// pollfds puts pairs of descriptor and events to guest memory.
func (g *guest) pollArray(pairs ...int) uint32 {
	var b []byte
	for i := 0; i < len(pairs); i += 2 {
		b = binary.LittleEndian.AppendUint32(b, uint32(pairs[i]))
		b = binary.LittleEndian.AppendUint16(b, uint16(pairs[i+1]))
		b = binary.LittleEndian.AppendUint16(b, 0xffff)
	}
	return g.put(b)
}

func (g *guest) revents(p uint32, i int) uint16 {
	return binary.LittleEndian.Uint16(g.bytes(p+uint32(8*i)+6, 2))
}

func TestPollAndPpoll(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	r, w := nativePipe(t)
	idle, _ := nativePipe(t)
	fds := g.pollArray(r, unix.POLLIN, w, unix.POLLOUT, -1, unix.POLLIN, 700, unix.POLLIN)
	for _, call := range []func() int64{
		func() int64 { return g.callRow("poll", fds, int64(4), 0) },
		func() int64 { return g.callRow("ppoll", fds, int64(4), g.longs(0, 0), g.longs(0), 8) },
	} {
		if n := call(); n != 2 {
			t.Fatalf("%d descriptors are ready, want 2", n)
		}
		for i, want := range []uint16{0, unix.POLLOUT, 0, unix.POLLNVAL} {
			if got := g.revents(fds, i); got != want {
				t.Errorf("pollfd %d: %#x, want %#x", i, got, want)
			}
		}
	}
	unix.Write(w, []byte("x"))
	if n := g.callRow("poll", fds, int64(1), -1); n != 1 || g.revents(fds, 0) != unix.POLLIN {
		t.Errorf("%d, %#x", n, g.revents(fds, 0))
	}
	if n := g.callRow("poll", 0, int64(0), 1); n != 0 {
		t.Errorf("poll of nothing: %d", n)
	}
	// The kernel leaves in a timespec what remains.
	left := g.longs(0, 2e6)
	if n := g.callRow("ppoll", g.pollArray(idle, unix.POLLIN), int64(1), left, 0, 0); n != 0 || g.long(left+8) != 0 {
		t.Errorf("%d, %d ns left", n, g.long(left+8))
	}
	for _, test := range []struct {
		what string
		got  int64
		want unix.Errno
	}{
		{"array in a hole", g.callRow("poll", guestHole, int64(1), 0), unix.EFAULT},
		{"null array", g.callRow("poll", 0, int64(1), 0), unix.EFAULT},
		{"array that runs into a hole", g.callRow("poll", guestHole-8, int64(2), 0), unix.EFAULT},
		{"more than the limit of descriptors", g.callRow("poll", fds, int64(1<<31), 0), unix.EINVAL},
		{"negative number", g.callRow("poll", fds, int64(-1), 0), unix.EINVAL},
		{"size of the set", g.callRow("ppoll", fds, int64(1), 0, fds, 4), unix.EINVAL},
		{"set in a hole", g.callRow("ppoll", fds, int64(1), 0, guestHole, 8), unix.EFAULT},
		{"timeout in a hole", g.callRow("ppoll", fds, int64(1), guestHole, 0, 0), unix.EFAULT},
		{"bad timeout", g.callRow("ppoll", fds, int64(1), g.longs(0, 1e9), 0, 0), unix.EINVAL},
	} {
		if test.got != -int64(test.want) {
			t.Errorf("%s: %d, want %v", test.what, test.got, test.want)
		}
	}
}

func TestHelperDescriptorsAreNotOpenForPolling(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	_, w := nativePipe(t)
	reserved := reservedDescriptor(t)
	fds := g.pollArray(w, unix.POLLOUT, reserved, unix.POLLIN|unix.POLLOUT)
	if n := g.callRow("poll", fds, int64(2), 0); n != 2 || g.revents(fds, 0) != unix.POLLOUT || g.revents(fds, 1) != unix.POLLNVAL {
		t.Errorf("%d: %#x %#x", n, g.revents(fds, 0), g.revents(fds, 1))
	}
	if fd := g.word(fds + 8); int(fd) != reserved {
		t.Errorf("the guest's array now has descriptor %d", int32(fd))
	}
	set := g.alloc(128)
	g.write(set+uint32(reserved/8), []byte{1 << (reserved % 8)})
	g.want(unix.EBADF, g.callRow("select", reserved+1, set, 0, 0, g.longs(0, 0)))
	g.want(unix.EBADF, g.callRow("pselect6", 1024, 0, 0, set, g.longs(0, 0), 0))
	// Below the bit nothing is looked at.
	if n := g.callRow("select", reserved, set, 0, 0, g.longs(0, 0)); n != 0 {
		t.Errorf("select: %d", n)
	}
	ep := int(g.must("epoll_create1", unix.EPOLL_CLOEXEC))
	closeLater(t, ep)
	g.want(unix.EBADF, g.callRow("epoll_ctl", ep, unix.EPOLL_CTL_ADD, reserved, g.words(unix.EPOLLIN, 0, 0)))
}

func TestSelectAndPselect(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	r, w := nativePipe(t)
	read, write := g.alloc(128), g.alloc(128)
	mark := func() {
		g.write(read+uint32(r/8), []byte{1 << (r % 8)})
		g.write(write+uint32(w/8), []byte{1 << (w % 8)})
	}
	n := max(r, w) + 1
	mark()
	if got := g.must("select", n, read, write, 0, g.longs(5, 0)); got != 1 {
		t.Errorf("%d descriptors are ready, want 1", got)
	}
	if g.bytes(read+uint32(r/8), 1)[0] != 0 || g.bytes(write+uint32(w/8), 1)[0] != 1<<(w%8) {
		t.Error("wrong bits")
	}
	unix.Write(w, []byte("x"))
	mark()
	// Argument 6: a pointer and a size, both in 64 bits.
	mask := g.longs(uint64(g.longs(0)), 8)
	if got := g.must("pselect6", n, read, write, 0, g.longs(5, 0), mask); got != 2 {
		t.Errorf("%d descriptors are ready, want 2", got)
	}
	if got := g.must("pselect6", n, read, 0, 0, g.longs(5, 0), g.longs(0, 8)); got != 1 {
		t.Errorf("%d descriptors are ready, want 1", got)
	}
	left := g.longs(0, 1000)
	idle, _ := nativePipe(t)
	set := g.alloc(128)
	g.write(set+uint32(idle/8), []byte{1 << (idle % 8)})
	if got := g.must("select", idle+1, set, 0, 0, left); got != 0 || g.long(left+8) != 0 {
		t.Errorf("%d, %d us left", got, g.long(left+8))
	}
	for _, test := range []struct {
		what string
		got  int64
		want unix.Errno
	}{
		{"negative number", g.callRow("select", -1, 0, 0, 0, 0), unix.EINVAL},
		{"set in a hole", g.callRow("select", n, guestHole, 0, 0, 0), unix.EFAULT},
		{"timeout in a hole", g.callRow("select", n, 0, 0, 0, guestHole), unix.EFAULT},
		{"mask in a hole", g.callRow("pselect6", 0, 0, 0, 0, 0, guestHole), unix.EFAULT},
		{"set of the mask in a hole", g.callRow("pselect6", 0, 0, 0, 0, 0, g.longs(guestHole, 8)), unix.EFAULT},
		{"set of the mask out of range", g.callRow("pselect6", 0, 0, 0, 0, 0, g.longs(1<<40, 8)), unix.EFAULT},
		{"size of the mask", g.callRow("pselect6", 0, 0, 0, 0, 0, g.longs(uint64(mask), 16)), unix.EINVAL},
	} {
		if test.got != -int64(test.want) {
			t.Errorf("%s: %d, want %v", test.what, test.got, test.want)
		}
	}
}

func TestEpoll(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	ep := int(g.must("epoll_create", 1))
	closeLater(t, ep)
	var writers []int
	for i := range 3 {
		r, w := nativePipe(t)
		writers = append(writers, w)
		g.must("epoll_ctl", ep, unix.EPOLL_CTL_ADD, r, g.words(unix.EPOLLIN, uint32(100+i), 0x89abcdef))
	}
	events := g.alloc(8 * guestEpollEvent)
	if n := g.must("epoll_wait", ep, events, 8, 0); n != 0 {
		t.Errorf("%d events of nothing", n)
	}
	unix.Write(writers[0], []byte("x"))
	unix.Write(writers[2], []byte("x"))
	for _, wait := range []func() int64{
		func() int64 { return g.callRow("epoll_wait", ep, events, 8, -1) },
		func() int64 { return g.callRow("epoll_pwait", ep, events, 8, -1, g.longs(0), 8) },
		func() int64 { return g.callRow("epoll_pwait2", ep, events, 8, g.longs(5, 0), 0, 0) },
	} {
		g.write(events, make([]byte, 8*guestEpollEvent))
		if n := wait(); n != 2 {
			t.Fatalf("%d events, want 2", n)
		}
		for i, want := range []uint32{100, 102} {
			at := events + uint32(i*guestEpollEvent)
			if g.word(at) != unix.EPOLLIN || g.word(at+4) != want || g.word(at+8) != 0x89abcdef {
				t.Errorf("event %d: %x", i, g.bytes(at, guestEpollEvent))
			}
		}
	}
	r, _ := nativePipe(t)
	for _, test := range []struct {
		what string
		got  int64
		want unix.Errno
	}{
		{"event in a hole", g.callRow("epoll_ctl", ep, unix.EPOLL_CTL_ADD, r, guestHole), unix.EFAULT},
		{"no events asked for", g.callRow("epoll_wait", ep, events, 0, 0), unix.EINVAL},
		{"too many asked for", g.callRow("epoll_wait", ep, events, 1<<30, 0), unix.EINVAL},
		{"events into a hole", g.callRow("epoll_wait", ep, guestHole, 8, 0), unix.EFAULT},
		{"no epoll", g.callRow("epoll_wait", r, events, 8, 0), unix.EINVAL},
		{"size of the set", g.callRow("epoll_pwait", ep, events, 8, 0, events, 4), unix.EINVAL},
		{"itself", g.callRow("epoll_ctl", ep, unix.EPOLL_CTL_ADD, ep, events), unix.EINVAL},
	} {
		if test.got != -int64(test.want) {
			t.Errorf("%s: %d, want %v", test.what, test.got, test.want)
		}
	}
}

func BenchmarkPoll(b *testing.B) {
	for _, n := range []int{1, 16, 256} {
		name := map[int]string{1: "1", 16: "16", 256: "256"}[n]
		_, w := nativePipe(b)
		g := newGuest(b)
		var pairs []int
		for range n {
			pairs = append(pairs, w, unix.POLLOUT)
		}
		fds := g.pollArray(pairs...)
		b.Run("guest/"+name, func(b *testing.B) {
			fn, _ := bindRow(b, "poll")
			stack := make([]uint64, 3)
			b.ReportAllocs()
			for b.Loop() {
				stack[0], stack[1], stack[2] = uint64(fds), uint64(n), 0
				fn(g.Thread, stack)
				if stack[0] != uint64(n) {
					b.Fatal(int64(stack[0]))
				}
			}
		})
		b.Run("native/"+name, func(b *testing.B) {
			now := g.Memory.Host(g.longs(0, 0))
			for b.Loop() {
				if r := kernel.Syscall(unix.SYS_PPOLL, g.Memory.Host(fds), uintptr(n), now, 0, 0, 0); r != int64(n) {
					b.Fatal(r)
				}
			}
		})
	}
}

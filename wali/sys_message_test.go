package wali

import (
	"bytes"
	"encoding/binary"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"walisup/wali/kernel"
)

// message puts a msghdr to guest memory.
func (g *guest) message(name uint32, nameLen int, iov uint32, iovLen int, control uint32, controlLen int) uint32 {
	return g.words(name, uint32(nameLen), iov, uint32(iovLen), 0xdeadbeef, control, uint32(controlLen), 0xdeadbeef, 0)
}

// cmsg makes a control message as the guest lays it out, with rubbish in the
// padding of its header, padded to 8.
func cmsg(level, kind uint32, data ...byte) []byte {
	le := binary.LittleEndian
	b := le.AppendUint32(nil, uint32(cmsgHeader+len(data)))
	b = le.AppendUint32(b, 0xdeadbeef)
	b = le.AppendUint32(b, level)
	b = le.AppendUint32(b, kind)
	b = append(b, data...)
	for len(b)%8 != 0 {
		b = append(b, 0)
	}
	return b
}

func int32s(v ...int) (b []byte) {
	for _, n := range v {
		b = binary.LittleEndian.AppendUint32(b, uint32(n))
	}
	return b
}

func TestSendmsgGathersAndRecvmsgScatters(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	a, b := socketPair(t, unix.SOCK_SEQPACKET)
	out := g.words(g.string("one "), 4, 0, 0, g.string("two"), 3)
	if n := g.must("sendmsg", a, g.message(0, 0, out, 3, 0, 0), 0); n != 7 {
		t.Fatalf("sent %d bytes", n)
	}
	p1, p2 := g.alloc(2), g.alloc(4)
	msg := g.message(0, 0, g.words(p1, 2, p2, 4), 2, 0, 0)
	if n := g.must("recvmsg", b, msg, 0); n != 6 || string(g.bytes(p1, 2))+string(g.bytes(p2, 4)) != "one tw" {
		t.Fatalf("received %d bytes: %q %q", n, g.bytes(p1, 2), g.bytes(p2, 4))
	}
	if flags := g.word(msg + 32); flags&unix.MSG_TRUNC == 0 {
		t.Errorf("flags %#x without MSG_TRUNC", flags)
	}
}

func TestMessageNamesArePassedBothWays(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	var addr [2]*unix.SockaddrInet4
	var fds [2]int
	for i := range fds {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		closeLater(t, fd)
		if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
			t.Fatal(err)
		}
		sa, err := unix.Getsockname(fd)
		if err != nil {
			t.Fatal(err)
		}
		fds[i], addr[i] = fd, sa.(*unix.SockaddrInet4)
	}
	name := g.put(binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16([]byte{unix.AF_INET, 0}, uint16(addr[1].Port)), 0x7f000001))
	g.alloc(16)
	text := g.string("datagram")
	g.must("sendmsg", fds[0], g.message(name, 16, g.words(text, 8), 1, 0, 0), 0)

	from, into := g.alloc(128), g.alloc(16)
	msg := g.message(from, 128, g.words(into, 16), 1, 0, 0)
	if n := g.must("recvmsg", fds[1], msg, 0); n != 8 {
		t.Fatalf("received %d bytes", n)
	}
	if n := g.word(msg + 4); n != 16 {
		t.Errorf("length of the name is %d", n)
	}
	if port := binary.BigEndian.Uint16(g.bytes(from+2, 2)); int(port) != addr[0].Port {
		t.Errorf("from port %d, want %d", port, addr[0].Port)
	}
}

func TestRightsFromGuestToNative(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	a, b := socketPair(t, unix.SOCK_STREAM)
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	// Two control messages: the second is found only if the first's length
	// and alignment are right.
	control := g.put(append(cmsg(unix.SOL_SOCKET, unix.SCM_RIGHTS, int32s(int(f.Fd()))...),
		cmsg(unix.SOL_SOCKET, unix.SCM_CREDENTIALS, int32s(os.Getpid(), os.Getuid(), os.Getgid())...)...))
	if err := unix.SetsockoptInt(b, unix.SOL_SOCKET, unix.SO_PASSCRED, 1); err != nil {
		t.Fatal(err)
	}
	g.must("sendmsg", a, g.message(0, 0, g.words(g.string("x"), 1), 1, control, 24+32), 0)

	oob := make([]byte, 128)
	_, n, _, _, err := unix.Recvmsg(b, make([]byte, 1), oob, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	messages, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil || len(messages) != 2 {
		t.Fatalf("%d control messages, %v", len(messages), err)
	}
	for _, m := range messages {
		switch m.Header.Type {
		case unix.SCM_RIGHTS:
			fds, err := unix.ParseUnixRights(&m)
			if err != nil || len(fds) != 1 {
				t.Fatalf("%v, %v", fds, err)
			}
			closeLater(t, fds...)
			var want, got unix.Stat_t
			unix.Fstat(int(f.Fd()), &want)
			if err := unix.Fstat(fds[0], &got); err != nil || got.Ino != want.Ino {
				t.Errorf("another file came: inode %d, want %d (%v)", got.Ino, want.Ino, err)
			}
		case unix.SCM_CREDENTIALS:
			cred, err := unix.ParseUnixCredentials(&m)
			if err != nil || int(cred.Pid) != os.Getpid() {
				t.Errorf("credentials %v, %v", cred, err)
			}
		}
	}
}

func TestRightsFromNativeToGuest(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	a, b := socketPair(t, unix.SOCK_STREAM)
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	send := func() {
		if err := unix.Sendmsg(a, []byte("x"), unix.UnixRights(int(f.Fd()), int(f.Fd())), nil, 0); err != nil {
			t.Fatal(err)
		}
	}
	into := g.words(g.alloc(1), 1)

	send()
	control := g.alloc(64)
	msg := g.message(0, 0, into, 1, control, 64)
	g.must("recvmsg", b, msg, unix.MSG_CMSG_CLOEXEC)
	if n := g.word(msg + 24); n != 24 {
		t.Errorf("controllen %d, want 24", n)
	}
	if h := g.bytes(control, 16); !bytes.Equal(h, int32s(24, 0, unix.SOL_SOCKET, unix.SCM_RIGHTS)) {
		t.Errorf("header %v", h)
	}
	fds := []int{int(g.word(control + 16)), int(g.word(control + 20))}
	closeLater(t, fds...)
	var want, got unix.Stat_t
	unix.Fstat(int(f.Fd()), &want)
	for _, fd := range fds {
		if err := unix.Fstat(fd, &got); err != nil || got.Ino != want.Ino {
			t.Errorf("descriptor %d: inode %d, want %d (%v)", fd, got.Ino, want.Ino, err)
		}
	}

	// Room for one only.
	send()
	msg = g.message(0, 0, into, 1, control, 20)
	g.must("recvmsg", b, msg, unix.MSG_CMSG_CLOEXEC)
	if flags := g.word(msg + 32); flags&unix.MSG_CTRUNC == 0 {
		t.Errorf("flags %#x without MSG_CTRUNC", flags)
	}
	if n := g.word(control); n != 20 {
		t.Errorf("cmsg_len %d, want 20", n)
	}
	closeLater(t, int(g.word(control+16)))

	// No room at all.
	send()
	msg = g.message(0, 0, into, 1, 0, 0)
	g.must("recvmsg", b, msg, 0)
	if flags := g.word(msg + 32); flags&unix.MSG_CTRUNC == 0 {
		t.Errorf("flags %#x without MSG_CTRUNC", flags)
	}
}

func TestHelperDescriptorsCannotBeSent(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	a, _ := socketPair(t, unix.SOCK_STREAM)
	reserved := reservedDescriptor(t)
	iov := g.words(g.string("x"), 1)
	control := cmsg(unix.SOL_SOCKET, unix.SCM_RIGHTS, int32s(a, reserved)...)
	g.want(unix.EBADF, g.callRow("sendmsg", a, g.message(0, 0, iov, 1, g.put(control), len(control)), 0))
	// In the second message, and through sendmmsg.
	control = append(cmsg(unix.SOL_SOCKET, unix.SCM_RIGHTS, int32s(a)...), control...)
	msg := g.message(0, 0, iov, 1, g.put(control), len(control))
	g.want(unix.EBADF, g.callRow("sendmsg", a, msg, 0))
	g.want(unix.EBADF, g.callRow("sendmmsg", a, msg, 1, 0))
	if g.word(msg) != 0 {
		t.Error("the guest's message was changed")
	}
}

func TestTimestampsAndPacketInfoComeThrough(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	closeLater(t, fd)
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	self, _ := unix.Getsockname(fd)
	one := g.words(1)
	for _, option := range [][2]int{{unix.SOL_SOCKET, unix.SO_TIMESTAMPNS}, {unix.IPPROTO_IP, unix.IP_PKTINFO}, {unix.IPPROTO_IP, unix.IP_RECVTTL}} {
		g.must("setsockopt", fd, option[0], option[1], one, 4)
	}
	// Send with a TTL of its own, then see it arrive.
	name := make([]byte, 16)
	name[0] = unix.AF_INET
	binary.BigEndian.PutUint16(name[2:], uint16(self.(*unix.SockaddrInet4).Port))
	copy(name[4:], []byte{127, 0, 0, 1})
	ttl := cmsg(unix.IPPROTO_IP, unix.IP_TTL, int32s(33)...)
	g.must("sendmsg", fd, g.message(g.put(name), 16, g.words(g.string("x"), 1), 1, g.put(ttl), len(ttl)), 0)

	control := g.alloc(256)
	msg := g.message(0, 0, g.words(g.alloc(1), 1), 1, control, 256)
	g.must("recvmsg", fd, msg, 0)
	got := map[[2]int32][]byte{}
	messages, err := unix.ParseSocketControlMessage(g.bytes(control, int(g.word(msg+24))))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range messages {
		got[[2]int32{m.Header.Level, m.Header.Type}] = m.Data
	}
	if b := got[[2]int32{unix.IPPROTO_IP, unix.IP_TTL}]; len(b) != 4 || binary.LittleEndian.Uint32(b) != 33 {
		t.Errorf("TTL %v", b)
	}
	if b := got[[2]int32{unix.IPPROTO_IP, unix.IP_PKTINFO}]; len(b) != 12 || !bytes.Equal(b[8:], []byte{127, 0, 0, 1}) {
		t.Errorf("packet info %v", b)
	}
	var now unix.Timespec
	unix.ClockGettime(unix.CLOCK_REALTIME, &now)
	if b := got[[2]int32{unix.SOL_SOCKET, unix.SO_TIMESTAMPNS}]; len(b) != 16 || now.Sec-int64(binary.LittleEndian.Uint64(b)) > 100 {
		t.Errorf("timestamp %v", b)
	}
}

// TestBadMessages compares with the native call in the same situation.
func TestBadMessages(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	a, _ := socketPair(t, unix.SOCK_STREAM)
	_, pipe := nativePipe(t)
	iov := g.words(g.string("x"), 1)
	short := cmsg(unix.SOL_SOCKET, unix.SCM_RIGHTS, int32s(a)...)
	binary.LittleEndian.PutUint32(short, 8)
	long := cmsg(unix.SOL_SOCKET, unix.SCM_RIGHTS, int32s(a)...)
	binary.LittleEndian.PutUint32(long, 1000)
	rds := cmsg(solRDS, 1, make([]byte, 48)...)
	for _, test := range []struct {
		what string
		fd   int
		msg  uint32
		want unix.Errno
	}{
		{"null", a, 0, unix.EFAULT},
		{"in a hole", a, guestHole, unix.EFAULT},
		{"runs into a hole", a, guestHole - 20, unix.EFAULT},
		{"wraps", a, 0xfffffff0, unix.EFAULT},
		{"bad descriptor before bad pointer", -1, 0, unix.EBADF},
		{"no socket before bad pointer", pipe, 0, unix.ENOTSOCK},
		{"negative number of iovecs", a, g.message(0, 0, iov, -1, 0, 0), unix.EMSGSIZE},
		{"too many iovecs", a, g.message(0, 0, iov, 1025, 0, 0), unix.EMSGSIZE},
		{"iovecs in a hole", a, g.message(0, 0, guestHole, 1, 0, 0), unix.EFAULT},
		{"negative length of the name", a, g.message(iov, -1, iov, 1, 0, 0), unix.EINVAL},
		{"control in a hole", a, g.message(0, 0, iov, 1, guestHole, 24), unix.EFAULT},
		{"null control with a length", a, g.message(0, 0, iov, 1, 0, 24), unix.EFAULT},
		{"huge control", a, g.message(0, 0, iov, 1, iov, -1), unix.ENOBUFS},
		{"control above every limit", a, g.message(0, 0, iov, 1, guestStart, maxControl+1), unix.ENOBUFS},
		{"cmsg_len below its header", a, g.message(0, 0, iov, 1, g.put(short), 24), unix.EINVAL},
		{"cmsg_len beyond the end", a, g.message(0, 0, iov, 1, g.put(long), 24), unix.EINVAL},
		{"descriptor that is not open", a, g.message(0, 0, iov, 1, g.put(cmsg(unix.SOL_SOCKET, unix.SCM_RIGHTS, int32s(-1)...)), 20), unix.EBADF},
	} {
		if r := g.callRow("sendmsg", test.fd, test.msg, 0); r != -int64(test.want) {
			t.Errorf("sendmsg, %s: %d, want %v", test.what, r, test.want)
		}
	}
	// A protocol that does not know a level ignores it; what matters is that
	// the type is gone.
	scratch := bytes.Clone(rds)
	g.convertControl(scratch)
	if kind := binary.LittleEndian.Uint32(scratch[12:]); kind != badCmsg {
		t.Errorf("RDS message passes with type %d", kind)
	}
	for _, test := range []struct {
		what string
		fd   int
		msg  uint32
		want unix.Errno
	}{
		{"null", a, 0, unix.EFAULT},
		{"bad descriptor before bad pointer", -1, guestHole, unix.EBADF},
		{"too many iovecs", a, g.message(0, 0, iov, 1025, 0, 0), unix.EMSGSIZE},
		{"iovecs in a hole", a, g.message(0, 0, guestHole, 1, 0, 0), unix.EFAULT},
		{"nothing there", a, g.message(0, 0, iov, 1, 0, 0), unix.EAGAIN},
	} {
		if r := g.callRow("recvmsg", test.fd, test.msg, unix.MSG_DONTWAIT); r != -int64(test.want) {
			t.Errorf("recvmsg, %s: %d, want %v", test.what, r, test.want)
		}
	}
}

// manyMessages puts n mmsghdrs to guest memory, each with its own copies of an
// array of iovLen iovecs: the first to data, the others empty.
func (g *guest) manyMessages(n, iovLen int, data func(i int) (uint32, uint32)) uint32 {
	var b []byte
	for i := range n {
		p, size := data(i)
		iov := make([]uint32, 2*iovLen)
		iov[0], iov[1] = p, size
		for _, v := range []uint32{0, 0, g.words(iov...), uint32(iovLen), 1, 0, 0, 1, 0, 77} {
			b = binary.LittleEndian.AppendUint32(b, v)
		}
	}
	return g.put(b)
}

func TestManyMessages(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		what      string
		n, iovLen int
	}{
		{"one call", 3, 2},
		{"more iovecs than fit in one call", 40, 1024},
	} {
		t.Run(test.what, func(t *testing.T) {
			t.Parallel()
			g := newGuest(t)
			a, b := socketPair(t, unix.SOCK_DGRAM)
			unix.SetsockoptInt(a, unix.SOL_SOCKET, unix.SO_SNDBUF, 1<<20)
			text := g.string("message")
			// A datagram socket of this family takes few messages at a time
			// (net.unix.max_dgram_qlen): send and receive in turn.
			const step = 8
			for done := 0; done < test.n; done += step {
				n := min(step, test.n-done)
				out := g.manyMessages(n, test.iovLen, func(i int) (uint32, uint32) { return text, uint32(i%7 + 1) })
				if r := g.must("sendmmsg", a, out, n, 0); r != int64(n) {
					t.Fatalf("sent %d of %d", r, n)
				}
				buffers := g.alloc(n * 8)
				in := g.manyMessages(n, test.iovLen, func(i int) (uint32, uint32) { return buffers + uint32(8*i), 8 })
				timeout := g.longs(5, 0)
				if r := g.must("recvmmsg", b, in, n, 0, timeout); r != int64(n) {
					t.Fatalf("received %d of %d", r, n)
				}
				if left := g.long(timeout); left >= 5 {
					t.Errorf("%d seconds left of 5", left)
				}
				for i := range n {
					want := uint32(i%7 + 1)
					if got := g.word(out + uint32(40*i+36)); got != want {
						t.Errorf("message %d: sent %d bytes, want %d", i, got, want)
					}
					if got := g.word(in + uint32(40*i+36)); got != want {
						t.Errorf("message %d: received %d bytes, want %d", i, got, want)
					}
					if got := string(g.bytes(buffers+uint32(8*i), int(want))); got != "message"[:want] {
						t.Errorf("message %d: %q", i, got)
					}
				}
				g.next = guestStart + 4096
			}
		})
	}
}

func TestManyMessagesStopAtTheFirstThatFails(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	a, b := socketPair(t, unix.SOCK_DGRAM)
	text := g.string("x")
	good := g.manyMessages(2, 1, func(int) (uint32, uint32) { return text, 1 })
	two := g.bytes(good, 80)
	// The array runs into the hole after two messages.
	p := uint32(guestHole - 80)
	g.write(p, two)
	if r := g.callRow("sendmmsg", a, p, 3, 0); r != 2 {
		t.Errorf("sendmmsg: %d, want 2", r)
	}
	if r := g.callRow("recvmmsg", b, p, 3, unix.MSG_DONTWAIT, 0); r != 2 {
		t.Errorf("recvmmsg: %d, want 2", r)
	}
	g.want(unix.EAGAIN, g.callRow("recvmmsg", b, p, 2, unix.MSG_DONTWAIT, 0))
	g.want(unix.EFAULT, g.callRow("sendmmsg", a, guestHole, 3, 0))
	g.want(unix.EBADF, g.callRow("sendmmsg", -1, guestHole, 3, 0))
	g.want(unix.EFAULT, g.callRow("recvmmsg", b, good, 1, unix.MSG_DONTWAIT, guestHole))
	g.want(unix.EINVAL, g.callRow("recvmmsg", b, good, 1, unix.MSG_DONTWAIT, g.longs(0, 1e9)))
	if r := g.callRow("sendmmsg", a, guestHole, 0, 0); r != 0 {
		t.Errorf("sendmmsg of nothing: %d", r)
	}
	// More than there are: what has come is returned.
	g.must("sendmmsg", a, good, 2, 0)
	if r := g.callRow("recvmmsg", b, good, 2, unix.MSG_WAITFORONE, 0); r != 2 {
		t.Errorf("recvmmsg: %d, want 2", r)
	}
}

func BenchmarkSendmsgRecvmsg(b *testing.B) {
	x, y := socketPair(b, unix.SOCK_SEQPACKET)
	b.Run("guest", func(b *testing.B) {
		g := newGuest(b)
		send, _ := bindRow(b, "sendmsg")
		recv, _ := bindRow(b, "recvmsg")
		out := g.message(0, 0, g.words(g.string("x"), 1), 1, 0, 0)
		control := g.alloc(64)
		in := g.message(0, 0, g.words(g.alloc(1), 1), 1, control, 64)
		stack := make([]uint64, 3)
		b.ReportAllocs()
		for b.Loop() {
			stack[0], stack[1], stack[2] = uint64(x), uint64(out), 0
			send(g.Thread, stack)
			stack[0], stack[1], stack[2] = uint64(y), uint64(in), 0
			recv(g.Thread, stack)
			if stack[0] != 1 {
				b.Fatal(int64(stack[0]))
			}
		}
	})
	b.Run("native", func(b *testing.B) {
		g := newGuest(b)
		base := uint64(g.Memory.Base())
		vec := g.longs(base+uint64(g.string("x")), 1)
		msg := g.Memory.Host(g.longs(0, 0, base+uint64(vec), 1, 0, 0, 0))
		for b.Loop() {
			kernel.Syscall(unix.SYS_SENDMSG, uintptr(x), msg, 0, 0, 0, 0)
			if r := kernel.Syscall(unix.SYS_RECVMSG, uintptr(y), msg, 0, 0, 0, 0); r != 1 {
				b.Fatal(r)
			}
		}
	})
}

package wali

import (
	"encoding/binary"
	"net"
	"os"
	"path/filepath"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// unixAddress is a sockaddr_un for path and its length.
func unixAddress(path string) []byte {
	b := binary.LittleEndian.AppendUint16(nil, unix.AF_UNIX)
	return append(append(b, path...), 0)
}

func TestUnixServerAndClient(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	path := filepath.Join(t.TempDir(), "s")
	address := unixAddress(path)
	at := g.put(address)
	listener := int(g.must("socket", unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0))
	closeLater(t, listener)
	g.must("bind", listener, at, len(address))
	g.must("listen", listener, 5)

	client := int(g.must("socket", unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0))
	closeLater(t, client)
	g.must("connect", client, at, len(address))
	name, nameLen := g.alloc(128), g.words(128)
	server := int(g.must("accept4", listener, name, nameLen, unix.SOCK_CLOEXEC))
	closeLater(t, server)
	if n := g.word(nameLen); n != 2 {
		t.Errorf("an unnamed peer has an address of %d bytes", n)
	}
	g.write(nameLen, int32s(128))
	g.must("getsockname", server, name, nameLen)
	if n := int(g.word(nameLen)); n != len(address) || string(g.bytes(name, n)) != string(address) {
		t.Errorf("name %q of %d bytes", g.bytes(name, len(address)), n)
	}
	g.write(nameLen, int32s(128))
	g.must("getpeername", client, name, nameLen)
	if n := int(g.word(nameLen)); n != len(address) {
		t.Errorf("peer's name of %d bytes", n)
	}

	second := int(g.must("socket", unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0))
	g.must("connect", second, at, len(address))
	closeLater(t, second, int(g.must("accept", listener, 0, 0)))

	text, into := g.string("request"), g.alloc(16)
	g.must("sendto", client, text, 7, unix.MSG_NOSIGNAL, 0, 0)
	if n := g.must("recvfrom", server, into, 16, 0, 0, 0); n != 7 || string(g.bytes(into, 7)) != "request" {
		t.Errorf("received %d bytes: %q", n, g.bytes(into, 7))
	}
	g.must("shutdown", client, unix.SHUT_WR)
	if n := g.must("recvfrom", server, into, 16, 0, 0, 0); n != 0 {
		t.Errorf("%d bytes after the end", n)
	}
	g.want(unix.EAGAIN, g.callRow("recvfrom", client, into, 16, unix.MSG_DONTWAIT, 0, 0))
	g.want(unix.ECONNREFUSED, func() int64 {
		other := int(g.must("socket", unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0))
		closeLater(t, other)
		dead := unixAddress(path)
		g.must("close", listener)
		return g.callRow("connect", other, g.put(dead), len(dead))
	}())
}

func TestGuestTalksToNativeOverTCP(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		b := make([]byte, 5)
		if _, err := c.Read(b); err == nil {
			c.Write(append([]byte("re: "), b...))
		}
	}()
	addr := l.Addr().(*net.TCPAddr)
	sa := make([]byte, 16)
	sa[0] = unix.AF_INET
	binary.BigEndian.PutUint16(sa[2:], uint16(addr.Port))
	copy(sa[4:], addr.IP.To4())
	fd := int(g.must("socket", unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0))
	closeLater(t, fd)
	g.must("connect", fd, g.put(sa), 16)
	g.must("write", fd, g.string("hello"), 5)
	into := g.alloc(16)
	if n := g.must("recvfrom", fd, into, 16, unix.MSG_WAITALL, 0, 0); n != 9 || string(g.bytes(into, 9)) != "re: hello" {
		t.Errorf("received %d bytes: %q", n, g.bytes(into, 9))
	}
}

func TestSocketpairAndFamilies(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	fds := g.alloc(8)
	g.must("socketpair", unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0, fds)
	a, b := int(g.word(fds)), int(g.word(fds+4))
	closeLater(t, a, b)
	g.must("write", a, g.string("x"), 1)
	if n := g.must("read", b, g.alloc(1), 1); n != 1 {
		t.Errorf("read %d bytes", n)
	}
	// Any family goes to the kernel: the results are those of native calls.
	for family := range 46 {
		for _, kind := range []int{unix.SOCK_STREAM, unix.SOCK_DGRAM, unix.SOCK_RAW} {
			native, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC, 0)
			r := g.callRow("socket", family, kind|unix.SOCK_CLOEXEC, 0)
			if err == nil {
				unix.Close(native)
			}
			if r >= 0 {
				unix.Close(int(r))
			}
			if (err == nil) != (r >= 0) || err != nil && r != -int64(err.(unix.Errno)) {
				t.Errorf("family %d, type %d: %d, natively %v", family, kind, r, err)
			}
		}
	}
}

func TestSocketOptions(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	a, _ := socketPair(t, unix.SOCK_STREAM)
	value, size := g.alloc(64), g.words(64)
	get := func(level, name int) []byte {
		t.Helper()
		g.write(size, int32s(64))
		g.must("getsockopt", a, level, name, value, size)
		return g.bytes(value, int(g.word(size)))
	}
	if b := get(unix.SOL_SOCKET, unix.SO_PEERCRED); len(b) != 12 || int(binary.LittleEndian.Uint32(b)) != os.Getpid() {
		t.Errorf("SO_PEERCRED %v", b)
	}
	if b := get(unix.SOL_SOCKET, unix.SO_DOMAIN); len(b) != 4 || b[0] != unix.AF_UNIX {
		t.Errorf("SO_DOMAIN %v", b)
	}
	g.must("setsockopt", a, unix.SOL_SOCKET, unix.SO_RCVTIMEO, g.longs(3, 250_000), 16)
	if tv, err := unix.GetsockoptTimeval(a, unix.SOL_SOCKET, unix.SO_RCVTIMEO); err != nil || tv.Sec != 3 || tv.Usec < 240_000 {
		t.Errorf("SO_RCVTIMEO %v, %v", tv, err)
	}
	if b := get(unix.SOL_SOCKET, unix.SO_RCVTIMEO); len(b) != 16 || b[0] != 3 {
		t.Errorf("SO_RCVTIMEO %v", b)
	}
	g.must("setsockopt", a, unix.SOL_SOCKET, unix.SO_LINGER, g.words(1, 7), 8)
	if l := get(unix.SOL_SOCKET, unix.SO_LINGER); len(l) != 8 || l[4] != 7 {
		t.Errorf("SO_LINGER %v", l)
	}
	g.want(unix.EINVAL, g.callRow("setsockopt", a, unix.SOL_SOCKET, unix.SO_LINGER, g.words(1, 7), -1))
	g.want(unix.EFAULT, g.callRow("setsockopt", a, unix.SOL_SOCKET, unix.SO_LINGER, guestHole, 8))
	g.want(unix.ENOPROTOOPT, g.callRow("setsockopt", a, unix.SOL_SOCKET, 9999, value, 4))
	g.want(unix.EBADF, g.callRow("getsockopt", reservedDescriptor(t), unix.SOL_SOCKET, unix.SO_TYPE, value, size))
}

// TestSocketFilter attaches a program that cuts datagrams to 2 bytes.
func TestSocketFilter(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	a, b := socketPair(t, unix.SOCK_DGRAM)
	program := g.words(unix.BPF_RET|unix.BPF_K, 2) // code 16 bits, jt, jf; k
	g.must("setsockopt", b, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, g.words(1, program), 8)
	unix.Write(a, []byte("datagram"))
	into := make([]byte, 16)
	if n, err := unix.Read(b, into); n != 2 {
		t.Errorf("read %d bytes (%v), want 2", n, err)
	}
	// Reading it back: the length counts instructions.
	back, size := g.alloc(64), g.words(8)
	if g.must("getsockopt", b, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, back, size); g.word(size) != 1 || g.word(back+4) != 2 {
		t.Errorf("filter of %d instructions, %v", g.word(size), g.bytes(back, 8))
	}
	for _, bad := range []struct {
		what string
		p    uint32
		n    int
		want unix.Errno
	}{
		{"native size", g.words(1, 0, program, 0), 16, unix.EINVAL},
		{"null program", g.words(1, 0), 8, unix.EINVAL},
		{"program in a hole", g.words(1, guestHole), 8, unix.EFAULT},
		{"struct in a hole", guestHole, 8, unix.EFAULT},
		{"no instruction", g.words(0, program), 8, unix.EINVAL},
	} {
		if r := g.callRow("setsockopt", b, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, bad.p, bad.n); r != -int64(bad.want) {
			t.Errorf("%s: %d, want %v", bad.what, r, bad.want)
		}
	}
}

func TestMulticastRequestHasTheKernelsLayout(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	closeLater(t, fd)
	loopback, err := net.InterfaceByName("lo")
	if err != nil {
		t.Skip("no loopback interface")
	}
	// struct group_req: interface, 4 bytes of padding, sockaddr_storage.
	b := make([]byte, 8+128)
	binary.LittleEndian.PutUint32(b, uint32(loopback.Index))
	b[8] = unix.AF_INET
	copy(b[12:], []byte{224, 0, 0, 199})
	const join, leave = 42, 45 // MCAST_JOIN_GROUP, MCAST_LEAVE_GROUP
	req := g.put(b)
	g.must("setsockopt", fd, unix.IPPROTO_IP, join, req, len(b))
	g.want(unix.EADDRINUSE, g.callRow("setsockopt", fd, unix.IPPROTO_IP, join, req, len(b)))
	g.must("setsockopt", fd, unix.IPPROTO_IP, leave, req, len(b))
}

func TestOptionsWithPointersAreRefused(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	closeLater(t, fd)
	value, size := g.alloc(256), g.words(256)
	for _, test := range []struct{ level, name int }{
		{unix.IPPROTO_IP, xtReplace}, {unix.IPPROTO_IP, arptReplace}, {unix.IPPROTO_IP, 129},
		{unix.IPPROTO_IPV6, xtReplace}, {unix.IPPROTO_SCTP, sctpConnectX3}, {solRDS, 2},
	} {
		g.want(unix.ENOPROTOOPT, g.callRow("setsockopt", fd, test.level, test.name, value, 256))
	}
	for _, test := range []struct{ level, name int }{
		{unix.IPPROTO_TCP, unix.TCP_ZEROCOPY_RECEIVE}, {solMPTCP, mptcpFullInfo}, {unix.IPPROTO_IP, 129}, {unix.IPPROTO_SCTP, sctpConnectX3},
	} {
		g.want(unix.ENOPROTOOPT, g.callRow("getsockopt", fd, test.level, test.name, value, size))
	}
	// What is beside them passes.
	g.write(size, int32s(256))
	g.must("getsockopt", fd, unix.IPPROTO_TCP, unix.TCP_INFO, value, size)
	if n := g.word(size); n < 100 {
		t.Errorf("TCP_INFO of %d bytes", n)
	}
}

// TestUmemAddressIsTranslated uses a socket that need not know the option: the
// conversion alone is looked at.
func TestUmemAddressIsTranslated(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	load := func(p uintptr) uint64 { return *(*uint64)(*(*unsafe.Pointer)(unsafe.Pointer(&p))) }
	at, n := g.umem(g.longs(guestStart, 4096, 2048, 0), 32)
	if n != 32 || load(at) != uint64(g.Memory.Base()+guestStart) {
		t.Errorf("size %d, address %#x", n, load(at))
	}
	for _, bad := range []uint32{g.longs(1<<32, 4096), g.longs(guestStart, 1<<32), guestHole} {
		if at, _ := g.umem(bad, 16); at != badAddress {
			t.Errorf("%#x passes", bad)
		}
	}
}

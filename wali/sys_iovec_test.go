package wali

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"walisup/wali/kernel"
)

func TestVectoredReadAndWrite(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	name := filepath.Join(t.TempDir(), "f")
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fd := int(f.Fd())

	one, two := g.put([]byte("hello, ")), g.put([]byte("world"))
	// An empty iovec may have any base.
	vec := g.words(one, 7, 0, 0, 0xfffffff0, 0, two, 5)
	if n := g.must("writev", fd, vec, 4); n != 12 {
		t.Fatalf("writev wrote %d bytes", n)
	}
	if n := g.must("pwritev", fd, g.words(two, 5), 1, int64(20), int64(0)); n != 5 {
		t.Fatalf("pwritev wrote %d bytes", n)
	}
	// The high half is not looked at, as on a 64-bit Linux.
	if n := g.must("pwritev2", fd, g.words(two, 1), 1, int64(30), int64(-1), 0); n != 1 {
		t.Fatalf("pwritev2 wrote %d bytes", n)
	}
	content, err := os.ReadFile(name)
	if want := []byte("hello, world\x00\x00\x00\x00\x00\x00\x00\x00world\x00\x00\x00\x00\x00w"); err != nil || !bytes.Equal(content, want) {
		t.Fatalf("file has %q (%v), want %q", content, err, want)
	}

	a, b := g.alloc(3), g.alloc(16)
	into := g.words(a, 3, b, 4)
	if _, err := f.Seek(0, 0); err != nil {
		t.Fatal(err)
	}
	if n := g.must("readv", fd, into, 2); n != 7 || string(g.bytes(a, 3))+string(g.bytes(b, 5)) != "hello, \x00" {
		t.Fatalf("readv: %d, %q %q", n, g.bytes(a, 3), g.bytes(b, 5))
	}
	if n := g.must("preadv", fd, into, 2, int64(20), int64(0)); n != 7 || string(g.bytes(a, 3)) != "wor" {
		t.Fatalf("preadv: %d, %q", n, g.bytes(a, 3))
	}
	if n := g.must("preadv2", fd, into, 2, int64(-1), int64(0), 0); n != 7 || string(g.bytes(a, 3)) != "wor" {
		t.Fatalf("preadv2 at the current position: %d, %q", n, g.bytes(a, 3))
	}
}

func TestVmspliceMovesGuestPages(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	r, w := nativePipe(t)
	if n := g.must("vmsplice", w, g.words(g.string("pages"), 5), int64(1), 0); n != 5 {
		t.Fatalf("vmsplice: %d", n)
	}
	var b [8]byte
	if n, err := unix.Read(r, b[:]); err != nil || string(b[:n]) != "pages" {
		t.Fatalf("%q, %v", b[:n], err)
	}
}

// TestBadIovecs compares with the errors that the kernel gives for the same
// fault natively.
func TestBadIovecs(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	r, w := nativePipe(t)
	null, err := unix.Open("/dev/null", unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	closeLater(t, null)
	data := g.string("data")
	good := g.words(data, 4)
	// Linux 6.1 looks at the array first, later ones at the descriptor.
	_, _, wrongWay := unix.RawSyscall(unix.SYS_WRITEV, uintptr(r), 1, 1)
	for _, test := range []struct {
		what  string
		fd    int
		array uint32
		n     int
		want  unix.Errno
	}{
		{"null array", w, 0, 1, unix.EFAULT},
		{"array in a hole", w, guestHole, 1, unix.EFAULT},
		{"array that runs into a hole", w, guestHole - 12, 2, unix.EFAULT},
		{"array at the end of the address space", w, 0xfffffff8, 2, unix.EFAULT},
		{"negative count", w, good, -1, unix.EINVAL},
		{"count above IOV_MAX", w, good, 1025, unix.EINVAL},
		{"null base", w, g.words(0, 4), 1, unix.EFAULT},
		{"base in a hole", w, g.words(guestHole, 4), 1, unix.EFAULT},
		{"negative length", w, g.words(data, 0x80000000), 1, unix.EINVAL},
		{"second length negative", w, g.words(data, 4, data, 0xffffffff), 2, unix.EINVAL},
		{"bad descriptor before bad array", -1, guestHole, 1, unix.EBADF},
		{"bad descriptor before bad count", -1, good, -1, unix.EBADF},
		{"wrong direction before bad array", r, guestHole, 1, wrongWay},
	} {
		if r := g.callRow("writev", test.fd, test.array, test.n); r != -int64(test.want) {
			t.Errorf("%s: %d, want %v", test.what, r, test.want)
		}
	}
	if r := g.callRow("writev", w, good, 0); r != 0 {
		t.Errorf("count 0: %d", r)
	}
	if r := g.callRow("writev", w, 0, 0); r != 0 {
		t.Errorf("count 0 of a null array: %d", r)
	}
	many := make([]uint32, 0, 2048)
	for range 1024 {
		many = append(many, data, 1)
	}
	if r := g.callRow("writev", null, g.words(many...), 1024); r != 1024 {
		t.Errorf("1024 iovecs: %d", r)
	}
	g.want(unix.EBADF, g.callRow("writev", reservedDescriptor(t), good, 1))
}

func BenchmarkWritev(b *testing.B) {
	null, err := unix.Open("/dev/null", unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer unix.Close(null)
	b.Run("guest", func(b *testing.B) {
		g := newGuest(b)
		data := g.string("some output")
		vec := g.words(data, 4, data, 7)
		fn, _ := bindRow(b, "writev")
		stack := make([]uint64, 3)
		b.ReportAllocs()
		for b.Loop() {
			stack[0], stack[1], stack[2] = uint64(null), uint64(vec), 2
			fn(g.Thread, stack)
			if stack[0] != 11 {
				b.Fatal(int64(stack[0]))
			}
		}
	})
	b.Run("native", func(b *testing.B) {
		data := []byte("some output")
		vec := []unix.Iovec{{Base: &data[0], Len: 4}, {Base: &data[4], Len: 7}}
		for b.Loop() {
			if r := kernel.Syscall(unix.SYS_WRITEV, uintptr(null), uintptr(unsafe.Pointer(&vec[0])), 2, 0, 0, 0); r != 11 {
				b.Fatal(r)
			}
		}
	})
}

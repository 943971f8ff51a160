package wali

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestMappingsThroughCalls(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	const page = 4096
	anonymous := unix.MAP_PRIVATE | unix.MAP_ANONYMOUS
	rw := unix.PROT_READ | unix.PROT_WRITE
	at := uint32(g.must("mmap", 0, 3*page, rw, anonymous, -1, int64(0)))
	g.write(at, []byte("anonymous"))
	g.must("mprotect", at, page, unix.PROT_READ)
	r, w := nativePipe(t)
	g.must("write", w, at, 9)
	g.want(unix.EFAULT, g.callRow("read", r, at, 9))
	g.must("read", r, at+page, 9)
	if got := string(g.bytes(at+page, 9)); got != "anonymous" {
		t.Errorf("through the pipe: %q", got)
	}
	g.must("munmap", at+page, page)
	g.want(unix.EFAULT, g.callRow("write", w, at+page, 1))
	vec := g.alloc(4)
	g.must("mincore", at, page, vec)
	g.want(unix.ENOMEM, g.callRow("mincore", at+page, page, vec))
	g.must("madvise", at+2*page, page, unix.MADV_DONTNEED)
	moved := uint32(g.must("mremap", at+2*page, page, 4*page, unix.MREMAP_MAYMOVE, 0))
	g.write(moved+3*page, []byte{1})
	g.must("munmap", moved, 4*page)
	g.must("mlock", at, page)
	g.must("mlock2", at, page, 1) // MLOCK_ONFAULT
	g.must("munlock", at, page)
	g.want(unix.EINVAL, g.callRow("munmap", at+1, page))
	g.want(unix.EINVAL, g.callRow("mmap", 0, 0, rw, anonymous, -1, int64(0)))
	g.want(unix.EINVAL, g.callRow("mmap", 0, page, rw, anonymous, -1, int64(1)))
	g.want(unix.ENOMEM, g.callRow("mmap", 0, uint32(0xffffffff), rw, anonymous, -1, int64(0)))
	g.want(unix.EBADF, g.callRow("mmap", 0, page, unix.PROT_READ, unix.MAP_PRIVATE, -1, int64(0)))

	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, bytes.Repeat([]byte("x"), 2*page), 0o600); err != nil {
		t.Fatal(err)
	}
	fd := int(g.must("open", g.string(file), unix.O_RDWR|unix.O_CLOEXEC, 0))
	shared := uint32(g.must("mmap", 0, 2*page, rw, unix.MAP_SHARED, fd, int64(0)))
	second := uint32(g.must("mmap", 0, page, unix.PROT_READ, unix.MAP_PRIVATE, fd, int64(page)))
	g.must("close", fd)
	g.write(shared+page, []byte("changed"))
	g.must("msync", shared, 2*page, unix.MS_SYNC)
	if got := string(g.bytes(second, 7)); got != "changed" {
		t.Errorf("the other mapping holds %q", got)
	}
	if b, err := os.ReadFile(file); err != nil || string(b[page:page+7]) != "changed" {
		t.Errorf("the file was not changed: %v", err)
	}
	// Beyond the end of the file there is no page.
	if err := os.Truncate(file, page); err != nil {
		t.Fatal(err)
	}
	g.want(unix.EFAULT, g.callRow("write", w, shared+page, 1))
	g.want(unix.EFAULT, g.callRow("stat", shared+page, g.alloc(144)))
}

func TestBreakThroughCalls(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	if err := g.Memory.SetBreakStart(guestEnd); err != nil {
		t.Fatal(err)
	}
	if got := g.must("brk", 0); got != guestEnd {
		t.Errorf("brk(0): %#x", got)
	}
	if got := g.must("brk", guestEnd+10000); got != guestEnd+10000 {
		t.Errorf("brk upwards: %#x", got)
	}
	g.write(guestEnd, bytes.Repeat([]byte{1}, 10000))
	if got := g.must("brk", uint32(0xfffffff0)); got != guestEnd+10000 {
		t.Errorf("brk too far: %#x", got)
	}
	if got := g.must("brk", guestEnd); got != guestEnd {
		t.Errorf("brk downwards: %#x", got)
	}
}

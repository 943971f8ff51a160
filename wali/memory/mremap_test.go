//go:build linux && (amd64 || arm64)

package memory

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func TestMremapErrors(t *testing.T) {
	t.Parallel()
	const (
		page = PageSize
		may  = mremapMaymove
		fix  = mremapMaymove | mremapFixed
		keep = mremapMaymove | mremapDontunmap
	)
	tests := []struct {
		name           string
		addr, old, new uint64
		flags          int32
		to             uint64
		want           unix.Errno
	}{
		{"unknown flag", 0x100000, page, page, 8, 0, unix.EINVAL},
		{"fixed without maymove", 0x100000, page, page, mremapFixed, 0x200000, unix.EINVAL},
		{"dontunmap without maymove", 0x100000, page, page, mremapDontunmap, 0, unix.EINVAL},
		{"dontunmap with another size", 0x100000, page, 2 * page, keep, 0, unix.EINVAL},
		{"odd address", 0x100001, page, page, may, 0, unix.EINVAL},
		{"new size 0", 0x100000, page, 0, may, 0, unix.EINVAL},
		{"new size wraps", 0x100000, page, 1<<64 - 1, may, 0, unix.EINVAL},
		{"not mapped", 0x102000, page, page, may, 0, unix.EFAULT},
		{"into a gap", 0x100000, 3 * page, 4 * page, may, 0, unix.EFAULT},
		{"two mappings", 0x103000, 2 * page, 3 * page, may, 0, unix.EFAULT},
		{"two mappings fixed", 0x103000, 2 * page, 3 * page, fix, 0x200000, unix.EFAULT},
		{"old size 0 of private", 0x100000, 0, page, may, 0, unix.EINVAL},
		{"old size 0 of shared, in place", 0x104000, 0, page, 0, 0, unix.ENOMEM},
		{"old size 0 of shared", 0x104000, 0, page, may, 0, 0},
		{"odd target", 0x100000, page, page, fix, 0x200001, unix.EINVAL},
		{"target overlaps", 0x100000, 2 * page, 2 * page, fix, 0x101000, unix.EINVAL},
		{"target overlaps from below", 0x100000, page, 2 * page, fix, 0xff000, unix.EINVAL},
		{"target is itself", 0x100000, page, page, fix, 0x100000, unix.EINVAL},
		{"target beyond the end", 0x100000, page, page, fix, testLimit, unix.EINVAL},
		{"target at 0", 0x100000, page, page, fix, 0, unix.EPERM},
		{"same size", 0x100000, page, page, 0, 0, 0},
		{"grow, no room in place", 0x101000, page, 3 * page, 0, 0, unix.ENOMEM},
		{"grow in place", 0x101000, page, 2 * page, 0, 0, 0},
		{"grow the middle", 0x100000, page, 2 * page, 0, 0, unix.ENOMEM},
		{"grow the middle by a move", 0x100000, page, 2 * page, may, 0, 0},
		{"too big", 0x100000, page, testLimit + page, may, 0, unix.ENOMEM},
		{"much too big", 0x100000, page, 1 << 62, may, 0, unix.ENOMEM},
		{"shrink", 0x100000, 2 * page, page, 0, 0, 0},
		{"shrink over several mappings", 0x100000, 5 * page, page, 0, 0, 0},
		{"shrink beyond the end", 0x100000, testLimit, page, 0, 0, unix.EINVAL},
		{"dontunmap", 0x100000, page, page, keep, 0, 0},
		{"dontunmap fixed", 0x100000, page, page, keep | fix, 0x200000, 0},
		{"dontunmap of a file", 0x104000, page, page, keep, 0, 0},
		{"move a file", 0x104000, page, page, fix, 0x200000, 0},
		{"move and grow a file", 0x104000, page, 2 * page, fix, 0x200000, 0},
		{"move over others", 0x104000, page, 2 * page, fix, 0x100000, 0},
	}
	for _, tt := range tests {
		m := rangeMemory(t)
		m.Store32(0x100000, 0x1234)
		before, _ := m.Load32(uint32(tt.addr))
		at, errno := m.Mremap(tt.addr, tt.old, tt.new, tt.flags, tt.to)
		if errno != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, errno, tt.want)
		}
		if errno == 0 {
			if v, errno := m.Load32(uint32(at)); v != before || errno != 0 {
				t.Errorf("%s: moved page has %#x, %v, want %#x", tt.name, v, errno, before)
			}
			if tt.flags&mremapFixed != 0 && at != tt.to {
				t.Errorf("%s: went to %#x, want %#x", tt.name, at, tt.to)
			}
		}
		checkKernel(t, m)
	}
}

func TestMremapGrowsAnonymousMemoryThroughMoves(t *testing.T) {
	t.Parallel()
	m := newMemory(t)
	at := mustMap(t, m, 0, PageSize, rw, private)
	size := uint64(PageSize)
	for i := range 30 {
		// Mark the last page, so that every page has a mark in the end.
		m.Store32(uint32(at+size-PageSize), uint32(i)+100)
		next, errno := m.Mremap(at, size, size+PageSize, mremapMaymove, 0)
		if errno != 0 {
			t.Fatal(errno)
		}
		at, size = next, size+PageSize
		// Every third time, something is in the way.
		if i%3 == 0 && m.areas.free(at+size, at+size+PageSize) && at+size < testLimit {
			mustMap(t, m, at+size, PageSize, rw, private|unix.MAP_FIXED)
		}
		checkKernel(t, m)
	}
	for i := range 30 {
		if v, errno := m.Load32(uint32(at) + uint32(i)*PageSize); v != uint32(i)+100 || errno != 0 {
			t.Errorf("page %d has %d, %v", i, v, errno)
		}
	}
}

// A merged area that is several mappings in the kernel moves as one.
func TestMremapMovesWhatTheKernelHasNotMerged(t *testing.T) {
	t.Parallel()
	m := newMemory(t)
	const pages = 13
	at := mustMap(t, m, 0x200000, pages*PageSize, rw, private|unix.MAP_FIXED)
	for i := range uint64(pages) {
		m.Store32(uint32(at+i*PageSize), uint32(i)+1)
		if i%3 == 0 { // advice that the page map does not know about
			if errno := m.Madvise(at+i*PageSize, PageSize, unix.MADV_DONTDUMP); errno != 0 {
				t.Fatal(errno)
			}
		}
	}
	to, errno := m.Mremap(at, pages*PageSize, 2*pages*PageSize, mremapMaymove|mremapFixed, 0x300000)
	if errno != 0 {
		t.Fatal(errno)
	}
	for i := range uint32(pages) {
		if v, errno := m.Load32(uint32(to) + i*PageSize); v != i+1 || errno != 0 {
			t.Errorf("page %d has %d, %v", i, v, errno)
		}
	}
	if v, errno := m.Load32(uint32(to) + pages*PageSize); v != 0 || errno != 0 {
		t.Errorf("the new part has %d, %v", v, errno)
	}
	if _, errno := m.Load32(uint32(at)); errno != unix.EFAULT {
		t.Errorf("the old place gives %v", errno)
	}
	checkKernel(t, m)
}

func TestMremapOfFiles(t *testing.T) {
	t.Parallel()
	for _, how := range []struct {
		name    string
		flags   int32
		inPlace bool
	}{{"shared", unix.MAP_SHARED, true}, {"private", unix.MAP_PRIVATE, false}} {
		file, err := os.CreateTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		for i := range 4 {
			if _, err := file.WriteAt([]byte{byte(i) + 1, 0, 0, 0}, int64(i)*PageSize); err != nil {
				t.Fatal(err)
			}
		}
		if err := file.Truncate(4 * PageSize); err != nil {
			t.Fatal(err)
		}
		m := newMemory(t)
		const at = 0x200000
		if _, errno := m.Mmap(at, 2*PageSize, rw, how.flags|unix.MAP_FIXED, int32(file.Fd()), 0); errno != 0 {
			t.Fatal(errno)
		}
		m.Store32(at+PageSize, 55) // in the file, or a private copy

		got, errno := m.Mremap(at, 2*PageSize, 3*PageSize, 0, 0)
		switch {
		case how.inPlace && (errno != 0 || got != at):
			t.Errorf("%s: growing in place gives %#x, %v", how.name, got, errno)
		case !how.inPlace && errno != unix.ENOMEM:
			t.Errorf("%s: growing in place gives %v, want ENOMEM", how.name, errno)
		}
		size := uint64(2 * PageSize)
		if how.inPlace {
			size = 3 * PageSize
		}
		to, errno := m.Mremap(at, size, 4*PageSize, mremapMaymove|mremapFixed, 0x300000)
		if errno != 0 {
			t.Fatalf("%s: move: %v", how.name, errno)
		}
		for i, want := range []uint32{1, 55, 3, 4} {
			if v, errno := m.Load32(uint32(to) + uint32(i)*PageSize); v != want || errno != 0 {
				t.Errorf("%s: page %d has %d, %v, want %d", how.name, i, v, errno, want)
			}
		}
		var b [1]byte
		if _, err := file.ReadAt(b[:], PageSize); err != nil {
			t.Fatal(err)
		}
		if wrote := b[0] == 55; wrote != (how.flags == unix.MAP_SHARED) {
			t.Errorf("%s: the file has %d", how.name, b[0])
		}
		if _, errno := m.Load32(at); errno != unix.EFAULT {
			t.Errorf("%s: the old place gives %v", how.name, errno)
		}
		checkKernel(t, m)
	}
}

func TestMremapDuplicatesSharedMemory(t *testing.T) {
	t.Parallel()
	m := newMemory(t)
	at, errno := m.Mmap(0, PageSize, rw, unix.MAP_SHARED|unix.MAP_ANONYMOUS, -1, 0)
	if errno != 0 {
		t.Fatal(errno)
	}
	second, errno := m.Mremap(at, 0, PageSize, mremapMaymove, 0)
	if errno != 0 || second == at {
		t.Fatalf("%#x, %v", second, errno)
	}
	m.Store32(uint32(second), 0xabcd)
	if v, _ := m.Load32(uint32(at)); v != 0xabcd {
		t.Errorf("the first mapping has %#x", v)
	}
	checkKernel(t, m)
}

func TestMremapDontunmapLeavesZeros(t *testing.T) {
	t.Parallel()
	m := newMemory(t)
	at := mustMap(t, m, 0, PageSize, rw, private)
	m.Store32(uint32(at), 5)
	to, errno := m.Mremap(at, PageSize, PageSize, mremapMaymove|mremapDontunmap, 0)
	if errno != 0 {
		t.Fatal(errno)
	}
	if v, errno := m.Load32(uint32(at)); v != 0 || errno != 0 {
		t.Errorf("the old place has %d, %v", v, errno)
	}
	if v, errno := m.Load32(uint32(to)); v != 5 || errno != 0 {
		t.Errorf("the new place has %d, %v", v, errno)
	}
	checkKernel(t, m)
}

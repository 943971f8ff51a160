//go:build linux && (amd64 || arm64)

package memory

import (
	"testing"

	"golang.org/x/sys/unix"
)

// Pages of the huge page pool: sysctl vm.nr_hugepages=8 makes some.
func TestHugePagePool(t *testing.T) {
	m := newMemory(t)
	const flags = private | unix.MAP_HUGETLB
	if _, errno := m.Mmap(0, 1<<45, rw, flags, -1, 0); errno != unix.ENOMEM {
		t.Errorf("too much: %v", errno)
	}
	// More than any test machine has in its pool, over pages in use.
	used := mustMap(t, m, 2*hugePage, 20*hugePage, rw, private|unix.MAP_FIXED)
	m.Store32(uint32(used), 7)
	if _, errno := m.Mmap(used, 20*hugePage, rw, flags|unix.MAP_FIXED, -1, 0); errno == 0 {
		t.Skip("the pool is large")
	}
	if v, errno := m.Load32(uint32(used)); v != 7 || errno != 0 {
		t.Errorf("after a failure the page has %d, %v", v, errno)
	}
	checkKernel(t, m)

	at, errno := m.Mmap(0, 100, rw, flags, -1, 0)
	if errno == unix.ENOMEM {
		t.Skip("the pool is empty")
	}
	if errno != 0 || at%hugePage != 0 {
		t.Fatalf("%#x, %v", at, errno)
	}
	m.Store32(uint32(at)+hugePage-4, 8)
	checkKernel(t, m)
	if _, errno := m.Mmap(used+PageSize, PageSize, rw, flags|unix.MAP_FIXED, -1, 0); errno != unix.EINVAL {
		t.Errorf("mmap at an odd place: %v", errno)
	}
	if _, errno := m.Mmap(at+PageSize, PageSize, rw, private|unix.MAP_FIXED, -1, 0); errno != unix.EINVAL {
		t.Errorf("mmap over a part: %v", errno)
	}
	if errno := m.Munmap(at, PageSize); errno != unix.EINVAL {
		t.Errorf("munmap of a part: %v", errno)
	}
	if errno := m.Mprotect(at, PageSize, unix.PROT_READ); errno != unix.EINVAL {
		t.Errorf("mprotect of a part: %v", errno)
	}
	if _, errno := m.Mremap(at, hugePage, 2*hugePage, mremapMaymove, 0); errno != unix.EINVAL {
		t.Errorf("growing: %v", errno)
	}
	checkKernel(t, m)
	if _, errno := m.Mremap(at, hugePage, hugePage, mremapMaymove|mremapFixed, used); errno != unix.ENOMEM {
		t.Errorf("move: %v", errno)
	}
	if v, errno := m.Load32(uint32(used)); v != 7 || errno != 0 {
		t.Errorf("after it the target has %d, %v", v, errno)
	}
	if errno := m.Munmap(at, hugePage); errno != 0 {
		t.Errorf("munmap: %v", errno)
	}
	checkKernel(t, m)

	// The length of a mapping of a file in huge pages is rounded by the kernel.
	fd, err := unix.MemfdCreate("huge", unix.MFD_HUGETLB)
	if err != nil {
		t.Skipf("no files of huge pages: %v", err)
	}
	defer unix.Close(fd)
	if err := unix.Ftruncate(fd, hugePage); err != nil {
		t.Fatal(err)
	}
	at, errno = m.Mmap(0, PageSize, rw, unix.MAP_SHARED, int32(fd), 0)
	if errno != 0 {
		t.Fatal(errno)
	}
	if a, _ := m.areas.find(at); a.size() != hugePage {
		t.Errorf("mapped as %+v", a)
	}
	checkKernel(t, m)
}

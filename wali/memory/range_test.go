//go:build linux && (amd64 || arm64)

package memory

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// rangeMemory has at 0x100000: two read-write pages, a free one, a read-only
// page, and a page of a file opened for reading, mapped shared.
func rangeMemory(t *testing.T) *Memory {
	m := newMemory(t)
	const fixed = unix.MAP_FIXED
	mustMap(t, m, 0x100000, 2*PageSize, rw, private|fixed)
	mustMap(t, m, 0x103000, PageSize, unix.PROT_READ, private|fixed)
	file, err := os.Open("range_test.go")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	_, errno := m.Mmap(0x104000, PageSize, unix.PROT_READ, unix.MAP_SHARED|fixed, int32(file.Fd()), 0)
	if errno != 0 {
		t.Fatal(errno)
	}
	return m
}

func TestRangeCallErrors(t *testing.T) {
	t.Parallel()
	const (
		page = PageSize
		all  = 1<<64 - 1
		read = unix.PROT_READ
	)
	protect := func(prot int32) func(*Memory, uint64, uint64) unix.Errno {
		return func(m *Memory, addr, length uint64) unix.Errno { return m.Mprotect(addr, length, prot) }
	}
	advise := func(advice int32) func(*Memory, uint64, uint64) unix.Errno {
		return func(m *Memory, addr, length uint64) unix.Errno { return m.Madvise(addr, length, advice) }
	}
	sync := func(flags int32) func(*Memory, uint64, uint64) unix.Errno {
		return func(m *Memory, addr, length uint64) unix.Errno { return m.Msync(addr, length, flags) }
	}
	core := func(vec uint32) func(*Memory, uint64, uint64) unix.Errno {
		return func(m *Memory, addr, length uint64) unix.Errno { return m.Mincore(addr, length, vec) }
	}
	lock2 := func(flags int32) func(*Memory, uint64, uint64) unix.Errno {
		return func(m *Memory, addr, length uint64) unix.Errno { return m.Mlock2(addr, length, flags) }
	}
	tests := []struct {
		name         string
		call         func(m *Memory, addr, length uint64) unix.Errno
		addr, length uint64
		want         unix.Errno
	}{
		{"mprotect", protect(read), 0x100000, page, 0},
		{"mprotect odd", protect(read), 0x100001, page, unix.EINVAL},
		{"mprotect nothing", protect(read), 0x500000, 0, 0},
		{"mprotect nothing odd", protect(read), 0x500001, 0, unix.EINVAL},
		{"mprotect unknown bits", protect(0x40), 0x100000, page, unix.EINVAL},
		{"mprotect unknown bits of nothing", protect(0x40), 0x100000, 0, 0},
		{"mprotect both growths", protect(unix.PROT_GROWSDOWN | unix.PROT_GROWSUP), 0x100000, 0, unix.EINVAL},
		{"mprotect growing", protect(unix.PROT_GROWSDOWN), 0x100000, page, unix.EINVAL},
		{"mprotect gap", protect(read), 0x102000, page, unix.ENOMEM},
		{"mprotect into gap", protect(read), 0x101000, 2 * page, unix.ENOMEM},
		{"mprotect across gap", protect(read), 0x101000, 3 * page, unix.ENOMEM},
		{"mprotect file", protect(rw), 0x103000, 2 * page, unix.EACCES},
		{"mprotect all", protect(read), 0x100000, all, unix.ENOMEM},

		{"madvise", advise(unix.MADV_DONTNEED), 0x100000, page, 0},
		{"madvise odd", advise(unix.MADV_DONTNEED), 0x100001, page, unix.EINVAL},
		{"madvise unknown", advise(7), 0x100000, page, unix.EINVAL},
		{"madvise unknown of nothing", advise(7), 0x100000, 0, unix.EINVAL},
		{"madvise nothing", advise(unix.MADV_DONTNEED), 0x500000, 0, 0},
		{"madvise gap", advise(unix.MADV_DONTNEED), 0x102000, page, unix.ENOMEM},
		{"madvise across gap", advise(unix.MADV_DONTNEED), 0x101000, 3 * page, unix.ENOMEM},
		{"madvise far", advise(unix.MADV_DONTNEED), 0xffff0000, page, unix.ENOMEM},
		{"madvise free of a file", advise(unix.MADV_FREE), 0x104000, page, unix.EINVAL},
		{"madvise poison", advise(unix.MADV_HWPOISON), 0x100000, page, unix.EPERM},
		{"madvise dontfork gap", advise(unix.MADV_DONTFORK), 0x101000, 2 * page, unix.ENOMEM},
		{"madvise dontfork", advise(unix.MADV_DONTFORK), 0x101000, page, 0},
		{"madvise dofork", advise(unix.MADV_DOFORK), 0x101000, page, 0},
		{"madvise populate gap", advise(unix.MADV_POPULATE_READ), 0x101000, 3 * page, unix.ENOMEM},
		{"madvise populate read-only", advise(unix.MADV_POPULATE_WRITE), 0x103000, page, unix.EINVAL},

		{"msync", sync(unix.MS_SYNC), 0x103000, 2 * page, 0},
		{"msync odd", sync(unix.MS_SYNC), 0x100001, page, unix.EINVAL},
		{"msync both", sync(unix.MS_SYNC | unix.MS_ASYNC), 0x100000, page, unix.EINVAL},
		{"msync unknown", sync(8), 0x100000, page, unix.EINVAL},
		{"msync nothing", sync(unix.MS_SYNC), 0x500000, 0, 0},
		{"msync gap", sync(unix.MS_ASYNC), 0x101000, 3 * page, unix.ENOMEM},
		{"msync far", sync(unix.MS_ASYNC), 0xffff0000, page, unix.ENOMEM},

		{"mincore", core(0x10000), 0x100000, 2 * page, 0},
		{"mincore odd", core(0x10000), 0x100001, page, unix.EINVAL},
		{"mincore gap", core(0x10000), 0x101000, 2 * page, unix.ENOMEM},
		{"mincore far", core(0x10000), testLimit, page, unix.ENOMEM},
		{"mincore nothing", core(0x10000), 0x500000, 0, 0},
		{"mincore bad vector", core(0x500000), 0x100000, page, unix.EFAULT},
		{"mincore null vector", core(0), 0x100000, page, unix.EFAULT},
		{"mincore read-only vector", core(0x103000), 0x100000, page, unix.EFAULT},

		{"mlock odd is rounded", (*Memory).Mlock, 0x100fff, 2, 0},
		{"mlock gap", (*Memory).Mlock, 0x101000, 2 * page, unix.ENOMEM},
		{"mlock nothing", (*Memory).Mlock, 0x500000, 0, 0},
		{"mlock far", (*Memory).Mlock, 0xffff0000, page, unix.ENOMEM},
		{"mlock2 unknown", lock2(2), 0x100000, page, unix.EINVAL},
		{"mlock2 on fault", lock2(1), 0x100000, page, 0},
		{"munlock", (*Memory).Munlock, 0x100000, 2 * page, 0},
		{"munlock gap", (*Memory).Munlock, 0x102000, 1, unix.ENOMEM},
	}
	for _, tt := range tests {
		m := rangeMemory(t)
		if got := tt.call(m, tt.addr, tt.length); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
		checkKernel(t, m)
	}
}

func TestProtectionTakesEffect(t *testing.T) {
	t.Parallel()
	m := rangeMemory(t)
	if errno := m.Mprotect(0x101000, 3*PageSize, unix.PROT_READ); errno != unix.ENOMEM {
		t.Fatalf("mprotect over a gap: %v", errno)
	}
	if errno := m.Store32(0x100ffc, 1); errno != 0 {
		t.Errorf("the page before cannot be written: %v", errno)
	}
	if errno := m.Store32(0x101000, 1); errno != unix.EFAULT {
		t.Errorf("the page before the gap, which Linux changes, can be written")
	}
	if errno := m.Mprotect(0x101000, PageSize, unix.PROT_NONE); errno != 0 {
		t.Fatal(errno)
	}
	if _, errno := m.Load32(0x101000); errno != unix.EFAULT {
		t.Error("a page without access can be read")
	}
	if errno := m.Mprotect(0x101000, PageSize, unix.PROT_EXEC); errno != 0 {
		t.Fatal(errno)
	}
	if _, errno := m.Load32(0x101000); errno != 0 {
		t.Error("an executable page cannot be read")
	}
	checkKernel(t, m)
}

func TestMincoreSeesTouchedPages(t *testing.T) {
	t.Parallel()
	m := newMemory(t)
	at := mustMap(t, m, 0, 4*PageSize, rw, private)
	m.Store32(uint32(at)+PageSize, 1)
	m.Store32(uint32(at)+3*PageSize, 1)
	if errno := m.Mincore(at, 3*PageSize+1, 0x10000); errno != 0 {
		t.Fatal(errno)
	}
	v, _ := m.Load32(0x10000)
	if v&0x01010101 != 0x01000100 {
		t.Errorf("resident pages are %#x", v)
	}
}

func TestLockingAll(t *testing.T) {
	t.Parallel()
	m := rangeMemory(t)
	if errno := m.Mlockall(0); errno != unix.EINVAL {
		t.Errorf("mlockall(0): %v", errno)
	}
	if errno := m.Mlockall(unix.MCL_ONFAULT); errno != unix.EINVAL {
		t.Errorf("mlockall(MCL_ONFAULT): %v", errno)
	}
	if errno := m.Mlockall(unix.MCL_CURRENT | unix.MCL_FUTURE | unix.MCL_ONFAULT); errno != 0 {
		t.Fatal(errno)
	}
	m.Brk(testBreak + 10*PageSize)
	at := mustMap(t, m, 0, PageSize, unix.PROT_NONE, private)
	for _, a := range m.areas.list {
		if a.traits&locked == 0 {
			t.Errorf("not locked: %+v", a)
		}
	}
	// What is locked cannot be invalidated.
	if errno := m.Msync(0x104000, PageSize, unix.MS_INVALIDATE); errno != unix.EBUSY {
		t.Errorf("msync of locked pages: %v", errno)
	}
	if errno := m.Munlockall(); errno != 0 {
		t.Fatal(errno)
	}
	if errno := m.Msync(0x104000, PageSize, unix.MS_INVALIDATE); errno != 0 {
		t.Errorf("msync of unlocked pages: %v", errno)
	}
	mustMap(t, m, at, PageSize, rw, private|unix.MAP_FIXED)
	for _, a := range m.areas.list {
		if a.traits&locked != 0 {
			t.Errorf("still locked: %+v", a)
		}
	}
	checkKernel(t, m)
}

func TestForkedChild(t *testing.T) {
	t.Parallel()
	m := rangeMemory(t)
	if errno := m.Madvise(0x101000, PageSize, unix.MADV_DONTFORK); errno != 0 {
		t.Fatal(errno)
	}
	if errno := m.Mlockall(unix.MCL_FUTURE); errno != 0 {
		t.Fatal(errno)
	}
	m.ForkedChild()
	if errno := m.Store32(0x101000, 1); errno != unix.EFAULT {
		t.Errorf("a page not to be inherited gives %v", errno)
	}
	if errno := m.Store32(0x100000, 1); errno != 0 {
		t.Errorf("a page to be inherited gives %v", errno)
	}
	mustMap(t, m, 0x200000, PageSize, rw, private|unix.MAP_FIXED)
	if a, _ := m.areas.find(0x200000); a.traits&locked != 0 {
		t.Error("mlockall was inherited")
	}
	checkKernel(t, m)
}

// TestNullIsNotMapped gives address 0 to every call on ranges of a memory whose data
// begins on page 0, as the linker has it unless it is told otherwise. Natively there
// is nothing; here the data must stay as it is.
func TestNullIsNotMapped(t *testing.T) {
	t.Parallel()
	const page, data = PageSize, 1024
	advise := func(advice int32) func(*Memory, uint64) unix.Errno {
		return func(m *Memory, length uint64) unix.Errno { return m.Madvise(0, length, advice) }
	}
	mremap := func(newLen uint64, flags int32, to uint64) func(*Memory, uint64) unix.Errno {
		return func(m *Memory, length uint64) unix.Errno {
			_, errno := m.Mremap(0, length, newLen, flags, to)
			return errno
		}
	}
	mmap := func(flags int32) func(*Memory, uint64) unix.Errno {
		return func(m *Memory, length uint64) unix.Errno {
			_, errno := m.Mmap(0, length, rw, private|flags, -1, 0)
			return errno
		}
	}
	tests := []struct {
		name string
		call func(m *Memory, length uint64) unix.Errno
		want unix.Errno
	}{
		{"mprotect", func(m *Memory, n uint64) unix.Errno { return m.Mprotect(0, n, unix.PROT_NONE) }, unix.ENOMEM},
		{"msync", func(m *Memory, n uint64) unix.Errno { return m.Msync(0, n, unix.MS_SYNC) }, unix.ENOMEM},
		{"mincore", func(m *Memory, n uint64) unix.Errno { return m.Mincore(0, n, data) }, unix.ENOMEM},
		{"mlock", func(m *Memory, n uint64) unix.Errno { return m.Mlock(0, n) }, unix.ENOMEM},
		{"mlock2 on fault", func(m *Memory, n uint64) unix.Errno { return m.Mlock2(0, n, mlockOnfault) }, unix.ENOMEM},
		{"munlock", func(m *Memory, n uint64) unix.Errno { return m.Munlock(0, n) }, unix.ENOMEM},
		{"munmap", func(m *Memory, n uint64) unix.Errno { return m.Munmap(0, n) }, 0},
		{"discard", advise(unix.MADV_DONTNEED), unix.ENOMEM},
		{"not for children", advise(unix.MADV_DONTFORK), unix.ENOMEM},
		{"for children", advise(unix.MADV_DOFORK), unix.ENOMEM},
		{"populate", advise(unix.MADV_POPULATE_WRITE), unix.ENOMEM},
		{"small pages", advise(unix.MADV_NOHUGEPAGE), unix.ENOMEM},
		{"shrink", mremap(page, mremapMaymove, 0), unix.EFAULT},
		{"grow", mremap(16*page, mremapMaymove, 0), unix.EFAULT},
		{"move", mremap(page, mremapMaymove|mremapFixed, 0x200000), unix.EFAULT},
		{"leave a copy", func(m *Memory, n uint64) unix.Errno {
			_, errno := m.Mremap(0, n, n, mremapMaymove|mremapDontunmap, 0x200000)
			return errno
		}, unix.EFAULT},
		{"map", mmap(unix.MAP_FIXED), unix.EPERM},
		{"map if free", mmap(unix.MAP_FIXED_NOREPLACE), unix.EPERM},
	}
	for _, tt := range tests {
		for _, length := range []uint64{page, 2 * page} {
			m, err := Reserve(testLimit, 0)
			if err != nil {
				t.Fatal(err)
			}
			if err := m.MapInitial(data, 3*page); err != nil {
				t.Fatal(err)
			}
			before := m.areas.list[0].clip(0, page)
			m.Store32(data, 7)
			if got := tt.call(m, length); got != tt.want {
				t.Errorf("%s of %d pages gives %v, want %v", tt.name, length/page, got, tt.want)
			}
			if v, errno := m.Load32(data); v != 7 || errno != 0 {
				t.Errorf("%s of %d pages: the data on page 0 is %d, %v", tt.name, length/page, v, errno)
			}
			if a, ok := m.areas.find(0); !ok || a.clip(0, page) != before {
				t.Errorf("%s of %d pages: page 0 is now mapped as %+v, was %+v", tt.name, length/page, a, before)
			}
			// What lies behind is subject to the call as anything else.
			if tt.name == "munmap" && length > page && !m.areas.free(page, 2*page) {
				t.Errorf("munmap leaves page 1")
			}
			if err := m.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestDataOnPage0CanBeLocked locks by an address that no null pointer has.
func TestDataOnPage0CanBeLocked(t *testing.T) {
	t.Parallel()
	m, err := Reserve(testLimit, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := m.MapInitial(1024, 3*PageSize); err != nil {
		t.Fatal(err)
	}
	if errno := m.Mlock(1024, 8); errno != 0 {
		t.Errorf("mlock of data gives %v", errno)
	}
	if errno := m.Munlock(1024, 8); errno != 0 {
		t.Errorf("munlock of data gives %v", errno)
	}
}

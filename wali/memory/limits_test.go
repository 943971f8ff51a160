//go:build linux && (amd64 || arm64)

package memory

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestLimits(t *testing.T) {
	t.Parallel()
	m := newMemory(t)
	none := ^uint64(0)
	have := m.Mapped()
	allow := func(space, data uint64) { m.SetLimits(have+space, have+data) }
	mmap := func(pages uint64, prot, flags int32) unix.Errno {
		at, errno := m.Mmap(0, pages*PageSize, prot, private|flags, -1, 0)
		if errno == 0 {
			m.Munmap(at, pages*PageSize)
		}
		return errno
	}
	tests := []struct {
		name        string
		space, data uint64 // pages more than there are
		do          func() unix.Errno
		want        unix.Errno
	}{
		{"mmap within", 3, 3, func() unix.Errno { return mmap(3, rw, 0) }, 0},
		{"mmap beyond", 3, 10, func() unix.Errno { return mmap(4, rw, 0) }, unix.ENOMEM},
		{"too much data", 10, 3, func() unix.Errno { return mmap(4, rw, 0) }, unix.ENOMEM},
		{"read-only is no data", 10, 3, func() unix.Errno { return mmap(4, unix.PROT_READ, 0) }, 0},
		{"replacing", 0, 0, func() unix.Errno {
			_, errno := m.Mmap(0x10000, PageSize, rw, private|unix.MAP_FIXED, -1, 0)
			return errno
		}, 0},
		{"break beyond", 3, 10, func() unix.Errno {
			if want := uint64(testBreak + 4*PageSize); m.Brk(want) != want {
				return unix.ENOMEM
			}
			return 0
		}, unix.ENOMEM},
		{"break within", 3, 3, func() unix.Errno {
			if want := uint64(testBreak + 3*PageSize); m.Brk(want) != want {
				return unix.ENOMEM
			}
			m.Brk(testBreak)
			return 0
		}, 0},
		{"writable data", 3, 0, func() unix.Errno {
			at := mustMap(t, m, 0, PageSize, unix.PROT_READ, private)
			defer m.Munmap(at, PageSize)
			return m.Mprotect(at, PageSize, rw)
		}, unix.ENOMEM},
		{"growing beyond", 2, 2, func() unix.Errno {
			at := mustMap(t, m, 0, PageSize, rw, private)
			to, errno := m.Mremap(at, PageSize, 3*PageSize, mremapMaymove, 0)
			if errno != 0 {
				to = at
			}
			m.Munmap(to, 3*PageSize)
			m.Munmap(at, PageSize)
			return errno
		}, unix.ENOMEM},
		{"growing within", 2, 2, func() unix.Errno {
			at := mustMap(t, m, 0, PageSize, rw, private)
			to, errno := m.Mremap(at, PageSize, 2*PageSize, mremapMaymove, 0)
			m.Munmap(to, 2*PageSize)
			return errno
		}, 0},
		{"moving needs nothing", 1, 1, func() unix.Errno {
			at := mustMap(t, m, 0, PageSize, rw, private)
			to, errno := m.Mremap(at, PageSize, PageSize, mremapMaymove|mremapFixed, 0x800000)
			m.Munmap(to, PageSize)
			return errno
		}, 0},
		{"a second mapping", 1, 1, func() unix.Errno {
			at := mustMap(t, m, 0, PageSize, rw, private)
			defer m.Munmap(at, PageSize)
			_, errno := m.Mremap(at, PageSize, PageSize, mremapMaymove|mremapDontunmap, 0)
			return errno
		}, unix.ENOMEM},
	}
	for _, tt := range tests {
		allow(tt.space*PageSize, tt.data*PageSize)
		if got := tt.do(); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
		if got := m.Mapped(); got != have {
			t.Fatalf("%s: %d bytes are mapped, want %d", tt.name, got, have)
		}
	}
	m.SetLimits(none, none)
	if errno := mmap(100, rw, 0); errno != 0 {
		t.Errorf("without limits: %v", errno)
	}
	checkKernel(t, m)
}

func TestStackCountsForNoLimit(t *testing.T) {
	m := newMemory(t)
	have := m.Mapped()
	stackEnd := uint64(0x10000 + 4*PageSize)
	m.SetStack(stackEnd)
	if got := m.FirstAccessible(0); got != 0x10000 {
		t.Errorf("first accessible address %#x", got)
	}
	if got := m.FirstAccessible(stackEnd - 1); got != stackEnd-1 {
		t.Errorf("address in the stack: %#x", got)
	}
	rest := have - 4*PageSize
	m.SetLimits(rest+PageSize, rest+PageSize)
	if _, errno := m.Mmap(0, 2*PageSize, allAccess, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS, -1, 0); errno != unix.ENOMEM {
		t.Errorf("two pages: %v", errno)
	}
	if _, errno := m.Mmap(0, PageSize, allAccess, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS, -1, 0); errno != 0 {
		t.Errorf("one page: %v", errno)
	}
	if m.IsMapped(0) || !m.IsMapped(0x10000) {
		t.Error("what is mapped")
	}
}

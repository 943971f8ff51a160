//go:build linux && (amd64 || arm64)

package memory

import (
	"testing"

	"golang.org/x/sys/unix"
)

func newSegment(t *testing.T, size int) int32 {
	t.Helper()
	id, err := unix.SysvShmGet(unix.IPC_PRIVATE, size, 0o600)
	if err != nil {
		t.Skipf("no System V shared memory: %v", err)
	}
	t.Cleanup(func() { unix.SysvShmCtl(id, unix.IPC_RMID, nil) })
	return int32(id)
}

func attachments(t *testing.T, id int32) uint64 {
	t.Helper()
	var ds unix.SysvShmDesc
	if _, err := unix.SysvShmCtl(int(id), unix.IPC_STAT, &ds); err != nil {
		t.Fatal(err)
	}
	return uint64(ds.Nattch)
}

func TestShmat(t *testing.T) {
	t.Parallel()
	m := newMemory(t)
	id := newSegment(t, 2*PageSize+1)
	one, errno := m.Shmat(id, 0, 0)
	if errno != 0 {
		t.Fatal(errno)
	}
	two, errno := m.Shmat(id, 0x200123, shmRnd|shmRdonly)
	if errno != 0 || two != 0x200000 {
		t.Fatalf("%#x, %v", two, errno)
	}
	checkKernel(t, m)
	m.Store32(uint32(one)+2*PageSize, 99)
	if v, errno := m.Load32(uint32(two) + 2*PageSize); v != 99 || errno != 0 {
		t.Errorf("the second attachment has %d, %v", v, errno)
	}
	if errno := m.Store32(uint32(two), 1); errno != unix.EFAULT {
		t.Errorf("a read-only attachment can be written: %v", errno)
	}
	if n := attachments(t, id); n != 2 {
		t.Errorf("attached %d times, want 2", n)
	}

	// Split, and moved, it still goes away as one.
	if errno := m.Mprotect(one+PageSize, PageSize, unix.PROT_READ); errno != 0 {
		t.Fatal(errno)
	}
	if errno := m.Shmdt(one + PageSize); errno != unix.EINVAL {
		t.Errorf("detach the middle: %v", errno)
	}
	if errno := m.Shmdt(one); errno != 0 {
		t.Errorf("detach: %v", errno)
	}
	if errno := m.Shmdt(one); errno != unix.EINVAL {
		t.Errorf("detach again: %v", errno)
	}
	moved, errno := m.Mremap(two, 3*PageSize, 3*PageSize, mremapMaymove|mremapFixed, 0x300000)
	if errno != 0 {
		t.Fatal(errno)
	}
	if errno := m.Shmdt(two); errno != unix.EINVAL {
		t.Errorf("detach where it was: %v", errno)
	}
	if errno := m.Shmdt(moved); errno != 0 {
		t.Errorf("detach where it is: %v", errno)
	}
	if n := attachments(t, id); n != 0 {
		t.Errorf("attached %d times in the end", n)
	}
	if len(m.areas.within(0x100000, testLimit)) != 0 {
		t.Errorf("areas are left: %+v", m.areas.list)
	}
	checkKernel(t, m)
}

func TestShmatErrors(t *testing.T) {
	t.Parallel()
	m := newMemory(t)
	id := newSegment(t, PageSize)
	big := newSegment(t, testLimit)
	tests := []struct {
		name  string
		id    int32
		addr  uint64
		flags int32
		want  unix.Errno
	}{
		{"no such segment", -1, 0, 0, unix.EINVAL},
		{"odd", id, 0x200001, 0, unix.EINVAL},
		{"remap of nothing", id, 0, shmRemap, unix.EINVAL},
		{"remap rounded to nothing", id, 1, shmRemap | shmRnd, unix.EINVAL},
		{"in use", id, 0x10000, 0, unix.EINVAL},
		{"replace", id, 0x10000, shmRemap, 0},
		{"beyond the end", id, testLimit, 0, unix.ENOMEM},
		{"no room", big, 0, 0, unix.ENOMEM},
	}
	for _, tt := range tests {
		if _, errno := m.Shmat(tt.id, tt.addr, tt.flags); errno != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, errno, tt.want)
		}
		checkKernel(t, m)
	}
	if n := attachments(t, id); n != 1 {
		t.Errorf("attached %d times, want 1", n)
	}
	if n := attachments(t, big); n != 0 {
		t.Errorf("the big one is attached %d times", n)
	}
	// Replaced by another mapping, it is not attached any more.
	mustMap(t, m, 0x10000, PageSize, rw, private|unix.MAP_FIXED)
	if errno := m.Shmdt(0x10000); errno != unix.EINVAL {
		t.Errorf("detach what was replaced: %v", errno)
	}
	if n := attachments(t, id); n != 0 {
		t.Errorf("attached %d times after it was replaced", n)
	}
}

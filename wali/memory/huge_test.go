//go:build linux && (amd64 || arm64)

package memory

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// hugeRanges returns the guest ranges that the kernel has marked for huge
// pages, merged.
func hugeRanges(t *testing.T, m *Memory) []ahead {
	t.Helper()
	text, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	var ranges []ahead
	var start, end uintptr
	for line := range strings.Lines(string(text)) {
		var perms string
		var s, e uintptr
		if n, _ := fmt.Sscanf(line, "%x-%x %s", &s, &e, &perms); n == 3 {
			start, end = s, e
		}
		flags, ok := strings.CutPrefix(line, "VmFlags:")
		if !ok || !m.Contains(start) || !slices.Contains(strings.Fields(flags), "hg") {
			continue
		}
		r := ahead{uint64(start - m.base), uint64(end - m.base)}
		if n := len(ranges); n > 0 && ranges[n-1].end == r.start {
			ranges[n-1].end = r.end
		} else {
			ranges = append(ranges, r)
		}
	}
	return ranges
}

func TestBreakAreaGetsHugePages(t *testing.T) {
	t.Parallel()
	m := newMemoryOf(t, 256<<20)
	const step = 136 << 10
	faulted := false
	for size := uint64(step); size < 64<<20; size += step {
		if got := m.Brk(testBreak + size); got != testBreak+size {
			t.Fatalf("Brk gives %#x", got)
		}
		for p := roundUp(testBreak + size - step); p < testBreak+size; p += PageSize {
			if v, errno := m.Load32(uint32(p)); v != 0 || errno != 0 {
				t.Fatalf("new page %#x has %#x, %v", p, v, errno)
			}
			m.Store32(uint32(p), 1)
		}
		if size < hugeFrom-PageSize && m.aboveBreak != (ahead{}) {
			t.Fatal("a small heap is mapped ahead")
		}
		// Seen by the calls on ranges, what is ahead is not there.
		if h := m.aboveBreak; h.start < h.end && !faulted {
			faulted = true
			if errno := m.Madvise(h.start, PageSize, unix.MADV_DONTNEED); errno != unix.ENOMEM {
				t.Errorf("madvise ahead of the break gives %v", errno)
			}
			if _, errno := m.Mmap(h.start, PageSize, rw, private|unix.MAP_FIXED_NOREPLACE, -1, 0); errno != 0 {
				t.Errorf("mmap ahead of the break gives %v", errno)
			}
			if _, errno := m.Load32(uint32(h.start) + PageSize); errno != unix.EFAULT {
				t.Errorf("behind a mapping ahead of the break: %v", errno)
			}
			checkKernel(t, m)
			m.Munmap(h.start, PageSize)
		}
	}
	checkKernel(t, m)
	end := uint64(testBreak + 60<<20)
	if !slices.ContainsFunc(hugeRanges(t, m), func(r ahead) bool { return r.start <= hugeUp(testBreak) && r.end >= end }) {
		t.Errorf("huge pages are at %x", hugeRanges(t, m))
	}
	// Given back, to the last page.
	m.Brk(testBreak)
	if got := hugeRanges(t, m); len(got) != 0 {
		t.Errorf("after the break is back, huge pages are at %x", got)
	}
	if errno := m.Store32(testBreak+hugeFrom, 0); errno != unix.EFAULT {
		t.Errorf("behind the break: %v", errno)
	}
	checkKernel(t, m)
}

func TestGrowingHeapOfMappingsGetsHugePages(t *testing.T) {
	t.Parallel()
	const limit = 256 << 20
	m := newMemoryOf(t, limit)
	const step = 136 << 10
	lowest := uint64(limit)
	for lowest > limit-64<<20 {
		at := mustMap(t, m, 0, step, rw, private)
		if at != lowest-step {
			t.Fatalf("mapped at %#x, want %#x", at, lowest-step)
		}
		for p := at; p < lowest; p += PageSize {
			if v, errno := m.Load32(uint32(p)); v != 0 || errno != 0 {
				t.Fatalf("new page %#x has %#x, %v", p, v, errno)
			}
			m.Store32(uint32(p), 1)
		}
		lowest = at
	}
	checkKernel(t, m)
	if !slices.ContainsFunc(hugeRanges(t, m), func(r ahead) bool { return r.start <= lowest && r.end == limit }) {
		t.Errorf("huge pages are at %x, want from %#x to %#x", hugeRanges(t, m), lowest, uint64(limit))
	}
	if errno := m.Munmap(lowest, limit-lowest); errno != 0 {
		t.Fatal(errno)
	}
	if got := hugeRanges(t, m); len(got) != 0 {
		t.Errorf("after munmap, huge pages are at %x", got)
	}
	checkKernel(t, m)
}

func TestNoHugePagesWhereTheGuestWantsNone(t *testing.T) {
	t.Parallel()
	const limit = 256 << 20
	m := newMemoryOf(t, limit)
	at := mustMap(t, m, 0, hugeFrom-PageSize, rw, private)
	if got := hugeRanges(t, m); len(got) != 0 {
		t.Errorf("a small heap has huge pages at %x", got)
	}
	if errno := m.Madvise(at, hugeFrom-PageSize, unix.MADV_NOHUGEPAGE); errno != 0 {
		t.Fatal(errno)
	}
	big := mustMap(t, m, 0, 2*hugeFrom, rw, private)
	if errno := m.Madvise(big, 2*hugeFrom, unix.MADV_NOHUGEPAGE); errno != 0 {
		t.Fatal(errno)
	}
	mustMap(t, m, 0, PageSize, rw, private)
	if got := hugeRanges(t, m); len(got) != 0 {
		t.Errorf("huge pages at %x", got)
	}
	checkKernel(t, m)
}

// A heap that grows to 64 MiB by steps of 128 KiB, each touched in whole.
func BenchmarkGrowHeap(b *testing.B) {
	const step, size = 128 << 10, 64 << 20
	touch := func(m *Memory, from uint64) {
		for p := from; p < from+step; p += PageSize {
			m.Store32(uint32(p), 1)
		}
	}
	b.Run("brk", func(b *testing.B) {
		m := newMemoryOf(b, 256<<20)
		const start = 0x22000
		for b.Loop() {
			for at := uint64(start); at < start+size; at += step {
				m.Brk(at + step)
				touch(m, at)
			}
			m.Brk(testBreak)
		}
	})
	b.Run("mmap", func(b *testing.B) {
		m := newMemoryOf(b, 256<<20)
		for b.Loop() {
			lowest := uint64(0)
			for range size / step {
				lowest = mustMap(b, m, 0, step, rw, private)
				touch(m, lowest)
			}
			m.Munmap(lowest, size)
		}
	})
}

//go:build linux && (amd64 || arm64)

package memory

import "golang.org/x/sys/unix"

// Huge pages for big heaps. fork copies a page table entry for every page, so a
// big heap in huge pages forks many times faster; a small one would only waste
// memory.
//
// The kernel puts a huge page in place only if all of its 2 MiB are mapped when
// the first byte is touched. But a heap grows by little steps, each touched
// before the next. So a big heap gets its mapping ahead of itself, up to the
// next multiple of 2 MiB: at its upper end if it is the break area, at its
// lower end in the mmap area, which grows downwards. The part ahead is not
// mapped for the guest: it is free in the page map, range calls treat it so, and
// anything else that is mapped there replaces it. When the heap grows over it,
// no system call is needed. The price is that a stray access less than 2 MiB
// beyond a big heap does not fault.

// hugeFrom is the size of an area of anonymous memory from which on it gets
// huge pages.
const hugeFrom = 16 << 20

// ahead is a range that is mapped in the kernel as part of a heap but free in the
// page map, and never touched by the guest if the guest has no bug.
type ahead struct{ start, end uint64 }

func (h ahead) touches(start, end uint64) bool {
	return h.start < h.end && h.start <= end && start <= h.end
}

// dropAhead gives back what is mapped ahead in or next to [start, end), where
// something else is about to happen.
func (m *Memory) dropAhead(start, end uint64) {
	for _, h := range [...]*ahead{&m.aboveBreak, &m.belowHeap} {
		if h.touches(start, end) {
			m.reserve(h.start, h.end-h.start)
			*h = ahead{}
		}
	}
}

// isBigHeap reports whether an area is to have huge pages.
func (a area) isBigHeap() bool {
	return a.kind == anonymous && a.prot == allAccess && a.traits&^noReserve == 0 && a.size() >= hugeFrom
}

// growBreak maps [from, to) at the end of the break area.
func (m *Memory) growBreak(from, to uint64) unix.Errno {
	const flags = unix.MAP_PRIVATE | unix.MAP_ANONYMOUS
	var used ahead
	if h := m.aboveBreak; h.start == from && from < h.end {
		if to < h.end {
			m.aboveBreak.start = to
			return 0
		}
		m.aboveBreak = ahead{}
		if h.end == to {
			return 0
		}
		used, from = h, h.end
	}
	end := to
	if m.heapBefore(used, from) && m.lockFuture == 0 {
		if next := hugeUp(to); next <= m.limit && m.areas.free(from, next) && !m.belowHeap.touches(from, next) {
			end = next
		}
	}
	if end == to {
		m.dropAhead(from, to)
	}
	errno := m.mapFixed(from, end-from, allAccess, flags)
	if errno != 0 && end > to {
		end = to
		errno = m.mapFixed(from, end-from, allAccess, flags)
	}
	if errno != 0 {
		m.aboveBreak = used
		return errno
	}
	if end > to {
		m.aboveBreak = ahead{to, end}
		m.advise(from&^(hugePage-1), end-from&^(hugePage-1), unix.MADV_HUGEPAGE)
	}
	return 0
}

// heapBefore reports whether a big heap ends at addr, or where the range used
// up before addr began.
func (m *Memory) heapBefore(used ahead, addr uint64) bool {
	if used.end == addr {
		addr = used.start
	}
	a, ok := m.areas.find(addr - 1)
	return ok && a.end == addr && a.isBigHeap()
}

// mapHeap maps [start, end), which is free, as plain anonymous memory in the
// mmap area. It returns false, with nothing done, unless there is a big heap
// just above of which this becomes a part.
func (m *Memory) mapHeap(start, end uint64) bool {
	h := &m.belowHeap
	if h.start < h.end && end == h.end && start >= h.start {
		h.end = start
		if h.start == h.end {
			*h = ahead{}
		}
		return true
	}
	above, ok := m.areas.find(end)
	if !ok || above.start != end || !above.isBigHeap() || above.traits != 0 || m.lockFuture != 0 {
		return false
	}
	from := start &^ (hugePage - 1)
	if from < m.breakRoom() || !m.areas.free(from, end) || m.aboveBreak.touches(from, end) {
		return false
	}
	// What is mapped ahead already, if anything, is here or was of another heap.
	to := end
	if h.start < h.end && h.end == end {
		to = h.start
	} else {
		m.dropAhead(h.start, h.end)
	}
	if errno := m.mapFixed(from, to-from, allAccess, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS); errno != 0 {
		return false
	}
	*h = ahead{from, start}
	if h.start == h.end {
		*h = ahead{}
	}
	m.advise(from, min(hugeUp(to), above.end)-from, unix.MADV_HUGEPAGE)
	return true
}

// adviseHuge asks for huge pages if [start, end), which was just mapped, made or
// enlarged a big heap.
func (m *Memory) adviseHuge(start, end uint64) {
	a, ok := m.areas.find(start)
	if !ok || !a.isBigHeap() {
		return
	}
	if a.size()-(end-start) < hugeFrom {
		start, end = a.start, a.end // it has just become one
	}
	// The huge pages that this completes, too.
	start = hugeUp(max(start&^(hugePage-1), a.start))
	end = min(hugeUp(end), a.end) &^ (hugePage - 1)
	if start < end {
		m.advise(start, end-start, unix.MADV_HUGEPAGE)
	}
}

func hugeUp(n uint64) uint64 { return (n + hugePage - 1) &^ (hugePage - 1) }

//go:build linux && (amd64 || arm64)

package memory

import "golang.org/x/sys/unix"

// hugeFrom is the size of an area of anonymous memory from which on it gets
// huge pages. fork copies a page table entry for every page, so a big heap in
// huge pages forks many times faster; a small heap would only waste memory.
const hugeFrom = 16 << 20

// adviseHuge asks for huge pages if [start, end), which was just mapped, made or
// enlarged a big area.
func (m *Memory) adviseHuge(start, end uint64) {
	a, ok := m.areas.find(start)
	if !ok || a.kind != anonymous || a.prot != allAccess || a.traits&(noHugePage|hugeTLB) != 0 || a.size() < hugeFrom {
		return
	}
	if a.size()-(end-start) < hugeFrom {
		start, end = a.start, a.end
	}
	start = (max(start&^(hugePage-1), a.start) + hugePage - 1) &^ (hugePage - 1)
	end &^= hugePage - 1
	if start < end {
		m.advise(start, end-start, unix.MADV_HUGEPAGE)
	}
}

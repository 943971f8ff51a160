//go:build linux && (amd64 || arm64)

package memory

import (
	"golang.org/x/sys/unix"
)

// Region is a range of guest pages that are mapped in the same way, as
// /proc/PID/maps has it.
type Region struct {
	Start, End     uint64 // End is exclusive
	Read, Write    bool
	Shared         bool
	Locked         bool
	PrivateMapping bool   // of a file, copied when written to
	Offset         uint64 // in the file, if it is one's
}

// Regions returns what the guest has mapped, by address.
func (m *Memory) Regions() []Region {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := make([]Region, len(m.areas.list))
	for i, a := range m.areas.list {
		list[i] = Region{
			Start: a.start, End: a.end,
			Read: a.prot&unix.PROT_READ != 0, Write: a.prot&unix.PROT_WRITE != 0,
			Shared: a.kind == shared, Locked: a.traits&locked != 0,
			PrivateMapping: a.kind == privateFile, Offset: a.offset,
		}
	}
	return list
}

// Break returns where the break area begins and the break itself.
func (m *Memory) Break() (start, now uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.breakStart, m.breakNow
}

// Resident returns how many pages of [start, end), which are of one region, are in
// memory. The whole range is a region's, or was.
func (m *Memory) Resident(start, end uint64) (pages uint64) {
	var vector [4096]byte
	for start < end {
		n := min(end-start, uint64(len(vector))*PageSize)
		if m.residence(start, n, &vector) != 0 {
			return pages
		}
		for _, state := range vector[:n/PageSize] {
			pages += uint64(state & 1)
		}
		start += n
	}
	return pages
}

//go:build linux && (amd64 || arm64)

package memory

import (
	"fmt"
)

// SetBreakStart sets the program break to addr, which is where the break area
// begins and the least value that Brk accepts. It is for setting up.
func (m *Memory) SetBreakStart(addr uint64) error {
	if addr > m.limit {
		return fmt.Errorf("set the start of the break area: %#x exceeds the limit %#x", addr, m.limit)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.breakStart, m.breakNow = addr, addr
	return nil
}

// Brk is brk(2) as the kernel has it: it moves the break to addr and returns
// the new break, or the old one if that is not possible.
func (m *Memory) Brk(addr uint64) uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.brk(addr)
}

// GrowBreak moves the break up by n bytes. It returns where it was, and whether that was
// possible.
func (m *Memory) GrowBreak(n uint64) (old uint64, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	old = m.breakNow
	return old, m.brk(old+n) == old+n
}

func (m *Memory) brk(addr uint64) uint64 {
	if m.breakStart == 0 || addr < m.breakStart || addr > m.limit {
		return m.breakNow
	}
	from, to := roundUp(m.breakNow), roundUp(addr)
	switch {
	case to < from:
		if m.unmap(to, from) != 0 {
			return m.breakNow
		}
	case to > from:
		// Linux keeps a page free between the break and the next mapping.
		if to > m.limit || !m.areas.free(from, to+PageSize) {
			return m.breakNow
		}
		added := area{start: from, end: to, prot: allAccess, kind: anonymous}
		if !m.mayMap(added) || m.growBreak(from, to) != 0 {
			return m.breakNow
		}
		m.areas.insert(added)
		if m.lockNew(from, to) != 0 {
			m.unmap(from, to)
			return m.breakNow
		}
		m.adviseHuge(from, to)
	}
	m.breakNow = addr
	return addr
}

// breakRoom returns the address down to which mappings are placed as long as
// there is room above it: an eighth of the address space from the break on is
// left for the break.
func (m *Memory) breakRoom() uint64 {
	from := max(roundUp(m.breakNow), lowestPick)
	if from >= m.limit {
		return lowestPick
	}
	return roundUp(from + (m.limit-from)/8)
}

//go:build linux && (amd64 || arm64)

package memory

import "golang.org/x/sys/unix"

// SetLimits sets the guest's RLIMIT_AS and RLIMIT_DATA, in bytes; ^uint64(0) is
// no limit, as at the start. The kernel cannot enforce them: to it the whole
// reservation and the helper's own memory count.
func (m *Memory) SetLimits(addressSpace, data uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.maxSpace, m.maxData = addressSpace, data
}

// Mapped returns how many bytes the guest has mapped.
func (m *Memory) Mapped() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.areas.bytes
}

// mayMap reports whether the limits allow to map a in place of what is there.
func (m *Memory) mayMap(a area) bool {
	if m.maxSpace == ^uint64(0) && m.maxData == ^uint64(0) {
		return true
	}
	var space, data uint64
	for _, old := range m.areas.within(a.start, a.end) {
		old = old.clip(a.start, a.end)
		if old.traits&stack == 0 {
			space += old.size()
		}
		if old.isData() {
			data += old.size()
		}
	}
	if m.spaceBytes()-space+a.size() > m.maxSpace {
		return false
	}
	return !a.isData() || m.dataBytes()-data+a.size() <= m.maxData
}

// isData reports whether an area counts for RLIMIT_DATA: private and writable, and
// not the stack.
func (a area) isData() bool {
	return a.kind != shared && a.prot&unix.PROT_WRITE != 0 && a.traits&stack == 0
}

// spaceBytes is what counts for RLIMIT_AS. Of the stack the kernel counts what has been
// used, which is little.
func (m *Memory) spaceBytes() uint64 {
	sum := m.areas.bytes
	for _, a := range m.areas.list {
		if a.traits&stack != 0 {
			sum -= a.size()
		}
	}
	return sum
}

func (m *Memory) dataBytes() uint64 {
	var sum uint64
	for _, a := range m.areas.list {
		if a.isData() {
			sum += a.size()
		}
	}
	return sum
}

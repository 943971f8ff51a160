//go:build linux && (amd64 || arm64)

package memory

// ForkedChild brings the memory of a forked child to what fork(2) promises:
// page locks are not inherited, nor are pages with MADV_DONTFORK. It is called in
// the child before the guest goes on, and may allocate.
func (m *Memory) ForkedChild() {
	m.mu.Lock()
	defer m.mu.Unlock()
	traits := m.lockFuture
	for i := range m.areas.list {
		traits |= m.areas.list[i].traits
	}
	if traits&(anyLock|dontFork) == 0 {
		return // as nearly always: write to nothing, so that no page need be copied
	}
	m.lockFuture = 0
	m.areas.update(0, m.limit, func(a *area) { a.traits &^= anyLock })
	for i := 0; i < len(m.areas.list); i++ {
		if a := m.areas.list[i]; a.traits&dontFork != 0 && m.unmap(a.start, a.end) == 0 {
			i--
		}
	}
}

//go:build linux && (amd64 || arm64)

package memory

import "golang.org/x/sys/unix"

// Locking pages into memory. mlockall never goes to the kernel as such: it would
// lock the helper's own memory and count the whole reservation.

const (
	mlockOnfault = 1 // MLOCK_ONFAULT

	anyLock = locked | onFault
)

func lockTraits(whenTouched bool) traits {
	if whenTouched {
		return locked | onFault
	}
	return locked
}

// lockFlags returns the flags of mlock2 for memory with these traits.
func (t traits) lockFlags() uintptr {
	if t&onFault != 0 {
		return mlockOnfault
	}
	return 0
}

// Mlock is mlock(2).
func (m *Memory) Mlock(addr, length uint64) unix.Errno { return m.Mlock2(addr, length, 0) }

// Mlock2 is mlock2(2); flags is 0 or MLOCK_ONFAULT.
func (m *Memory) Mlock2(addr, length uint64, flags int32) unix.Errno {
	if flags&^mlockOnfault != 0 {
		return unix.EINVAL
	}
	how := lockTraits(flags&mlockOnfault != 0)
	return m.lockRange(addr, length, unix.SYS_MLOCK2, uintptr(flags), how, anyLock)
}

// Munlock is munlock(2).
func (m *Memory) Munlock(addr, length uint64) unix.Errno {
	return m.lockRange(addr, length, unix.SYS_MUNLOCK, 0, 0, anyLock)
}

func (m *Memory) lockRange(addr, length uint64, number, third uintptr, set, clear traits) unix.Errno {
	if tooFar(addr, length) {
		return unix.ENOMEM
	}
	end := roundUp(addr + length)
	null := addr == 0 // an address within page 0 is one of data
	addr &^= pageMask
	m.mu.Lock()
	defer m.mu.Unlock()
	stop := m.areas.gap(addr, end)
	if null {
		stop = m.mappedTo(addr, end)
	}
	if stop > addr || addr == end {
		// An empty range still has to pass the kernel's permission check.
		errno := m.rangeCallBlocking(number, addr, stop-addr, third)
		// Pages that could not be brought in, for example because they
		// have no access, are locked all the same; those over the limit
		// are not.
		if errno == unix.ENOMEM && set != 0 && m.isLocked(addr) {
			m.areas.update(addr, stop, func(a *area) { a.traits = a.traits&^clear | set })
		}
		if errno != 0 {
			return errno
		}
		m.areas.update(addr, stop, func(a *area) { a.traits = a.traits&^clear | set })
	}
	if stop < end {
		return unix.ENOMEM
	}
	return 0
}

// isLocked asks the kernel whether a page is locked: MS_INVALIDATE does nothing
// on Linux but fail on one that is.
func (m *Memory) isLocked(addr uint64) bool {
	return m.rangeCallBlocking(unix.SYS_MSYNC, addr, PageSize, unix.MS_INVALIDATE) == unix.EBUSY
}

// Mlockall is mlockall(2) for the memory of the guest.
func (m *Memory) Mlockall(flags int32) unix.Errno {
	const known = unix.MCL_CURRENT | unix.MCL_FUTURE | unix.MCL_ONFAULT
	if flags&^known != 0 || flags&(unix.MCL_CURRENT|unix.MCL_FUTURE) == 0 {
		return unix.EINVAL
	}
	how := lockTraits(flags&unix.MCL_ONFAULT != 0)
	m.mu.Lock()
	defer m.mu.Unlock()
	// Asks for the permission, too, if there is nothing to lock yet.
	if errno := m.rangeCallBlocking(unix.SYS_MLOCK2, 0, 0, how.lockFlags()); errno != 0 {
		return errno
	}
	if flags&unix.MCL_CURRENT != 0 {
		for i := range m.areas.list {
			a := &m.areas.list[i]
			errno := m.rangeCallBlocking(unix.SYS_MLOCK2, a.start, a.size(), how.lockFlags())
			// ENOMEM means too much for the limit, or that pages without
			// access could not be brought in, which Linux ignores here.
			if errno != 0 && !(errno == unix.ENOMEM && a.prot == 0) {
				m.areas.join(0, len(m.areas.list)-1)
				return errno
			}
			a.traits = a.traits&^anyLock | how
		}
		m.areas.join(0, len(m.areas.list)-1)
	}
	m.lockFuture = 0
	if flags&unix.MCL_FUTURE != 0 {
		m.lockFuture = how
		m.dropAhead(0, m.limit)
	}
	return 0
}

// Munlockall is munlockall(2) for the memory of the guest.
func (m *Memory) Munlockall() unix.Errno {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lockFuture = 0
	for i := range m.areas.list {
		a := &m.areas.list[i]
		if errno := m.rangeCallBlocking(unix.SYS_MUNLOCK, a.start, a.size(), 0); errno != 0 {
			return errno
		}
	}
	m.areas.update(0, m.limit, func(a *area) { a.traits &^= anyLock })
	return 0
}

// lockNew locks [start, end), just mapped, if mlockall said so; not by MAP_LOCKED,
// because that cannot say MLOCK_ONFAULT. If the limit is exceeded it gives
// EAGAIN, as mmap does, and the caller takes the mapping back.
func (m *Memory) lockNew(start, end uint64) unix.Errno {
	if m.lockFuture == 0 {
		return 0
	}
	a, _ := m.areas.find(start)
	errno := m.rangeCallBlocking(unix.SYS_MLOCK2, start, end-start, m.lockFuture.lockFlags())
	switch {
	case errno == unix.ENOMEM && a.prot == 0:
		// Locked, only there was nothing to bring in.
	case errno == unix.ENOMEM:
		return unix.EAGAIN
	case errno != 0:
		return errno
	}
	m.areas.update(start, end, func(a *area) { a.traits |= m.lockFuture })
	return 0
}

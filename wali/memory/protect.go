//go:build linux && (amd64 || arm64)

package memory

import "golang.org/x/sys/unix"

// The calls here apply to a range, part of which the guest may not have mapped.
// The kernel would act on reserved pages as on mapped ones, so each call is made
// for the mapped stretches alone, and the error of Linux is given for the rest.

// A module's data may begin on page 0, where a native program has nothing. A call
// that names address 0 means no data there, but a null pointer: to it, page 0 is
// not mapped. mappedTo, nextRun, and skipNull see to that.

// mappedTo returns the first address of [start, end) that is not mapped, or end.
func (m *Memory) mappedTo(start, end uint64) uint64 {
	if start == 0 {
		return 0
	}
	return m.areas.gap(start, end)
}

// skipNull returns the part of [start, end) that may be mapped.
func skipNull(start, end uint64) (from, to uint64) {
	if start == 0 {
		start = min(PageSize, end)
	}
	return start, end
}

// nextRun returns the first stretch of mapped pages in [start, end), which
// may be of several areas. It is empty, at end, if there is none.
func (m *Memory) nextRun(start, end uint64) (from, to uint64) {
	start, _ = skipNull(start, end)
	i := m.areas.at(start)
	if i == len(m.areas.list) || m.areas.list[i].start >= end {
		return end, end
	}
	from = max(start, m.areas.list[i].start)
	return from, m.areas.gap(from, end)
}

// eachRun makes a call for each stretch of mapped pages in [start, end) until
// one fails. It returns ENOMEM, as Linux does, if all succeeded but not all
// pages were mapped.
func (m *Memory) eachRun(start, end uint64, call func(from, to uint64) unix.Errno) unix.Errno {
	missing := false
	for at := start; at < end; {
		from, to := m.nextRun(at, end)
		missing = missing || from > at
		if from == to {
			break
		}
		if errno := call(from, to); errno != 0 {
			return errno
		}
		at = to
	}
	if missing {
		return unix.ENOMEM
	}
	return 0
}

// tooFar reports whether a range has bounds that no 32-bit guest can give, and
// whose sum could wrap.
func tooFar(addr, length uint64) bool { return addr > 4<<30 || length > 4<<30 }

// Mprotect is mprotect(2). PROT_EXEC has no effect.
func (m *Memory) Mprotect(addr, length uint64, prot int32) unix.Errno {
	const grows = unix.PROT_GROWSDOWN | unix.PROT_GROWSUP
	const known = unix.PROT_READ | unix.PROT_WRITE | unix.PROT_EXEC | protSem | grows
	if prot&grows == grows || addr&pageMask != 0 {
		return unix.EINVAL
	}
	if length == 0 {
		return 0
	}
	if tooFar(addr, length) {
		return unix.ENOMEM
	}
	if prot&^known != 0 {
		return unix.EINVAL
	}
	end := addr + roundUp(length)
	access := accessOf(prot)

	m.mu.Lock()
	defer m.mu.Unlock()
	stop := m.mappedTo(addr, end)
	if stop == addr {
		return unix.ENOMEM
	}
	if prot&grows != 0 {
		return unix.EINVAL // for memory that does not grow, as all here
	}
	// One call for each area, so that if the kernel refuses one it is clear
	// which have changed: Linux changes those before it.
	done := addr
	var errno unix.Errno
	for _, a := range m.areas.within(addr, stop) {
		a = a.clip(addr, stop)
		if int32(a.prot) != access {
			if changed := a; access&unix.PROT_WRITE != 0 && !a.isData() {
				changed.prot = uint8(access)
				if !m.mayMap(changed) {
					errno = unix.ENOMEM
					break
				}
			}
			if errno = m.protect(a.start, a.size(), access); errno != 0 {
				break
			}
		}
		done = a.end
	}
	m.areas.update(addr, done, func(a *area) { a.prot = uint8(access) })
	if errno == 0 && stop < end {
		errno = unix.ENOMEM
	}
	return errno
}

// PROT_SEM of the kernel, for atomic operations, which has no effect on any
// architecture of ours.
const protSem = 0x8

// Madvise is madvise(2), without MADV_HWPOISON and MADV_SOFT_OFFLINE, which act
// on the machine's memory and are refused with EPERM.
func (m *Memory) Madvise(addr, length uint64, advice int32) unix.Errno {
	switch {
	case !knownAdvice(advice), addr&pageMask != 0:
		return unix.EINVAL
	case advice == unix.MADV_HWPOISON || advice == madvSoftOffline:
		return unix.EPERM
	case length == 0:
		return 0
	case tooFar(addr, length):
		return unix.ENOMEM
	}
	end := addr + roundUp(length)

	m.mu.Lock()
	defer m.mu.Unlock()
	switch advice {
	case unix.MADV_DONTFORK:
		// The kernel would leave a hole in the child. ForkedChild makes
		// it a reservation instead.
		return m.setTraits(addr, end, dontFork, 0)
	case unix.MADV_DOFORK:
		return m.setTraits(addr, end, 0, dontFork)
	case unix.MADV_POPULATE_READ, unix.MADV_POPULATE_WRITE:
		// These stop at the first gap.
		stop := m.mappedTo(addr, end)
		if stop > addr {
			if errno := m.adviseBlocking(addr, stop-addr, advice); errno != 0 {
				return errno
			}
		}
		if stop < end {
			return unix.ENOMEM
		}
		return 0
	}
	return m.eachRun(addr, end, func(from, to uint64) unix.Errno {
		if errno := m.adviseBlocking(from, to-from, advice); errno != 0 {
			return errno
		}
		switch advice {
		case unix.MADV_NOHUGEPAGE:
			m.dropAhead(from, to)
			m.areas.update(from, to, func(a *area) { a.traits |= noHugePage })
		case unix.MADV_HUGEPAGE:
			m.areas.update(from, to, func(a *area) { a.traits &^= noHugePage })
		}
		return 0
	})
}

func knownAdvice(advice int32) bool {
	switch advice {
	case unix.MADV_NORMAL, unix.MADV_RANDOM, unix.MADV_SEQUENTIAL, unix.MADV_WILLNEED, unix.MADV_DONTNEED,
		unix.MADV_FREE, unix.MADV_REMOVE, unix.MADV_DONTFORK, unix.MADV_DOFORK,
		unix.MADV_MERGEABLE, unix.MADV_UNMERGEABLE, unix.MADV_HUGEPAGE, unix.MADV_NOHUGEPAGE,
		unix.MADV_DONTDUMP, unix.MADV_DODUMP, unix.MADV_WIPEONFORK, unix.MADV_KEEPONFORK,
		unix.MADV_COLD, unix.MADV_PAGEOUT, unix.MADV_POPULATE_READ, unix.MADV_POPULATE_WRITE,
		unix.MADV_DONTNEED_LOCKED, unix.MADV_COLLAPSE, unix.MADV_HWPOISON, madvSoftOffline,
		madvGuardInstall, madvGuardRemove:
		return true
	}
	return false
}

const (
	madvSoftOffline  = 101
	madvGuardInstall = 102
	madvGuardRemove  = 103
)

// setTraits changes the traits of the mapped pages of a range, and returns ENOMEM
// if there are others.
func (m *Memory) setTraits(start, end uint64, set, clear traits) unix.Errno {
	from, to := skipNull(start, end)
	m.areas.update(from, to, func(a *area) { a.traits = a.traits&^clear | set })
	if m.mappedTo(start, end) < end {
		return unix.ENOMEM
	}
	return 0
}

// Msync is msync(2). Other mapping calls go on while it waits for a disk.
func (m *Memory) Msync(addr, length uint64, flags int32) unix.Errno {
	const known = unix.MS_ASYNC | unix.MS_INVALIDATE | unix.MS_SYNC
	switch {
	case flags&^known != 0, addr&pageMask != 0, flags&unix.MS_ASYNC != 0 && flags&unix.MS_SYNC != 0:
		return unix.EINVAL
	case tooFar(addr, length):
		return unix.ENOMEM
	}
	end := addr + roundUp(length)
	missing := false
	for at := addr; at < end; {
		m.mu.Lock()
		from, to := m.nextRun(at, end)
		m.mu.Unlock()
		missing = missing || from > at
		if from == to {
			break
		}
		// If the pages are unmapped meanwhile the kernel finds them
		// reserved and does nothing.
		if errno := m.rangeCallBlocking(unix.SYS_MSYNC, from, to-from, uintptr(flags)); errno != 0 {
			return errno
		}
		at = to
	}
	if missing {
		return unix.ENOMEM
	}
	return 0
}

// Mincore is mincore(2); vec is a guest pointer to one byte per page.
func (m *Memory) Mincore(addr, length uint64, vec uint32) unix.Errno {
	if addr&pageMask != 0 {
		return unix.EINVAL
	}
	if addr > m.limit || length > m.limit-addr {
		return unix.ENOMEM
	}
	end := addr + roundUp(length)
	m.mu.Lock()
	defer m.mu.Unlock()
	stop := m.mappedTo(addr, end)
	if stop > addr {
		if errno := m.rangeCallBlocking(unix.SYS_MINCORE, addr, stop-addr, m.HostAlways(vec)); errno != 0 {
			return errno
		}
	}
	if stop < end {
		return unix.ENOMEM
	}
	return 0
}

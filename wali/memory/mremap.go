//go:build linux && (amd64 || arm64)

package memory

import "golang.org/x/sys/unix"

// mremap under the rule that no hole may appear in the reservation.
//
// The kernel's mremap leaves a hole where a mapping was, and needs one where a
// mapping grows in place. Instead:
//
//   - A move of the same size uses MREMAP_DONTUNMAP, which leaves an empty
//     mapping behind, over which the reservation is then put. Onto its target it
//     goes with MREMAP_FIXED, which replaces what is there under the
//     kernel's lock.
//   - Private anonymous memory grows by mapping more of it behind.
//   - A shared mapping grows in two steps: it moves out of the reservation to
//     where the kernel likes (DONTUNMAP holds the old place), and from there,
//     growing, with MREMAP_FIXED to its target, which may be the old place. The
//     hole that this leaves is outside. Meanwhile the old place still maps the
//     same memory, so other threads see no difference.
//   - A private mapping of a file moves by the same two steps. It cannot
//     grow in place: another thread could see the old place without the pages
//     that were written to it. It is moved if that is allowed; else the
//     call gives ENOMEM, which a program must expect of any mremap.
//
// MREMAP_DONTUNMAP works for all kinds of mappings since Linux 5.13, except
// special ones of drivers, for which the call gives the kernel's error, and pages
// of the huge page pool, for which it gives ENOMEM.

// Mremap is mremap(2). On failure the address is 0.
func (m *Memory) Mremap(addr, oldLen, newLen uint64, flags int32, newAddr uint64) (uint64, unix.Errno) {
	mayMove, fixed, keep := flags&mremapMaymove != 0, flags&mremapFixed != 0, flags&mremapDontunmap != 0
	switch {
	case flags&^(mremapMaymove|mremapFixed|mremapDontunmap) != 0,
		fixed && !mayMove,
		keep && (!mayMove || oldLen != newLen),
		addr&pageMask != 0,
		roundUp(newLen) == 0:
		return 0, unix.EINVAL
	}
	if oldLen > span {
		oldLen = span // in any case too long
	}
	oldLen = roundUp(oldLen)
	if fixed || keep {
		switch {
		case newAddr&pageMask != 0,
			newLen > m.limit || newAddr > m.limit-roundUp(newLen),
			addr+oldLen > newAddr && newAddr+roundUp(newLen) > addr:
			return 0, unix.EINVAL
		case fixed && newAddr < lowestFixed:
			return 0, unix.EPERM
		}
	} else if newLen > m.limit && newLen > oldLen {
		newLen = m.limit + PageSize // in any case too long
	}
	newLen = roundUp(newLen)

	m.mu.Lock()
	defer m.mu.Unlock()
	a, ok := m.areas.find(addr)
	if !ok || addr == 0 { // see mappedTo
		return 0, unix.EFAULT
	}
	if oldLen == 0 && a.kind != shared {
		return 0, unix.EINVAL
	}
	if a.traits&hugeTLB != 0 && newLen > oldLen {
		return 0, unix.EINVAL
	}
	if oldLen > newLen || !fixed && !keep && oldLen == newLen {
		if oldLen > m.limit || addr > m.limit-oldLen {
			return 0, unix.EINVAL
		}
		if errno := m.unmap(addr+newLen, addr+oldLen); errno != 0 {
			return 0, errno
		}
		if !fixed && !keep {
			return addr, 0
		}
		oldLen = newLen
	}
	// The part to move must be mapped in one way.
	if oldLen > a.end-addr {
		return 0, unix.EFAULT
	}
	if oldLen == 0 && fixed && newAddr <= addr && addr < newAddr+newLen {
		// Linux makes room at the target and finds nothing to map twice.
		m.unmap(newAddr, newAddr+newLen)
		return 0, unix.EFAULT
	}
	part := a.clip(addr, addr+oldLen)

	if !fixed && !keep && oldLen > 0 && part.end == a.end {
		ok, errno := m.growInPlace(part, newLen)
		if errno != 0 {
			return 0, errno
		}
		if ok {
			m.relock(part)
			return addr, 0
		}
	}
	// Pages of the huge page pool cannot move without leaving a hole.
	if !mayMove || newLen > m.limit || a.traits&hugeTLB != 0 {
		return 0, unix.ENOMEM
	}
	to := newAddr
	if !fixed {
		if to, ok = m.pick(newAddr, newLen, PageSize); !ok {
			return 0, unix.ENOMEM
		}
	}
	if errno := m.relocate(part, to, newLen, keep); errno != 0 {
		return 0, errno
	}
	if !keep {
		m.relock(part)
	} else if a.traits&locked != 0 {
		// Linux unlocks all of the old mapping, not only the part moved.
		m.rangeCallBlocking(unix.SYS_MUNLOCK, a.start, a.size(), 0)
		m.areas.update(a.start, a.end, func(a *area) { a.traits &^= anyLock })
	}
	return to, 0
}

// relock locks again what a move of part, which was locked, has unlocked beside
// it: MREMAP_DONTUNMAP unlocks the whole of what the kernel has for one mapping,
// which is more than part if it could merge it with its neighbours.
func (m *Memory) relock(part area) {
	if part.traits&locked == 0 {
		return
	}
	// The pages are in memory already and within the limit.
	again := func(a area) {
		m.rangeCallBlocking(unix.SYS_MLOCK2, a.start, a.size(), a.traits.lockFlags())
	}
	end := part.start
	for {
		a, ok := m.areas.find(end - 1)
		if !ok || a.traits&locked == 0 {
			break
		}
		again(a.clip(0, end))
		end = a.start
	}
	start := part.end
	for {
		a, ok := m.areas.find(start)
		if !ok || a.traits&locked == 0 {
			break
		}
		again(a.clip(start, a.end))
		start = a.end
	}
}

// growInPlace makes a mapping newLen long if what is behind it is free and
// its kind can grow so. If it returns false and no error, nothing has changed.
func (m *Memory) growInPlace(part area, newLen uint64) (bool, unix.Errno) {
	end := part.start + newLen
	if end > m.limit || !m.areas.free(part.end, end) {
		return false, 0
	}
	grown := part
	grown.start, grown.end = part.end, end
	if !m.mayMap(grown) {
		return false, unix.ENOMEM
	}
	m.dropAhead(part.end, end)
	switch part.kind {
	case anonymous:
		if errno := m.mapMore(part, part.end, end); errno != 0 {
			return false, errno
		}
	case shared:
		if errno := m.growElsewhere(part, part.start, newLen); errno != 0 {
			return false, errno
		}
		grown.start = part.start
	default:
		return false, 0
	}
	m.areas.insert(grown)
	m.adviseHuge(part.end, end)
	return true, 0
}

// relocate moves a mapping to another place, over what may be there, with a new
// length that is not smaller. The old place becomes free, or with keep
// stays mapped without the pages.
func (m *Memory) relocate(part area, to, newLen uint64, keep bool) unix.Errno {
	oldLen := part.size()
	if added := (area{start: to, end: to + newLen, prot: part.prot, kind: part.kind}); keep || newLen > oldLen {
		if !keep {
			added.end -= oldLen
		}
		if !m.mayMap(added) {
			return unix.ENOMEM
		}
	}
	m.dropAhead(to, to+newLen)
	m.dropAhead(part.start, part.end)
	var errno unix.Errno
	switch {
	case oldLen == newLen:
		errno = m.move(part.start, to, oldLen)
	case part.kind == anonymous:
		if errno = m.mapMore(part, to+oldLen, to+newLen); errno == 0 {
			errno = m.move(part.start, to, oldLen)
		}
	default:
		errno = m.growElsewhere(part, to, newLen)
	}
	if errno != 0 {
		// As on Linux, what a fixed target held is lost.
		m.reserve(to, newLen)
		m.areas.remove(to, to+newLen)
		return errno
	}
	moved := part
	moved.start, moved.end = to, to+newLen
	if moved.id != 0 {
		moved.id = m.newID()
	}
	m.areas.insert(moved)
	m.moveAttachment(part, moved)
	if part.traits&locked != 0 {
		// If the kernel has merged the new place with the old one next to
		// it, MREMAP_DONTUNMAP has unlocked both.
		m.rangeCallBlocking(unix.SYS_MLOCK2, to, newLen, part.traits.lockFlags())
	}
	if !keep && oldLen > 0 {
		m.reserve(part.start, oldLen)
		m.areas.remove(part.start, part.end)
	}
	m.adviseHuge(moved.start, moved.end)
	return 0
}

// mapMore maps [start, end) like the anonymous area a.
func (m *Memory) mapMore(a area, start, end uint64) unix.Errno {
	flags := int32(unix.MAP_PRIVATE | unix.MAP_ANONYMOUS)
	if a.traits&noReserve != 0 {
		flags |= unix.MAP_NORESERVE
	}
	if a.traits&anyLock == locked {
		flags |= unix.MAP_LOCKED
		return m.mapFixedBlocking(start, end-start, int32(a.prot), flags, -1, 0)
	}
	if a.traits&onFault != 0 {
		errno := m.mapFixed(start, end-start, int32(a.prot), flags)
		if errno == 0 {
			m.rangeCallBlocking(unix.SYS_MLOCK2, start, end-start, mlockOnfault)
		}
		return errno
	}
	return m.mapFixed(start, end-start, int32(a.prot), flags)
}

// move moves pages to another place and leaves an empty mapping behind. The
// kernel moves a single mapping of its own at a time. What is one area here can
// be several there: memory that grew after a fork, for example, has a different
// history and does not merge. So if a stretch is refused its half is tried.
// On failure all pages are back where they were.
func (m *Memory) move(from, to, size uint64) unix.Errno {
	done := uint64(0)
	for done < size {
		n, errno := m.moveSome(from+done, to+done, size-done)
		if errno != 0 {
			for back := uint64(0); back < done; {
				n, errno := m.moveSome(to+back, from+back, done-back)
				if errno != 0 {
					break // not even the way that it came
				}
				back += n
			}
			return errno
		}
		done += n
	}
	return 0
}

// moveSome moves the first pages of a stretch, at least half of those that lie
// in one mapping of the kernel, and returns how many bytes they are.
func (m *Memory) moveSome(from, to, size uint64) (uint64, unix.Errno) {
	const flags = mremapMaymove | mremapFixed | mremapDontunmap
	for n := size; ; n = roundUp(n / 2) {
		_, errno := remap(m.base+uintptr(from), n, n, flags, m.base+uintptr(to))
		if errno != unix.EFAULT || n == PageSize {
			return n, errno
		}
	}
}

// growElsewhere moves a mapping out of the reservation and back to the place
// to, making it newLen long on the way. If part is empty, what comes back is a
// second mapping of the same shared memory. The old place stays mapped. On
// failure it is as before.
func (m *Memory) growElsewhere(part area, to, newLen uint64) unix.Errno {
	host := m.base + uintptr(part.start)
	size := part.size()
	if size == 0 {
		at, errno := remap(host, 0, newLen, mremapMaymove, 0)
		if errno != 0 {
			return errno
		}
		_, errno = remap(at, newLen, newLen, mremapMaymove|mremapFixed, m.base+uintptr(to))
		if errno != 0 {
			munmapHost(at, newLen)
		}
		return errno
	}
	at, errno := remap(host, size, size, mremapMaymove|mremapDontunmap, 0)
	if errno != 0 {
		return errno
	}
	_, errno = remap(at, size, newLen, mremapMaymove|mremapFixed, m.base+uintptr(to))
	if errno != 0 {
		// Its pages go back to where they were.
		remap(at, size, size, mremapMaymove|mremapFixed, host)
	}
	return errno
}

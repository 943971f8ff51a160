//go:build linux && (amd64 || arm64)

package memory

import (
	"golang.org/x/sys/unix"
)

const (
	allAccess = unix.PROT_READ | unix.PROT_WRITE

	// droppedFlags are MAP_* bits that the kernel does not get: MAP_32BIT
	// (everything is), MAP_GROWSDOWN (there is no room to grow into; programs
	// that use it give a size that suffices), MAP_FIXED_NOREPLACE (in the
	// kernel's eyes all is mapped; it is checked here) and MAP_UNINITIALIZED
	// (only for systems without an MMU).
	droppedFlags = map32bit | unix.MAP_GROWSDOWN | unix.MAP_FIXED_NOREPLACE | mapUninitialized

	// The values that guests use, which golang.org/x/sys/unix has for some
	// architectures only.
	map32bit         = 0x40
	mapUninitialized = 0x4000000
	mapDroppable     = 0x8

	mapHugeShift = 26
	mapHugeMask  = 0x3f

	hugetlbfsMagic = 0x958458f6
)

// accessOf returns the protection that the kernel gets for the guest's prot.
// Guest data is never executed by the processor, so PROT_EXEC is dropped; it
// implies that the memory can be read, as on hardware without execute-only
// pages.
func accessOf(prot int32) int32 {
	if prot&unix.PROT_EXEC != 0 {
		prot |= unix.PROT_READ
	}
	return prot & allAccess
}

// Mmap is mmap(2). offset is in bytes. On failure the address is 0.
//
// PROT_EXEC, MAP_32BIT and MAP_GROWSDOWN have no effect. The caller has made
// sure that fd is a descriptor of the guest.
func (m *Memory) Mmap(addr, length uint64, prot, flags, fd int32, offset int64) (uint64, unix.Errno) {
	if offset&pageMask != 0 {
		return 0, unix.EINVAL
	}
	isFile := flags&unix.MAP_ANONYMOUS == 0
	a := area{prot: uint8(accessOf(prot))}
	granule := uint64(PageSize)
	if isFile {
		var errno unix.Errno
		if granule, errno = fileGranule(fd); errno != 0 {
			return 0, errno
		}
		if flags&unix.MAP_HUGETLB != 0 && granule == PageSize {
			return 0, unix.EINVAL
		}
	} else if flags&unix.MAP_HUGETLB != 0 {
		granule = anonymousGranule(flags)
	}
	if length == 0 {
		return 0, unix.EINVAL
	}
	// Nothing below wraps: guest addresses and lengths have 33 bits at most.
	if length > m.limit || addr > 4<<30 {
		return 0, unix.ENOMEM
	}
	length = (length + granule - 1) &^ (granule - 1)

	switch flags & unix.MAP_TYPE {
	case unix.MAP_PRIVATE:
		if isFile {
			a.kind = privateFile
		}
	case unix.MAP_SHARED, unix.MAP_SHARED_VALIDATE:
		a.kind = shared
		if flags&unix.MAP_GROWSDOWN != 0 {
			return 0, unix.EINVAL
		}
	case mapDroppable:
		a.kind = shared // in that it cannot grow by more anonymous pages
	default:
		return 0, unix.EINVAL
	}
	if granule > PageSize {
		a.traits |= hugeTLB
	}
	if flags&unix.MAP_NORESERVE != 0 {
		a.traits |= noReserve
	}
	if flags&unix.MAP_LOCKED != 0 {
		a.traits |= locked
	}

	m.mu.Lock()
	defer m.mu.Unlock()
	if flags&(unix.MAP_FIXED|unix.MAP_FIXED_NOREPLACE) != 0 {
		if errno := m.checkFixed(addr, length, flags); errno != 0 {
			return 0, errno
		}
	} else {
		var ok bool
		if addr, ok = m.pick(addr, length, granule); !ok {
			return 0, unix.ENOMEM
		}
	}
	a.start, a.end = addr, addr+length
	if !m.mayMap(a) {
		return 0, unix.ENOMEM
	}
	if a.kind != anonymous || a.traits&hugeTLB != 0 {
		a.id = m.newID()
	}
	if isFile {
		a.offset = uint64(offset)
	}

	if flags == unix.MAP_PRIVATE|unix.MAP_ANONYMOUS && a.prot == allAccess && m.mapHeap(a.start, a.end) {
		m.areas.insert(a)
		return addr, 0
	}

	var errno unix.Errno
	kernelFlags := flags &^ droppedFlags
	m.dropAhead(a.start, a.end)
	if a.traits&hugeTLB != 0 {
		errno = m.mapHugeTLB(a, kernelFlags, fd, offset)
	} else if isFile || flags&(unix.MAP_POPULATE|unix.MAP_LOCKED) != 0 {
		errno = m.mapFixedBlocking(addr, length, int32(a.prot), kernelFlags, fd, offset)
	} else {
		errno = m.mapFixed(addr, length, int32(a.prot), kernelFlags)
	}
	if errno != 0 {
		m.mendAfterFailure(addr, length)
		return 0, errno
	}
	m.areas.insert(a)
	if errno := m.lockNew(a.start, a.end); errno != 0 {
		m.unmap(a.start, a.end)
		return 0, errno
	}
	m.adviseHuge(a.start, a.end)
	return addr, 0
}

// checkFixed gives the errors of a fixed address that the kernel cannot give.
func (m *Memory) checkFixed(addr, length uint64, flags int32) unix.Errno {
	switch {
	case length > m.limit || addr > m.limit-length:
		return unix.ENOMEM
	case addr&pageMask != 0:
		return unix.EINVAL
	case addr < lowestFixed:
		return unix.EPERM
	case flags&unix.MAP_FIXED_NOREPLACE != 0 && !m.areas.free(addr, addr+length):
		return unix.EEXIST
	}
	return 0
}

// pick finds the place for a mapping: at the hint if that is free, else as high
// as possible, so that the break has room to grow.
func (m *Memory) pick(hint, length, granule uint64) (uint64, bool) {
	hint &^= pageMask
	if hint != 0 {
		hint = (max(hint, lowestPick) + granule - 1) &^ (granule - 1)
		if hint <= m.limit && length <= m.limit-hint && m.areas.free(hint, hint+length) {
			return hint, true
		}
	}
	if at, ok := m.areas.findFree(length, granule, m.breakRoom(), m.limit); ok {
		return at, true
	}
	return m.areas.findFree(length, granule, lowestPick, m.limit)
}

// mapHugeTLB maps pages of the huge page pool. They often run out, which Linux up
// to 6.11 notices when it has already unmapped what was there; so they are
// taken outside first and then moved to their place.
func (m *Memory) mapHugeTLB(a area, flags, fd int32, offset int64) unix.Errno {
	if a.start&(hugePage-1) != 0 {
		return unix.EINVAL
	}
	at, errno := mmapAnywhereBlocking(a.size(), int32(a.prot), flags&^unix.MAP_FIXED, fd, offset)
	if errno != 0 {
		return errno
	}
	if _, errno = remap(at, a.size(), a.size(), mremapMaymove|mremapFixed, m.base+uintptr(a.start)); errno != 0 {
		munmapHost(at, a.size())
	}
	return errno
}

// mendAfterFailure deals with a kernel that had unmapped what was there before
// it found that it could not make the new mapping, as Linux does up to 6.11 when
// a driver refuses. Linux then leaves nothing mapped. So do we, with the
// reservation in its place; in the instant before, another thread's mapping may
// have got there, so what is there is not replaced.
func (m *Memory) mendAfterFailure(addr, length uint64) {
	if !m.hole(addr, length) {
		return
	}
	m.mapFixed(addr, length, unix.PROT_NONE, reserveFlags|unix.MAP_FIXED_NOREPLACE)
	m.areas.remove(addr, addr+length)
}

// Munmap is munmap(2).
func (m *Memory) Munmap(addr, length uint64) unix.Errno {
	if addr&pageMask != 0 || addr > m.limit || length > m.limit-addr {
		return unix.EINVAL
	}
	if length = roundUp(length); length == 0 {
		return unix.EINVAL
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.unmap(skipNull(addr, addr+length))
}

// unmap gives [start, end) back, of which any part may be free already.
func (m *Memory) unmap(start, end uint64) unix.Errno {
	// Only the stretch from the first to the last mapped page need be looked
	// at by the kernel.
	within := m.areas.within(start, end)
	if len(within) == 0 {
		return 0
	}
	start, end = max(start, within[0].start), min(end, within[len(within)-1].end)
	m.dropAhead(start, end)
	if errno := m.reserve(start, end-start); errno != 0 {
		return errno // ENOMEM: the kernel's limit on the number of mappings
	}
	m.areas.remove(start, end)
	return 0
}

func (m *Memory) newID() uint32 {
	m.nextID++
	return m.nextID
}

// anonymousGranule returns the page size that MAP_HUGETLB asks for.
func anonymousGranule(flags int32) uint64 {
	if bits := uint32(flags) >> mapHugeShift & mapHugeMask; bits != 0 {
		// Sizes that the guest cannot have room for, or smaller than a
		// page, are left for the kernel to refuse.
		if bits > 12 && bits <= 32 {
			return 1 << bits
		}
		return PageSize
	}
	return hugePage
}

// fileGranule returns the page size of the mappings of a file. The kernel
// rounds the length of a hugetlbfs mapping up to that by itself, over
// whatever follows.
func fileGranule(fd int32) (uint64, unix.Errno) {
	var fs unix.Statfs_t
	if errno := fstatfs(fd, &fs); errno == unix.EBADF {
		return 0, unix.EBADF
	} else if errno == 0 && int64(fs.Type) == hugetlbfsMagic && fs.Bsize > PageSize {
		return uint64(fs.Bsize), 0
	}
	return PageSize, 0
}

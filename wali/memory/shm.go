//go:build linux && (amd64 || arm64)

package memory

import (
	"slices"

	"golang.org/x/sys/unix"
)

// attachment is a System V segment that the guest has attached.
type attachment struct {
	id          uint32 // of its areas
	start, size uint64
}

const (
	shmRdonly = 0o10000
	shmRnd    = 0o20000
	shmRemap  = 0o40000
	shmExec   = 0o100000
)

// Shmat is shmat(2). On failure the address is 0. Segments of huge pages give
// ENOMEM.
func (m *Memory) Shmat(id int32, addr uint64, flags int32) (uint64, unix.Errno) {
	if addr&pageMask != 0 {
		if flags&shmRnd == 0 {
			return 0, unix.EINVAL
		}
		addr &^= pageMask
		if addr == 0 && flags&shmRemap != 0 {
			return 0, unix.EINVAL
		}
	} else if addr == 0 && flags&shmRemap != 0 {
		return 0, unix.EINVAL
	}
	huge, errno := hasHugePages(id)
	if errno != 0 {
		return 0, errno
	}
	if huge {
		return 0, unix.ENOMEM
	}
	// The kernel attaches it where it likes, outside, so that its size is known
	// before it goes anywhere in the guest's memory.
	host, errno := shmatAnywhere(id, flags&^(shmRnd|shmRemap|shmExec))
	if errno != 0 {
		return 0, errno
	}
	size, errno := segmentSize(id)
	if errno != 0 {
		shmdtHost(host)
		return 0, errno
	}

	m.mu.Lock()
	defer m.mu.Unlock()
	to, errno := m.placeSegment(addr, size, flags)
	if errno == 0 && !m.mayMap(area{start: to, end: to + size, kind: shared}) {
		errno = unix.ENOMEM
	}
	if errno == 0 {
		m.dropAhead(to, to+size)
		_, errno = remap(host, size, size, mremapMaymove|mremapFixed, m.base+uintptr(to))
	}
	if errno != 0 {
		shmdtHost(host)
		return 0, errno
	}
	a := area{start: to, end: to + size, prot: allAccess, kind: shared, id: m.newID()}
	if flags&shmRdonly != 0 {
		a.prot = unix.PROT_READ
	}
	m.areas.insert(a)
	// The pages of a segment that was unmapped in other ways are forgotten here.
	m.attached = slices.DeleteFunc(m.attached, func(s attachment) bool { return !m.hasArea(s) })
	m.attached = append(m.attached, attachment{id: a.id, start: to, size: size})
	return to, 0
}

// placeSegment finds the address at which a segment goes.
func (m *Memory) placeSegment(addr, size uint64, flags int32) (uint64, unix.Errno) {
	if addr == 0 {
		to, ok := m.pick(0, size, PageSize)
		if !ok {
			return 0, unix.ENOMEM
		}
		return to, 0
	}
	if errno := m.checkFixed(addr, size, 0); errno != 0 {
		return 0, errno
	}
	if flags&shmRemap == 0 && !m.areas.free(addr, addr+size) {
		return 0, unix.EINVAL
	}
	return addr, 0
}

// Shmdt is shmdt(2): it unmaps what is left of the segment attached at addr.
func (m *Memory) Shmdt(addr uint64) unix.Errno {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := slices.IndexFunc(m.attached, func(s attachment) bool { return s.start == addr && m.hasArea(s) })
	if i < 0 {
		return unix.EINVAL
	}
	s := m.attached[i]
	for at := s.start; at < s.start+s.size; {
		a, ok := m.areas.find(at)
		if !ok || a.id != s.id {
			at += PageSize
			continue
		}
		if errno := m.unmap(at, a.end); errno != 0 {
			return errno
		}
		at = a.end
	}
	m.attached = slices.Delete(m.attached, i, i+1)
	return 0
}

// hasArea reports whether a page of an attached segment is still mapped.
func (m *Memory) hasArea(s attachment) bool {
	return slices.ContainsFunc(m.areas.within(s.start, s.start+s.size), func(a area) bool { return a.id == s.id })
}

// moveAttachment follows a mapping that mremap has moved, so that Shmdt finds
// it by its new address.
func (m *Memory) moveAttachment(from, to area) {
	for i, s := range m.attached {
		if s.id == from.id && s.start == from.start && from.id != 0 {
			m.attached[i] = attachment{id: to.id, start: to.start, size: to.size()}
		}
	}
}

package wali

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"walisup/wali/safecopy"
)

// guestPollfd is the size of struct pollfd, the same on both sides: fd at 0,
// events at 4, revents at 6.
const guestPollfd = 8

// neverOpen is a descriptor beyond any limit. poll reports it as POLLNVAL.
const neverOpen = 1<<31 - 1

func sysPoll(t *Thread, a Args) int64 {
	fds := t.pollfds(a.Ptr(0), a[1])
	r := t.poll(fds.array, uintptr(a[1]), uintptr(a[2]))
	return t.pollResult(fds, r)
}

func sysPpoll(t *Thread, a Args) int64 {
	fds := t.pollfds(a.Ptr(0), a[1])
	r := t.block(unix.SYS_PPOLL, fds.array, uintptr(a[1]), t.Memory.Host(a.Ptr(2)), t.signalSet(a.Ptr(3), a.Uint(4)), uintptr(a[4]), 0)
	return t.pollResult(fds, r)
}

// sysPause is pause(2): waiting for nothing.
func sysPause(t *Thread, _ Args) int64 {
	return t.block(unix.SYS_PPOLL, 0, 0, 0, 0, 0, 0)
}

// pollArray is what the kernel gets for the guest's pollfds: the guest's own
// array, or a copy if the helper's descriptors had to be taken out.
type pollArray struct {
	array uintptr
	guest uint32
	copy  []byte // nil if array is the guest's
}

// pollfds looks for the helper's descriptors in the n pollfds at p. A guest that
// changes the array meanwhile learns at most whether such a descriptor is
// readable.
func (t *Thread) pollfds(p uint32, n uint64) pollArray {
	fds := pollArray{array: t.Memory.Host(p), guest: p}
	if p == 0 || n > maxPollScan {
		return fds
	}
	for i := range uintptr(n) {
		fd, ok := safecopy.Load32(fds.array + i*guestPollfd)
		if !ok {
			return fds
		}
		if t.ownsFD(int32(fd)) {
			return t.copyPollfds(fds, int(n))
		}
	}
	return fds
}

// maxPollScan is the most pollfds that are looked at: the kernel takes no more
// than RLIMIT_NOFILE, and those that a copy has no room for are an attack.
const maxPollScan = scratchSize / guestPollfd / 2

// copyPollfds copies the array, with descriptors that are never open in place
// of the helper's.
func (t *Thread) copyPollfds(fds pollArray, n int) pollArray {
	b := t.alloc(n * guestPollfd)
	if t.Memory.Read(fds.guest, b) != 0 {
		return fds
	}
	for i := range n {
		if entry := b[i*guestPollfd:]; t.ownsFD(int32(binary.LittleEndian.Uint32(entry))) {
			binary.LittleEndian.PutUint32(entry, neverOpen)
		}
	}
	fds.copy, fds.array = b, address(b)
	return fds
}

// pollResult stores the events found in the guest's array, if that is not done,
// and returns r.
func (t *Thread) pollResult(fds pollArray, r int64) int64 {
	if fds.copy == nil || r < 0 {
		return r
	}
	for i := 0; i < len(fds.copy); i += guestPollfd {
		revents := fds.copy[i+6 : i+8]
		if t.Memory.Write(fds.guest+uint32(i)+6, revents) != 0 {
			return errno(unix.EFAULT)
		}
	}
	return r
}

func sysSelect(t *Thread, a Args) int64 {
	if e := t.guardSets(a); e != 0 {
		return errno(e)
	}
	m := t.Memory
	return t.selectFDs(uintptr(a[0]), m.Host(a.Ptr(1)), m.Host(a.Ptr(2)), m.Host(a.Ptr(3)), a.Ptr(4))
}

func sysPselect6(t *Thread, a Args) int64 {
	if e := t.guardSets(a); e != 0 {
		return errno(e)
	}
	m := t.Memory
	return t.block(unix.SYS_PSELECT6, uintptr(a[0]), m.Host(a.Ptr(1)), m.Host(a.Ptr(2)), m.Host(a.Ptr(3)), m.Host(a.Ptr(4)), t.pselectMask(a.Ptr(5)))
}

// guardSets returns EBADF if one of the three sets of select has a descriptor
// of the helper's. Nothing is looked at unless the sets reach that far, which
// those of a program never do: the helper's lie above its limit.
func (t *Thread) guardSets(a Args) unix.Errno {
	n := a.Int(0)
	if n < 0 || uint32(n) <= t.ReservedFD {
		return 0
	}
	if e := t.guardSetsFrom(t.ReservedFD, a); e != 0 || t.SpareFD == t.ReservedFD {
		return e
	}
	return t.guardSetsFrom(t.SpareFD, a)
}

func (t *Thread) guardSetsFrom(first uint32, a Args) unix.Errno {
	for set := 1; set <= 3; set++ {
		p := a.Ptr(set)
		if p == 0 {
			continue
		}
		end := min(a.Uint(0), first+ReservedFDs)
		for fd := first; fd < end; fd++ {
			// Bit fd of an array of 64-bit words, by its 32-bit halves.
			word, e := t.Memory.Load32(p + fd/32*4)
			if e != 0 {
				return 0 // the kernel finds it too
			}
			if word>>(fd%32)&1 != 0 {
				return unix.EBADF
			}
		}
	}
	return 0
}

// pselectMask converts argument 6 of pselect6, a pointer to a pointer to a
// signal set and its size, each in 64 bits.
func (t *Thread) pselectMask(p uint32) uintptr {
	if p == 0 {
		return 0
	}
	set, e0 := t.Memory.Load64(p)
	size, e1 := t.Memory.Load64(p + 8)
	if e0|e1 != 0 || set >= 1<<32 {
		return badAddress
	}
	b := t.alloc(16)
	binary.LittleEndian.PutUint64(b, uint64(t.signalSet(uint32(set), uint32(min(size, 1<<32-1)))))
	binary.LittleEndian.PutUint64(b[8:], size)
	return address(b)
}

// signalSetSize is the size of the kernel's sigset_t.
const signalSetSize = 8

// signalSet returns the address of a set of signals to wait with, for the
// kernel: a copy of the guest's at p, without what the guest must not block.
func (t *Thread) signalSet(p, size uint32) uintptr {
	if p == 0 || size != signalSetSize {
		return t.Memory.Host(p) // the kernel refuses another size
	}
	set, e := t.Memory.Load64(p)
	if e != 0 {
		return badAddress
	}
	return t.waitMask(set)
}

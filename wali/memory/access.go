//go:build linux && (amd64 || arm64)

package memory

import (
	"bytes"

	"golang.org/x/sys/unix"
)

// Host returns the address to give to the kernel for the guest pointer p. NULL
// stays NULL, since many calls give it a meaning of its own.
//
// No pointer is refused. Any pointer with any 32-bit length stays inside the
// reservation, where the kernel finds what is bad about it.
func (m *Memory) Host(p uint32) uintptr {
	if p == 0 {
		return 0
	}
	return m.base + uintptr(p)
}

// HostAlways is Host for calls where 0 is an address like any other.
func (m *Memory) HostAlways(p uint32) uintptr { return m.base + uintptr(p) }

// Guest returns the guest pointer for an address from Host, and 0 for NULL.
func (m *Memory) Guest(host uintptr) uint32 {
	if host == 0 {
		return 0
	}
	return uint32(host - m.base)
}

// Contains reports whether a host address lies in the reservation, mapped or
// not. Fault handling uses it to tell the guest's faults from others.
func (m *Memory) Contains(host uintptr) bool { return host-m.base < span }

// IsMapped reports whether the guest has anything mapped at a guest address, be it
// accessible or not.
func (m *Memory) IsMapped(addr uint64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.areas.find(addr)
	return ok
}

// FirstAccessible returns the lowest guest address from addr on that the guest can read
// or write, or Limit if there is none.
func (m *Memory) FirstAccessible(addr uint64) uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range m.areas.within(addr, m.limit) {
		if a.prot != 0 {
			return max(a.start, addr)
		}
	}
	return m.limit
}

// Read copies guest memory at p to dst. If a byte cannot be read it returns
// EFAULT, and what dst then holds is unspecified. dst has at most 4 GiB.
func (m *Memory) Read(p uint32, dst []byte) unix.Errno {
	if m.readSome(p, dst) != len(dst) {
		return unix.EFAULT
	}
	return 0
}

// Write copies src to guest memory at p. If a byte cannot be written it returns
// EFAULT, with those before it written. src has at most 4 GiB.
func (m *Memory) Write(p uint32, src []byte) unix.Errno {
	if m.writeSome(p, src) != len(src) {
		return unix.EFAULT
	}
	return 0
}

// ReadCString copies the string at p, which ends with a NUL byte, to buf, and
// returns its length without the NUL. It returns EFAULT if the string runs into
// memory that cannot be read, and ENAMETOOLONG if buf is filled before the
// NUL, as Linux does with paths.
func (m *Memory) ReadCString(p uint32, buf []byte) (n int, errno unix.Errno) {
	// Most strings are short: look at little first.
	for chunk := 64; n < len(buf); chunk *= 4 {
		part := buf[n:min(n+chunk, len(buf))]
		// A string that reaches the end of the 32-bit range does not go
		// on at address 0 but faults in the guard.
		got := m.readSomeAt(uint64(p)+uint64(n), part)
		if end := bytes.IndexByte(part[:got], 0); end >= 0 {
			return n + end, 0
		}
		if got < len(part) {
			return 0, unix.EFAULT
		}
		n += got
	}
	return 0, unix.ENAMETOOLONG
}

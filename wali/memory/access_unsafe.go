//go:build linux && (amd64 || arm64)

package memory

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"walisup/wali/safecopy"
)

// Bytes returns the wasm memory, from guest address 0 to Size. It is for the
// engine. Go code that touches a page of it which is not mapped crashes; the
// accessors do not.
func (m *Memory) Bytes() []byte {
	// The base goes through a pointer because vet takes a conversion from
	// uintptr for a mistake. The memory is not the Go runtime's.
	return unsafe.Slice(*(**byte)(unsafe.Pointer(&m.base)), m.total)
}

// Load32 reads the word at p, in one access if p is aligned.
func (m *Memory) Load32(p uint32) (uint32, unix.Errno) {
	v, ok := safecopy.Load32(m.base + uintptr(p))
	if !ok {
		return 0, unix.EFAULT
	}
	return v, 0
}

// Load64 reads the double word at p, in one access if p is aligned.
func (m *Memory) Load64(p uint32) (uint64, unix.Errno) {
	v, ok := safecopy.Load64(m.base + uintptr(p))
	if !ok {
		return 0, unix.EFAULT
	}
	return v, 0
}

// Store32 writes the word at p, in one access if p is aligned.
func (m *Memory) Store32(p uint32, v uint32) unix.Errno {
	if !safecopy.Store32(m.base+uintptr(p), v) {
		return unix.EFAULT
	}
	return 0
}

// Store64 writes the double word at p, in one access if p is aligned.
func (m *Memory) Store64(p uint32, v uint64) unix.Errno {
	if !safecopy.Store64(m.base+uintptr(p), v) {
		return unix.EFAULT
	}
	return 0
}

// CompareAndSwap32 replaces the aligned word at p by new if it equals old, and
// returns the word it found.
func (m *Memory) CompareAndSwap32(p uint32, old, new uint32) (uint32, unix.Errno) {
	if p&3 != 0 {
		return 0, unix.EINVAL
	}
	prev, ok := safecopy.CompareAndSwap32(m.base+uintptr(p), old, new)
	if !ok {
		return 0, unix.EFAULT
	}
	return prev, 0
}

func (m *Memory) readSome(p uint32, dst []byte) int { return m.readSomeAt(uint64(p), dst) }

// readSomeAt returns how many bytes could be read. The sum of addr and the
// length is below 8 GiB.
func (m *Memory) readSomeAt(addr uint64, dst []byte) int {
	n := uintptr(len(dst))
	return int(n - safecopy.CopyIn(unsafe.Pointer(unsafe.SliceData(dst)), m.base+uintptr(addr), n))
}

func (m *Memory) writeSome(p uint32, src []byte) int {
	n := uintptr(len(src))
	return int(n - safecopy.CopyOut(m.base+uintptr(p), unsafe.Pointer(unsafe.SliceData(src)), n))
}

// WriteString is Write for a string.
func (m *Memory) WriteString(p uint32, s string) unix.Errno {
	return m.Write(p, unsafe.Slice(unsafe.StringData(s), len(s)))
}

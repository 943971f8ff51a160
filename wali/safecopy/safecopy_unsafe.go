//go:build linux && (amd64 || arm64)

package safecopy

import "unsafe"

// CopyIn copies n bytes from src, a foreign address (one that the Go runtime does not
// manage), to dst, in ascending order, and returns how many were left uncopied when an
// access faulted: 0 means that all were copied. At a fault all bytes before the first one
// that is inaccessible have been copied. The two must not overlap unless dst lies before src.
//
//go:noescape
func CopyIn(dst unsafe.Pointer, src uintptr, n uintptr) (left uintptr)

// CopyOut is CopyIn in the other direction: dst is the foreign address.
//
//go:noescape
func CopyOut(dst uintptr, src unsafe.Pointer, n uintptr) (left uintptr)

// Load32 reads the word at addr. If the access faults it returns 0, false.
//
//go:noescape
func Load32(addr uintptr) (v uint32, ok bool)

// Load64 reads the double word at addr. If the access faults it returns 0,
// false.
//
//go:noescape
func Load64(addr uintptr) (v uint64, ok bool)

// Store32 writes the word at addr and returns false if the access faults.
//
//go:noescape
func Store32(addr uintptr, v uint32) (ok bool)

// Store64 writes the double word at addr and returns false if the access
// faults.
//
//go:noescape
func Store64(addr uintptr, v uint64) (ok bool)

// CompareAndSwap32 replaces the word at addr by new if it equals old, and
// returns what it found there; the word was replaced if prev == old. The
// address must be aligned to 4. If the access faults it returns 0, false.
//
//go:noescape
func CompareAndSwap32(addr uintptr, old, new uint32) (prev uint32, ok bool)

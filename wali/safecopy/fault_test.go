//go:build linux && (amd64 || arm64)

package safecopy

import "runtime/debug"

// readWithPanic reads p[i] and returns the panic that comes of it.
//
//go:noinline
func readWithPanic(p []byte, i uintptr) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { err, _ = recover().(error) }()
	sink += uint32(p[i])
	return nil
}

//go:build amd64 || arm64

package sigcatch

// pipe is the descriptor that the handler writes to.
//
//lint:ignore U1000 the handler reads it
var pipe uintptr

// entries returns the addresses of the handler and of the code that returns
// from it.
func entries() (handler, restorer uintptr)

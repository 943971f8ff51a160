package ipc

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Offsets into the helper's private descriptor range, see the package comment.
const (
	HelperOffset  = 0 // the helper's executable
	BootOffset    = 1 // the boot record
	ModuleOffset  = 2 // the module
	ChannelOffset = 3 // the channel to the supervisor, reserved

	// ReservedFDs is the size of the private range.
	ReservedFDs = 16
)

const (
	// lowestReserved leaves a guest enough descriptors to work with even if the
	// caller's limit is tiny.
	lowestReserved = 64

	// highestReserved bounds the kernel's descriptor table: it is an array, and
	// a limit of a billion (usual in containers) must not make it gigabytes.
	highestReserved = 1<<16 - ReservedFDs

	execPrefix = "/proc/self/fd/"
)

// FirstReserved returns N, the first descriptor of the private range, for a
// first helper that starts under the given soft and hard RLIMIT_NOFILE. It is
// the caller's soft limit itself, if the hard limit has room above it, so that
// a guest sees the limit that its user has set.
func FirstReserved(soft, hard uint64) int {
	n := soft
	if hard-ReservedFDs < n || hard < ReservedFDs {
		n = max(hard, ReservedFDs) - ReservedFDs
	}
	return int(min(max(n, lowestReserved), highestReserved))
}

// ExecPath returns the path through which the helper executable at descriptor
// n is to be started.
func ExecPath(n int) string { return execPrefix + strconv.Itoa(n) }

// ErrExecPath means that a helper was not started through [ExecPath].
var ErrExecPath = errors.New("not started by walisup")

// ParseExecPath is the inverse of [ExecPath]: it returns the first descriptor
// of the private range from the path (AT_EXECFN) that a helper was started by.
func ParseExecPath(path string) (n int, err error) {
	n, err = strconv.Atoi(strings.TrimPrefix(path, execPrefix))
	if err != nil || n < lowestReserved || n > highestReserved || path != ExecPath(n) {
		return 0, fmt.Errorf("%q: %w", path, ErrExecPath)
	}
	return n, nil
}

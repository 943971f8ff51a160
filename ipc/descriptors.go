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
	ChannelOffset = 3 // the channel to the supervisor, if there is one
	EntryOffset   = 4 // the compiled module, or where a compiling helper puts it
	ReadyOffset   = 5 // a socket on which the helper says that the guest runs
	TraceOffset   = 6 // the pipe for trace records, if there is one
	WASIOffset    = 7 // the module of Boot.WASI, if there is one
	ReportOffset  = 9 // walisup's standard error, or the instance's log, if it can be written to
	CodeOffset    = 8 // a socket of the code service, for a confined guest

	// LayerOffset is the first of MaxLayers: the module of a layer, and once the helper has
	// it its compiled form. Offsets 10 to 15 are package wali's.
	LayerOffset = 16

	// ReservedFDs is the size of the private range.
	ReservedFDs = LayerOffset + MaxLayers
)

const (
	// DefaultFiles is how many descriptors a guest can have if nobody asks for
	// more. The kernel's table reaches up to the highest open descriptor, which
	// is one of ours, and every fork walks it: up to here that takes 5 us, up to
	// 4096 it takes 20, of 150 that a fork takes natively.
	DefaultFiles = 1024

	// lowestReserved leaves a guest enough descriptors to work with even if the
	// caller's limit is tiny.
	lowestReserved = 64

	// MaxFiles is the highest number of descriptors that a guest can have.
	MaxFiles = 1<<16 - ReservedFDs

	execPrefix = "/proc/self/fd/"

	// descriptorPrefix is what the kernel makes of a program that execveat
	// gets as a descriptor.
	descriptorPrefix = "/dev/fd/"
)

// LeastFiles is the hard RLIMIT_NOFILE below which no helper can start.
const LeastFiles = lowestReserved + ReservedFDs

// FirstReserved returns N, the first descriptor of the private range, for
// guests that want the given number of files and a first helper that starts
// under the given hard RLIMIT_NOFILE.
func FirstReserved(files, hard uint64) int {
	n := min(files, max(hard, ReservedFDs)-ReservedFDs)
	return int(min(max(n, lowestReserved), MaxFiles))
}

// maxReserved is the highest first descriptor of a private range, by Linux's own limit
// unless somebody has raised that (fs.nr_open).
const maxReserved = 1<<20 - ReservedFDs

// SpareReserved returns where the private range at first moves when the guest wants the
// numbers for itself: to the last ones under the hard limit, or first if there is no
// such place. Nothing is there before, and no guest can ever use these numbers: so no
// call that is under way when the range moves can mean them.
func SpareReserved(first int, hard uint64) int {
	if n := int(min(hard, maxReserved+ReservedFDs)) - ReservedFDs; n >= first+ReservedFDs {
		return n
	}
	return first
}

// ExecPath returns the path through which the helper executable at descriptor
// n is to be started.
func ExecPath(n int) string { return execPrefix + strconv.Itoa(n) }

// ErrExecPath means that a helper was not started through [ExecPath].
var ErrExecPath = errors.New("not started by walisup")

// ParseExecPath returns the first descriptor of the private range from the path
// (AT_EXECFN) that a helper was started by: [ExecPath], or what the kernel makes
// of a start by descriptor.
func ParseExecPath(path string) (n int, err error) {
	number, byDescriptor := strings.CutPrefix(path, descriptorPrefix)
	if !byDescriptor {
		number = strings.TrimPrefix(path, execPrefix)
	}
	n, err = strconv.Atoi(number)
	if err != nil || n < lowestReserved || n > maxReserved ||
		path != ExecPath(n) && path != descriptorPrefix+strconv.Itoa(n) {
		return 0, fmt.Errorf("%q: %w", path, ErrExecPath)
	}
	return n, nil
}

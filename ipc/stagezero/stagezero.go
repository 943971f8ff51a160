// Package stagezero runs before the Go runtime does.
//
// A helper must look, from its first instruction on, like the process that the
// guest believes to be: the Go runtime's own start would replace inherited
// signal dispositions, open /dev/null in place of closed standard descriptors,
// register non-blocking ones with an epoll instance and read the guest's
// environment for settings of its own. The ELF entry points in this package
// (link with -E) run first, on the kernel's initial stack, and
//
//   - record the signal mask, the ignored signals and the descriptor limits
//     that exec passed on,
//   - end the process with a line about it if a resource limit does not leave the
//     runtime what it needs, and raise those that guests have instead (walisup only;
//     Limits),
//   - block every signal but SIGILL, SIGBUS, SIGFPE and SIGSEGV, so that all
//     threads of the runtime inherit that,
//   - reserve the address space of the linear memory and of those of layers (helper only),
//   - note which standard descriptors are closed (in a helper a file of no consequence
//     takes their numbers until RestoreStandard),
//   - move non-blocking standard descriptors out of the runtime's sight
//     (helper only; RestoreStandard brings them back),
//   - hand the runtime a vector with its own settings in place of the guest's
//     arguments and environment (helper only; Args and Environ give those).
//
// The entry code has no stack to speak of, no thread-local storage and no
// runtime: it is assembly that makes system calls and writes this package's
// variables. In a program linked without -E the package is inert and Active
// reports false.
package stagezero

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Written by the entry code.
var (
	active   uint64
	mask     uint64
	ignored  uint64
	noFile   [2]uint64 // soft and hard
	limits   [3][2]uint64
	short    uint64  // not enough processes can be made
	vector   uintptr // the kernel's initial stack: argc, argv, NULL, envp, NULL, auxv
	standard [3]standardFD
	reserved uint64
	layers   uint64
)

// The entry code of a helper reserves the address space of the linear memory, which
// the engine wants at a fixed address: the Go runtime puts its heap at a random
// one, and that may be there.
const (
	ReservedBase = 0x1000_0000
	ReservedSize = 8<<30 + 64<<10
)

// The entry code also reserves, if it can, the address space for the memories of all
// layers that a process may have, one behind the other. Whoever has no layers gives it
// back by ReleaseLayers.
const (
	LayersBase = 0x3_0000_0000
	LayersSize = 8 * LayerStride

	// LayerStride is from the beginning of one memory to that of the next: a multiple of
	// the size of huge pages.
	LayerStride = 9 << 30
)

// LayersReserved reports whether the entry code could reserve that address space.
func LayersReserved() bool { return layers != 0 }

// ReleaseLayers gives back what is reserved for layers from address from on.
func ReleaseLayers(from uintptr) {
	if layers != 0 && from < LayersBase+LayersSize {
		unix.Syscall(unix.SYS_MUNMAP, from, LayersBase+LayersSize-from, 0)
	}
}

// Reserved reports whether the entry code could reserve that address space. It is
// mapped without access then, for the caller to map over.
func Reserved() bool { return reserved != 0 }

// standardFD says what the entry code found at descriptors 0 to 2.
type standardFD struct {
	state uint32 // one of the fd constants
	flags uint32 // FD_CLOEXEC
	moved int64  // where a non-blocking one waits
}

const (
	fdPlain  = 0 // left alone
	fdClosed = 1
	fdMoved  = 2
)

// Active reports whether the process was started through an entry point of
// this package.
func Active() bool { return active != 0 }

// Mask is the signal mask that exec passed on; bit n-1 stands for signal n.
func Mask() uint64 { return mask }

// Ignored is the set of signals that exec passed on as ignored.
func Ignored() uint64 { return ignored }

// NoFile is the soft and the hard RLIMIT_NOFILE that exec passed on. The Go
// runtime raises the soft one before main.
func NoFile() (soft, hard uint64) { return noFile[0], noFile[1] }

// Limits returns the soft and hard limits of resources (setrlimit(2)) that the entry code
// of walisup has raised for itself, and that are the guest's.
func Limits(yield func(resource int, soft, hard uint64)) {
	for i, resource := range [...]int{unix.RLIMIT_DATA, unix.RLIMIT_AS, unix.RLIMIT_FSIZE} {
		if l := limits[i]; active != 0 && l[0] != unix.RLIM_INFINITY {
			yield(resource, l[0], l[1])
		}
	}
}

// StandardClosed reports whether descriptor fd, 0 to 2, was closed at exec. Something else
// has its number: /dev/null in walisup, which the Go runtime opens.
func StandardClosed(fd int) bool { return standard[fd].state == fdClosed }

// RestoreStandard gives descriptors 0 to 2 back their state of before the Go
// runtime started. To be called once, before anything else opens a descriptor.
func RestoreStandard() {
	for fd, s := range standard {
		switch s.state {
		case fdClosed:
			unix.Close(fd)
		case fdMoved:
			unix.Dup3(int(s.moved), fd, int(s.flags)*unix.O_CLOEXEC)
			unix.Close(int(s.moved))
		}
	}
}

// Args returns the arguments that exec was given. The strings alias the
// process's initial stack and must not be written to.
func Args() []string {
	strings, _ := stringVector(vector + 8)
	return strings
}

// Environ returns the environment that exec was given, aliased like Args.
func Environ() []string {
	_, next := stringVector(vector + 8)
	strings, _ := stringVector(next)
	return strings
}

// ExecPath returns the path that exec was called with (AT_EXECFN, getauxval(3)).
func ExecPath() string {
	const atExecFn = 31
	if path := auxiliary(atExecFn); path != 0 {
		return cString(path)
	}
	return ""
}

// PreservesArgv0 reports whether binfmt_misc has started the program with the path of the file
// to interpret and its argv[0] in place of argv[0] (AT_FLAGS, linux/binfmts.h; Linux 5.12).
func PreservesArgv0() bool {
	const (
		atFlags       = 8
		preserveArgv0 = 1
	)
	return auxiliary(atFlags)&preserveArgv0 != 0
}

// ExecFD returns the descriptor of the file to interpret, if binfmt_misc has opened it
// (AT_EXECFD, getauxval(3)).
func ExecFD() (fd int, ok bool) {
	const atExecFD = 2
	value, ok := auxiliaryEntry(atExecFD)
	return int(value), ok
}

// ImageHead returns the first page of the program's image, which begins as its file
// does, or nil if the kernel did not tell where it is. It must not be written to.
func ImageHead() []byte {
	const (
		atPHdr   = 3 // program headers, which follow the ELF header
		pageSize = 4096
	)
	headers := auxiliary(atPHdr)
	if headers == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(pointer(headers&^(pageSize-1))), pageSize)
}

// auxiliary returns an entry of the auxiliary vector, 0 if it is not there; getauxval(3).
func auxiliary(kind uintptr) uintptr {
	value, _ := auxiliaryEntry(kind)
	return value
}

func auxiliaryEntry(kind uintptr) (value uintptr, ok bool) {
	if vector == 0 {
		return 0, false
	}
	_, next := stringVector(vector + 8)
	_, p := stringVector(next)
	for ; word(p) != 0; p += 16 {
		if word(p) == kind {
			return word(p + 8), true
		}
	}
	return 0, false
}

// stringVector reads the NULL-terminated array of C strings at p and returns
// the address behind it.
func stringVector(p uintptr) (strings []string, next uintptr) {
	if vector == 0 {
		return nil, 0
	}
	n := 0
	for word(p+uintptr(n)*8) != 0 {
		n++
	}
	strings = make([]string, n)
	for i := range strings {
		strings[i] = cString(word(p + uintptr(i)*8))
	}
	return strings, p + uintptr(n+1)*8
}

func word(p uintptr) uintptr { return *(*uintptr)(pointer(p)) }

func cString(p uintptr) string {
	n := 0
	for *(*byte)(pointer(p + uintptr(n))) != 0 {
		n++
	}
	return unsafe.String((*byte)(pointer(p)), n)
}

// pointer turns an address on the initial stack, which the collector does not
// manage, into a pointer.
func pointer(p uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&p)) }

package wali

import (
	"strings"

	"walisup/wali/memory"
)

// Args holds a call's arguments after conversion by their C types: signed
// integers sign-extended to 64 bits, everything else zero-extended. Pointers
// are guest addresses.
type Args [6]uint64

// Int returns argument i as a C int.
func (a *Args) Int(i int) int32 { return int32(a[i]) }

// Uint returns argument i as a C unsigned int.
func (a *Args) Uint(i int) uint32 { return uint32(a[i]) }

// Ptr returns argument i as a guest pointer.
func (a *Args) Ptr(i int) uint32 { return uint32(a[i]) }

// Long returns argument i as a C long.
func (a *Args) Long(i int) int64 { return int64(a[i]) }

// argKind says how an argument is converted and what the kernel is given.
type argKind uint8

const (
	argSigned   argKind = iota // int and its like: 32 bits, sign-extended
	argUnsigned                // unsigned int, size_t, mode_t: 32 bits, zero-extended
	argLong                    // long, off_t: 64 bits
	argPointer                 // guest address
	argFD                      // int that names a descriptor
	argNewFD                   // int that a descriptor is to get as its number
)

// convert turns a raw wasm value into an argument. wide says that the module
// declares the parameter as i64.
func (k argKind) convert(v uint64, wide bool) uint64 {
	switch k {
	case argSigned, argFD, argNewFD:
		return uint64(int64(int32(v)))
	case argLong:
		if wide {
			return v
		}
		return uint64(int64(int32(v)))
	default:
		return uint64(uint32(v))
	}
}

// host turns an argument into what the kernel takes in its place.
func (k argKind) host(v uint64, m *memory.Memory) uintptr {
	if k == argPointer {
		return m.Host(uint32(v))
	}
	return uintptr(v)
}

// parseArgs reads a C parameter list such as "int fd, void* buf, size_t count".
func parseArgs(list string) (kinds [6]argKind, n int) {
	for len(list) > 0 {
		var decl string
		if i := strings.IndexByte(list, ','); i >= 0 {
			decl, list = list[:i], list[i+1:]
		} else {
			decl, list = list, ""
		}
		kinds[n] = parseArg(strings.TrimSpace(decl))
		n++
	}
	return kinds, n
}

func parseArg(decl string) argKind {
	for i := len(decl) - 1; i >= 0; i-- {
		if decl[i] == '*' {
			return argPointer
		}
	}
	space := len(decl) - 1
	for space > 0 && decl[space] != ' ' {
		space--
	}
	ctype, name := strings.TrimSpace(decl[:space]), decl[space+1:]
	switch ctype {
	case "int":
		if name == "newfd" {
			return argNewFD
		}
		if isDescriptor(name) {
			return argFD
		}
		return argSigned
	case "pid_t", "clockid_t", "key_t", "id_t", "timer_t", "int32_t":
		return argSigned
	case "long", "unsigned long", "off_t", "loff_t", "nfds_t", "time_t", "uint64_t":
		return argLong
	case "unsigned int", "size_t", "mode_t", "uid_t", "gid_t", "socklen_t", "dev_t", "uint32_t":
		return argUnsigned
	}
	panic("wali: no kind for C type " + ctype)
}

// isDescriptor reports whether an int of this name is a file descriptor. The
// prototypes in the table name descriptors so and nothing else.
func isDescriptor(name string) bool {
	return len(name) >= 2 && name[len(name)-2:] == "fd" || len(name) > 3 && name[:3] == "fd_"
}

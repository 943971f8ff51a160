package trace

import (
	"encoding/binary"
	"strings"

	"golang.org/x/sys/unix"
)

// maxElements is how many elements of an array are shown.
const maxElements = 32

// decoderOf returns a decoder by the name that specifications use.
func decoderOf(name, table string) func(f *frame, i int) {
	switch name {
	case "const":
		names := tableOf(table)
		return func(f *frame, i int) { f.constant(names, f.constantValue(i)) }
	case "flags":
		return flagsDecoder(table)
	case "data":
		length := int(table[0] - '0')
		return func(f *frame, i int) { f.memory(f.a.Ptr(i), uint64(f.a.Uint(length))) }
	case "addr":
		length := int(table0(table, '2') - '0')
		return func(f *frame, i int) { f.socketAddress(f.a.Ptr(i), f.a.Uint(length)) }
	}
	for _, group := range []func(string) func(*frame, int){basicDecoder, fileDecoder, signalDecoder, timeDecoder, socketDecoder, pollDecoder, otherDecoder} {
		if show := group(name); show != nil {
			return show
		}
	}
	panic("trace: no decoder " + name)
}

func table0(s string, otherwise byte) byte {
	if s == "" {
		return otherwise
	}
	return s[0]
}

// constantValue is an argument to be looked up: an int may be negative, anything
// else is not extended.
func (f *frame) constantValue(i int) uint64 {
	if int32(f.a[i]) < 0 {
		return f.a[i]
	}
	return uint64(uint32(f.a[i]))
}

func flagsDecoder(table string) func(f *frame, i int) {
	names := tableOf(table)
	switch table {
	case "open":
		return func(f *frame, i int) { f.openFlags(f.a.Uint(i)) }
	case "access":
		return func(f *frame, i int) {
			if f.a.Uint(i) == 0 {
				f.str("F_OK")
				return
			}
			f.flags(names, uint64(f.a.Uint(i)))
		}
	case "prot":
		return func(f *frame, i int) {
			if f.a.Uint(i) == 0 {
				f.str("PROT_NONE")
				return
			}
			f.flags(names, uint64(f.a.Uint(i)))
		}
	case "statxat":
		return func(f *frame, i int) {
			v := uint64(f.a.Uint(i))
			if v&0x6000 == 0 {
				f.str("AT_STATX_SYNC_AS_STAT")
				if v != 0 {
					f.moreFlags(names, v, "|")
				}
				return
			}
			f.flags(names, v)
		}
	case "ipc":
		return func(f *frame, i int) {
			v := uint64(f.a.Uint(i))
			if v&^0o777 != 0 {
				f.flags(names, v&^0o777)
				f.raw('|')
			}
			f.octal(v & 0o777)
		}
	}
	return func(f *frame, i int) { f.flags(names, uint64(f.a.Uint(i))) }
}

// conditions returns whether an argument is there.
func conditions(name string) func(f *frame) bool {
	const tmpfile, create = 0x400000, 0x40
	switch name {
	case "":
		return nil
	case "creat":
		return func(f *frame) bool { return f.a[1]&(create|tmpfile) != 0 }
	case "creatat":
		return func(f *frame) bool { return f.a[2]&(create|tmpfile) != 0 }
	case "dev":
		return func(f *frame) bool { return isDevice(f.a[1]) }
	case "devat":
		return func(f *frame) bool { return isDevice(f.a[2]) }
	case "fcntl":
		return func(f *frame) bool {
			switch f.a.Int(1) {
			case unix.F_GETFD, unix.F_GETFL, unix.F_GETOWN, unix.F_GETSIG, unix.F_GETLEASE, unix.F_GETPIPE_SZ, unix.F_GET_SEALS:
				return false
			}
			return true
		}
	case "mremap":
		return func(f *frame) bool { return f.a[3]&(unix.MREMAP_FIXED|unix.MREMAP_DONTUNMAP) != 0 }
	case "futex4", "futex5", "futex6":
		n := int(name[5] - '0')
		return func(f *frame) bool { return futexArguments(f.a.Int(1)) >= n }
	case "prctl2", "prctl3", "prctl4", "prctl5":
		n := int(name[5] - '0')
		return func(f *frame) bool { return prctlArguments(f.a.Int(0)) >= n }
	}
	panic("trace: no condition " + name)
}

// results returns how a result is shown.
func results(name string) func(f *frame) {
	switch name {
	case "pointer":
		return func(f *frame) { f.hex(uint64(uint32(f.result))) }
	case "octal":
		return func(f *frame) { f.octal(uint64(f.result)) }
	case "fcntl":
		return (*frame).fcntlResult
	case "poll":
		return (*frame).pollResult
	case "select":
		return (*frame).selectResult
	case "signal":
		return func(f *frame) {
			f.dec(f.result)
			f.str(" (")
			f.signalName(int(f.result))
			f.raw(')')
		}
	case "sched":
		return func(f *frame) {
			f.dec(f.result)
			if name, ok := lookup(schedNames, uint64(f.result)&^0x40000000); ok {
				f.str(" (")
				f.str(name)
				f.raw(')')
			}
		}
	case "time":
		return func(f *frame) { f.dec(f.result) }
	}
	panic("trace: no result " + name)
}

// showResult writes what follows the equals sign. There is always room for it.
func (f *frame) showResult() {
	f.text.b = f.text.b[:len(f.text.b):len(f.buffer)]
	switch {
	case f.failed():
		e := unix.Errno(-f.result)
		f.b = append(f.b, "-1 "...)
		f.b = append(f.b, errorName(e)...)
		f.b = append(f.b, " ("...)
		message := e.Error()
		if message != "" {
			f.b = append(f.b, strings.ToUpper(message[:1])...)
			f.b = append(f.b, message[1:]...)
		}
		f.b = append(f.b, ')')
	case f.spec.result != nil:
		f.spec.result(f)
	default:
		f.dec(f.result)
	}
}

func errorName(e unix.Errno) string {
	if name := unix.ErrnoName(e); name != "" {
		return name
	}
	return "ERRNO_" + e.Error()
}

// basicDecoder has the decoders of plain values and strings.
func basicDecoder(name string) func(f *frame, i int) {
	switch name {
	case "d":
		return func(f *frame, i int) { f.dec(int64(f.a[i])) }
	case "u":
		return func(f *frame, i int) { f.udec(f.a[i]) }
	case "x":
		return func(f *frame, i int) { f.hex(f.a[i]) }
	case "id":
		return func(f *frame, i int) { f.dec(int64(int32(f.a[i]))) }
	case "mode":
		return func(f *frame, i int) { f.octal(uint64(f.a.Uint(i)) & 0o177777) }
	case "filemode":
		return func(f *frame, i int) { f.fileMode(f.a.Uint(i)) }
	case "ptr":
		return func(f *frame, i int) { f.pointer(f.a.Ptr(i)) }
	case "dirfd":
		return func(f *frame, i int) {
			if f.a.Int(i) == unix.AT_FDCWD {
				f.str("AT_FDCWD")
				return
			}
			f.dec(int64(f.a.Int(i)))
		}
	case "path":
		return func(f *frame, i int) { f.path(f.a.Ptr(i)) }
	case "str":
		return func(f *frame, i int) { f.cstring(f.a.Ptr(i)) }
	case "string": // filled in by the call
		return func(f *frame, i int) {
			if f.failed() {
				f.pointer(f.a.Ptr(i))
				return
			}
			f.path(f.a.Ptr(i))
		}
	case "buffer":
		return func(f *frame, i int) {
			if f.failed() {
				f.pointer(f.a.Ptr(i))
				return
			}
			f.memory(f.a.Ptr(i), min(uint64(f.result), uint64(f.a.Uint(i+1))))
		}
	case "random":
		return func(f *frame, i int) {
			n := min(uint64(max(f.result, 0)), uint64(f.config.Strings))
			b := make([]byte, n)
			if f.failed() || f.t.Memory.Read(f.a.Ptr(i), b) != 0 {
				f.pointer(f.a.Ptr(i))
				return
			}
			f.hexQuote(b)
			if uint64(f.result) > n {
				f.str("...")
			}
		}
	case "strings":
		return func(f *frame, i int) { f.strings(f.a.Ptr(i)) }
	case "environ":
		return func(f *frame, i int) { f.environ(f.a.Ptr(i)) }
	case "intref":
		return func(f *frame, i int) { f.intRef(f.a.Ptr(i)) }
	case "longref":
		return func(f *frame, i int) {
			p := f.a.Ptr(i)
			if v, e := f.t.Memory.Load64(p); p != 0 && e == 0 && !f.failed() {
				f.raw('[')
				f.dec(int64(v))
				f.raw(']')
				return
			}
			f.pointer(p)
		}
	case "pair":
		return func(f *frame, i int) {
			p := f.a.Ptr(i)
			if v, e := f.t.Memory.Load64(p); e == 0 && !f.failed() {
				f.raw('[')
				f.dec(int64(int32(v)))
				f.str(", ")
				f.dec(int64(int32(v >> 32)))
				f.raw(']')
				return
			}
			f.pointer(p)
		}
	case "key":
		return func(f *frame, i int) {
			if f.a.Uint(i) == 0 {
				f.str("IPC_PRIVATE")
				return
			}
			f.hex(uint64(f.a.Uint(i)))
		}
	}
	return nil
}

func (f *frame) intRef(p uint32) {
	if v, e := f.t.Memory.Load32(p); p != 0 && e == 0 && !f.failed() {
		f.raw('[')
		f.dec(int64(int32(v)))
		f.raw(']')
		return
	}
	f.pointer(p)
}

// path writes a string of any length that a path can have.
func (f *frame) path(p uint32) {
	if p == 0 {
		f.str("NULL")
		return
	}
	var b [unix.PathMax]byte
	n, e := f.t.Memory.ReadCString(p, b[:])
	switch e {
	case 0:
		f.quote(b[:n])
	case unix.ENAMETOOLONG:
		f.quote(b[:])
		f.str("...")
	default:
		f.pointer(p)
	}
}

// cstring writes the beginning of a string.
func (f *frame) cstring(p uint32) {
	if p == 0 {
		f.str("NULL")
		return
	}
	var space [1 << 10]byte
	b := space[:min(f.config.Strings+1, len(space))]
	n, e := f.t.Memory.ReadCString(p, b)
	switch e {
	case 0:
		f.quote(b[:n])
	case unix.ENAMETOOLONG:
		f.quote(b[:len(b)-1])
		f.str("...")
	default:
		f.pointer(p)
	}
}

// memory writes n bytes as a string.
func (f *frame) memory(p uint32, n uint64) {
	if p == 0 {
		f.str("NULL")
		return
	}
	var space [1 << 10]byte
	b := space[:min(n, uint64(f.config.Strings), uint64(len(space)))]
	if f.t.Memory.Read(p, b) != 0 {
		f.pointer(p)
		return
	}
	f.quote(b)
	if n > uint64(len(b)) {
		f.str("...")
	}
}

// shortened writes a string of the helper's.
func (f *frame) shortened(s []byte) {
	f.quote(s[:min(len(s), f.config.Strings)])
	if len(s) > f.config.Strings {
		f.str("...")
	}
}

// strings writes an array of strings that ends with NULL.
func (f *frame) strings(p uint32) {
	if p == 0 {
		f.str("NULL")
		return
	}
	if _, e := f.t.Memory.Load32(p); e != 0 {
		f.pointer(p)
		return
	}
	f.raw('[')
	for n := uint32(0); ; n++ {
		s, e := f.t.Memory.Load32(p + 4*n)
		if e == 0 && s == 0 {
			break
		}
		if n > 0 {
			f.str(", ")
		}
		if e != 0 {
			f.str("... /* ")
			f.pointer(p + 4*n)
			f.str(" */")
			break
		}
		if n == maxElements {
			f.str("...")
			break
		}
		f.cstring(s)
	}
	f.raw(']')
}

// environ writes how many strings an array has.
func (f *frame) environ(p uint32) {
	f.pointer(p)
	if p == 0 {
		return
	}
	const most = 1 << 16
	n := uint32(0)
	for ; n < most; n++ {
		s, e := f.t.Memory.Load32(p + 4*n)
		if e != 0 {
			return
		}
		if s == 0 {
			break
		}
	}
	f.str(" /* ")
	f.dec(int64(n))
	if n == 1 {
		f.str(" var */")
		return
	}
	f.str(" vars */")
}

// fields reads a struct. It writes the pointer and reports false where the struct
// is not there to be shown.
func (f *frame) fields(p uint32, b []byte) bool {
	if p == 0 || f.failed() || f.t.Memory.Read(p, b) != 0 {
		f.pointer(p)
		return false
	}
	return true
}

// given is fields for a struct that the call is given, whatever its result.
func (f *frame) given(p uint32, b []byte) bool {
	if p == 0 || f.t.Memory.Read(p, b) != 0 {
		f.pointer(p)
		return false
	}
	return true
}

func u16(b []byte, at int) uint64 { return uint64(binary.LittleEndian.Uint16(b[at:])) }
func u32(b []byte, at int) uint64 { return uint64(binary.LittleEndian.Uint32(b[at:])) }
func u64(b []byte, at int) uint64 { return binary.LittleEndian.Uint64(b[at:]) }
func i32(b []byte, at int) int64  { return int64(int32(binary.LittleEndian.Uint32(b[at:]))) }
func i64(b []byte, at int) int64  { return int64(binary.LittleEndian.Uint64(b[at:])) }

// named writes "name=value" in decimal.
func (f *frame) named(name string, v int64) {
	f.str(name)
	f.raw('=')
	f.dec(v)
}

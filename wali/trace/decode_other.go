package trace

import (
	"bytes"

	"golang.org/x/sys/unix"

	"walisup/wali"
)

// otherDecoder has the decoders that fit nowhere else.
func otherDecoder(name string) func(f *frame, i int) {
	switch name {
	case "rlimit":
		return func(f *frame, i int) {
			var b [16]byte
			if f.fields(f.a.Ptr(i), b[:]) {
				f.str("{rlim_cur=")
				f.limit(u64(b[:], 0))
				f.str(", rlim_max=")
				f.limit(u64(b[:], 8))
				f.raw('}')
			}
		}
	case "rusage":
		return func(f *frame, i int) {
			var b [32]byte
			if f.spec.name != "getrusage" && f.result <= 0 && f.spec.name != "waitid" {
				f.pointer(f.a.Ptr(i))
			} else if f.fields(f.a.Ptr(i), b[:]) {
				f.str("{ru_utime=")
				f.time(b[:16], "tv_usec")
				f.str(", ru_stime=")
				f.time(b[16:], "tv_usec")
				f.str(", ...}")
			}
		}
	case "utsname":
		return func(f *frame, i int) {
			var b [130]byte
			if f.fields(f.a.Ptr(i), b[:]) {
				f.str("{sysname=")
				f.quote(untilNUL(b[:65]))
				f.str(", nodename=")
				f.quote(untilNUL(b[65:]))
				f.str(", ...}")
			}
		}
	case "sysinfo":
		return (*frame).sysinfo
	case "groups":
		return func(f *frame, i int) {
			n := int64(f.a.Uint(i - 1))
			if f.done {
				n = min(n, f.result)
			}
			f.words(f.a.Ptr(i), n)
		}
	case "intstruct": // struct sched_param
		return func(f *frame, i int) { f.intRef(f.a.Ptr(i)) }
	case "cpuset":
		return func(f *frame, i int) {
			n := f.a.Uint(i - 1)
			if f.done {
				n = uint32(min(uint64(n), uint64(max(f.result, 0))))
			}
			if f.failed() {
				n = 0
			}
			f.descriptorSet(f.a.Ptr(i), int32(min(n, 1<<10)*8))
		}
	case "futexval":
		return func(f *frame, i int) { f.dec(int64(f.a.Int(i))) }
	case "futextimeout":
		return func(f *frame, i int) {
			switch futexCommand(f.a.Int(1)) {
			case 3, 4, 5, 12: // REQUEUE, CMP_REQUEUE, WAKE_OP, CMP_REQUEUE_PI: a number
				f.udec(uint64(f.a.Uint(i)))
			default:
				f.timePair(f.a.Ptr(i), "tv_nsec")
			}
		}
	case "futexval3":
		return func(f *frame, i int) {
			switch futexCommand(f.a.Int(1)) {
			case 9, 10:
				if f.a.Uint(i) == 0xffffffff {
					f.str("FUTEX_BITSET_MATCH_ANY")
					return
				}
				f.hex(uint64(f.a.Uint(i)))
			default:
				f.dec(int64(f.a.Int(i)))
			}
		}
	case "prctl":
		return func(f *frame, i int) {
			switch f.a.Int(0) {
			case unix.PR_SET_NAME:
				f.cstring(f.a.Ptr(i))
			case unix.PR_GET_NAME:
				f.pointer(f.a.Ptr(i))
			case unix.PR_SET_PDEATHSIG:
				f.signalName(int(f.a.Int(i)))
			case unix.PR_SET_DUMPABLE, unix.PR_SET_CHILD_SUBREAPER, unix.PR_SET_NO_NEW_PRIVS, unix.PR_SET_KEEPCAPS, unix.PR_SET_TIMERSLACK:
				f.dec(int64(f.a[i]))
			default:
				f.hex(f.a[i])
			}
		}
	case "prctlrest":
		return func(f *frame, i int) { f.hex(f.a[i]) }
	case "ioctl":
		return func(f *frame, i int) { f.ioctlName(f.a.Uint(i)) }
	case "ioctlarg":
		return (*frame).ioctlArgument
	case "sigevent":
		return func(f *frame, i int) { f.pointer(f.a.Ptr(i)) }
	}
	return nil
}

func untilNUL(b []byte) []byte {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		return b[:i]
	}
	return b
}

// limit writes a resource limit.
func (f *frame) limit(v uint64) {
	switch {
	case v == 1<<64-1 && f.spec.name == "prlimit64":
		f.str("RLIM64_INFINITY")
	case v == 1<<64-1:
		f.str("RLIM_INFINITY")
	case v > 1024 && v%1024 == 0:
		f.udec(v / 1024)
		f.str("*1024")
	default:
		f.udec(v)
	}
}

func (f *frame) sysinfo(i int) {
	var b [112]byte
	if !f.fields(f.a.Ptr(i), b[:]) {
		return
	}
	f.str("{")
	f.named("uptime", i64(b[:], 0))
	f.str(", loads=[")
	for n := range 3 {
		if n > 0 {
			f.str(", ")
		}
		f.dec(i64(b[:], 8+8*n))
	}
	f.str("]")
	for n, name := range []string{"totalram", "freeram", "sharedram", "bufferram", "totalswap", "freeswap"} {
		f.str(", ")
		f.named(name, i64(b[:], 32+8*n))
	}
	f.str(", ")
	f.named("procs", int64(u16(b[:], 80)))
	f.str(", ")
	f.named("totalhigh", i64(b[:], 88))
	f.str(", ")
	f.named("freehigh", i64(b[:], 96))
	f.str(", ")
	f.named("mem_unit", int64(u32(b[:], 104)))
	f.raw('}')
}

// words is an array of 32-bit numbers.
func (f *frame) words(p uint32, n int64) {
	if p == 0 || n < 0 {
		f.pointer(p)
		return
	}
	f.raw('[')
	for k := range min(n, maxElements+1) {
		if k > 0 {
			f.str(", ")
		}
		v, e := f.t.Memory.Load32(p + 4*uint32(k))
		if k == maxElements || e != 0 {
			f.str("...")
			break
		}
		f.udec(uint64(v))
	}
	f.raw(']')
}

func futexCommand(op int32) int32 { return op &^ (128 | 256) }

// futexArguments is how many arguments an operation of futex(2) has.
func futexArguments(op int32) int {
	switch futexCommand(op) {
	case 1, 7, 8: // WAKE, UNLOCK_PI, TRYLOCK_PI
		return 3
	case 0, 2, 6, 13: // WAIT, FD, LOCK_PI, LOCK_PI2
		return 4
	case 3: // REQUEUE
		return 5
	default:
		return 6
	}
}

// prctlArguments is how many arguments, with the option itself, are shown.
func prctlArguments(option int32) int {
	switch option {
	case unix.PR_SET_VMA, unix.PR_CAP_AMBIENT, unix.PR_SET_NO_NEW_PRIVS, unix.PR_GET_NO_NEW_PRIVS:
		return 5
	case unix.PR_GET_DUMPABLE, unix.PR_GET_KEEPCAPS, unix.PR_GET_SECCOMP, unix.PR_GET_SECUREBITS, unix.PR_GET_TIMERSLACK, unix.PR_GET_TIMING:
		return 1
	}
	return 2
}

// ioctlName writes a request: by its name if it is one that a guest may make,
// otherwise in its parts.
func (f *frame) ioctlName(request uint32) {
	if name := wali.IoctlName(request); name != "" {
		f.str(name)
		return
	}
	f.str("_IOC(")
	switch request >> 30 {
	case 0:
		f.str("_IOC_NONE")
	case 1:
		f.str("_IOC_WRITE")
	case 2:
		f.str("_IOC_READ")
	default:
		f.str("_IOC_READ|_IOC_WRITE")
	}
	f.str(", ")
	f.hex(uint64(request >> 8 & 0xff))
	f.str(", ")
	f.hex(uint64(request & 0xff))
	f.str(", ")
	f.hex(uint64(request >> 16 & 0x3fff))
	f.raw(')')
}

func (f *frame) ioctlArgument(i int) {
	p := f.a.Ptr(i)
	switch f.a.Uint(i - 1) {
	case unix.TCGETS, unix.TCSETS, unix.TCSETSW, unix.TCSETSF:
		f.termios(p)
	case unix.TIOCGWINSZ, unix.TIOCSWINSZ:
		var b [8]byte
		if f.fields(p, b[:]) {
			f.str("{")
			for n, name := range []string{"ws_row", "ws_col", "ws_xpixel", "ws_ypixel"} {
				if n > 0 {
					f.str(", ")
				}
				f.named(name, int64(u16(b[:], 2*n)))
			}
			f.raw('}')
		}
	case unix.TIOCGPGRP, unix.TIOCSPGRP, unix.TIOCGSID, fionread, unix.TIOCOUTQ, fionbio, unix.TIOCGPTN:
		f.intRef(p)
	default:
		f.hex(uint64(p))
	}
}

// Requests that package unix lacks; asm-generic/ioctls.h.
const (
	fionread = 0x541b
	fionbio  = 0x5421
)

// termios is struct termios in short: four u32 of flags, then the line
// discipline; asm-generic/termbits.h.
func (f *frame) termios(p uint32) {
	var b [60]byte
	if !f.fields(p, b[:]) {
		return
	}
	speeds := []string{"B0", "B50", "B75", "B110", "B134", "B150", "B200", "B300", "B600", "B1200", "B1800", "B2400", "B4800", "B9600", "B19200", "B38400"}
	f.raw('{')
	if speed := u32(b[:], 8) & 0x100f; speed < 16 {
		f.str(speeds[speed])
	} else {
		f.str("B")
		f.hex(speed)
	}
	for _, bit := range []struct {
		at   int
		mask uint64
		name string
	}{{4, 1, "opost"}, {12, 1, "isig"}, {12, 2, "icanon"}, {12, 8, "echo"}} {
		f.raw(' ')
		if u32(b[:], bit.at)&bit.mask == 0 {
			f.raw('-')
		}
		f.str(bit.name)
	}
	f.str(" ...}")
}

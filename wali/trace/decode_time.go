package trace

// timeDecoder has the decoders of times.
func timeDecoder(name string) func(f *frame, i int) {
	switch name {
	case "timespec":
		return func(f *frame, i int) { f.timePair(f.a.Ptr(i), "tv_nsec") }
	case "timeval":
		return func(f *frame, i int) { f.timePair(f.a.Ptr(i), "tv_usec") }
	case "remainder": // filled in only if a signal has interrupted the call
		return func(f *frame, i int) {
			const interrupted = -4
			p := f.a.Ptr(i)
			var b [16]byte
			if p == 0 || f.result != interrupted || f.t.Memory.Read(p, b[:]) != 0 {
				f.pointer(p)
				return
			}
			f.time(b[:], "tv_nsec")
		}
	case "timezone":
		return func(f *frame, i int) {
			var b [8]byte
			if f.fields(f.a.Ptr(i), b[:]) {
				f.raw('{')
				f.named("tz_minuteswest", i32(b[:], 0))
				f.str(", ")
				f.named("tz_dsttime", i32(b[:], 4))
				f.raw('}')
			}
		}
	case "itimerval":
		return func(f *frame, i int) { f.timer(f.a.Ptr(i), "tv_usec") }
	case "itimerspec":
		return func(f *frame, i int) { f.timer(f.a.Ptr(i), "tv_nsec") }
	case "timespecs":
		return func(f *frame, i int) {
			var b [32]byte
			if !f.given(f.a.Ptr(i), b[:]) {
				return
			}
			f.raw('[')
			f.fileTime(b[:16])
			f.str(", ")
			f.fileTime(b[16:])
			f.raw(']')
		}
	case "timevals":
		return func(f *frame, i int) {
			var b [32]byte
			if !f.given(f.a.Ptr(i), b[:]) {
				return
			}
			f.raw('[')
			f.time(b[:16], "tv_usec")
			f.str(", ")
			f.time(b[16:], "tv_usec")
			f.raw(']')
		}
	case "tms":
		return func(f *frame, i int) {
			var b [32]byte
			if f.fields(f.a.Ptr(i), b[:]) {
				f.structOf(b[:], 0, "tms_utime", "tms_stime", "tms_cutime", "tms_cstime")
			}
		}
	}
	return nil
}

// timePair is a struct timespec or timeval.
func (f *frame) timePair(p uint32, fraction string) {
	var b [16]byte
	if f.fields(p, b[:]) {
		f.time(b[:], fraction)
	}
}

func (f *frame) time(b []byte, fraction string) { f.structOf(b, 0, "tv_sec", fraction) }

func (f *frame) timer(p uint32, fraction string) {
	var b [32]byte
	if !f.fields(p, b[:]) {
		return
	}
	f.str("{it_interval=")
	f.time(b[:16], fraction)
	f.str(", it_value=")
	f.time(b[16:], fraction)
	f.raw('}')
}

// fileTime is a timespec of utimensat(2).
func (f *frame) fileTime(b []byte) {
	const now, omit = 1<<30 - 1, 1<<30 - 2
	switch i64(b, 8) {
	case now:
		f.str("UTIME_NOW")
	case omit:
		f.str("UTIME_OMIT")
	default:
		f.time(b, "tv_nsec")
	}
}

// structOf writes consecutive 64-bit numbers as a struct.
func (f *frame) structOf(b []byte, at int, names ...string) {
	f.raw('{')
	for n, name := range names {
		if n > 0 {
			f.str(", ")
		}
		f.named(name, i64(b, at+8*n))
	}
	f.raw('}')
}

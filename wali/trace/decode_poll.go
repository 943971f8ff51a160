package trace

import (
	"golang.org/x/sys/unix"
)

// pollDecoder has the decoders of waiting for descriptors.
func pollDecoder(name string) func(f *frame, i int) {
	switch name {
	case "pollfds":
		return func(f *frame, i int) { f.pollArray(f.a.Ptr(i), f.a[i+1], false) }
	case "fdset":
		return func(f *frame, i int) { f.descriptorSet(f.a.Ptr(i), f.a.Int(0)) }
	case "pselectmask":
		return func(f *frame, i int) {
			var b [16]byte
			if !f.given(f.a.Ptr(i), b[:]) {
				return
			}
			f.str("{sigmask=")
			set, e := f.t.Memory.Load64(uint32(u64(b[:], 0)))
			if u64(b[:], 0) == 0 || e != 0 {
				f.pointer(uint32(u64(b[:], 0)))
			} else {
				f.signalSet(set)
			}
			f.str(", ")
			f.named("sigsetsize", i64(b[:], 8))
			f.raw('}')
		}
	case "epollevent":
		return func(f *frame, i int) {
			var b [12]byte
			if f.a.Int(1) == unix.EPOLL_CTL_DEL {
				f.pointer(f.a.Ptr(i))
			} else if f.given(f.a.Ptr(i), b[:]) {
				f.epollEvent(b[:])
			}
		}
	case "epollevents":
		return func(f *frame, i int) {
			p := f.a.Ptr(i)
			if f.failed() || p == 0 {
				f.pointer(p)
				return
			}
			f.raw('[')
			for k := range min(f.result, maxElements) {
				var b [12]byte
				if k > 0 {
					f.str(", ")
				}
				if f.t.Memory.Read(p+12*uint32(k), b[:]) != 0 {
					break
				}
				f.epollEvent(b[:])
			}
			f.raw(']')
		}
	}
	return nil
}

// pollArray is an array of pollfd: fd i32 0, events u16 4, revents u16 6. found
// asks for those with events that were found.
func (f *frame) pollArray(p uint32, n uint64, found bool) {
	if p == 0 {
		f.str("NULL")
		return
	}
	f.raw('[')
	shown := 0
	for k := range min(n, 1<<16) {
		var b [8]byte
		if f.t.Memory.Read(p+8*uint32(k), b[:]) != 0 {
			f.str("... /* ")
			f.pointer(p + 8*uint32(k))
			f.str(" */")
			break
		}
		if found && u16(b[:], 6) == 0 {
			continue
		}
		if shown > 0 {
			f.str(", ")
		}
		if shown == maxElements {
			f.str("...")
			break
		}
		shown++
		f.str("{")
		f.named("fd", i32(b[:], 0))
		switch {
		case found:
			f.str(", revents=")
			f.flags(pollFlags, u16(b[:], 6))
		case i32(b[:], 0) >= 0:
			f.str(", events=")
			f.flags(pollFlags, u16(b[:], 4))
		}
		f.raw('}')
	}
	f.raw(']')
}

func (f *frame) pollResult() {
	f.dec(f.result)
	switch {
	case f.result == 0:
		f.str(" (Timeout)")
	case f.result > 0:
		f.str(" (")
		f.pollArray(f.a.Ptr(0), f.a[1], true)
		f.raw(')')
	}
}

// descriptorSet is an fd_set of n bits.
func (f *frame) descriptorSet(p uint32, n int32) {
	var space [8 << 10]byte
	b := space[:min(max(0, (int(n)+7)/8), len(space))]
	if p == 0 || len(b) == 0 || f.t.Memory.Read(p, b) != 0 {
		f.pointer(p)
		return
	}
	f.raw('[')
	shown := 0
	for fd := 0; fd < int(n) && fd/8 < len(b); fd++ {
		if b[fd/8]&(1<<(fd%8)) == 0 {
			continue
		}
		if shown > 0 {
			f.raw(' ')
		}
		if shown == maxElements {
			f.str("...")
			break
		}
		shown++
		f.dec(int64(fd))
	}
	f.raw(']')
}

func (f *frame) selectResult() {
	f.dec(f.result)
	if f.result == 0 {
		f.str(" (Timeout)")
		return
	}
	separator := " ("
	for i, name := range []string{"in ", "out ", "except "} {
		if p := f.a.Ptr(1 + i); p != 0 {
			f.str(separator)
			f.str(name)
			f.descriptorSet(p, f.a.Int(0))
			separator = ", "
		}
	}
	if f.a.Ptr(4) != 0 {
		f.str(separator)
		f.str("left ")
		fraction := "tv_usec"
		if f.spec.name == "pselect6" {
			fraction = "tv_nsec"
		}
		f.timePair(f.a.Ptr(4), fraction)
	}
	f.raw(')')
}

// epollEvent is the guest's struct epoll_event: events u32 0, data u64 4.
func (f *frame) epollEvent(b []byte) {
	f.str("{events=")
	f.flags(epollFlags, u32(b, 0))
	f.str(", data={u32=")
	f.udec(u32(b, 4))
	f.str(", u64=")
	f.udec(u64(b, 4))
	f.str("}}")
}

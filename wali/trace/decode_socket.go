package trace

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// socketDecoder has the decoders of what concerns sockets.
func socketDecoder(name string) func(f *frame, i int) {
	switch name {
	case "addrout": // the length is in the next argument
		return func(f *frame, i int) {
			p := f.a.Ptr(i)
			n, e := f.t.Memory.Load32(f.a.Ptr(i + 1))
			if p == 0 || e != 0 || f.failed() {
				f.pointer(p)
				return
			}
			f.socketAddress(p, min(n, 128))
		}
	case "lenref":
		return func(f *frame, i int) { f.intRef(f.a.Ptr(i)) }
	case "socktype":
		return func(f *frame, i int) {
			v := uint64(f.a.Uint(i))
			f.constant(socketTypes, v&15)
			if v&^15 != 0 {
				f.moreFlags(socketFlags, v&^15, "|")
			}
		}
	case "protocol":
		return func(f *frame, i int) {
			switch v := uint64(f.a.Uint(i)); f.a.Int(i - 2) {
			case unix.AF_INET, unix.AF_INET6:
				f.constant(protocolNames, v)
			case unix.AF_NETLINK:
				f.constant(netlinkNames, v)
			default:
				f.dec(int64(v))
			}
		}
	case "sockopt":
		return func(f *frame, i int) {
			table := []constant(nil)
			switch f.a.Int(i - 1) {
			case unix.SOL_SOCKET:
				table = socketOptions
			case unix.SOL_TCP:
				table = tcpOptions
			case unix.SOL_IP:
				table = ipOptions
			case unix.SOL_IPV6:
				table = ipv6Options
			}
			f.constant(table, uint64(f.a.Uint(i)))
		}
	case "optval":
		return func(f *frame, i int) {
			n, e := f.t.Memory.Load32(f.a.Ptr(i + 1))
			if e != 0 || f.failed() {
				f.pointer(f.a.Ptr(i))
				return
			}
			f.option(f.a.Ptr(i), n)
		}
	case "optdata":
		return func(f *frame, i int) { f.option(f.a.Ptr(i), f.a.Uint(i+1)) }
	case "msghdr":
		return func(f *frame, i int) {
			size := uint64(1 << 62)
			if f.spec.args[i].out && f.done {
				size = uint64(max(f.result, 0))
			}
			if f.failed() {
				f.pointer(f.a.Ptr(i))
				return
			}
			f.message(f.a.Ptr(i), size)
		}
	case "mmsg":
		return func(f *frame, i int) { f.messages(i) }
	}
	return nil
}

// socketAddress is struct sockaddr with n bytes.
func (f *frame) socketAddress(p, n uint32) {
	var space [128]byte
	b := space[:min(n, uint32(len(space)))]
	if p == 0 || len(b) < 2 || f.t.Memory.Read(p, b) != 0 {
		f.pointer(p)
		return
	}
	family := u16(b, 0)
	f.str("{sa_family=")
	f.constant(familyNames, family)
	port := func(name string) {
		f.str(", ")
		f.str(name)
		f.str("=htons(")
		f.dec(int64(binary.BigEndian.Uint16(b[2:])))
		f.raw(')')
	}
	switch {
	case family == unix.AF_UNIX && len(b) > 2:
		f.str(", sun_path=")
		path := b[2:]
		if path[0] == 0 {
			f.raw('@')
			path = path[1:]
		} else {
			for i, c := range path {
				if c == 0 {
					path = path[:i]
					break
				}
			}
		}
		f.quote(path)
	case family == unix.AF_INET && len(b) >= 16:
		port("sin_port")
		f.str(`, sin_addr=inet_addr("`)
		f.ipv4(b[4:8])
		f.str(`")`)
	case family == unix.AF_INET6 && len(b) >= 24:
		port("sin6_port")
		f.str(", sin6_flowinfo=htonl(")
		f.dec(int64(binary.BigEndian.Uint32(b[4:])))
		f.str(`), inet_pton(AF_INET6, "`)
		f.ipv6(b[8:24])
		f.str(`", &sin6_addr)`)
		if len(b) >= 28 {
			f.str(", ")
			f.named("sin6_scope_id", int64(u32(b, 24)))
		}
	case family == unix.AF_NETLINK && len(b) >= 12:
		f.str(", ")
		f.named("nl_pid", int64(u32(b, 4)))
		f.str(", nl_groups=")
		f.hexDigits(u32(b, 8), 8)
	case len(b) > 2:
		f.str(", sa_data=")
		f.quote(b[2:])
	}
	f.raw('}')
}

// option is a socket option's value.
func (f *frame) option(p, n uint32) {
	switch {
	case p != 0 && n == 4:
		if v, e := f.t.Memory.Load32(p); e == 0 {
			f.raw('[')
			f.dec(int64(int32(v)))
			f.raw(']')
			return
		}
	case p != 0 && n == 8 && f.a.Int(1) == unix.SOL_SOCKET && f.a.Int(2) == unix.SO_LINGER:
		var b [8]byte
		if f.t.Memory.Read(p, b[:]) == 0 {
			f.str("{")
			f.named("l_onoff", i32(b[:], 0))
			f.str(", ")
			f.named("l_linger", i32(b[:], 4))
			f.raw('}')
			return
		}
	case p != 0 && n == 12 && f.a.Int(1) == unix.SOL_SOCKET && f.a.Int(2) == unix.SO_PEERCRED:
		var b [12]byte
		if f.t.Memory.Read(p, b[:]) == 0 {
			f.raw('{')
			f.named("pid", i32(b[:], 0))
			f.str(", ")
			f.named("uid", i32(b[:], 4))
			f.str(", ")
			f.named("gid", i32(b[:], 8))
			f.raw('}')
			return
		}
	case p != 0 && n > 0:
		f.memory(p, uint64(n))
		return
	}
	f.pointer(p)
}

// message is the guest's struct msghdr: name u32 0, namelen u32 4, iov u32 8,
// iovlen i32 12, control u32 20, controllen u32 24, flags i32 32.
func (f *frame) message(p uint32, size uint64) {
	var b [36]byte
	if !f.given(p, b[:]) {
		return
	}
	f.str("{msg_name=")
	if name, n := uint32(u32(b[:], 0)), uint32(u32(b[:], 4)); name != 0 {
		f.socketAddress(name, n)
	} else {
		f.str("NULL")
	}
	f.str(", ")
	f.named("msg_namelen", int64(u32(b[:], 4)))
	f.str(", msg_iov=")
	f.vector(uint32(u32(b[:], 8)), uint32(u32(b[:], 12)), size)
	f.str(", ")
	f.named("msg_iovlen", int64(u32(b[:], 12)))
	if control, n := uint32(u32(b[:], 20)), uint32(u32(b[:], 24)); control != 0 && n != 0 {
		f.str(", msg_control=")
		f.control(control, n)
	}
	f.str(", ")
	f.named("msg_controllen", int64(u32(b[:], 24)))
	f.str(", msg_flags=")
	f.flags(msgFlags, u32(b[:], 32))
	f.raw('}')
}

// control is a list of cmsghdr, 16 bytes each: len u32 0, level i32 8, type i32 12.
func (f *frame) control(p, size uint32) {
	f.raw('[')
	for at, n := uint32(0), 0; at+16 <= size && n < maxElements; n++ {
		var b [16]byte
		if f.t.Memory.Read(p+at, b[:]) != 0 {
			break
		}
		length := uint32(u32(b[:], 0))
		if n > 0 {
			f.str(", ")
		}
		f.str("{")
		f.named("cmsg_len", int64(length))
		f.str(", cmsg_level=")
		f.constant(levelNames, u32(b[:], 8))
		f.str(", cmsg_type=")
		socket := u32(b[:], 8) == unix.SOL_SOCKET
		if socket {
			f.constant(controlNames, u32(b[:], 12))
		} else {
			f.hex(u32(b[:], 12))
		}
		if length < 16 || length > size-at {
			f.raw('}')
			break
		}
		f.str(", cmsg_data=")
		if socket && u32(b[:], 12) == unix.SCM_RIGHTS {
			f.raw('[')
			for k := uint32(0); k < min((length-16)/4, maxElements); k++ {
				v, e := f.t.Memory.Load32(p + at + 16 + 4*k)
				if e != 0 {
					break
				}
				if k > 0 {
					f.str(", ")
				}
				f.dec(int64(int32(v)))
			}
			f.raw(']')
		} else {
			f.memory(p+at+16, uint64(length-16))
		}
		f.raw('}')
		at += (length + 7) &^ 7
	}
	f.raw(']')
}

// messages is an array of mmsghdr, 40 bytes each: message 0, length u32 36.
func (f *frame) messages(i int) {
	p, n := f.a.Ptr(i), f.a.Uint(i+1)
	if p == 0 || f.failed() {
		f.pointer(p)
		return
	}
	if f.done {
		n = uint32(min(uint64(n), uint64(f.result)))
	}
	f.raw('[')
	for k := range min(n, maxElements) {
		if k > 0 {
			f.str(", ")
		}
		f.str("{msg_hdr=")
		length, e := f.t.Memory.Load32(p + 40*k + 36)
		size := uint64(1 << 62)
		if f.done && e == 0 {
			size = uint64(length)
		}
		f.message(p+40*k, size)
		if f.done {
			f.str(", ")
			f.named("msg_len", int64(length))
		}
		f.raw('}')
	}
	f.raw(']')
}

func (f *frame) ipv4(b []byte) {
	for i, v := range b {
		if i > 0 {
			f.raw('.')
		}
		f.dec(int64(v))
	}
}

// ipv6 writes an address as RFC 5952 has it. Package net/netip would cost every
// start of a helper its initialisation.
func (f *frame) ipv6(b []byte) {
	if [10]byte(b) == [10]byte{} && b[10] == 0xff && b[11] == 0xff {
		f.str("::ffff:")
		f.ipv4(b[12:])
		return
	}
	var groups [8]uint16
	first, longest := -1, 1 // the longest run of zeros, of two at least
	for i := range groups {
		groups[i] = binary.BigEndian.Uint16(b[2*i:])
	}
	for i := range groups {
		n := 0
		for i+n < len(groups) && groups[i+n] == 0 {
			n++
		}
		if n > longest {
			first, longest = i, n
		}
	}
	for i := 0; i < len(groups); i++ {
		if i == first {
			f.str("::")
			i += longest - 1
			continue
		}
		if i > 0 && i != first+longest || i > 0 && first < 0 {
			f.raw(':')
		}
		f.hexDigits(uint64(groups[i]), 1)
	}
}

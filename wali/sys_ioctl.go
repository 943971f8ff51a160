package wali

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// ioctlRow describes a request of ioctl(2).
type ioctlRow struct {
	request uint32
	name    string
	arg     ioctlArg
}

// ioctlArg says what the third argument is, and whether the request may sleep.
type ioctlArg uint8

const (
	ioctlUnknown   ioctlArg = iota
	ioctlNone               // not looked at
	ioctlValue              // an integer
	ioctlPointer            // data of the kernel's layout, without pointers in it
	ioctlFD                 // a descriptor
	ioctlFDAtStart          // ioctlPointer to data that starts with a descriptor
	ioctlIfconf             // struct ifconf
	ioctlIfreqData          // struct ifreq with a pointer to data without pointers
	ioctlRoute              // struct rtentry or in6_rtmsg, by the socket's family

	ioctlBlocks ioctlArg = 1 << 7
)

// ioctlArgOf returns what is known of a request.
func ioctlArgOf(request uint32) ioctlArg {
	if row := findIoctl(request); row != nil {
		return row.arg
	}
	if isEventQuery(request) {
		return ioctlPointer
	}
	return ioctlUnknown
}

// IoctlName returns the name of a request that a guest may make, or "".
func IoctlName(request uint32) string {
	if row := findIoctl(request); row != nil {
		return row.name
	}
	return ""
}

// IoctlRequests returns the requests that a guest may make, in order. Those of the input
// layer that carry a size are not among them: all with the type 'E'.
func IoctlRequests() []uint32 {
	list := make([]uint32, len(ioctlTable))
	for i := range ioctlTable {
		list[i] = ioctlTable[i].request
	}
	return list
}

// findIoctl returns the row of a request, nil if there is none.
func findIoctl(request uint32) *ioctlRow {
	lo, hi := 0, len(ioctlTable)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if ioctlTable[mid].request < request {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < len(ioctlTable) && ioctlTable[lo].request == request {
		return &ioctlTable[lo]
	}
	return nil
}

// dataSize returns the size of the data of an ioctlFDAtStart request: most
// requests tell it in their number.
func dataSize(request uint32) int {
	const loopConfigure, loopConfigSize = 0x4c0a, 304
	if request == loopConfigure {
		return loopConfigSize
	}
	return int(request >> 16 & 0x3fff)
}

// isEventQuery reports whether the request is one of the input layer's that
// carry the size of the caller's buffer: EVIOCGNAME(len) and its like, and
// EVIOCGABS and EVIOCSABS. Source: include/uapi/linux/input.h.
func isEventQuery(request uint32) bool {
	const read, write = 2, 1
	direction, kind, nr := request>>30, byte(request>>8), byte(request)
	if kind != 'E' {
		return false
	}
	switch {
	case direction == read && nr >= 0x06 && nr <= 0x0a, // name, place, id, properties, slots
		direction == read && nr >= 0x18 && nr <= 0x1b, // keys, lights, sounds, switches
		direction == read && nr >= 0x20 && nr < 0x80,  // event codes, absolute axes
		direction == write && nr >= 0xc0:              // absolute axes
		return true
	}
	return false
}

// sysIoctl is ioctl(2).
func sysIoctl(t *Thread, a Args) int64 {
	fd, request, p := a.Int(0), a.Uint(1), a.Ptr(2)
	arg := ioctlArgOf(request)
	host := uintptr(p)
	switch arg &^ ioctlBlocks {
	case ioctlNone, ioctlValue:
	case ioctlPointer:
		host = t.Memory.Host(p)
	case ioctlFD:
		if t.ownsFD(int32(p)) {
			return errno(unix.EBADF)
		}
	case ioctlFDAtStart:
		// Copied, so that the kernel sees the number that we looked at.
		b := t.alloc(dataSize(request))
		if e := t.Memory.Read(p, b); e != 0 {
			return errno(e)
		}
		if t.ownsFD(int32(binary.LittleEndian.Uint32(b))) {
			return errno(unix.EBADF)
		}
		host = address(b)
	case ioctlIfconf:
		return t.ioctlIfconf(fd, p)
	case ioctlIfreqData:
		return t.ioctlIfreqData(fd, request, p)
	case ioctlRoute:
		return t.ioctlRoute(fd, request, p)
	default:
		// A closed descriptor comes first.
		if r := t.call(unix.SYS_FCNTL, uintptr(fd), unix.F_GETFD, 0, 0, 0, 0); r < 0 {
			return r
		}
		return errno(unix.ENOTTY)
	}
	if arg&ioctlBlocks != 0 {
		return t.block(unix.SYS_IOCTL, uintptr(fd), uintptr(request), host, 0, 0, 0)
	}
	return t.call(unix.SYS_IOCTL, uintptr(fd), uintptr(request), host, 0, 0, 0)
}

// ioctlIfconf is SIOCGIFCONF. The guest's struct ifconf is {i32 length, u32
// pointer}; the entries that the pointer leads to are the kernel's.
func (t *Thread) ioctlIfconf(fd int32, p uint32) int64 {
	guest, e := t.Memory.Load64(p)
	if e != 0 {
		return errno(e)
	}
	b := t.alloc(16)
	binary.LittleEndian.PutUint32(b, uint32(guest))
	binary.LittleEndian.PutUint64(b[8:], uint64(t.Memory.Host(uint32(guest>>32))))
	r := t.call(unix.SYS_IOCTL, uintptr(fd), unix.SIOCGIFCONF, address(b), 0, 0, 0)
	if r < 0 {
		return r
	}
	if e := t.Memory.Store32(p, binary.LittleEndian.Uint32(b)); e != 0 {
		return errno(e)
	}
	return r
}

const (
	ifreqSize = 40
	ifreqName = 16 // IFNAMSIZ; the union follows
)

// ioctlIfreqData is for requests whose ifreq holds a pointer.
func (t *Thread) ioctlIfreqData(fd int32, request, p uint32) int64 {
	b := t.alloc(ifreqSize)
	if e := t.Memory.Read(p, b[:ifreqName+4]); e != 0 {
		return errno(e)
	}
	data := binary.LittleEndian.Uint32(b[ifreqName:])
	binary.LittleEndian.PutUint64(b[ifreqName:], uint64(t.Memory.Host(data)))
	return t.block(unix.SYS_IOCTL, uintptr(fd), uintptr(request), address(b), 0, 0, 0)
}

// Offsets in struct rtentry, whose one pointer is followed by longs.
const (
	guestRouteSize = 112
	hostRouteSize  = 120
	guestRouteDev  = 84
	hostRouteDev   = 88
	guestRouteMTU  = 88
	hostRouteMTU   = 96
	routeMetricEnd = 82
	guestRouteEnd  = 106 // after rt_irtt
)

// ioctlRoute is SIOCADDRT and SIOCDELRT.
func (t *Thread) ioctlRoute(fd int32, request, p uint32) int64 {
	opt := t.alloc(8)
	binary.LittleEndian.PutUint32(opt[4:], 4)
	r := t.call(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_DOMAIN, address(opt), address(opt[4:]), 0)
	switch {
	case r == -int64(unix.EBADF):
		return r
	case r < 0:
		return errno(unix.ENOTTY)
	}
	switch binary.LittleEndian.Uint32(opt) {
	case unix.AF_INET6: // struct in6_rtmsg has no pointer
		return t.call(unix.SYS_IOCTL, uintptr(fd), uintptr(request), t.Memory.Host(p), 0, 0, 0)
	case unix.AF_INET:
	default:
		return errno(unix.ENOTTY)
	}
	guest, host := t.alloc(guestRouteSize), t.alloc(hostRouteSize)
	if e := t.Memory.Read(p, guest); e != 0 {
		return errno(e)
	}
	copy(host, guest[:routeMetricEnd])
	dev := binary.LittleEndian.Uint32(guest[guestRouteDev:])
	binary.LittleEndian.PutUint64(host[hostRouteDev:], uint64(t.Memory.Host(dev)))
	copy(host[hostRouteMTU:], guest[guestRouteMTU:guestRouteEnd])
	return t.call(unix.SYS_IOCTL, uintptr(fd), uintptr(request), address(host), 0, 0, 0)
}

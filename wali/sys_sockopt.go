package wali

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// The kernel copies a socket option as optlen bytes, and nearly all options are
// numbers, strings and structs that are the same for a guest. This file lists
// the others: those that hold pointers. They are converted, or refused if the
// kernel could write through them to memory of the helper.

// option says what happens to a range of options of one level.
type option struct {
	level       int32
	first, last int32
	set, get    optionRule
}

// optionRule is what one direction of an option needs.
type optionRule uint8

const (
	optionPass     optionRule = iota
	optionRefuse              // ENOPROTOOPT, as on a kernel without the feature
	optionFilter              // struct sock_fprog
	optionFanout              // struct sock_fprog or a number
	optionMessages            // control messages
	optionUmem                // struct xdp_umem_reg
)

// Levels and options that x/sys/unix has not. Source: the kernel's uapi
// headers.
const (
	ipv62292PktOptions = 6 // IPV6_2292PKTOPTIONS
	ipv6PktOptions     = 25
	xtReplace          = 64 // IPT_SO_SET_REPLACE, IP6T_SO_SET_REPLACE
	arptReplace        = 96
	ebtFirst           = 128
	ebtLast            = 131
	sctpConnectX3      = 111
	solMPTCP           = 284
	mptcpFullInfo      = 4
	packetFanoutData   = 22
	attachReuseport    = 51 // SO_ATTACH_REUSEPORT_CBPF
)

// options is searched in order; what is not in it passes.
var options = []option{
	{unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, unix.SO_ATTACH_FILTER, optionFilter, optionPass},
	{unix.SOL_SOCKET, attachReuseport, attachReuseport, optionFilter, optionPass},
	// The packet filters' rule sets: the kernel stores counters through a
	// pointer in the header.
	{unix.IPPROTO_IP, xtReplace, xtReplace, optionRefuse, optionPass},
	{unix.IPPROTO_IP, arptReplace, arptReplace, optionRefuse, optionPass},
	{unix.IPPROTO_IP, ebtFirst, ebtLast, optionRefuse, optionRefuse},
	{unix.IPPROTO_IPV6, xtReplace, xtReplace, optionRefuse, optionPass},
	{unix.IPPROTO_IPV6, ipv62292PktOptions, ipv62292PktOptions, optionMessages, optionPass},
	{unix.IPPROTO_IPV6, ipv6PktOptions, ipv6PktOptions, optionMessages, optionPass},
	{unix.IPPROTO_TCP, unix.TCP_ZEROCOPY_RECEIVE, unix.TCP_ZEROCOPY_RECEIVE, optionPass, optionRefuse},
	{unix.IPPROTO_SCTP, sctpConnectX3, sctpConnectX3, optionRefuse, optionRefuse},
	{unix.SOL_PACKET, packetFanoutData, packetFanoutData, optionFanout, optionPass},
	{solRDS, 0, 1<<31 - 1, optionRefuse, optionRefuse},
	{unix.SOL_XDP, unix.XDP_UMEM_REG, unix.XDP_UMEM_REG, optionUmem, optionPass},
	{solMPTCP, mptcpFullInfo, mptcpFullInfo, optionPass, optionRefuse},
}

// findOption returns the entry for an option, or nil if it passes.
func findOption(level, name int32) *option {
	for i := range options {
		if o := &options[i]; o.level == level && o.first <= name && name <= o.last {
			return o
		}
	}
	return nil
}

func sysGetsockopt(t *Thread, a Args) int64 {
	if o := findOption(a.Int(1), a.Int(2)); o != nil && o.get == optionRefuse {
		return errno(unix.ENOPROTOOPT)
	}
	m := t.Memory
	return t.call(unix.SYS_GETSOCKOPT, uintptr(a[0]), uintptr(a[1]), uintptr(a[2]), m.Host(a.Ptr(3)), m.Host(a.Ptr(4)), 0)
}

func sysSetsockopt(t *Thread, a Args) int64 {
	value, length := t.Memory.Host(a.Ptr(3)), uintptr(a[4])
	if o := findOption(a.Int(1), a.Int(2)); o != nil {
		switch o.set {
		case optionRefuse:
			return errno(unix.ENOPROTOOPT)
		case optionFilter:
			value, length = t.filterProgram(a.Ptr(3), a.Uint(4))
		case optionFanout:
			if a.Uint(4) == guestSockFprog {
				value, length = t.filterProgram(a.Ptr(3), a.Uint(4))
			}
		case optionMessages:
			value, length = t.optionMessages(a.Ptr(3), a.Uint(4))
		case optionUmem:
			value, length = t.umem(a.Ptr(3), a.Uint(4))
		}
	}
	return t.call(unix.SYS_SETSOCKOPT, uintptr(a[0]), uintptr(a[1]), uintptr(a[2]), value, length, 0)
}

// struct sock_fprog: u16 len at 0 and a pointer to the program, u32 at 4 for
// the guest and u64 at 8 for the kernel. Source: linux/filter.h.
const (
	guestSockFprog = 8
	hostSockFprog  = 16
)

// filterProgram converts a struct sock_fprog. The program itself, of 8-byte
// instructions, is the same.
func (t *Thread) filterProgram(p, n uint32) (uintptr, uintptr) {
	if n != guestSockFprog {
		return badAddress, 0 // EINVAL: the kernel wants its exact size
	}
	v, e := t.Memory.Load64(p)
	if e != 0 {
		return badAddress, hostSockFprog
	}
	b := t.alloc(hostSockFprog)
	binary.LittleEndian.PutUint16(b, uint16(v))
	binary.LittleEndian.PutUint64(b[8:], uint64(t.Memory.Host(uint32(v>>32))))
	return address(b), hostSockFprog
}

// optionMessages converts control messages that are the value of an option.
func (t *Thread) optionMessages(p, n uint32) (uintptr, uintptr) {
	// The kernel ends at 64 KiB, with ENOBUFS.
	if p == 0 || n > 64<<10 {
		return t.Memory.Host(p), uintptr(n)
	}
	b := t.alloc(int(n))
	if t.Memory.Read(p, b) != 0 {
		return badAddress, uintptr(n)
	}
	t.convertControl(b)
	return address(b), uintptr(n)
}

// umem translates the address in a struct xdp_umem_reg, its first field, 64
// bits on both sides. Newer kernels have longer structs; all begin so.
func (t *Thread) umem(p, n uint32) (uintptr, uintptr) {
	const most = 64
	if n < 8 || n > most {
		return t.Memory.Host(p), 0 // EINVAL
	}
	b := t.alloc(int(n))
	if t.Memory.Read(p, b) != 0 {
		return badAddress, uintptr(n)
	}
	le := binary.LittleEndian
	addr, size := le.Uint64(b), uint64(0)
	if n >= 16 {
		size = le.Uint64(b[8:])
	}
	if addr >= 1<<32 || size >= 1<<32 {
		return badAddress, uintptr(n)
	}
	le.PutUint64(b, uint64(t.Memory.Host(uint32(addr))))
	return address(b), uintptr(n)
}

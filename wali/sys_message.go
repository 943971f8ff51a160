package wali

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"walisup/wali/pathguard"
)

// Layouts of struct msghdr. Source: the WALI ABI for the guest's;
// struct user_msghdr of the kernel's linux/socket.h for the other.
//
//	field       guest      kernel
//	name        u32  0     u64  0
//	namelen     u32  4     i32  8
//	iov         u32  8     u64 16
//	iovlen      i32 12     u64 24
//	control     u32 20     u64 32
//	controllen  u32 24     u64 40
//	flags       i32 32     u32 48
//
// struct mmsghdr adds the number of bytes transferred, u32.
//
// The kernel does not look at the last word of its struct. Our own copy has the guest's
// control there.
const (
	msghdrControl = 52

	guestMsghdr  = 36
	hostMsghdr   = 56
	guestMmsghdr = guestMsghdr + 4
	hostMmsghdr  = hostMsghdr + 8 // padded
)

// A control message has a header of 16 bytes on both sides, with level at 8 and
// type at 12; the data follows, and the next header is at a multiple of 8. The
// length is a u32 and 4 bytes of padding for the guest and a u64 for the
// kernel. So whatever the kernel writes is right for the guest as it is, and
// what the guest writes needs its padding cleared.
const cmsgHeader = 16

// maxControl bounds the control data that a guest can send in one message. It is
// the kernel's own default bound, net.core.optmem_max.
const maxControl = 128 << 10

// maxReceived is as much control data as a message can bring: 253 descriptors and
// some small messages of the kernel's.
const maxReceived = 16 << 10

const (
	solRDS  = 276
	badCmsg = 0xffff // a type that no protocol knows
)

func sysSendmsg(t *Thread, a Args) int64 {
	return t.block(unix.SYS_SENDMSG, uintptr(a[0]), t.messageToSend(a.Ptr(1)), uintptr(a[2]), 0, 0, 0)
}

// messageToSend converts one message; where the kernel could not read it
// either, it returns an address that makes it say so.
func (t *Thread) messageToSend(p uint32) uintptr {
	var g guestMessage
	if !g.read(t, uint64(p)) {
		return badAddress
	}
	hdr := t.alloc(hostMsghdr)
	t.putMessage(hdr, &g, true)
	return address(hdr)
}

func sysRecvmsg(t *Thread, a Args) int64 {
	var g guestMessage
	p := uint64(a.Ptr(1))
	if !g.read(t, p) {
		return t.block(unix.SYS_RECVMSG, uintptr(a[0]), badAddress, uintptr(a[2]), 0, 0, 0)
	}
	hdr := t.alloc(hostMsghdr)
	t.putMessage(hdr, &g, false)
	r := t.block(unix.SYS_RECVMSG, uintptr(a[0]), address(hdr), uintptr(a[2]), 0, 0, 0)
	if r >= 0 && !t.returnMessage(p, hdr) {
		return errno(unix.EFAULT)
	}
	return r
}

// guestMessage is the guest's msghdr, read once.
type guestMessage struct {
	name, nameLen, iov         uint32
	iovLen                     int32
	control, controlLen, flags uint32
}

// read loads the msghdr at p, and reports whether it could. p exceeds 32 bits
// if it is in an array that does.
func (g *guestMessage) read(t *Thread, p uint64) bool {
	if p+guestMsghdr > 1<<32 {
		return false
	}
	m, at := t.Memory, uint32(p)
	v0, e0 := m.Load64(at)
	v1, e1 := m.Load64(at + 8)
	control, e2 := m.Load32(at + 20)
	controlLen, e3 := m.Load32(at + 24)
	flags, e4 := m.Load32(at + 32)
	if e0|e1|e2|e3|e4 != 0 {
		return false
	}
	*g = guestMessage{
		name: uint32(v0), nameLen: uint32(v0 >> 32),
		iov: uint32(v1), iovLen: int32(v1 >> 32),
		control: control, controlLen: controlLen, flags: flags,
	}
	return true
}

// scratchFor is the most scratch space that putMessage takes for g.
func (g *guestMessage) scratchFor(sending bool) int {
	n := 32
	if uint32(g.iovLen) <= maxIovecs {
		n += int(g.iovLen) * hostIovec
	}
	if sending && g.control != 0 && g.controlLen <= maxControl {
		n += int(g.controlLen) + cmsgHeader
	}
	if !sending && g.control != 0 {
		n += int(min(g.controlLen, maxReceived)) + cmsgHeader
	}
	return n
}

// putMessage stores the kernel's form of g in hdr, with what it points to in
// scratch space. In place of what cannot be read goes something for which the
// kernel gives the right error.
func (t *Thread) putMessage(hdr []byte, g *guestMessage, sending bool) {
	m, le := t.Memory, binary.LittleEndian
	hdr = hdr[:hostMsghdr]
	le.PutUint64(hdr[0:], uint64(m.Host(g.name)))
	le.PutUint32(hdr[8:], g.nameLen)
	le.PutUint64(hdr[24:], uint64(int64(g.iovLen)))
	le.PutUint32(hdr[48:], g.flags)

	// With too many the kernel says EMSGSIZE before it looks at the array.
	array := uintptr(badAddress)
	if uint32(g.iovLen) <= maxIovecs {
		to := t.alloc(int(g.iovLen) * hostIovec)
		if to != nil && t.convertIovecs(to, g.iov, int(g.iovLen)) {
			array = address(to)
		}
	}
	le.PutUint64(hdr[16:], uint64(array))

	control, length := m.Host(g.control), uint64(g.controlLen)
	switch {
	case control == 0 || length == 0:
	case sending:
		control, length = t.controlToSend(g.control, g.controlLen)
	default:
		// What comes in is looked at before the guest has it.
		length = min(length, maxReceived)
		if control = t.allocPtr(int(length)); t.scratchAt(control, int(length)) == nil {
			control = badAddress
		}
		le.PutUint32(hdr[msghdrControl:], g.control)
	}
	le.PutUint64(hdr[32:], uint64(control))
	le.PutUint64(hdr[40:], length)
}

// returnMessage stores in the guest's msghdr, and in what it points to, what the kernel
// changes.
func (t *Thread) returnMessage(p uint64, hdr []byte) bool {
	m, le, at := t.Memory, binary.LittleEndian, uint32(p)
	used := le.Uint64(hdr[40:])
	if control := le.Uint32(hdr[msghdrControl:]); control != 0 {
		if b := t.scratchAt(uintptr(le.Uint64(hdr[32:])), int(used)); len(b) > 0 {
			if !t.judgeControl(b) {
				le.PutUint32(hdr[48:], le.Uint32(hdr[48:])|unix.MSG_CTRUNC)
			}
			if m.Write(control, b) != 0 {
				return false
			}
		}
	}
	e := m.Store32(at+32, le.Uint32(hdr[48:]))
	e |= m.Store32(at+24, uint32(used))
	if le.Uint64(hdr[0:]) != 0 {
		e |= m.Store32(at+4, le.Uint32(hdr[8:]))
	}
	return e == 0
}

// judgeControl looks at the descriptors that control messages have brought. One that
// the guest must not have is closed, and -1 in its place; then it returns false.
//
// No helper lets its guest hold such a descriptor, so it has come from a native
// program outside. In a process with threads it can be used before it is closed.
func (t *Thread) judgeControl(b []byte) (all bool) {
	le := binary.LittleEndian
	all = true
	for len(b) >= cmsgHeader {
		n := le.Uint64(b)
		if n < cmsgHeader || n > uint64(len(b)) {
			return all
		}
		if le.Uint32(b[8:]) == unix.SOL_SOCKET && le.Uint32(b[12:]) == unix.SCM_RIGHTS {
			for fds := b[cmsgHeader:n]; len(fds) >= 4; fds = fds[4:] {
				fd := int32(le.Uint32(fds))
				mark := t.scratchUsed
				v := t.guard().Judge(fd)
				t.scratchUsed = mark
				if v != pathguard.Harmless {
					t.closeFD(fd)
					le.PutUint32(fds, 0xffffffff)
					all = false
				}
			}
		}
		next := (n + 7) &^ 7
		if next > uint64(len(b)) {
			return all
		}
		b = b[next:]
	}
	return all
}

// controlToSend copies control data of n bytes to scratch space in the kernel's
// form, and returns its address and length. The copy is what is checked and
// what the kernel reads.
func (t *Thread) controlToSend(p uint32, n uint32) (uintptr, uint64) {
	if n > maxControl {
		return badAddress, 1 << 31 // beyond INT_MAX: ENOBUFS
	}
	b := t.alloc(int(n))
	if b == nil {
		return badAddress, 1 << 31
	}
	if t.Memory.Read(p, b) != 0 {
		return badAddress, uint64(n)
	}
	t.convertControl(b)
	return address(b), uint64(n)
}

// convertControl brings control messages in b to the kernel's form in place. It
// goes from header to header as the kernel will, with the same lengths, and
// stops where the kernel stops.
func (t *Thread) convertControl(b []byte) {
	le := binary.LittleEndian
	for len(b) >= cmsgHeader {
		le.PutUint32(b[4:], 0)
		n := uint64(le.Uint32(b))
		if n < cmsgHeader || n > uint64(len(b)) {
			return
		}
		t.guardControl(b[:n])
		next := (n + 7) &^ 7
		if next > uint64(len(b)) {
			return
		}
		b = b[next:]
	}
}

// guardControl disarms a message that would give away descriptors of the helper
// or have the kernel use native addresses.
func (t *Thread) guardControl(c []byte) {
	le := binary.LittleEndian
	level, kind := le.Uint32(c[8:]), le.Uint32(c[12:])
	switch {
	case level == unix.SOL_SOCKET && kind == unix.SCM_RIGHTS:
		for fds := c[cmsgHeader:]; len(fds) >= 4; fds = fds[4:] {
			if t.ownsFD(int32(le.Uint32(fds))) {
				le.PutUint32(fds, 0xffffffff) // EBADF
			}
		}
	case level == solRDS: // RDMA arguments hold addresses
		le.PutUint32(c[12:], badCmsg)
	}
}

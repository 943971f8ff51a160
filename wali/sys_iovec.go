package wali

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"walisup/wali/safecopy"
)

// Sizes of struct iovec. Source: the WALI ABI for the guest's, linux/uio.h for
// the kernel's.
const (
	guestIovec = 8  // base u32 0, len u32 4
	hostIovec  = 16 // base 0, len 8
)

// maxIovecs is UIO_MAXIOV, the most that Linux takes in one call.
const maxIovecs = 1024

// badAddress is where nothing is ever mapped. A call that is bound to fail gets
// it in place of what could not be converted, so that the kernel decides which
// of several errors comes first.
const badAddress = 1

// iovecs converts the guest's array of n iovecs at p to scratch space. It
// returns what the kernel is to be given as array and count: if the array
// cannot be read or is too long, something that makes the kernel say so.
func (t *Thread) iovecs(p uint32, n uint64) (array, count uintptr) {
	if n > maxIovecs {
		return badAddress, uintptr(n)
	}
	to := t.alloc(int(n) * hostIovec)
	if to == nil {
		return badAddress, uintptr(n)
	}
	if !t.convertIovecs(to, p, int(n)) {
		return badAddress, uintptr(n)
	}
	return address(to), uintptr(n)
}

// convertIovecs fills to, which has room for n. It reports whether the array
// could be read.
func (t *Thread) convertIovecs(to []byte, p uint32, n int) bool {
	m := t.Memory
	// Not a guest pointer from here on: an array that reaches the end of the
	// 32-bit range does not go on at 0.
	from := m.HostAlways(p)
	for i := range n {
		v, ok := safecopy.Load64(from + uintptr(i)*guestIovec)
		if !ok {
			return false
		}
		putIovec(to[i*hostIovec:], m.HostAlways(uint32(v)), v>>32)
	}
	return true
}

// putIovec stores one iovec. The length is sign-extended: ssize_t has 32 bits
// for the guest, and the kernel refuses a negative one with EINVAL.
func putIovec(to []byte, base uintptr, length uint64) {
	to = to[:hostIovec]
	binary.LittleEndian.PutUint64(to, uint64(base))
	binary.LittleEndian.PutUint64(to[8:], uint64(int64(int32(length))))
}

func sysReadv(t *Thread, a Args) int64 {
	array, n := t.iovecs(a.Ptr(1), a[2])
	return t.block(unix.SYS_READV, uintptr(a[0]), array, n, 0, 0, 0)
}

func sysWritev(t *Thread, a Args) int64 {
	array, n := t.iovecs(a.Ptr(1), a[2])
	return t.block(unix.SYS_WRITEV, uintptr(a[0]), array, n, 0, 0, 0)
}

// The position is pos_l alone: long has 64 bits, and a 64-bit kernel does not
// look at pos_h.

func sysPreadv(t *Thread, a Args) int64 {
	array, n := t.iovecs(a.Ptr(1), a[2])
	return t.block(unix.SYS_PREADV, uintptr(a[0]), array, n, uintptr(a[3]), uintptr(a[4]), 0)
}

func sysPwritev(t *Thread, a Args) int64 {
	array, n := t.iovecs(a.Ptr(1), a[2])
	return t.block(unix.SYS_PWRITEV, uintptr(a[0]), array, n, uintptr(a[3]), uintptr(a[4]), 0)
}

func sysPreadv2(t *Thread, a Args) int64 {
	array, n := t.iovecs(a.Ptr(1), a[2])
	return t.block(unix.SYS_PREADV2, uintptr(a[0]), array, n, uintptr(a[3]), uintptr(a[4]), uintptr(a[5]))
}

func sysPwritev2(t *Thread, a Args) int64 {
	array, n := t.iovecs(a.Ptr(1), a[2])
	return t.block(unix.SYS_PWRITEV2, uintptr(a[0]), array, n, uintptr(a[3]), uintptr(a[4]), uintptr(a[5]))
}

func sysVmsplice(t *Thread, a Args) int64 {
	array, n := t.iovecs(a.Ptr(1), a[2])
	return t.block(unix.SYS_VMSPLICE, uintptr(a[0]), array, n, uintptr(a[3]), 0, 0)
}

package wali

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// sendmmsg and recvmmsg may point to so many iovecs that their conversion does
// not fit in the scratch space. They are then made in several calls, each with
// as many messages as fit. A difference to Linux that a program could notice:
// an error of the second or a later call is not kept for the next recvmmsg.

// maxBatch is how many messages one call takes at most, and maxBatchScratch how
// much scratch space: a signal handler that runs meanwhile needs some too. The
// largest single message takes more and is still sent.
const (
	maxBatch        = 1024
	maxBatchScratch = scratchSize / 2
)

// convertBatch converts messages of the guest's array at p, from number first
// on, before end. It returns the kernel's array, with as many elements as could
// be read and fitted; none only if the first cannot be read.
func (t *Thread) convertBatch(p uint32, first, end uint64, sending bool) (headers []byte) {
	n := int(min(end-first, maxBatch))
	headers = t.alloc(n * hostMmsghdr)
	for i := range n {
		var g guestMessage
		if !g.read(t, mmsghdrAt(p, first+uint64(i))) ||
			i > 0 && t.scratchUsed+g.scratchFor(sending) > maxBatchScratch {
			return headers[:i*hostMmsghdr]
		}
		t.putMessage(headers[i*hostMmsghdr:], &g, sending)
	}
	return headers
}

// mmsghdrAt is where message i of the array at p is. It may exceed 32 bits.
func mmsghdrAt(p uint32, i uint64) uint64 { return uint64(p) + i*guestMmsghdr }

// storeLength stores the number of bytes transferred in message i.
func (t *Thread) storeLength(p uint32, i uint64, host []byte) bool {
	length := binary.LittleEndian.Uint32(host[hostMsghdr:])
	return t.Memory.Store32(uint32(mmsghdrAt(p, i)+guestMsghdr), length) == 0
}

func sysSendmmsg(t *Thread, a Args) int64 {
	fd, p, flags := uintptr(a[0]), a.Ptr(1), uintptr(a[3])
	n := uint64(min(a.Uint(2), maxIovecs)) // Linux, too, cuts it off silently
	mark := t.scratchUsed
	for done := uint64(0); ; {
		t.scratchUsed = mark
		headers := t.convertBatch(p, done, n, true)
		count := len(headers) / hostMmsghdr
		if count == 0 {
			if done > 0 {
				return int64(done)
			}
			return t.block(unix.SYS_SENDMMSG, fd, badAddress, uintptr(n), flags, 0, 0)
		}
		r := t.block(unix.SYS_SENDMMSG, fd, address(headers), uintptr(count), flags, 0, 0)
		for i := range int(max(r, 0)) {
			if !t.storeLength(p, done, headers[i*hostMmsghdr:]) {
				r = errno(unix.EFAULT)
				break
			}
			done++
		}
		switch {
		case r < 0 && done == 0:
			return r
		case r < int64(count) || done == n:
			return int64(done)
		}
	}
}

func sysRecvmmsg(t *Thread, a Args) int64 {
	fd, p, n, flags := uintptr(a[0]), a.Ptr(1), uint64(a.Uint(2)), uintptr(a[3])
	// The kernel updates the guest's timeout, and so it is right for the
	// next batch.
	timeout := t.Memory.Host(a.Ptr(4))
	mark := t.scratchUsed
	for done := uint64(0); ; {
		t.scratchUsed = mark
		headers := t.convertBatch(p, done, n, false)
		count := len(headers) / hostMmsghdr
		if count == 0 {
			if done > 0 {
				return int64(done)
			}
			return t.block(unix.SYS_RECVMMSG, fd, badAddress, uintptr(n), flags, timeout, 0)
		}
		r := t.block(unix.SYS_RECVMMSG, fd, address(headers), uintptr(count), flags, timeout, 0)
		for i := range int(max(r, 0)) {
			host := headers[i*hostMmsghdr:]
			if !t.returnMessage(mmsghdrAt(p, done), host) || !t.storeLength(p, done, host) {
				r = errno(unix.EFAULT)
				break
			}
			done++
		}
		switch {
		case r < 0 && done == 0:
			return r
		case r < int64(count) || done == n || t.lastMessage(headers, a.Ptr(4)):
			return int64(done)
		}
		if flags&unix.MSG_WAITFORONE != 0 {
			flags |= unix.MSG_DONTWAIT
		}
	}
}

// lastMessage reports whether Linux would stop after a batch although there is
// room for more: after out-of-band data, and when the time is up.
func (t *Thread) lastMessage(headers []byte, timeout uint32) bool {
	last := headers[len(headers)-hostMmsghdr:]
	if binary.LittleEndian.Uint32(last[48:])&unix.MSG_OOB != 0 {
		return true
	}
	if timeout == 0 {
		return false
	}
	seconds, e0 := t.Memory.Load64(timeout)
	nanoseconds, e1 := t.Memory.Load64(timeout + 8)
	return e0|e1 != 0 || seconds|nanoseconds == 0
}

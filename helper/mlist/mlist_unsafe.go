// Package mlist reads the Go runtime's own list of its threads, runtime.allm.
//
// Whoever has to reach every thread of the process needs to know them. The kernel
// tells only through a mounted /proc, which may be missing (chroot), or that of
// another pid namespace, whose thread ids are not those that tgkill takes. The
// runtime knows its threads by itself: it puts each one, an M, on the list before it
// asks the kernel for the thread, and the new thread notes its id there before it
// does anything else. The id is one of the process's own pid namespace.
//
// Threads that walisup itself ends and brings back (packages osthread and
// duplicate) keep their M. These packages keep its id true: it is None while the
// kernel has no thread for it.
//
// # What must hold in the process
//
// No goroutine ends while it is locked to its thread: an M that ends leaves the
// list a moment before its thread is gone.
//
// # What may be called when
//
// All of it is nosplit, allocates nothing and takes no lock, so it may be called
// where other threads are stopped. The list only grows, at its head, so that it can
// be walked without a lock; the walker must not be preempted, which nosplit code is
// not.
//
// The places of the runtime's fields are in this file and nowhere else. A test
// compares them with the debug information of a compiled program, and Check does
// so roughly at run time. Programs with this package are linked with
// -ldflags=-checklinkname=0, as make does.
package mlist

import (
	"errors"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Offsets in the runtime's struct m. The assembly knows that of g.m.
const (
	offProcID  = 64  // procid, uint64
	offTLS     = 128 // tls
	offAllLink = 352 // alllink, *m
)

// An M is a thread as the runtime knows it; 0 is none.
type M uintptr

const (
	// Unborn is the id of a thread that has not said which it has: it is about to
	// be made, or has been and is about to say so.
	Unborn = 0

	// None is the id of an M for which the kernel has no thread at present.
	None = ^uint64(0)
)

func head() *uintptr // of the list
func self() uintptr  // the calling thread's M

// First is the first M of the list.
//
//go:nosplit
func First() M { return M(atomic.LoadUintptr(head())) }

// Next is the M behind m, 0 for the last.
//
//go:nosplit
func (m M) Next() M { return M(atomic.LoadUintptr((*uintptr)(m.field(offAllLink)))) }

// Self is the calling thread's M.
//
//go:nosplit
func Self() M { return M(self()) }

// OfTLS is the M with the given thread pointer.
//
//go:nosplit
func OfTLS(threadPointer uintptr) M { return M(threadPointer - threadPointerInTLS - offTLS) }

// TLS is the thread pointer of m's thread.
//
//go:nosplit
func (m M) TLS() uintptr { return uintptr(m) + offTLS + threadPointerInTLS }

// ID is the kernel's id of m's thread, Unborn or None.
//
//go:nosplit
func (m M) ID() uint64 { return atomic.LoadUint64((*uint64)(m.field(offProcID))) }

// SetID records the id of m's thread, Unborn or None.
//
//go:nosplit
func (m M) SetID(id uint64) { atomic.StoreUint64((*uint64)(m.field(offProcID)), id) }

// IDAddress is where the kernel may write the id of m's thread (CLONE_PARENT_SETTID)
// after it was set to Unborn: it writes the lower half.
//
//go:nosplit
func (m M) IDAddress() uintptr { return uintptr(m) + offProcID }

// Others makes None the id of every M but the calling thread's, as is right in a
// new process, which has the calling thread alone. Those that are about to be made
// stay so.
//
//go:nosplit
func Others() {
	for m := First(); m != 0; m = m.Next() {
		if id := m.ID(); m != Self() && id != Unborn && id != None {
			m.SetID(None)
		}
	}
}

// Check reports an error if the runtime's list is not as this package believes.
//
// Preconditions: the calling goroutine is locked to its thread, which the runtime
// has started.
func Check() error {
	m := Self()
	for at := First(); at != m; at = at.Next() {
		if at == 0 {
			return errors.New("the Go runtime's list of threads is not as expected: it lacks the present one")
		}
	}
	if m.ID() != uint64(unix.Gettid()) {
		return errors.New("the Go runtime's list of threads is not as expected: a thread has another's id")
	}
	return nil
}

// field is the address of a field of m. The Go runtime does not move it.
//
//go:nosplit
func (m M) field(offset uintptr) unsafe.Pointer {
	p := uintptr(m) + offset
	return *(*unsafe.Pointer)(unsafe.Pointer(&p))
}

package wali

import (
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Tracer shows what a traced process does. It is called in the thread that does
// it, which holds no lock.
type Tracer interface {
	// Call makes a system call by do(t, a), and shows it. In shown, descriptors
	// that the guest may not use are as it gave them. call is the row's place in
	// the table, -1 for an import that nobody knows.
	Call(t *Thread, call int, row *Row, do Func, a, shown Args) int64
	// Layered shows a call that a layer serves and do makes: a system call with its row, else a
	// function of another interface, whose name is row's and whose arguments are numbers. do
	// reports false if the thread is to end.
	Layered(t *Thread, row *Row, args []uint64, do func() (result int64, ok bool))
	// Restart is called within Call when a signal has interrupted the system
	// call, which then begins anew. The signal's handler runs after it.
	Restart(t *Thread)
	// Signal is called before a handler of the guest runs.
	Signal(t *Thread, info *Siginfo)
	// Forked is called first in a new process or thread.
	Forked(t *Thread)
}

// untraced is the control word of processes that are not traced.
var untraced uint32

// tracing reports whether the tracer is to be told of what happens.
func (t *Thread) tracing() bool { return atomic.LoadUint32(t.traceControl)&1 != 0 && t.Tracer != nil }

// Place returns a row's place in the table, -1 if it is not there.
func (r *Row) Place() int {
	offset := uintptr(unsafe.Pointer(r)) - uintptr(unsafe.Pointer(&table[0]))
	if i := offset / unsafe.Sizeof(*r); i < uintptr(len(table)) {
		return int(i)
	}
	return -1
}

// traced makes a call that is to be shown.
func (t *Thread) traced(row *Row, do Func, a, shown Args) int64 {
	if t.Tracer == nil {
		return do(t, a)
	}
	return t.Tracer.Call(t, row.Place(), row, do, a, shown)
}

// Show makes a call by do that this package does not make, and shows it if the
// process is traced.
func (t *Thread) Show(row *Row, do Func, a Args) int64 {
	if !t.tracing() {
		return do(t, a)
	}
	return t.Tracer.Call(t, row.Place(), row, do, a, a)
}

// ShowLayered is Show for a call that a layer serves, see [Tracer].
func (t *Thread) ShowLayered(row *Row, args []uint64, do func() (result int64, ok bool)) {
	t.Tracer.Layered(t, row, args, do)
}

// Tracing reports whether calls that layers serve are to be shown by ShowLayered.
func (t *Thread) Tracing() bool { return t.tracing() }

// ShowStart shows that the thread has begun to run.
func (t *Thread) ShowStart() {
	if t.tracing() {
		t.Tracer.Forked(t)
	}
}

// ShowSignal shows a signal that no handler of the guest gets.
func (t *Thread) ShowSignal(info *Siginfo) {
	if t.tracing() {
		t.Tracer.Signal(t, info)
	}
}

// WriteTrace writes b to a descriptor of the helper's, in one piece, whatever the
// guest has done to signals and limits. The result is write(2)'s.
//
// It may sleep, and is not interrupted by the guest's signals meanwhile.
func (t *Thread) WriteTrace(fd int, b []byte) int64 {
	mask, pending := t.Signals.Block()
	r := errno(unix.EINTR)
	for r == errno(unix.EINTR) {
		r = t.Gate.CallAway(unix.SYS_WRITE, uintptr(fd), address(b), uintptr(len(b)))
	}
	if r == errno(unix.EPIPE) || r == errno(unix.EFBIG) {
		t.Signals.Drop(1<<(unix.SIGPIPE-1) | 1<<(unix.SIGXFSZ-1))
	}
	if !pending {
		t.Signals.SetKernelMask(mask)
	}
	return r
}

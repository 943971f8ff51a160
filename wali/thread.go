package wali

import (
	"context"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"walisup/wali/kernel"
	"walisup/wali/memory"
	"walisup/wali/pathguard"
	"walisup/wali/signals"
)

// Process is what all threads of one wasm process share. It is copied with the
// helper by fork.
type Process struct {
	Memory *memory.Memory

	Module  string   // absolute path of the module, as /proc/self/exe shows it
	Args    []string // argv
	Environ []string // NAME=VALUE

	// ReservedFD is the first of the ReservedFDs descriptors that belong to
	// the helper. The guest gets EBADF for them.
	ReservedFD uint32

	// StackTop is where the first thread's stack begins, which grows downwards; 0 if
	// that is not known.
	StackTop uint32

	// SpareFD is the first of as many that the helper's may move to, and that are
	// nobody's until then; ReservedFD if there are none.
	SpareFD uint32

	// HelperDev and HelperIno identify the helper's executable, so that the
	// guest's /proc/self/exe can be the module instead.
	HelperDev, HelperIno uint64

	// Sandboxed says that the kernel lets the process execute the helper's executable
	// and no other file.
	Sandboxed bool

	// Tracer is told of everything while the word at TraceControl is odd. Both may
	// be nil, and do not change once there is a thread.
	Tracer       Tracer
	TraceControl *uint32

	// Actions are the guest's actions for signals.
	Actions signals.Table

	shadowArea shadowArea
	robustUsed atomic.Bool // a thread has called set_robust_list
	filesApart atomic.Bool // a thread has a descriptor table of its own

	files  pathguard.Guard
	limits limits
}

// ReservedFDs is the number of consecutive descriptors that a helper keeps for
// itself.
const ReservedFDs = 24

// ownsFD reports whether fd belongs to the helper, or may.
func (p *Process) ownsFD(fd int32) bool {
	return uint32(fd)-p.ReservedFD < ReservedFDs || uint32(fd)-p.SpareFD < ReservedFDs
}

// Thread is one guest thread. Host functions find it as their context: an engine
// hands them the context of the call unchanged, and a type assertion costs
// nothing.
type Thread struct {
	context.Context
	*Process

	// Helper is what the process does for the thread. It is never nil; SetHelper sets it.
	Helper Helper

	// Gate says whether a caught signal waits for its handler.
	Gate kernel.Gate

	// Memory is what the pointers of the call under way refer to: the process's own, or
	// that of a layer, see layer.go.
	Memory *memory.Memory

	// Signals is what the kernel does not keep of the thread's signals.
	Signals signals.Thread

	layerCall
	threadState
	vforks

	calls        uint32  // system calls so far, modulo
	traceControl *uint32 // never nil

	scratch     []byte
	scratchUsed int
}

const (
	scratchSize = 256 << 10

	// smallAlloc is what alloc always gives: handlers that are nested deep
	// enough to use up the scratch space may cost garbage, but do not fail.
	smallAlloc = 4096
)

// NewThread makes the state of a guest thread of p. Until its Helper is set, the thread
// can do what it needs nobody for.
func NewThread(p *Process) *Thread {
	t := &Thread{Context: context.Background(), Process: p, Memory: p.Memory, traceControl: p.TraceControl}
	t.SetHelper(noHelper{t})
	if t.traceControl == nil {
		t.traceControl = &untraced
	}
	return t
}

// SetHelper makes h the thread's Helper.
func (t *Thread) SetHelper(h Helper) {
	t.Helper = h
	t.Signals.Init(h, &t.Gate, &t.Process.Actions)
}

// alloc returns n zeroed bytes, 16-byte aligned, that live until the host
// function returns. They may be handed to the kernel. It returns nil if n is
// more than smallAlloc and there is no room, which the caller reports as EINVAL or ENOMEM.
func (t *Thread) alloc(n int) []byte {
	if t.scratch == nil {
		t.scratch = mapScratch()
	}
	start := (t.scratchUsed + 15) &^ 15
	if n < 0 || start+n > len(t.scratch) {
		if n >= 0 && n <= smallAlloc {
			return make([]byte, n)
		}
		return nil
	}
	t.scratchUsed = start + n
	b := t.scratch[start : start+n : start+n]
	clear(b)
	return b
}

// Scratch and ResetScratch bracket a wasm call that may be left by a jump: they
// save and restore how much scratch space is in use.
func (t *Thread) Scratch() int       { return t.scratchUsed }
func (t *Thread) ResetScratch(n int) { t.scratchUsed = n }

// allocPtr is alloc for callers that need only the address: 0 if n is
// unreasonable.
func (t *Thread) allocPtr(n int) uintptr {
	b := t.alloc(n)
	if b == nil {
		return 0
	}
	return address(b)
}

// scratchAt returns the n bytes of scratch space that begin at a host address: nil if
// they are not of it.
func (t *Thread) scratchAt(at uintptr, n int) []byte {
	i := at - address(t.scratch)
	if t.scratch == nil || i >= uintptr(len(t.scratch)) || uintptr(n) > uintptr(len(t.scratch))-i {
		return nil
	}
	return t.scratch[i : i+uintptr(n) : i+uintptr(n)]
}

// mapScratch gets memory from the kernel and not from Go's heap, so that a
// process that never needs it does not pay and the collector never sees it.
func mapScratch() []byte {
	b, err := unix.Mmap(-1, 0, scratchSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return make([]byte, scratchSize)
	}
	return b
}

// address is where b's bytes are. Only for memory that does not move: scratch
// space and globals.
func address(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }

// errno makes a call result of an error number.
func errno(e unix.Errno) int64 { return -int64(e) }

// call issues a system call that does not block.
func (t *Thread) call(nr uintptr, a0, a1, a2, a3, a4, a5 uintptr) int64 {
	return kernel.Syscall(nr, a0, a1, a2, a3, a4, a5)
}

// block issues a system call that may sleep. A signal that was caught before
// the kernel took the call is handled first, as it would have been natively,
// and the call is then made.
func (t *Thread) block(nr uintptr, a0, a1, a2, a3, a4, a5 uintptr) int64 {
	for {
		if r, again := t.blockOnce(nr, a0, a1, a2, a3, a4, a5); !again {
			return r
		}
	}
}

// blockOnce is block for callers who have to think again after the handlers of the
// guest have run: again says that they have, and that the call was not made.
func (t *Thread) blockOnce(nr uintptr, a0, a1, a2, a3, a4, a5 uintptr) (r int64, again bool) {
	if t.abortRequested() {
		return errno(unix.EINTR), false
	}
	r = kernel.Blocking(&t.Gate, nr, a0, a1, a2, a3, a4, a5)
	if r != -kernel.ERESTARTSYS {
		t.Signals.Waited(r == errno(unix.EINTR))
		return r, false
	}
	if t.tracing() {
		t.Tracer.Restart(t)
	}
	if t.runHandlers() {
		return errno(unix.EINTR), false // nobody will see it
	}
	return 0, true
}

// Package jump implements setjmp and longjmp for compiled wasm code, without
// copying stacks and without unwinding by panics.
//
// While a host function runs, the engine's fields say where compiled code goes
// on afterwards: address, stack and frame pointer, and the registers that calls
// preserve. setjmp records them, relative to the stack's top since the stack may
// move when it grows, together with the bytes of its caller's frame, where the
// compiler keeps values that setjmp's second return needs again. longjmp puts
// all of it back; the host function then returns as setjmp, in setjmp's caller.
//
// Nothing of that goes through guest memory, which the guest could forge: its
// jmp_buf holds a number that names a record here. Copies of a jmp_buf name the same
// record, as programs that save and restore their buffers expect. A record whose
// frame lies below the present stack pointer is dead, and goes when a later setjmp
// finds it so.
//
// # Why a jump is safe
//
// A record may outlive its frame, and what lies there then is another function's:
// a return address there may be any number that the guest has computed. So a jump
// looks at the chain of frames first. That of setjmp's caller must be in it, and all
// from there outwards must be where they were and return to where they did. Then
// every function of the chain waits for the same call as at setjmp, and what is put
// back, the registers that they keep in calls among it, has the type that each of
// them expects, even if it is not the same activation: the compiler decides by place
// in the code what a register or a slot holds. The same goes for exception handlers:
// those of setjmp's caller are put back, those of the frames that are left go.
package jump

import (
	"math/rand/v2"
	"unsafe"

	"walisup/helper/engine"
	"walisup/helper/engine/wazero/layout"
)

// Table holds the records of one guest thread, outermost first.
type Table struct {
	records []record
	serial  uint64
	key     uint64 // of chains; 0 until the first
}

type record struct {
	serial   uint64
	context  uintptr // execution context: the wasm call that the frames belong to
	sp, fp   uintptr // distances from the stack's top
	callerFP uintptr // likewise
	chain    uint64  // of the frames from callerFP outwards
	handlers any     // exception handlers of the caller
	ret      uintptr
	setter   setter
	regs     []byte
	frame    []byte // [sp, callerFP)
}

// setter tells calls of setjmp within one frame apart: which call it is, by the
// address it returns to, and which jmp_buf it fills. Two of them in one frame are
// in use at once; the same one again replaces itself.
type setter struct {
	site   uintptr
	buffer uint32
}

// Set records the state in which the host function called from c returns, to ret.
// The guest's address of the jmp_buf is not used but to know it again.
func (t *Table) Set(c layout.Call, ret uintptr, buffer uint32) engine.Handle {
	top, sp, fp := c.StackTop(), *c.SP(), *c.FP()
	callerFP := *(*uintptr)(pointer(fp))
	// ret leads into the code that all calls of one import share.
	by := setter{site: *(*uintptr)(pointer(fp + 8)), buffer: buffer}
	i := t.place(c.Context(), top-sp, by)
	r := &t.records[i]
	if r.serial == 0 {
		t.serial++
		r.serial = t.serial
	}
	r.context, r.ret, r.setter = c.Context(), ret, by
	r.sp, r.fp, r.callerFP = top-sp, top-fp, top-callerFP
	if t.key == 0 {
		t.key = rand.Uint64() | 1
	}
	r.chain = c.Chain(callerFP, t.key)
	r.handlers = c.KeepTryHandlers(r.handlers)
	r.regs = append(r.regs[:0], c.SavedRegisters()...)
	r.frame = append(r.frame[:0], unsafe.Slice((*byte)(pointer(sp)), callerFP-sp)...)
	return engine.Handle{Index: uint64(i), Serial: r.serial}
}

// place finds the record that a setjmp at this place replaces, or makes room
// for a new one; its serial is then 0. Dead records go.
func (t *Table) place(context, sp uintptr, by setter) int {
	n := len(t.records)
	for n > 0 && t.records[n-1].context == context && t.records[n-1].sp > sp {
		n--
	}
	for i := n - 1; i >= 0 && t.records[i].context == context && t.records[i].sp == sp; i-- {
		if t.records[i].setter == by {
			t.truncate(n)
			return i
		}
	}
	t.truncate(n)
	if n < cap(t.records) {
		t.records = t.records[:n+1]
	} else {
		t.records = append(t.records, record{})
	}
	t.records[n].serial = 0
	return n
}

// truncate drops the records from n on, but keeps their buffers for reuse.
func (t *Table) truncate(n int) { t.records = t.records[:n] }

// Depth is the number of records. It is passed to Drop when the wasm call that
// was begun at this depth has ended.
func (t *Table) Depth() int { return len(t.records) }

// Drop forgets the records that were made since Depth returned n.
func (t *Table) Drop(n int) {
	if n < len(t.records) {
		t.truncate(n)
	}
}

// Context returns the execution context that the handle's record belongs to.
func (t *Table) Context(h engine.Handle) (uintptr, error) {
	r := t.find(h)
	if r == nil {
		return 0, engine.ErrStale
	}
	return r.context, nil
}

func (t *Table) find(h engine.Handle) *record {
	if h.Index >= uint64(len(t.records)) || h.Serial == 0 || t.records[h.Index].serial != h.Serial {
		return nil
	}
	return &t.records[h.Index]
}

// Jump makes the host function that was called from c return where the handle's
// setjmp did, with the given value.
//
// Preconditions: the record belongs to c, and the function returns at once.
func (t *Table) Jump(c layout.Call, h engine.Handle, value uint64) error {
	r := t.find(h)
	if r == nil || r.context != c.Context() {
		return engine.ErrStale
	}
	top := c.StackTop()
	callerFP := top - r.callerFP
	if !c.Encloses(callerFP, *c.FP()) || c.Chain(callerFP, t.key) != r.chain || !c.SetTryHandlers(r.callerFP, r.handlers) {
		return engine.ErrStale
	}
	sp := top - r.sp
	copy(unsafe.Slice((*byte)(pointer(sp)), len(r.frame)), r.frame)
	*(*uintptr)(pointer(top - r.fp)) = callerFP // the copy's may be of before the stack moved
	*c.SP(), *c.FP(), *c.ReturnAddress() = sp, top-r.fp, r.ret
	copy(c.SavedRegisters(), r.regs)
	*(*uint64)(pointer(sp + 8)) = value // the first result slot, behind the slots' size
	return nil
}

// pointer makes a pointer of an address on a wasm stack, which the collector
// knows only as bytes.
func pointer(p uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&p)) }

package jump_test

import (
	"context"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero/api"

	"walisup/helper/engine"
	"walisup/helper/engine/wazero/enginetest"
	"walisup/helper/engine/wazero/jump"
	"walisup/helper/engine/wazero/layout"
)

// Instructions.
const (
	opCall     = 0x10
	opDrop     = 0x1a
	opLocalGet = 0x20
	opLocalSet = 0x21
	opI64Add   = 0x7c
)

// rig is a module under construction that imports setjmp, longjmp and poison.
type rig struct {
	enginetest.Assembler
	setjmp, longjmp, poison uint32
	void, number            uint32
	table                   jump.Table
	handles                 map[uint32]engine.Handle
}

// poisonValue is what a hostile module puts where it hopes for a return address.
const poisonValue = 0x4141_4141_4141

func newRig() *rig {
	r := &rig{handles: map[uint32]engine.Handle{}}
	r.void = r.Type(nil, nil)
	r.number = r.Type(nil, []byte{enginetest.I32})
	r.setjmp = r.Import("host", "setjmp", r.Type([]byte{enginetest.I32}, []byte{enginetest.I32}))
	r.longjmp = r.Import("host", "longjmp", r.Type([]byte{enginetest.I32, enginetest.I32}, nil))
	r.poison = r.Import("host", "poison", r.Type(nil, []byte{enginetest.I64}))
	return r
}

// run calls the export "main".
func (r *rig) run(t *testing.T) ([]uint64, error) {
	t.Helper()
	b := enginetest.New(t)
	var view layout.Call
	host := b.Runtime.NewHostModuleBuilder("host")
	define := func(name string, f func([]uint64), params, results []api.ValueType) {
		host.NewFunctionBuilder().WithGoFunction(api.GoFunc(func(_ context.Context, stack []uint64) { f(stack) }), params, results).Export(name)
	}
	define("setjmp", func(stack []uint64) {
		buffer := uint32(stack[0]) // the upper half may hold anything
		r.handles[buffer] = r.table.Set(view, *view.ReturnAddress(), buffer)
		stack[0] = 0
	}, []byte{enginetest.I32}, []byte{enginetest.I32})
	define("longjmp", func(stack []uint64) {
		if err := r.table.Jump(view, r.handles[uint32(stack[0])], stack[1]); err != nil {
			panic(err)
		}
	}, []byte{enginetest.I32, enginetest.I32}, nil)
	define("poison", func(stack []uint64) { stack[0] = poisonValue }, nil, []byte{enginetest.I64})
	if _, err := host.Instantiate(context.Background()); err != nil {
		t.Fatal(err)
	}
	m, err := b.Instantiate(r.Bytes(), "")
	if err != nil {
		t.Fatal(err)
	}
	f := m.ExportedFunction("main")
	fields, err := layout.Find(f)
	if err != nil {
		t.Fatal(err)
	}
	return b.CallFunction(m, f, func() { view = fields.View(f) })
}

// spilled is code that has n poisoned values on the stack while it does what inside
// says.
func (r *rig) spilled(n int, inside ...any) (locals, c []byte) {
	locals = enginetest.U32([]byte{1}, uint32(n))
	locals = append(locals, enginetest.I64)
	for i := range n {
		c = append(c, enginetest.Code(opCall, r.poison, opLocalSet, uint32(i))...)
	}
	c = append(c, enginetest.Code(inside...)...)
	c = append(c, enginetest.Code(opLocalGet, 0)...)
	for i := 1; i < n; i++ {
		c = append(c, enginetest.Code(opLocalGet, uint32(i), opI64Add)...)
	}
	return locals, append(c, opDrop)
}

// A jmp_buf whose setjmp's caller has returned leads nowhere, even if the stack is
// deeper now than it was then and the attacker has written to where the return
// address was.
func TestJumpToAFunctionThatHasReturned(t *testing.T) {
	for _, nested := range []int{0, 1, 2, 5} {
		for _, values := range []int{1, 5, 10, 40, 200} {
			r := newRig()
			setter := r.Function("", r.number, nil, enginetest.Code(enginetest.I32Const(1), opCall, r.setjmp)...)
			for range nested {
				setter = r.Function("", r.number, nil, enginetest.Code(opCall, setter)...)
			}
			locals, body := r.spilled(values, enginetest.I32Const(1), enginetest.I32Const(7), opCall, r.longjmp)
			hostile := r.Function("", r.void, locals, body...)
			r.Function("main", r.void, nil, enginetest.Code(opCall, setter, opDrop, opCall, hostile)...)
			_, err := r.run(t)
			if err == nil || !strings.Contains(err.Error(), engine.ErrStale.Error()) {
				t.Errorf("called by %d functions, %d poisoned values: %v", nested+1, values, err)
			}
		}
	}
}

const (
	opBlock    = 0x02
	opIf       = 0x04
	opElse     = 0x05
	opThrow    = 0x08
	opEnd      = 0x0b
	opTryTable = 0x1f
	opI32Add   = 0x6a

	emptyBlock = 0x40
)

// catches is a try_table that goes to the block around it when it catches tag 0.
var catches = enginetest.Code(opTryTable, emptyBlock, 1, 0, 0, 0)

// A longjmp out of a try_table takes its handlers away: what is thrown later, deeper
// in the stack than it was, does not come to them.
func TestJumpOutOfATryTable(t *testing.T) {
	enginetest.NeedPatches(t)
	for _, values := range []int{1, 10, 100} {
		r := newRig()
		r.Tag(r.void)
		throws := r.Function("", r.void, nil, enginetest.Code(opThrow, 0)...)
		locals, body := r.spilled(values, opCall, throws)
		hostile := r.Function("", r.void, locals, body...)
		jumps := r.Function("", r.void, nil, enginetest.Code(opBlock, emptyBlock, catches, enginetest.I32Const(1), enginetest.I32Const(7), opCall, r.longjmp, opEnd, opEnd)...)
		r.Function("main", r.void, nil, enginetest.Code(enginetest.I32Const(1), opCall, r.setjmp,
			opIf, emptyBlock, opCall, hostile, opElse, opCall, jumps, opEnd)...)
		_, err := r.run(t)
		if err == nil || !strings.Contains(err.Error(), "uncaught exception") {
			t.Errorf("%d poisoned values: %v", values, err)
		}
	}
}

// A longjmp back into a try_table that has been left brings its handlers back, and
// the locals that they see, whatever has used their memory meanwhile.
func TestJumpIntoATryTable(t *testing.T) {
	enginetest.NeedPatches(t)
	r := newRig()
	r.Tag(r.void)
	one := []byte{1, 1, enginetest.I32}
	other := r.Function("", r.void, one, enginetest.Code(opBlock, emptyBlock, catches, enginetest.I32Const(-1), opLocalSet, 0, opEnd, opEnd)...)
	r.Function("main", r.number, one, enginetest.Code(
		opBlock, emptyBlock,
		catches,
		enginetest.I32Const(5), opLocalSet, 0,
		enginetest.I32Const(1), opCall, r.setjmp, opIf, emptyBlock, opThrow, 0, opEnd,
		opEnd,
		opCall, other, enginetest.I32Const(-1), opLocalSet, 0,
		enginetest.I32Const(1), enginetest.I32Const(7), opCall, r.longjmp, 0x00,
		opEnd, opLocalGet, 0, enginetest.I32Const(94), opI32Add)...)
	for range 3 {
		if got, err := r.run(t); err != nil || uint32(got[0]) != 99 {
			t.Errorf("got %v, %v, want 99", got, err)
		}
	}
}

// A jump within a function that is called again from the same place is fine, and so is
// one over a stack that has moved because it grew.
func TestJumpsThatWork(t *testing.T) {
	r := newRig()
	deep := r.Function("", r.Type([]byte{enginetest.I32}, nil), nil, enginetest.Code(
		opLocalGet, 0, opIf, emptyBlock,
		opLocalGet, 0, enginetest.I32Const(-1), opI32Add, opCall, r.longjmp+2, // itself: the first function after the imports
		opElse, enginetest.I32Const(1), enginetest.I32Const(7), opCall, r.longjmp, opEnd)...)
	r.Function("main", r.number, []byte{1, 1, enginetest.I32}, enginetest.Code(
		enginetest.I32Const(40), opLocalSet, 0,
		enginetest.I32Const(1), opCall, r.setjmp, opIf, 0x7f, opLocalGet, 0, enginetest.I32Const(2), opI32Add,
		opElse, enginetest.I32Const(10000), opCall, deep, enginetest.I32Const(0), opEnd)...)
	if got, err := r.run(t); err != nil || uint32(got[0]) != 42 {
		t.Errorf("got %v, %v, want 42", got, err)
	}
}

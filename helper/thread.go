package helper

import (
	"context"

	"walisup/helper/engine"
	"walisup/helper/interrupt"
	"walisup/helper/module"
	"walisup/wali"
)

// thread is one guest thread: an instance of the module with globals of its
// own, run by a goroutine that is locked to its thread.
type thread struct {
	*wali.Thread
	*program
	instance engine.Instance
	calls    engine.Thread
	state    *interrupt.State

	stackPointer engine.Global // shadow stack pointer, nil if the module has none
	handlerCalls []handlerCall // by depth
	handlerDepth int
	inLayer      *layerThread  // whose call is under way; nil for the application's
	layers       []layerThread // the stack, that which is nearest to the application first

	pooled
	registered
}

// newThread instantiates the module for one more thread.
func (p *program) newThread(ctx context.Context) (*thread, error) {
	t := &thread{Thread: wali.NewThread(p.process), program: p}
	t.SetHelper(t)
	var err error
	if t.state, err = interrupt.NewState(&t.Thread.Gate); err != nil {
		return nil, err
	}
	t.calls = p.engine.NewThread(t.state)
	if t.instance, err = p.code.Instantiate(ctx, t.calls); err != nil {
		return nil, err
	}
	if p.module.StackPointer {
		t.stackPointer = t.instance.Global(module.ExportStackPointer)
	}
	return t, t.instantiateLayers(ctx)
}

var _ wali.Helper = (*thread)(nil)

// StackPointer implements wali.Helper.
func (t *thread) StackPointer() (sp uint32, ok bool) {
	if t.stackPointer == nil {
		return 0, false
	}
	return uint32(t.stackPointer.Get()), true
}

// call runs a wasm function to its end. A trap ends the process.
func (t *thread) call(f engine.Function, args ...uint64) {
	if err := t.tryCall(f, args...); err != nil {
		t.trapped(f, err)
	}
}

// tryCall runs a wasm function. Its error is a trap, or a longjmp to a call
// further out. All is then as it was before, but for the guest's memory and
// stack pointer and the signal mask.
func (t *thread) tryCall(f engine.Function, args ...uint64) error {
	scratch, handlers := t.Scratch(), t.handlerDepth
	err := f.Call(t.Thread, args...)
	t.ResetScratch(scratch)
	t.handlerDepth = handlers
	return err
}

// threadOf returns the thread in which a host function was called.
func threadOf(ctx context.Context) *thread { return ctx.(*wali.Thread).Helper.(*thread) }

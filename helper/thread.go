package helper

import (
	"context"
	"fmt"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"walisup/helper/engine"
	"walisup/helper/interrupt"
	"walisup/helper/jump"
	"walisup/helper/module"
	"walisup/wali"
)

// thread is one guest thread: an instance of the module with globals of its
// own, run by a goroutine that is locked to its thread.
type thread struct {
	*wali.Thread
	*program
	instance api.Module
	state    *interrupt.State
	jumps    jump.Table
	running  engine.Call // the wasm call under way
	leaving  error       // why it is to end, if a host function wants that

	stackPointer api.MutableGlobal // shadow stack pointer, nil if the module has none
	handlerCalls []handlerCall     // by depth
	handlerDepth int

	pooled
	registered
}

// newThread instantiates the module for one more thread.
func (p *program) newThread(ctx context.Context) (*thread, error) {
	instance, err := p.engine.Runtime.InstantiateModule(ctx, p.engine.Compiled,
		wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		return nil, fmt.Errorf("instantiate: %w", err)
	}
	t := &thread{Thread: wali.NewThread(p.process), program: p, instance: instance}
	t.Thread.Owner, t.Thread.Signals, t.Thread.Collector = t, t, t
	t.Thread.Forker, t.Thread.Reporter = t, t
	if p.module.StackPointer {
		t.stackPointer = instance.ExportedGlobal(module.ExportStackPointer).(api.MutableGlobal)
		t.Thread.StackPointer = func() uint32 { return uint32(t.stackPointer.Get()) }
	}
	init := t.function(module.ExportInit)
	if p.code == nil {
		if p.layout, err = engine.FindLayout(init); err != nil {
			return nil, err
		}
		p.code, p.offsets = p.layout.Code(init)
	}
	t.state, err = interrupt.NewState(p.layout.InterruptOffsets(), p.target, &t.Thread.Gate)
	return t, err
}

// function returns an exported function, ready for one call at a time.
func (t *thread) function(name string) api.Function { return t.instance.ExportedFunction(name) }

// call runs a wasm function to its end. A trap ends the process.
func (t *thread) call(f api.Function, args ...uint64) {
	if err := t.tryCall(f, args...); err != nil {
		t.trapped(t.layout.View(f), err)
	}
}

// tryCall runs a wasm function. Its error is a trap, or a longjmp to a call
// further out. All is then as it was before, but for the guest's memory and
// stack pointer and the signal mask.
func (t *thread) tryCall(f api.Function, args ...uint64) error {
	view := t.layout.View(f)
	outer := t.running
	jumps, scratch, handlers, depth := t.jumps.Depth(), t.Scratch(), t.handlerDepth, t.state.Depth()
	inHost := t.Gate.InHost
	t.running = view
	t.Gate.InHost = 1
	context, top := t.state.Running(view.Context(), view.StackTopAddress())
	t.Gate.InHost = 0
	if t.Gate.Pending != 0 {
		// It came too late for the caller, and too early for the raw handler to
		// have found this call.
		t.state.Step()
	}
	err := f.CallWithStack(t.Thread, args)
	t.state.Running(context, top)
	t.Gate.InHost = inHost
	t.running = outer
	t.jumps.Drop(jumps)
	t.ResetScratch(scratch)
	t.handlerDepth = handlers
	if t.leaving != nil {
		err, t.leaving = t.leaving, nil
	}
	if err != nil {
		t.state.Unwind(depth)
	}
	return err
}

// leave makes the wasm call under way end with an error as soon as the present host
// function has returned. A panic would do that too, but the engine then looks for a
// stack trace, and finds nothing sensible where a signal has interrupted a prologue.
func (t *thread) leave(why error) {
	t.leaving = why
	t.state.LeaveCall()
}

// threadOf returns the thread in which a host function was called.
func threadOf(ctx context.Context) *thread { return ctx.(*wali.Thread).Owner.(*thread) }

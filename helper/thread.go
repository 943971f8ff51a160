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
}

// newThread instantiates the module for one more thread.
func (p *program) newThread(ctx context.Context) (*thread, error) {
	instance, err := p.engine.Runtime.InstantiateModule(ctx, p.engine.Compiled,
		wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		return nil, fmt.Errorf("instantiate: %w", err)
	}
	t := &thread{Thread: wali.NewThread(p.process), program: p, instance: instance}
	t.Thread.Owner = t
	init := t.function(module.ExportInit)
	if p.code == nil {
		if p.layout, err = engine.FindLayout(init); err != nil {
			return nil, err
		}
		p.code, p.offsets = p.layout.Code(init)
	}
	lo, hi := codeRange(p.code)
	t.state, err = interrupt.NewState(lo, hi, p.layout.InterruptOffsets(), p.target)
	return t, err
}

// function returns an exported function, ready for one call at a time.
func (t *thread) function(name string) api.Function { return t.instance.ExportedFunction(name) }

// call runs a wasm function to its end. A trap ends the process.
func (t *thread) call(f api.Function, args ...uint64) {
	view := t.layout.View(f)
	outer := t.running
	t.running = view
	context, top := t.state.Running(view.Context(), view.StackTopAddress())
	depth := t.jumps.Depth()
	err := f.CallWithStack(t.Thread, args)
	t.jumps.Drop(depth)
	t.state.Running(context, top)
	t.running = outer
	if err != nil {
		t.trapped(view, err)
	}
}

// threadOf returns the thread in which a host function was called.
func threadOf(ctx context.Context) *thread { return ctx.(*wali.Thread).Owner.(*thread) }

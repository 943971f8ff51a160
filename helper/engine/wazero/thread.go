package wazero

import (
	"context"

	"github.com/tetratelabs/wazero/api"

	"walisup/helper/engine"
	"walisup/helper/engine/wazero/jump"
	"walisup/helper/engine/wazero/layout"
	"walisup/helper/engine/wazero/stubs"
	"walisup/helper/interrupt"
)

// thread is the calls of one guest thread.
type thread struct {
	state   *interrupt.State
	stubs   *stubs.Thread  // nil until there is an instance, likewise
	layout  *layout.Layout // fields of the engine
	jumps   jump.Table
	running layout.Call // the innermost call
	leaving error       // why it is to end, if a host function wants that
}

// function is an exported function with a stack of its own, which wazero calls a call
// engine.
type function struct {
	api.Function
	thread *thread
	view   layout.Call
	outer  layout.Call // whose host function has called this one
}

// Call implements engine.Function.
func (f *function) Call(ctx context.Context, args ...uint64) error {
	t, gate := f.thread, f.thread.state.Gate()
	outer := t.running
	f.outer = outer
	jumps, depth := t.jumps.Depth(), t.state.Depth()
	inHost := gate.InHost
	t.running = f.view
	gate.InHost = 1
	before := t.state.SetRunning(f.view.Running())
	if !t.state.Layered() {
		gate.InHost = 0
		if gate.Pending != 0 {
			// It came too late for the caller, and too early for the raw handler to
			// have found this call.
			t.state.Step()
		}
	}
	err := f.CallWithStack(ctx, args)
	t.state.SetRunning(before)
	gate.InHost = inHost
	t.running = outer
	t.jumps.Drop(jumps)
	if t.leaving != nil {
		err, t.leaving = t.leaving, nil
	}
	if err != nil {
		t.state.Unwind(depth)
	}
	return err
}

// Stack implements engine.Function.
func (f *function) Stack(limit int) []uintptr {
	return stack(f.view, *f.view.ReturnAddress(), *f.view.FP(), limit)
}

// CallerStack implements engine.Function.
func (f *function) CallerStack(limit int) []uintptr {
	if f.outer.Context() == 0 {
		return nil
	}
	return hostStack(f.outer, limit)
}

// Leave implements engine.Thread. A panic would make the call end too, but the engine
// then looks for a stack trace, and finds nothing sensible where a signal has
// interrupted a prologue.
func (t *thread) Leave(why error) {
	if why != nil {
		t.leaving = why
	}
	t.stubs.LeaveCall()
}

// SetJump implements engine.Thread.
func (t *thread) SetJump(buffer uint32) engine.Handle {
	return t.jumps.Set(t.running, t.stubs.ReturnAddress(), buffer)
}

// Jump implements engine.Thread.
func (t *thread) Jump(h engine.Handle, value uint64) (outer bool, err error) {
	context, err := t.jumps.Context(h)
	if err != nil {
		return false, err
	}
	if context != t.running.Context() {
		return true, nil
	}
	t.leaving = nil // the jump stays in a call that may have been to end
	return false, t.jumps.Jump(t.running, h, value)
}

// HostStack implements engine.Thread.
func (t *thread) HostStack(limit int) []uintptr { return hostStack(t.running, limit) }

func hostStack(c layout.Call, limit int) []uintptr {
	// The innermost frame is that of the trampoline.
	pc, fp, ok := c.Caller(*c.FP())
	if !ok {
		return nil
	}
	return stack(c, pc, fp, limit)
}

// TrapStack implements engine.Thread.
func (t *thread) TrapStack(limit int) []uintptr {
	return stack(t.running, t.stubs.ReturnAddress(), *t.running.FP(), limit)
}

// InterruptedStack implements engine.Thread.
func (t *thread) InterruptedStack(at interrupt.Interruption, limit int) []uintptr {
	pc := at.PC
	if !t.running.InCode(pc) { // in memmove, which keeps no frame
		pc = at.ReturnAddress()
	}
	return stack(t.running, pc, at.FP, limit)
}

// stack follows the frames of c from the function with the address pc, whose frame is at
// fp: [fp] is the caller's, and behind it the address in the caller.
func stack(c layout.Call, pc, fp uintptr, limit int) (frames []uintptr) {
	for ok := true; ok && len(frames) < limit && c.InCode(pc); pc, fp, ok = c.Caller(fp) {
		frames = append(frames, pc)
	}
	return frames
}

// Undivert implements engine.Thread.
func (t *thread) Undivert() { t.stubs.Undivert() }

// Suspend implements engine.Thread.
func (t *thread) Suspend() engine.Resume { return t.stubs.Suspend() }

// Continue implements engine.Thread.
func (t *thread) Continue(r engine.Resume) { t.stubs.Continue(r) }

// Reset implements engine.Thread.
func (t *thread) Reset() {
	t.stubs.Reset()
	t.jumps.Drop(0)
}

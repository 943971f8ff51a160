package native

import (
	"context"
	"errors"

	"golang.org/x/sys/unix"

	"walisup/helper/engine"
	"walisup/helper/engine/native/image"
	"walisup/helper/interrupt"
)

// thread is the calls of one guest thread.
type thread struct {
	state   *interrupt.State
	context *guestContext // nil until there is an instance, likewise
	program *program
	jumps   jumps
	calls   uint64 // begun so far

	running                // the innermost call
	trapPC, trapFP uintptr // where code has trapped last
}

// running is a call under way.
type running struct {
	call    uint64  // its number, 0 for none
	sp, fp  uintptr // guestSP, and the frame pointer at the present host call
	setjmp  uintptr // the arguments of that, if it is one of setjmp
	left    bool    // the call is to end
	leaving error   // with this
	target  *record // or the code is to go on here
	value   uint64
}

// Bounds of the code of enter that a signal may interrupt.
var lookAt, pendingExitAt = lookPC(), pendingExitPC()

// attach makes t ready for the code of p.
func (t *thread) attach(p *program) error {
	if t.context != nil {
		return errors.New("a thread runs native code of one program only")
	}
	c, err := newContext(t.state, p.description)
	if err != nil {
		return err
	}
	hooks := interrupt.Hooks{Enter: enterStubPC(), Divert: nothingPC(), Step: nothingPC(), LookLo: lookAt, LookHi: pendingExitAt}
	if hooks.LookHi < hooks.LookLo {
		return errors.New("the linker has moved the code of the native engine apart")
	}
	t.state.Attach(hooks)
	t.context, t.program = c, p
	return nil
}

// function is an exported function.
type function struct {
	thread *thread
	code   uintptr
}

// Call implements engine.Function.
func (f *function) Call(ctx context.Context, args ...uint64) error {
	t, gate, c := f.thread, f.thread.state.Gate(), f.thread.context
	outer, base, resuming, overflowed := t.running, c.guestSP, c.resuming, c.overflowed
	jumps, depth := len(t.jumps.records), t.state.Depth()
	inHost := gate.InHost
	if !c.hasRoom(base) {
		t.trapPC, t.trapFP = 0, 0
		return trapError(engine.StackOverflow)
	}
	if outer.call == 0 { // perhaps on another kernel thread than the last
		if err := c.setGS(); err != nil {
			return err
		}
	}
	t.calls++
	t.running = running{call: t.calls}
	gate.InHost = 1
	before := t.state.SetRunning(c.running())
	if !t.state.Layered() {
		gate.InHost = 0
	}
	c.begin(image.Base+uintptr(t.program.description.Entry), f.code, args)
	c.resuming = 0
	err := t.run(ctx)
	t.state.SetRunning(before)
	gate.InHost = inHost
	t.running = outer
	c.guestSP, c.resuming, c.overflowed = base, resuming, overflowed
	t.jumps.drop(jumps)
	if err != nil {
		t.state.Unwind(depth)
	}
	return err
}

// run runs the code until the call ends.
func (t *thread) run(ctx context.Context) error {
	c, p := t.context, t.program
	var at interruption
	for {
		enter()
		resuming := c.resuming != 0
		c.resuming = 0
		switch k := c.exit; {
		case k >= 0:
			t.sp = c.guestSP
			t.fp = c.calleeFP(t.sp)
			t.setjmp = 0
			if p.twice[k] {
				t.setjmp = c.args
			}
			h := &p.hosts[k]
			h.call(ctx, c.arguments(h.words))
		case k == exitDone:
			return nil
		case k == exitPending:
			before := interruption{sp: c.guestSP, oldSP: c.oldSP, oldExit: c.oldExit, args: c.args, ret: c.ret}
			if resuming {
				before = at
				c.guestSP = at.sp
			}
			t.sp, t.fp, t.setjmp = c.guestSP, c.calleeFP(c.guestSP), 0
			if resuming {
				t.fp = at.fp
			}
			p.pending(ctx, nil)
			if !t.left && t.target == nil {
				before.restore(c)
				if resuming {
					c.resuming = 1
				}
				continue
			}
		case k == exitInterrupted:
			caught := t.state.Caught()
			fp := caught.FP
			if caught.PC >= lookAt && caught.PC < pendingExitAt { // enter has not popped it, or just so
				fp = c.calleeFP(c.oldSP)
			}
			at = interruption{sp: c.guestSP, fp: fp, oldSP: c.oldSP, oldExit: c.oldExit, args: c.args, ret: c.ret}
			t.sp, t.fp, t.setjmp = at.sp, at.fp, 0
			if caught.Signal == int(unix.SIGSEGV) && caught.Fault() && c.inGuard(caught.FaultAddress()) {
				if err := t.overflow(ctx); err != nil {
					return err
				}
				break
			}
			p.interrupted(ctx, nil)
			if !t.left && t.target == nil {
				at.restore(c)
				c.resuming = 1
				continue
			}
		case k == exitThrow && t.catch(c.args):
			continue
		default:
			kind := engine.Trap(exitTrap - k)
			if k == exitThrow {
				kind = engine.UncaughtException
			}
			t.sp = c.guestSP
			t.fp, t.setjmp = c.calleeFP(t.sp), 0
			t.trapPC, t.trapFP = *word(t.fp + 8)-1, *word(t.fp)
			if err := t.trap(ctx, kind); err != nil {
				return err
			}
		}
		if t.left {
			return t.leaving
		}
		if r := t.target; r != nil {
			t.target = nil
			r.land(c, t.value)
			c.unwoundTo(r.sp)
		}
	}
}

// interruption is what the context held when the code was interrupted.
type interruption struct {
	sp, fp, oldSP uintptr
	oldExit       int64
	args, ret     uintptr
}

// restore puts it back.
func (i *interruption) restore(c *guestContext) {
	c.guestSP, c.args, c.ret, c.oldSP, c.oldExit = i.sp, i.args, i.ret, i.oldSP, i.oldExit
}

// trap tells the host of a trap. It returns the error that the call ends with, nil if the
// host has made the code go on elsewhere.
func (t *thread) trap(ctx context.Context, kind engine.Trap) error {
	err := trapError(kind)
	if ctx.(engine.Context).Trap(err) && (t.left || t.target != nil) {
		return nil
	}
	return err
}

// overflow makes a trap of a fault in the guard of the stack. Handlers run on the small one.
func (t *thread) overflow(ctx context.Context) error {
	c := t.context
	at, err := t.state.Enter()
	if err != nil {
		return err
	}
	mask := *t.state.Mask()
	t.state.Abandon()
	t.trapPC, t.trapFP = at.PC, at.FP
	if c.overflowed != 0 {
		return trapError(engine.StackOverflow)
	}
	c.overflowed = 1
	c.guestSP = c.small()
	setMask(mask)
	return t.trap(ctx, engine.StackOverflow)
}

// Stack implements engine.Function.
func (f *function) Stack(limit int) []uintptr { return f.thread.TrapStack(limit) }

// CallerStack implements engine.Function. Native code is no layer's, and calls none.
func (f *function) CallerStack(int) []uintptr { return nil }

// Leave implements engine.Thread.
func (t *thread) Leave(why error) {
	t.left, t.target = true, nil
	if why != nil {
		t.leaving = why
	}
}

// SetJump implements engine.Thread.
func (t *thread) SetJump(buffer uint32) engine.Handle {
	if t.setjmp == 0 {
		return engine.Handle{}
	}
	return t.jumps.set(t.context, t.call, t.setjmp, buffer)
}

// Jump implements engine.Thread.
func (t *thread) Jump(h engine.Handle, value uint64) (outer bool, err error) {
	r := t.jumps.find(h)
	if r == nil {
		return false, engine.ErrStale
	}
	if r.call != t.call {
		return true, nil
	}
	if !t.jumps.possible(t.context, r, t.fp) {
		return false, engine.ErrStale
	}
	t.left, t.leaving = false, nil
	t.target, t.value = r, value
	return false, nil
}

// HostStack implements engine.Thread.
func (t *thread) HostStack(limit int) []uintptr {
	c := t.context
	if !c.inStack(t.fp) {
		return nil
	}
	return t.stack(*word(t.fp + 8), *word(t.fp), limit)
}

// TrapStack implements engine.Thread.
func (t *thread) TrapStack(limit int) []uintptr { return t.stack(t.trapPC, t.trapFP, limit) }

// InterruptedStack implements engine.Thread.
func (t *thread) InterruptedStack(at interrupt.Interruption, limit int) []uintptr {
	pc := at.PC
	d := t.program.description
	if o := pc - image.Base; o >= uintptr(d.StubsLo) && o < uintptr(d.Stubs) { // no frame
		pc = at.ReturnAddress()
	}
	return t.stack(pc, at.FP, limit)
}

// stack follows the frames from the code at pc, whose frame is at fp. Stubs between the
// module's functions and the host are left out.
func (t *thread) stack(pc, fp uintptr, limit int) (frames []uintptr) {
	c := t.context
	for len(frames) < limit {
		if _, _, ok := t.program.Locate(pc); ok {
			frames = append(frames, pc)
		} else if len(frames) > 0 {
			break
		}
		if !c.inStack(fp) {
			break
		}
		pc, fp = *word(fp + 8), c.caller(fp)
	}
	return frames
}

// Undivert implements engine.Thread: enter looks by itself.
func (t *thread) Undivert() {}

// Suspend implements engine.Thread. What handlers that run in Host.Pending change, the loop
// puts back.
func (t *thread) Suspend() engine.Resume { return engine.Resume{} }

// Continue implements engine.Thread.
func (t *thread) Continue(engine.Resume) {}

// Reset implements engine.Thread.
func (t *thread) Reset() {
	t.jumps.drop(0)
	t.running = running{}
	if c := t.context; c != nil {
		c.guestSP, c.resuming, c.overflowed = c.stackHi-64, 0, 0
	}
}

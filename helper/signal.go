package helper

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"syscall"

	"golang.org/x/sys/unix"

	"walisup/helper/engine"
	"walisup/helper/module"
	"walisup/wali"
	"walisup/wali/kernel/abi"
	"walisup/wali/signals"
)

// handlerCall is what calls signal handlers. A function cannot be entered twice,
// so nested handlers have one each.
type handlerCall struct{ plain, info engine.Function }

// jumpOut is how a longjmp leaves the wasm calls between it and its setjmp: each
// returns it as its error.
type jumpOut struct {
	handle engine.Handle
	value  uint64
}

func (*jumpOut) Error() string { return "longjmp out of a signal handler" }

// Take implements wali.Helper.
func (t *thread) Take(info *wali.Siginfo) (mask uint64) {
	t.calls.Undivert()
	mask = t.state.Take(info)
	for held := t.state.Held(); held != 0; held &= held - 1 {
		// It came while this one was pending: it comes again as soon as it may.
		sig := syscall.Signal(bits.TrailingZeros64(held) + 1)
		unix.Tgkill(unix.Getpid(), unix.Gettid(), sig)
	}
	return mask
}

// PendingMask and SetPendingMask are the mask that the thread goes back to after
// the pending signal.
func (t *thread) PendingMask() uint64        { return *t.state.PendingMask() }
func (t *thread) SetPendingMask(mask uint64) { *t.state.PendingMask() = mask }

// Die implements wali.Helper.
func (t *thread) Die(sig int) { die(syscall.Signal(sig)) }

// Layout of the context that a handler with SA_SIGINFO gets, as far as a module
// can have one: flags u64, link u32, stack_t at 12, registers at 24 (none), signal
// mask at 280. Source: ucontext_t of the C library.
const (
	contextStack = 12
	contextMask  = 280
	contextSize  = 408
)

// CallHandler implements wali.Helper.
func (t *thread) CallHandler(act *signals.Action, sig int, info *wali.Siginfo, mask *uint64) (jumped bool) {
	var sp uint32
	if t.stackPointer != nil {
		sp = uint32(t.stackPointer.Get())
	}
	stack := t.Signals.AltStack()
	base := stack.HandlerStack(act, sp)
	call := t.handlerCall()
	t.handlerDepth++
	var err error
	if !act.HasInfo() {
		// Natively there is a frame of the kernel's, and no going on without room for it.
		if t.stackPointer != nil && t.Memory.Store64(base-8, 0) != 0 {
			t.noHandlerStack(base)
		}
		t.setStackPointer(base)
		err = t.tryCall(call.plain, uint64(act.Handler), uint64(sig))
	} else {
		context := (base - contextSize) &^ 15
		siginfo := context - abi.SiginfoSize
		t.writeContext(context, *mask)
		t.handlerWrite(siginfo, wali.GuestSiginfo(info, t.Memory))
		t.setStackPointer(siginfo)
		err = t.tryCall(call.info, uint64(act.Handler), uint64(sig), uint64(siginfo), uint64(context))
		if err == nil {
			var b [8]byte
			if t.Memory.Read(context+contextMask, b[:]) == 0 {
				*mask = binary.LittleEndian.Uint64(b[:])
			}
		}
	}
	t.handlerDepth--
	var out *jumpOut
	var gone *threadExit
	switch {
	case err == nil:
		t.setStackPointer(sp)
		return false
	case errors.As(err, &gone):
		if t.handlerDepth > 0 {
			t.calls.Leave(gone)
		} else {
			t.calls.Leave(nil)
		}
		return true
	case !errors.As(err, &out):
		t.trapped(call.plain, err)
	}
	outer, stale := t.calls.Jump(out.handle, out.value)
	if stale != nil {
		t.crash(unix.SIGSEGV, stale.Error(), nil)
	}
	if outer {
		t.calls.Leave(out)
	}
	return true
}

// handlerCall returns the functions that call a handler at the present depth.
func (t *thread) handlerCall() *handlerCall {
	for t.handlerDepth >= len(t.handlerCalls) {
		t.handlerCalls = append(t.handlerCalls, handlerCall{
			plain: t.instance.Function(module.ExportCall1),
			info:  t.instance.Function(module.ExportCall3),
		})
	}
	return &t.handlerCalls[t.handlerDepth]
}

// writeContext writes the ucontext_t for a handler.
func (t *thread) writeContext(p uint32, mask uint64) {
	var b [contextSize]byte
	stack := t.Signals.AltStack()
	binary.LittleEndian.PutUint32(b[contextStack:], stack.SP)
	binary.LittleEndian.PutUint32(b[contextStack+4:], uint32(stack.Flags))
	binary.LittleEndian.PutUint32(b[contextStack+8:], stack.Size)
	binary.LittleEndian.PutUint64(b[contextMask:], mask)
	t.handlerWrite(p, b[:])
}

// handlerWrite writes to the stack of a handler. If that is not possible the
// kernel ends a native program by SIGSEGV.
func (t *thread) handlerWrite(p uint32, b []byte) {
	if t.Memory.Write(p, b) != 0 {
		t.noHandlerStack(p)
	}
}

func (t *thread) noHandlerStack(sp uint32) {
	t.crash(unix.SIGSEGV, fmt.Sprintf("no room on the stack for a signal handler (stack pointer %#x)", sp), nil)
}

func (t *thread) setStackPointer(sp uint32) {
	if t.stackPointer != nil {
		t.stackPointer.Set(uint64(sp))
	}
}

// interrupted is the host function that compiled code calls where a signal
// interrupted it.
func interrupted(ctx context.Context, _ []uint64) {
	t := threadOf(ctx)
	at, err := t.state.Enter()
	if err != nil {
		t.crash(unix.SIGSEGV, err.Error(), nil)
	}
	info := at.Info
	if t.InLayer() && at.IsStop() {
		t.stoppedInLayer()
		return
	}
	if at.IsStop() {
		var next wali.Siginfo
		t.Gate.InHost = 1
		t.Gate.Rest()
		t.Gate.InHost = 0
		if t.Gate.Pending == 0 {
			t.state.Leave()
			return
		}
		*t.state.Mask() = t.Take(&next)
		*info = next
		at.Signal = info.Signo()
	}
	if at.Fault() {
		wali.CorrectFault(info, t.Memory)
		if t.InLayer() {
			t.reportFault(at)
		}
		if act := t.Actions.Action(at.Signal); !act.Caught() {
			t.reportFault(at)
		}
	}
	// The siginfo lies in the frame, which the next interruption but one may
	// overwrite only after this one has been left.
	copied := *info
	mask := t.state.Mask()
	depth := t.state.Depth()
	if t.Signals.Interrupted(&copied, mask) {
		t.state.Abandon()
		return
	}
	if t.state.Depth() != depth {
		panic("helper: signal frames out of order")
	}
	t.state.Leave()
}

// signalled is the host function that is called on the way back into compiled
// code if a signal was caught on that way.
func signalled(ctx context.Context, _ []uint64) {
	t := threadOf(ctx)
	t.Gate.InHost = 1
	at := t.calls.Suspend()
	t.Return()
	t.calls.Continue(at)
}

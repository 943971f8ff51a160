package stubs

import (
	"errors"
	"unsafe"

	"walisup/helper/interrupt"
	"walisup/wali/kernel"
)

func enterStubPC() uintptr
func divertPC() uintptr
func stepPC() uintptr
func returnStubPC() uintptr
func pendingStubPC() uintptr
func exitStubPC() uintptr

// returnStubAt is where the engine's loop goes on if divert has seen to it.
var returnStubAt = returnStubPC()

// Thread is a guest thread in which wazero runs code.
type Thread struct {
	*interrupt.State
	words *words
}

// words is the engine's part of an interrupt.State. The assembly takes the offsets from
// the compiler.
type words struct {
	noArguments   [2]uintptr // an empty argument slice, 16-byte aligned
	realReturn    uintptr    // where wasm goes on, if its return has been diverted
	resumeReturn  uintptr    // likewise, with resumeSP and resumeFP, while handlers run
	resumeSP      uintptr
	resumeFP      uintptr
	offReturn     uintptr // offsets in the execution context
	offSP         uintptr
	offFP         uintptr
	offOpaque     uintptr
	offCaller     uintptr
	offOriginalFP uintptr
	offOriginalSP uintptr
	exitCode      uintptr // the engine's code for "call the interrupt function"
	opaque        uintptr // the engine's word for its module
}

// The words fit into a State.
const _ = interrupt.EngineWords*unsafe.Sizeof(uintptr(0)) - unsafe.Sizeof(words{})

// Offsets for the assembly, which has only those of this package's types.
const (
	stateEngine  = interrupt.OffsetEngine
	stateContext = interrupt.OffsetContext
	stateFrame   = interrupt.OffsetFrame
	stateGate    = interrupt.OffsetGate
	frameEngine  = interrupt.FrameOffsetEngine
	gatePending  = unsafe.Offsetof(kernel.Gate{}.Pending)
)

// Offsets are the places of the engine's fields in an execution context.
type Offsets struct {
	ReturnAddress, SP, FP, CalleeOpaque, CallerModule, OriginalFP, OriginalSP uintptr
}

// Target is the host function that interrupted code calls. The one after it in its module
// is called on the way back into compiled code.
type Target struct {
	ExitCode uint32
	Opaque   uintptr
}

// Attach makes s ready for wazero's code.
func Attach(s *interrupt.State, o Offsets, target Target) (*Thread, error) {
	hooks := interrupt.Hooks{
		Enter: enterStubPC(), Divert: divertPC(), Step: stepPC(),
		LookLo: returnStubAt, LookHi: pendingStubPC(),
	}
	if hooks.LookHi < hooks.LookLo {
		return nil, errors.New("the linker has moved the code of the interruption stubs apart")
	}
	w := (*words)(unsafe.Pointer(s.Attach(hooks)))
	*w = words{
		offReturn: o.ReturnAddress, offSP: o.SP, offFP: o.FP, offOpaque: o.CalleeOpaque, offCaller: o.CallerModule,
		offOriginalFP: o.OriginalFP, offOriginalSP: o.OriginalSP,
		exitCode: uintptr(target.ExitCode), opaque: target.Opaque,
	}
	return &Thread{s, w}, nil
}

// LeaveCall makes the host function that is now running return out of the wasm call
// under way, which SetRunning has named. The call ends without a result. A handler that
// runs before that may still jump elsewhere in the call.
//
// Preconditions: the function returns soon.
func (t *Thread) LeaveCall() { *t.returnSlot() = exitStubPC() }

// Undivert lets the wasm call under way return to compiled code directly. The
// handler about to run may be a call of its own that is diverted too.
func (t *Thread) Undivert() {
	if t.Context() == 0 {
		return
	}
	if slot := t.returnSlot(); *slot == returnStubAt {
		*slot = t.words.realReturn
	}
}

// ReturnAddress is where compiled code goes on after the present host call.
func (t *Thread) ReturnAddress() uintptr {
	if at := *t.returnSlot(); at != returnStubAt {
		return at
	}
	return t.words.realReturn
}

func (t *Thread) returnSlot() *uintptr {
	p := t.Context() + t.words.offReturn
	return *(**uintptr)(unsafe.Pointer(&p))
}

// Suspend returns where compiled code goes on after the second host function, which
// the return stub calls when a signal is pending. It is to be given to Continue before
// that function returns: the handlers that it runs may come here too.
func (t *Thread) Suspend() [3]uintptr {
	return [3]uintptr{t.words.resumeReturn, t.words.resumeSP, t.words.resumeFP}
}

// Continue undoes what other calls have made of what Suspend returned.
func (t *Thread) Continue(r [3]uintptr) {
	t.words.resumeReturn, t.words.resumeSP, t.words.resumeFP = r[0], r[1], r[2]
}

// Reset forgets the calls of a guest thread that has ended.
func (t *Thread) Reset() { t.words.realReturn, t.words.resumeReturn = 0, 0 }

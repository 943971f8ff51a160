package layout

import (
	"fmt"
	"math/bits"
	"reflect"
	"unsafe"

	"github.com/tetratelabs/wazero/api"

	"walisup/helper/engine/wazero/stubs"
	"walisup/helper/interrupt"
)

// Layout is where the engine keeps what we read and write behind its back.
// Everything is found by name, so that an engine with other fields is noticed
// at start and refused, and one with moved fields works.
type Layout struct {
	// Offsets in the call engine, which is what an api.Function points to.
	execCtxPtr, stackTop, stack, parent uintptr

	// Offsets in the execution context, which compiled code knows.
	exitCode, callerModule, originalFP, originalSP uintptr
	stackBottom                                    uintptr
	returnAddress, sp, fp                          uintptr
	calleeOpaque                                   uintptr
	savedRegisters, savedRegistersSize             uintptr

	// From a call engine's module engine to the compiled code.
	moduleEngineParent, moduleEngineOpaque uintptr
	compiledExecutables, compiledOffsets   uintptr
	executable                             uintptr
}

// Find reads the layout off a function of any instantiated wasm module.
func Find(f api.Function) (l Layout, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the wasm engine is not the version that walisup was built for: %v", r)
		}
	}()
	call := reflect.TypeOf(f).Elem()
	ctx := field(call, "execCtx").Type
	l.execCtxPtr = field(call, "execCtxPtr").Offset
	l.stackTop = field(call, "stackTop").Offset
	l.stack = field(call, "stack").Offset
	l.parent = field(call, "parent").Offset
	l.exitCode = field(ctx, "exitCode").Offset
	l.callerModule = field(ctx, "callerModuleContextPtr").Offset
	l.originalFP = field(ctx, "originalFramePointer").Offset
	l.originalSP = field(ctx, "originalStackPointer").Offset
	l.stackBottom = field(ctx, "stackBottomPtr").Offset
	l.returnAddress = field(ctx, "goCallReturnAddress").Offset
	l.sp = field(ctx, "stackPointerBeforeGoCall").Offset
	l.fp = field(ctx, "framePointerBeforeGoCall").Offset
	l.calleeOpaque = field(ctx, "goFunctionCallCalleeModuleContextOpaque").Offset
	saved := field(ctx, "savedRegisters")
	l.savedRegisters, l.savedRegistersSize = saved.Offset, saved.Type.Size()

	moduleEngine := field(call, "parent").Type.Elem()
	l.moduleEngineParent = field(moduleEngine, "parent").Offset
	l.moduleEngineOpaque = field(moduleEngine, "opaquePtr").Offset
	compiled := field(moduleEngine, "parent").Type.Elem()
	l.compiledExecutables = field(compiled, "executables").Offset
	l.compiledOffsets = field(compiled, "functionOffsets").Offset
	l.executable = field(field(compiled, "executables").Type.Elem(), "executable").Offset
	return l, nil
}

func field(t reflect.Type, name string) reflect.StructField {
	f, ok := t.FieldByName(name)
	if !ok {
		panic(fmt.Sprintf("%s has no field %s", t, name))
	}
	return f
}

// Call is a view of a call engine: of one exported function, with the stack
// that its calls run on.
type Call struct {
	layout   *Layout
	engine   unsafe.Pointer
	ctx      unsafe.Pointer
	function api.Function
}

// View returns the view of f, an exported function of a wasm module.
func (l *Layout) View(f api.Function) Call {
	engine := interfaceData(f)
	return Call{layout: l, engine: engine, ctx: *(*unsafe.Pointer)(unsafe.Add(engine, l.execCtxPtr)), function: f}
}

// interfaceData returns the pointer that an interface value holds.
func interfaceData(f api.Function) unsafe.Pointer {
	return (*[2]unsafe.Pointer)(unsafe.Pointer(&f))[1]
}

// Context is the address of the execution context.
func (c Call) Context() uintptr { return uintptr(c.ctx) }

// StackTop is the highest address of the call's stack, 16-byte aligned. It
// changes when the stack grows.
func (c Call) StackTop() uintptr { return *(*uintptr)(unsafe.Add(c.engine, c.layout.stackTop)) }

// StackBottom is the lowest address of the call's stack.
func (c Call) StackBottom() uintptr { return *c.word(c.layout.stackBottom) }

// ReturnAddress is where compiled code goes on after the present host call.
func (c Call) ReturnAddress() *uintptr { return c.word(c.layout.returnAddress) }

// SP is the stack pointer at the present host call; it points to the size of
// the argument slots in bytes, which stand behind it.
func (c Call) SP() *uintptr { return c.word(c.layout.sp) }

// FP is the frame pointer at the present host call.
func (c Call) FP() *uintptr { return c.word(c.layout.fp) }

// SavedRegisters are the registers that a host call preserves.
func (c Call) SavedRegisters() []byte {
	return unsafe.Slice((*byte)(unsafe.Add(c.ctx, c.layout.savedRegisters)), c.layout.savedRegistersSize)
}

// ExitCode says why compiled code was left.
func (c Call) ExitCode() uint32 { return *(*uint32)(unsafe.Add(c.ctx, c.layout.exitCode)) }

// CalleeOpaque is the engine's word for the host module whose function was
// called last.
func (c Call) CalleeOpaque() uintptr { return *c.word(c.layout.calleeOpaque) }

func (c Call) word(offset uintptr) *uintptr { return (*uintptr)(unsafe.Add(c.ctx, offset)) }

// Code returns the compiled code of the module that f belongs to and the
// offsets in it at which its functions begin, in index order without imports.
func (l *Layout) Code(f api.Function) (code []byte, offsets []int) {
	compiled := l.compiled(f)
	executables := *(*unsafe.Pointer)(unsafe.Add(compiled, l.compiledExecutables))
	return *(*[]byte)(unsafe.Add(executables, l.executable)), *(*[]int)(unsafe.Add(compiled, l.compiledOffsets))
}

func (l *Layout) compiled(f api.Function) unsafe.Pointer {
	moduleEngine := *(*unsafe.Pointer)(unsafe.Add(interfaceData(f), l.parent))
	return *(*unsafe.Pointer)(unsafe.Add(moduleEngine, l.moduleEngineParent))
}

// Offsets are the places that package stubs writes to.
func (l *Layout) Offsets() stubs.Offsets {
	return stubs.Offsets{
		ReturnAddress: l.returnAddress, SP: l.sp, FP: l.fp,
		CalleeOpaque: l.calleeOpaque, CallerModule: l.callerModule,
		OriginalFP: l.originalFP, OriginalSP: l.originalSP,
	}
}

// Running is the call as package interrupt knows it.
func (c Call) Running() interrupt.Running {
	return interrupt.Running{
		Context: c.Context(), StackBottom: uintptr(c.ctx) + c.layout.stackBottom, StackTop: uintptr(c.engine) + c.layout.stackTop,
	}
}

// Caller follows a frame pointer into this call's stack: it returns the address
// in the calling function and that function's frame pointer.
func (c Call) Caller(fp uintptr) (pc, callerFP uintptr, ok bool) {
	if fp&7 != 0 || fp < c.StackBottom() || fp > c.StackTop()-16 {
		return 0, 0, false
	}
	frame := *(*[2]uintptr)(*(*unsafe.Pointer)(unsafe.Pointer(&fp)))
	return frame[1], frame[0], true
}

// Chain is a digest of the frames from that at fp on outwards: where each lies, from
// the stack's top, and where it returns to. Two equal chains are of functions that
// wait in the same places for the same calls. The key should be random, so that
// nobody can look for two chains with one digest.
func (c Call) Chain(fp uintptr, key uint64) uint64 {
	bottom, top := c.StackBottom(), c.StackTop()
	digest := key
	for fp&7 == 0 && fp >= bottom && fp <= top-16 {
		frame := *(*[2]uintptr)(*(*unsafe.Pointer)(unsafe.Pointer(&fp)))
		hi, lo := bits.Mul64(digest^uint64(top-fp), key|1)
		hi, lo = bits.Mul64(hi^lo^uint64(frame[1]), key|1)
		digest = hi ^ lo
		if frame[0] <= fp {
			break
		}
		fp = frame[0]
	}
	return digest
}

// Encloses reports whether the frame at outer is that at fp or one of its callers.
func (c Call) Encloses(outer, fp uintptr) bool {
	for fp < outer {
		_, caller, ok := c.Caller(fp)
		if !ok || caller <= fp {
			return false
		}
		fp = caller
	}
	return fp == outer
}

// handlerKeeper is what our ninth patch makes of an api.Function.
type handlerKeeper interface {
	KeepTryHandlers(reuse any) any
	SetTryHandlers(callerFP uintptr, kept any) bool
}

// KeepTryHandlers returns the exception handlers of the function that has called the
// present host function, nil if it has none. They may lie in the memory of what it has
// returned before, if the caller gives that back.
func (c Call) KeepTryHandlers(reuse any) any {
	if k, ok := c.function.(handlerKeeper); ok {
		return k.KeepTryHandlers(reuse)
	}
	return nil
}

// SetTryHandlers makes what KeepTryHandlers returned the handlers of the frame with
// that distance from the stack's top, which is about to be returned to. Those of frames
// inside of it go. It is false if that cannot be.
func (c Call) SetTryHandlers(callerFP uintptr, kept any) bool {
	if k, ok := c.function.(handlerKeeper); ok {
		return k.SetTryHandlers(callerFP, kept)
	}
	return true
}

// HostTarget returns how compiled code calls the first function of a host
// module, which must be an api.GoFunction.
func HostTarget(m api.Module) (stubs.Target, error) {
	v := reflect.ValueOf(m) // the public wrapper of a host module
	instance := v.Field(0).Elem().Elem()
	engine := instance.FieldByName("Engine")
	if !engine.IsValid() {
		return stubs.Target{}, fmt.Errorf("the wasm engine is not the version that walisup was built for: %s has no field Engine", instance.Type())
	}
	opaque := engine.Elem().Elem().FieldByName("opaquePtr")
	if !opaque.IsValid() {
		return stubs.Target{}, fmt.Errorf("the wasm engine is not the version that walisup was built for: %s has no field opaquePtr", engine.Elem().Type())
	}
	return stubs.Target{ExitCode: callGoFunction, Opaque: opaque.Pointer()}, nil
}

// callGoFunction is the engine's exit code for calling function 0 of a host
// module; wazevoapi.ExitCodeCallGoFunction. Package wazero's test compares it
// with what the engine does.
const callGoFunction = 6

// InCode reports whether an address is in the compiled code of the module that the call
// is of.
func (c Call) InCode(pc uintptr) bool {
	code, _ := c.layout.Code(c.function)
	return pc-Address(code) < uintptr(len(code))
}

// Address is where code begins.
func Address(code []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(code))) }

package helper

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"walisup/helper/engine"
	"walisup/helper/module"
	"walisup/wali"
	"walisup/wali/memory"
)

// A layer's module has an instance for each guest thread, over one memory, as the
// application's has. A call of a layer is a wasm call from within a host function, like that
// of a signal handler, and has a stack of its own. While it
// runs,
//
//   - Thread.Memory is the layer's, so that package wali serves its calls;
//   - Gate.InHost stays set and interrupt.State.InLayer is true, so that a caught signal
//     stays pending;
//   - the innermost call of engine.Thread is the layer's, and thread.stackPointer its global:
//     setjmp and reports are about the layer's code.
//
// A function of a layer is never entered twice by one thread: what is below a layer does
// not call what is above it, and no handler runs in it. So there is one
// engine.Function for each.

// layerThread is one layer in a thread.
type layerThread struct {
	*layer
	instance     engine.Instance
	stackPointer engine.Global   // nil if the module has none
	caller       *memory.Memory  // of the call under way
	functions    []layerFunction // by place among the module's exports, made when they are first called
	begun        bool            // the instance has its stack and variables
	stackTop     uint64          // of an instance for a further thread

	// Of the call under way:
	running engine.Function
	above   *layerThread // who made it; nil for the application
}

// layerFunction is an export of a layer, in a thread.
type layerFunction struct {
	call  engine.Function
	stack []uint64 // arguments and results
}

// instantiateLayers makes the thread's instances.
func (t *thread) instantiateLayers(ctx context.Context) error {
	for _, l := range t.program.layers {
		instance, err := l.code.Instantiate(ctx, t.calls)
		if err != nil {
			return fmt.Errorf("instantiate layer %s: %w", l.name, err)
		}
		n := layerThread{layer: l, instance: instance, functions: make([]layerFunction, len(l.module.Exports))}
		if l.module.StackPointer {
			n.stackPointer = instance.Global(module.ExportStackPointer)
		}
		t.layers = append(t.layers, n)
	}
	return nil
}

// function returns an exported function of the layer.
func (n *layerThread) function(place int) *layerFunction {
	f := &n.functions[place]
	if f.call == nil {
		e := &n.module.Exports[place]
		*f = n.newFunction(e.Name, e.Type)
	}
	return f
}

func (n *layerThread) newFunction(name string, t module.FunctionType) layerFunction {
	return layerFunction{n.instance.Function(name), make([]uint64, max(len(t.Params), len(t.Results)))}
}

// enter calls a function of a layer, whose arguments are in f.stack, on behalf of a caller
// that has the given memory. It returns an error if the thread is to end.
//
// Preconditions: Gate.InHost is set.
func (t *thread) enter(n *layerThread, f *layerFunction, caller *memory.Memory) error {
	stackPointer, outerCaller, outerLayer := t.stackPointer, n.caller, t.inLayer
	scratch := t.Scratch()
	left := t.EnterLayer(n.layer.memory)
	n.caller, n.running, n.above = caller, f.call, outerLayer
	t.stackPointer, t.inLayer = n.stackPointer, n
	inLayer := t.state.InLayer(true)
	err := f.call.Call(t.Thread, f.stack...)
	t.state.InLayer(inLayer)
	var gone *threadExit
	if err != nil && !errors.As(err, &gone) {
		t.trapped(f.call, err)
	}
	n.caller, t.stackPointer, t.inLayer = outerCaller, stackPointer, outerLayer
	t.LeaveLayer(left)
	t.ResetScratch(scratch)
	return err
}

// leaveCaller makes the caller of a layer end too, as the thread is to end.
func (t *thread) leaveCaller(why error) {
	if t.InLayer() || t.handlerDepth > 0 {
		t.calls.Leave(why)
	} else {
		t.calls.Leave(nil)
	}
}

// layerCall is a function that a layer provides.
type layerCall struct {
	layer *layer
	name  string
	kind  module.FunctionType
}

// place is where the function is among the exports.
func (c layerCall) place() int {
	return slices.IndexFunc(c.layer.module.Exports, func(e module.Export) bool { return e.Name == c.name })
}

// fromApplication returns the host function by which the application calls c.
func (c layerCall) fromApplication() engine.HostFunc {
	layer, place := c.layer.place, c.place()
	params, results := len(c.kind.Params), len(c.kind.Results)
	wide := results == 1 && c.kind.Results[0] == module.I64
	row := c.row()
	return func(ctx context.Context, stack []uint64) {
		t := threadOf(ctx)
		n := &t.layers[layer]
		f := n.function(place)
		for {
			t.Gate.InHost = 1
			copy(f.stack, stack[:params])
			var err error
			if t.Tracing() {
				err = t.enterTraced(n, f, t.Process.Memory, row, c.kind)
			} else {
				err = t.enter(n, f, t.Process.Memory)
			}
			if err != nil {
				t.leaveCaller(err)
				return
			}
			again := false
			if results == 1 {
				again = t.Restarts(resultOf(f, wide))
			}
			if !t.Return() {
				return
			}
			if !again {
				copy(stack, f.stack[:results])
				return
			}
		}
	}
}

// row says how traces show calls of c.
func (c layerCall) row() *wali.Row {
	if call, ok := strings.CutPrefix(c.name, module.Namespace+".SYS_"); ok {
		if row := wali.Lookup(call); row != nil {
			return row
		}
	}
	return &wali.Row{Name: c.name}
}

// resultOf is what a function of a layer has returned.
func resultOf(f *layerFunction, wide bool) int64 {
	if wide {
		return int64(f.stack[0])
	}
	return int64(int32(f.stack[0]))
}

// enterTraced is enter for a call that is to be shown.
func (t *thread) enterTraced(n *layerThread, f *layerFunction, caller *memory.Memory, row *wali.Row, kind module.FunctionType) (err error) {
	args := wali.ImportedArgs(row, kind.Params, f.stack[:len(kind.Params)])
	t.ShowLayered(row, args, func() (result int64, ok bool) {
		if err = t.enter(n, f, caller); err != nil {
			return 0, false
		}
		if len(kind.Results) == 1 {
			result = resultOf(f, kind.Results[0] == module.I64)
		}
		return result, true
	})
	return err
}

// LayerName implements wali.Helper.
func (t *thread) LayerName() string {
	if l := t.runningLayer(); l != nil {
		return filepath.Base(l.name)
	}
	return ""
}

// fromLayer returns the host function by which a layer above calls c, with pointers that
// refer to the memory that which returns.
func (c layerCall) fromLayer(which func(*wali.Thread) *memory.Memory) engine.HostFunc {
	layer, place := c.layer.place, c.place()
	params, results := len(c.kind.Params), len(c.kind.Results)
	row := c.row()
	return func(ctx context.Context, stack []uint64) {
		t := threadOf(ctx)
		n := &t.layers[layer]
		f := n.function(place)
		copy(f.stack, stack[:params])
		var err error
		if t.Tracing() {
			old := t.Memory
			t.Memory = which(t.Thread) // that the arguments refer to
			err = t.enterTraced(n, f, t.Memory, row, c.kind)
			t.Memory = old
		} else {
			err = t.enter(n, f, which(t.Thread))
		}
		if err != nil {
			t.leaveCaller(err)
			return
		}
		copy(stack, f.stack[:results])
	}
}

// Functions of a layer that the helper calls.
const (
	exportInitialize = "_initialize"       // () -> (): the C library's start, once per process
	exportLayerMain  = "layer_main"        // (argc i32, argv i32) -> (): once per process
	exportLayerFork  = "layer_fork"        // () -> (): in a child
	exportNativeExec = "layer_native_exec" // its presence says that native programs may be executed
	exportLayerStart = "layer_thread"      // (first i32) -> (): in an instance that serves a further thread
)

// callLayer calls a function that the helper has a use for, if the layer exports it.
func (t *thread) callLayer(n *layerThread, name string, args ...uint64) {
	for place := range n.module.Exports {
		if n.module.Exports[place].Name == name {
			f := n.function(place)
			copy(f.stack, args)
			if err := t.enter(n, f, t.Process.Memory); err != nil {
				t.leaveCaller(err)
			}
		}
	}
}

// startLayers begins the process's layers, the lowest first: each may use those below it.
func (t *thread) startLayers() {
	if len(t.layers) == 0 {
		return
	}
	t.Gate.InHost = 1
	for i := range slices.Backward(t.layers) {
		n := &t.layers[i]
		init := n.newFunction(module.ExportInit, module.FunctionType{})
		t.enter(n, &init, t.Process.Memory)
		n.begun = true
		t.callLayer(n, exportInitialize)
		argc, argv := n.putArguments()
		t.callLayer(n, exportLayerMain, argc, argv)
	}
	t.Gate.InHost = 0
}

// layerStack is the size of the shadow stack of a layer's instance for a thread but the
// first, with a page below it that is not accessible.
const layerStack = 256 << 10

// beginLayers gives the instances for a new thread their stacks and variables. Instances
// that have served another thread before keep the memory for both.
func (t *thread) beginLayers() {
	t.Gate.InHost = 1
	for i := range slices.Backward(t.layers) {
		n := &t.layers[i]
		if n.begun {
			if n.stackPointer != nil {
				n.stackPointer.Set(n.stackTop)
			}
			t.callLayer(n, exportLayerStart, 0)
			continue
		}
		n.begun = true
		const private = unix.MAP_PRIVATE | unix.MAP_ANONYMOUS
		at, e := n.layer.memory.Mmap(0, layerStack+memory.PageSize, unix.PROT_READ|unix.PROT_WRITE, private, -1, 0)
		if e == 0 {
			e = n.layer.memory.Mprotect(at, memory.PageSize, unix.PROT_NONE)
		}
		if e != 0 {
			t.crash(unix.SIGABRT, "no memory for a thread in the layer "+n.name, nil)
		}
		n.stackTop = at + memory.PageSize + layerStack
		if n.stackPointer != nil {
			n.stackPointer.Set(n.stackTop)
		}
		t.callLayer(n, exportLayerStart, 1)
	}
	t.Gate.InHost = 0
}

// putArguments puts the layer's arguments into its memory: the strings and an array of
// pointers to them, which ends with a null pointer.
func (n *layerThread) putArguments() (argc, argv uint64) {
	size := 4 * (len(n.args) + 1)
	strings := size
	for _, arg := range n.args {
		size += len(arg) + 1
	}
	at, e := n.layer.memory.Mmap(0, uint64(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS, -1, 0)
	if e != 0 {
		return 0, 0
	}
	b := make([]byte, size)
	for i, arg := range n.args {
		binary.LittleEndian.PutUint32(b[4*i:], uint32(at)+uint32(strings))
		strings += copy(b[strings:], arg) + 1
	}
	n.layer.memory.Write(uint32(at), b)
	return uint64(len(n.args)), at
}

// Forked implements wali.Helper.
func (t *thread) Forked() {
	for i := range slices.Backward(t.layers) {
		n := &t.layers[i]
		n.layer.memory.ForkedChild()
		t.callLayer(n, exportLayerFork)
	}
}

// stoppedInLayer makes the thread, which a stop has interrupted in a layer's code, wait for
// the end of the stop. A signal that is caught meanwhile stays pending, and all are blocked
// until the layer returns.
func (t *thread) stoppedInLayer() {
	pending := t.Gate.Pending != 0
	t.Gate.Rest()
	if t.Gate.Pending != 0 && !pending {
		mask := t.state.Mask()
		*t.state.PendingMask() = *mask
		*mask = allBlocked
	}
	t.state.Leave()
}

// callers adds the frames of those who have called the layer under way to its own. The
// process is about to end: what it says of the thread does not hold afterwards.
func (t *thread) callers(frames []string) []string {
	for n := t.inLayer; n != nil; n = t.inLayer {
		t.inLayer = n.above
		frames = append(frames, t.describe(n.running.CallerStack(maxReportedFrames+1))...)
	}
	return frames
}

// runningLayer returns the layer whose call is under way, nil if it is the application's.
func (t *thread) runningLayer() *layer {
	if t.inLayer == nil {
		return nil
	}
	return t.inLayer.layer
}

// image returns the program whose call is under way: the application's, or a layer's.
func (t *thread) image() *program {
	if l := t.runningLayer(); l != nil {
		return &l.program
	}
	return t.program
}

// memorySize is memory.size of a program whose memory grows by memory.grow: it ends at the
// break.
func memorySize(ctx context.Context, stack []uint64) {
	t := threadOf(ctx)
	_, now := t.Memory.Break()
	stack[0] = now / module.PageSize
}

// memoryGrow is memory.grow.
func memoryGrow(ctx context.Context, stack []uint64) {
	t := threadOf(ctx)
	old, ok := t.Memory.GrowBreak(uint64(uint32(stack[0])) * module.PageSize)
	if stack[0] = old / module.PageSize; !ok {
		stack[0] = 1<<32 - 1
	}
}

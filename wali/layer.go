package wali

import (
	"context"

	"golang.org/x/sys/unix"

	"walisup/wali/kernel"
	"walisup/wali/memory"
)

// Layers are modules between the application and the system calls. For the calls that a
// layer makes this package is what it is for an application, with two differences: pointers
// may refer to the layer's memory or to that of its caller (Thread.Memory says to which),
// and a layer is like the kernel. No handler of the application runs inside of it: a signal
// that is caught meanwhile makes blocking calls of the layer return EINTR, and its handler
// runs when the layer has returned to the application.

// layerCall is what a thread is doing in layers.
type layerCall struct {
	layerDepth uint32 // calls of layers under way
	mayRestart bool   // a call of the layer has not been made, because of a signal
}

// InLayer reports whether a layer runs, or a call that it makes.
func (t *Thread) InLayer() bool { return t.layerDepth != 0 }

// LeftApplication is what EnterLayer puts aside.
type LeftApplication struct{ memory *memory.Memory }

// EnterLayer begins a call of a layer, whose memory is m. The caller is a host function
// that has set Gate.InHost, which stays set until the application runs again.
func (t *Thread) EnterLayer(m *memory.Memory) LeftApplication {
	old := LeftApplication{t.Memory}
	if t.layerDepth == 0 {
		t.mayRestart = false
	}
	t.layerDepth++
	t.Memory = m
	return old
}

// LeaveLayer ends what EnterLayer began.
func (t *Thread) LeaveLayer(old LeftApplication) {
	t.layerDepth--
	t.Memory = old.memory
}

// Restarts reports whether a call of the outermost layer whose result is r is to be made
// again, when handlers have run: it returned EINTR, since a system call of it was
// interrupted that the kernel makes again after the handlers.
func (t *Thread) Restarts(r int64) bool {
	return r == errno(unix.EINTR) && t.mayRestart && t.Gate.Pending != 0
}

// returnToLayer is Return for a host function that a layer has called.
func (t *Thread) returnToLayer() (normal bool) {
	if kernel.StopRequested() {
		t.Gate.Rest()
	}
	return true
}

// BindLayer returns the host function for an import of a layer from the namespace wali, as
// Bind does for that of an application. Some calls tell the kernel of the calling thread's
// memory, or of handlers in it: a layer's C library makes them in passing, and they are not
// made.
func BindLayer(imp Import) (fn HostFunc, known bool) {
	switch imp.Name {
	case "SYS_set_tid_address":
		return bindFunc(imp, Lookup("set_tid_address"), func(*Thread, Args) int64 { return int64(unix.Gettid()) }), true
	case "SYS_set_robust_list":
		return bindFunc(imp, Lookup("set_robust_list"), func(*Thread, Args) int64 { return 0 }), true
	}
	return Bind(imp)
}

// InMemory returns a host function that does what fn does, with pointers that refer to the
// memory that which returns.
func InMemory(fn HostFunc, which func(*Thread) *memory.Memory) HostFunc {
	return func(ctx context.Context, stack []uint64) {
		t := ctx.(*Thread)
		old := t.Memory
		t.Memory = which(t)
		fn(ctx, stack)
		t.Memory = old
	}
}

// CallerCopies returns the functions of the namespace app that copy between a layer's memory
// and its caller's: read(own, theirs, n), write(theirs, own, n) and string(own, theirs,
// max), which returns the length of the string without its NUL, or ENAMETOOLONG. which
// returns the caller's memory. Each byte is read once.
func CallerCopies(which func(*Thread) *memory.Memory) map[string]HostFunc {
	function := func(do func(own, theirs *memory.Memory, a [3]uint32) int64) HostFunc {
		return func(ctx context.Context, stack []uint64) {
			t := ctx.(*Thread)
			r := do(t.Memory, which(t), [3]uint32{uint32(stack[0]), uint32(stack[1]), uint32(stack[2])})
			stack[0] = uint64(uint32(r))
		}
	}
	return map[string]HostFunc{
		"read": function(func(own, theirs *memory.Memory, a [3]uint32) int64 {
			return errno(memory.Copy(own, a[0], theirs, a[1], a[2]))
		}),
		"write": function(func(own, theirs *memory.Memory, a [3]uint32) int64 {
			return errno(memory.Copy(theirs, a[0], own, a[1], a[2]))
		}),
		"string": function(func(own, theirs *memory.Memory, a [3]uint32) int64 {
			return memory.CopyString(own, a[0], theirs, a[1], a[2])
		}),
	}
}

package enginetest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"golang.org/x/sys/unix"

	"walisup/helper/engine/wazero/layout"
	"walisup/helper/engine/wazero/stubs"
	"walisup/helper/interrupt"
	"walisup/wali/kernel"
)

// ErrFault is what a call ends with whose code has touched what is not memory. It
// reads like the error of an engine that checks bounds.
var ErrFault = errors.New("wasm error: out of bounds memory access (a fault)")

// Bench is a runtime with modules.
type Bench struct {
	Runtime wazero.Runtime

	memories map[api.Module]*linear // that an instance uses, its own or another's
	named    map[string]*linear     // the one that an instance of this name exports
}

// New returns a bench on the compiler, with the features that the helper has.
func New(t testing.TB) *Bench {
	return For(t, wazero.NewRuntimeWithConfig(context.Background(),
		wazero.NewRuntimeConfigCompiler().WithCoreFeatures(layout.Features)))
}

// For returns a bench for a runtime, which is closed at the end of the test.
func For(t testing.TB, rt wazero.Runtime) *Bench {
	b := &Bench{Runtime: rt, memories: map[api.Module]*linear{}, named: map[string]*linear{}}
	t.Cleanup(b.Close)
	return b
}

// Close closes the runtime before the end of the test.
func (b *Bench) Close() { do(func(*worker) { b.Runtime.Close(context.Background()) }) }

// Instantiate instantiates a module under a name, which may be empty.
func (b *Bench) Instantiate(binary []byte, name string) (api.Module, error) {
	m, err := b.Runtime.CompileModule(context.Background(), binary)
	if err != nil {
		return nil, err
	}
	return b.InstantiateCompiled(m, name)
}

// InstantiateMemory instantiates a module that has a memory of which only the pages
// below end are accessible, as a helper's are that the guest has not mapped.
func (b *Bench) InstantiateMemory(binary []byte, name string, end uint64) (api.Module, error) {
	m, err := b.Runtime.CompileModule(context.Background(), binary)
	if err != nil {
		return nil, err
	}
	return b.instantiate(m, name, end)
}

// InstantiateCompiled is Instantiate for a module that has been compiled.
func (b *Bench) InstantiateCompiled(m wazero.CompiledModule, name string) (api.Module, error) {
	return b.instantiate(m, name, 1<<32)
}

func (b *Bench) instantiate(m wazero.CompiledModule, name string, end uint64) (instance api.Module, err error) {
	var uses *linear
	imported := m.ImportedMemories()
	if len(imported) > 0 {
		from, _, _ := imported[0].Import()
		uses = b.named[from]
	}
	ctx := experimental.WithMemoryAllocator(context.Background(), experimental.MemoryAllocatorFunc(
		func(_, max uint64) experimental.LinearMemory {
			uses = newLinear(max)
			uses.end = min(max, end)
			return uses
		}))
	do(func(*worker) {
		if len(imported) > 0 {
			fixed.hold(uses) // a start function may run
		}
		instance, err = b.Runtime.InstantiateModule(ctx, m, wazero.NewModuleConfig().WithName(name).WithStartFunctions())
	})
	if err != nil {
		return nil, err
	}
	b.memories[instance] = uses
	if len(m.ExportedMemories()) > 0 {
		b.named[name] = uses
	}
	return instance, nil
}

// Call calls an exported function of an instance. An access to what is not memory
// ends it with an ErrFault.
func (b *Bench) Call(m api.Module, function string, args ...uint64) (results []uint64, err error) {
	f := m.ExportedFunction(function)
	if f == nil {
		return nil, fmt.Errorf("no function %q", function)
	}
	return b.CallFunction(m, f, nil, args...)
}

// CallFunction is Call for a function of m that the caller has. What is in before, if
// it is not nil, is done first, on the thread of the call.
func (b *Bench) CallFunction(m api.Module, f api.Function, before func(), args ...uint64) (results []uint64, err error) {
	do(func(w *worker) {
		if uses := b.memories[m]; uses != nil {
			fixed.hold(uses)
		}
		if before != nil {
			before()
		}
		results, err = w.call(f, args)
	})
	return results, err
}

// worker runs all calls of the process, one after the other.
type worker struct {
	context.Context // of the calls; host functions find the worker in it

	layout layout.Layout
	state  *stubs.Thread
	gate   *kernel.Gate
	host   api.Module // has interrupted; the state refers to it where the collector does not look
	err    error      // why the call under way is to end
}

var jobs = make(chan func(*worker))

var startWorker = sync.OnceFunc(func() { go work() })

// do runs a function where calls are run, and returns when it has ended.
func do(f func(*worker)) {
	startWorker()
	done := make(chan any)
	jobs <- func(w *worker) {
		defer func() { done <- recover() }()
		f(w)
	}
	if failure := <-done; failure != nil {
		panic(failure)
	}
}

func work() {
	runtime.LockOSThread()
	w := &worker{Context: context.Background(), gate: new(kernel.Gate)}
	if Patched() { // else the engine checks bounds
		if err := w.prepare(); err != nil {
			panic(fmt.Sprintf("enginetest: %v; tests with the patched engine need CGO_ENABLED=0", err))
		}
	}
	for job := range jobs {
		job(w)
	}
}

func (w *worker) prepare() error {
	if err := interrupt.Install(); err != nil {
		return err
	}
	rt := wazero.NewRuntimeWithConfig(w, wazero.NewRuntimeConfigCompiler())
	host, err := rt.NewHostModuleBuilder("host").NewFunctionBuilder().
		WithGoFunction(api.GoFunc(interrupted), nil, nil).Export("interrupted").Instantiate(w)
	if err != nil {
		return err
	}
	w.host = host
	target, err := layout.HostTarget(host)
	if err != nil {
		return err
	}
	m, err := rt.Instantiate(w, []byte(empty))
	if err != nil {
		return err
	}
	if w.layout, err = layout.Find(m.ExportedFunction("f")); err != nil {
		return err
	}
	state, err := interrupt.NewState(w.gate)
	if err != nil {
		return err
	}
	if w.state, err = stubs.Attach(state, w.layout.Offsets(), target); err != nil {
		return err
	}
	return w.state.Bind()
}

func (w *worker) call(f api.Function, args []uint64) ([]uint64, error) {
	if w.state == nil {
		return f.Call(w, args...)
	}
	view := w.layout.View(f)
	w.err = nil
	outer := w.state.SetRunning(view.Running())
	depth := w.state.Depth()
	results, err := f.Call(w, args...)
	w.state.SetRunning(outer)
	if w.err != nil {
		err = w.err
	}
	if err != nil {
		w.state.Unwind(depth)
		return nil, err
	}
	return results, nil
}

// interrupted is the host function that compiled code calls where it has faulted.
func interrupted(ctx context.Context, _ []uint64) {
	w := ctx.(*worker)
	at, err := w.state.Enter()
	if err != nil {
		panic(err)
	}
	w.err = fmt.Errorf("%w at %#x, in code at %#x", ErrFault, at.FaultAddress(), at.PC)
	must(unix.PthreadSigmask(unix.SIG_SETMASK, sigset(*w.state.Mask()), nil))
	w.state.LeaveCall()
}

func sigset(mask uint64) *unix.Sigset_t {
	set := new(unix.Sigset_t)
	set.Val[0] = mask
	return set
}

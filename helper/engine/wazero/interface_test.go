package wazero_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"

	"walisup/helper/engine"
	ours "walisup/helper/engine/wazero"
	"walisup/helper/engine/wazero/enginetest"
	"walisup/helper/interrupt"
	"walisup/helper/module"
	"walisup/wali/kernel"
	"walisup/wali/memory"
)

// guest is a guest thread with one instance, as a helper makes it.
type guest struct {
	context.Context // of the calls; host functions find the guest in it
	t               *testing.T
	program         engine.Program
	instance        engine.Instance
	thread          engine.Thread

	handle   engine.Handle
	outer    bool
	reported []uint64
	stack    []uint32 // functions, at the last trap or report
	trap     func(t engine.Trap) (resume bool)
}

// Trap implements engine.Context.
func (g *guest) Trap(err error) (resume bool) {
	g.stack = g.functions(g.thread.TrapStack(10))
	return g.trap != nil && g.trap(ours.Engine{}.TrapOf(err))
}

// functions names the functions of a stack.
func (g *guest) functions(stack []uintptr) (functions []uint32) {
	for _, pc := range stack {
		function, _, ok := g.program.Locate(pc)
		if !ok {
			g.t.Errorf("%#x is in no function", pc)
		}
		functions = append(functions, function)
	}
	return functions
}

// errLeft is what calls end with that a host function has made end.
var errLeft = errors.New("left")

// functions of the host, all of them () -> () or with an i32 as parameter or result.
var functions = map[string]func(g *guest, stack []uint64){
	"set": func(g *guest, stack []uint64) {
		g.handle = g.thread.SetJump(uint32(stack[0]))
		stack[0] = 0
	},
	"jump": func(g *guest, stack []uint64) {
		var err error
		if g.outer, err = g.thread.Jump(g.handle, stack[0]); err != nil {
			g.thread.Leave(err)
		}
	},
	"report": func(g *guest, stack []uint64) {
		g.reported = append(g.reported, uint64(uint32(stack[0])))
		g.stack = g.functions(g.thread.HostStack(10))
	},
	"leave": func(g *guest, _ []uint64) { g.thread.Leave(errLeft) },
	// nested calls an export from within a call, as a handler of a signal does.
	"nested": func(g *guest, stack []uint64) {
		g.outer = false
		if err := g.instance.Function("inner").Call(g); err != nil {
			g.thread.Leave(err)
		}
	},
}

// build makes a program of what add puts in. Function 0 of the program is _start.
func build(add func(a *enginetest.Assembler, imports map[string]uint32)) []byte {
	var a enginetest.Assembler
	imports := map[string]uint32{}
	void, sink, both := a.Type(nil, nil), a.Type([]byte{enginetest.I32}, nil), a.Type([]byte{enginetest.I32}, []byte{enginetest.I32})
	for _, i := range []struct {
		name string
		kind uint32
	}{{"set", both}, {"jump", sink}, {"report", sink}, {"leave", void}, {"nested", void}} {
		imports[i.name] = a.Import(module.Namespace, i.name, i.kind)
	}
	a.Memory = []byte{1, 1, 1}
	a.Function(module.ExportStart, void, nil)
	add(&a, imports)
	return a.Bytes()
}

// newGuest compiles, loads and instantiates a program on the calling thread, whose
// goroutine is locked to it.
func newGuest(t *testing.T, binary []byte) *guest {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	m, err := module.Prepare(binary, module.Options{})
	must(err)
	artifact, err := ours.Engine{}.Compile(t.Context(), m, engine.Options{Workers: 1, MemoryBase: memory.FixedBase})
	must(err)
	size := uint64(m.MemoryPages) * module.PageSize
	mem, err := memory.ReserveFixed(uint64(m.MaxPages)*module.PageSize, size-uint64(m.MaxPages)*module.PageSize, false)
	must(err)
	t.Cleanup(func() { mem.Close() })
	must(mem.MapInitial(0, uint64(m.DataEnd)))
	g := &guest{Context: context.Background(), t: t}
	host := &engine.Host{
		Function: func(i module.Import) engine.HostFunc {
			f := functions[i.Name]
			return func(ctx context.Context, stack []uint64) { f(ctx.(*guest), stack) }
		},
		Support:     func(module.Import) engine.HostFunc { return func(context.Context, []uint64) {} },
		Interrupted: func(context.Context, []uint64) { panic("interrupted") },
		Pending:     func(context.Context, []uint64) { panic("pending") },
		Memory:      mem.Bytes(),
	}
	g.program, err = ours.Engine{}.Load(t.Context(), m, mapped(t, artifact), host)
	must(err)
	state, err := interrupt.NewState(new(kernel.Gate))
	must(err)
	must(state.Bind())
	g.thread = ours.Engine{}.NewThread(state)
	g.instance, err = g.program.Instantiate(t.Context(), g.thread)
	must(err)
	return g
}

const (
	opUnreachable = 0x00
	opIf          = 0x04
	opI32DivS     = 0x6d
)

// divide traps.
var divide = enginetest.Code(enginetest.I32Const(1), enginetest.I32Const(0), opI32DivS, opDrop)

// alone runs the rest of a test in a process of its own, since only one memory can lie at
// memory.FixedBase, and reports whether this is that process.
func alone(t *testing.T) bool {
	t.Helper()
	enginetest.NeedPatches(t)
	if os.Getenv("WALISUP_TEST_ALONE") == t.Name() {
		runtime.LockOSThread() // until the process ends
		return true
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), "WALISUP_TEST_ALONE="+t.Name())
	if out, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name())) {
		t.Errorf("%v\n%s", err, out)
	}
	return false
}

// The hook that makes signals of traps is called in the call that has trapped, before it
// ends, and can make it go on where SetJump was called.
func TestTrapHook(t *testing.T) {
	if !alone(t) {
		return
	}
	g := newGuest(t, build(func(a *enginetest.Assembler, imports map[string]uint32) {
		void := a.Type(nil, nil)
		traps := a.Function("traps", void, nil, divide...)
		a.Function("recovers", void, nil, enginetest.Code(
			enginetest.I32Const(16), opCall, imports["set"],
			opIf, emptyBlock, enginetest.I32Const(2), opCall, imports["report"],
			opElse, opCall, traps, enginetest.I32Const(3), opCall, imports["report"], opEnd)...)
		a.Function("unreachable", void, nil, opUnreachable)
	}))
	// Program functions: _start, traps, recovers, unreachable, and those that Prepare adds.
	var seen []engine.Trap
	g.trap = func(trap engine.Trap) bool {
		seen = append(seen, trap)
		if outer, err := g.thread.Jump(g.handle, 1); err != nil || outer {
			t.Errorf("jump from the hook: outer %v, %v", outer, err)
			return false
		}
		return true
	}
	recovers := g.instance.Function("recovers")
	for range 3 {
		seen, g.reported = nil, nil
		if err := recovers.Call(g); err != nil {
			t.Fatalf("the call that the hook has mended: %v", err)
		}
		if !slices.Equal(seen, []engine.Trap{engine.DivideByZero}) || !slices.Equal(g.reported, []uint64{2}) {
			t.Errorf("traps %v, reported %v", seen, g.reported)
		}
	}
	for name, want := range map[string]struct {
		trap  engine.Trap
		stack []uint32
	}{"traps": {engine.DivideByZero, []uint32{1}}, "unreachable": {engine.Unreachable, []uint32{3}}} {
		var got engine.Trap
		g.trap = func(trap engine.Trap) bool { got = trap; return false }
		g.stack = nil
		f := g.instance.Function(name)
		err := f.Call(g)
		if err == nil || got != want.trap || (ours.Engine{}).TrapOf(err) != want.trap {
			t.Errorf("%s: trap %d, %v", name, got, err)
		}
		if !slices.Equal(g.stack, want.stack) {
			t.Errorf("%s: stack %v in the hook, want %v", name, g.stack, want.stack)
		}
		if stack := g.functions(f.Stack(10)); !slices.Equal(stack, want.stack) {
			t.Errorf("%s: stack %v after the call, want %v", name, stack, want.stack)
		}
	}
}

// Calls nest, end when they are left, and jumps know which call they lead to.
func TestCallsWithinCalls(t *testing.T) {
	if !alone(t) {
		return
	}
	g := newGuest(t, build(func(a *enginetest.Assembler, imports map[string]uint32) {
		void := a.Type(nil, nil)
		reports := a.Function("", void, nil, enginetest.Code(enginetest.I32Const(7), opCall, imports["report"])...)
		a.Function("outer", void, nil, enginetest.Code(
			enginetest.I32Const(16), opCall, imports["set"], opDrop,
			opCall, imports["nested"], opCall, reports)...)
		a.Function("inner", void, nil, enginetest.Code(
			enginetest.I32Const(5), opCall, imports["jump"], enginetest.I32Const(1), opCall, imports["report"],
			opCall, imports["leave"], enginetest.I32Const(2), opCall, imports["report"])...)
	}))
	err := g.instance.Function("outer").Call(g)
	// The jump leads to a call further out, so it has done nothing. leave ends the inner
	// call at once, and nested the outer one.
	if !g.outer || !errors.Is(err, errLeft) || !slices.Equal(g.reported, []uint64{1}) {
		t.Errorf("outer %v, reported %v, %v", g.outer, g.reported, err)
	}
	if !slices.Equal(g.stack, []uint32{3}) {
		t.Errorf("stack %v at the host call, want that of inner alone", g.stack)
	}
	// A record dies with the call that it was made in.
	if err := g.instance.Function("inner").Call(g); !errors.Is(err, errLeft) && !errors.Is(err, engine.ErrStale) {
		t.Errorf("jump to a call that has ended: %v", err)
	}
	if _, err := g.thread.Jump(g.handle, 1); !errors.Is(err, engine.ErrStale) {
		t.Errorf("jump to a call that has ended: %v", err)
	}
}

// Code that has the memory's address in it runs with no memory elsewhere.
func TestMemoryElsewhere(t *testing.T) {
	m, err := module.Prepare(build(func(*enginetest.Assembler, map[string]uint32) {}), module.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (ours.Engine{}).Compile(t.Context(), m, engine.Options{Workers: 1, MemoryBase: memory.FixedBase << 8}); err == nil {
		t.Error("compiled for another place")
	}
	artifact, err := ours.Compile(t.Context(), m.Binary, engine.Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	host := &engine.Host{Memory: make([]byte, m.MemoryPages*module.PageSize)}
	if _, err := (ours.Engine{}).Load(t.Context(), m, mapped(t, artifact), host); err == nil || !strings.Contains(err.Error(), "memory at") {
		t.Errorf("loaded with a memory elsewhere: %v", err)
	}
}

func TestProgramsFunctions(t *testing.T) {
	if !alone(t) {
		return
	}
	g := newGuest(t, build(func(a *enginetest.Assembler, _ map[string]uint32) {
		a.Function("f", a.Type(nil, nil), nil, divide...)
	}))
	n, last := uint32(0), uintptr(0)
	g.program.EachFunction(func(function uint32, lo, hi uintptr) {
		if function != n || lo < last || hi <= lo {
			t.Errorf("function %d at %#x-%#x, the one before ends at %#x", function, lo, hi, last)
		}
		for _, pc := range []uintptr{lo, hi - 1} {
			if at, _, ok := g.program.Locate(pc); !ok || at != function {
				t.Errorf("%#x is in function %d, %v, want %d", pc, at, ok, function)
			}
		}
		n, last = n+1, hi
	})
	if _, _, ok := g.program.Locate(last); ok || n < 2 {
		t.Errorf("%d functions, and one at the end of the code: %v", n, ok)
	}
	if g.instance.Global("no such") != nil {
		t.Error("an instance has a global that the module has not")
	}
}

func TestTrapOf(t *testing.T) {
	for message, want := range map[string]engine.Trap{
		"wasm error: integer divide by zero\nwasm stack trace:\n\tf": engine.DivideByZero,
		"wasm error: stack overflow":                                 engine.StackOverflow,
		"uncaught exception":                                         engine.UncaughtException,
		"something else":                                             engine.NoTrap,
		"":                                                           engine.NoTrap,
	} {
		if got := (ours.Engine{}).TrapOf(errors.New(message)); got != want {
			t.Errorf("%q: %d, want %d", strings.SplitN(message, "\n", 2)[0], got, want)
		}
	}
}

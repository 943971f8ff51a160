package wazero

import (
	"context"
	"errors"
	"fmt"
	"sort"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"walisup/helper/engine"
	"walisup/helper/engine/wazero/layout"
	"walisup/helper/engine/wazero/stubs"
	"walisup/helper/module"
)

// program is a compiled module in a runtime of its own.
type program struct {
	runtime  wazero.Runtime
	compiled wazero.CompiledModule

	target  stubs.Target   // Host.Interrupted, for code that is interrupted
	layout  *layout.Layout // nil until there is an instance
	code    []byte
	offsets []int // in code, of the module's functions
}

// Load implements engine.Engine.
func (Engine) Load(ctx context.Context, m *module.Module, a *engine.Artifact, host *engine.Host) (engine.Program, error) {
	if base, at := memoryBase(m), layout.Address(host.Memory); at != base {
		return nil, fmt.Errorf("the code is for a memory at %#x, not at %#x", base, at)
	}
	p, err := load(ctx, m.Stub, a)
	if err != nil {
		return nil, &engine.ModuleError{Err: err}
	}
	if err := p.link(ctx, m, host); err != nil {
		return nil, err
	}
	return p, nil
}

// load makes a program from a stub module and its compiled code.
func load(ctx context.Context, stub []byte, a *engine.Artifact) (*program, error) {
	p, err := loadPlaceholder(ctx, stub, a, &feed{glue: glue{index: a.Index, code: a.Glue}})
	if err != nil {
		return nil, err
	}
	if err := setCode(p.compiled, a.Code); err != nil {
		return nil, fmt.Errorf("the wasm engine is not the version that walisup was built for: %w", err)
	}
	return p, nil
}

// vouched is the context for a module whose functions need no validation, as they
// only trap. See our fifth patch.
type vouched struct{ context.Context }

// ModuleID names the module, which is the first of its runtime.
func (vouched) ModuleID() [32]byte { return [32]byte{1} }

// loadPlaceholder makes a program that has the placeholder for its code.
func loadPlaceholder(ctx context.Context, stub []byte, a *engine.Artifact, f *feed) (*program, error) {
	f.entry = withPlaceholder(a)
	rt, err := newRuntime(ctx, f, false)
	if err != nil {
		return nil, err
	}
	m, err := rt.CompileModule(vouched{ctx}, stub)
	if err != nil {
		return nil, err
	}
	if f.added != nil || f.refused {
		return nil, errors.New("the wasm engine refused the compiled code; clear the compile cache")
	}
	return &program{runtime: rt, compiled: m}, nil
}

// makeGlue sets a's glue to all code that the engine makes when a program of a is
// loaded and use has made what the program is linked to.
func makeGlue(ctx context.Context, stub []byte, a *engine.Artifact, use func(wazero.Runtime) error) error {
	f := &feed{recording: true}
	p, err := loadPlaceholder(ctx, stub, a, f)
	if err != nil {
		return err
	}
	if err := use(p.runtime); err != nil {
		return err
	}
	a.Index, a.Glue = f.glue.index, f.glue.code
	return nil
}

// link makes the modules that the program imports from.
func (p *program) link(ctx context.Context, m *module.Module, host *engine.Host) error {
	memoryModule, err := p.runtime.CompileModule(ctx, memoryBinary(m.ImportedMemory(), m.MemoryPages, m.Shared))
	if err != nil {
		return fmt.Errorf("make the memory: %w", err)
	}
	allocator := experimental.MemoryAllocatorFunc(func(uint64, uint64) experimental.LinearMemory {
		return linearMemory(host.Memory)
	})
	_, err = p.runtime.InstantiateModule(experimental.WithMemoryAllocator(ctx, allocator), memoryModule,
		wazero.NewModuleConfig().WithName(module.MemoryModule))
	if err != nil {
		return fmt.Errorf("make the memory: %w", err)
	}
	functions, support, err := hostModules(p.runtime, m, host)
	if err != nil {
		return err
	}
	for _, namespace := range functions {
		if _, err := namespace.Instantiate(ctx); err != nil {
			return fmt.Errorf("link the functions of the host: %w", err)
		}
	}
	instance, err := support.Instantiate(ctx)
	if err != nil {
		return fmt.Errorf("link the support functions: %w", err)
	}
	p.target, err = layout.HostTarget(instance)
	return err
}

// hostModules returns what the modules are made from that m imports functions from: one for
// each namespace, and one with the support functions.
func hostModules(rt wazero.Runtime, m *module.Module, host *engine.Host) (functions []wazero.HostModuleBuilder, support wazero.HostModuleBuilder, err error) {
	byName := map[string]wazero.HostModuleBuilder{}
	for _, imp := range m.Imports {
		namespace := byName[imp.Module]
		if namespace == nil {
			namespace = rt.NewHostModuleBuilder(imp.Module)
			byName[imp.Module] = namespace
			functions = append(functions, namespace)
		}
		if err := define(namespace, imp, host.Function); err != nil {
			return nil, nil, err
		}
	}
	support = rt.NewHostModuleBuilder(module.SupportModule)
	// These two come first and second: the engine's codes for calling them
	// hold their indexes.
	support.NewFunctionBuilder().WithGoFunction(api.GoFunc(host.Interrupted), nil, nil).Export("interrupted")
	support.NewFunctionBuilder().WithGoFunction(api.GoFunc(host.Pending), nil, nil).Export("signalled")
	for _, imp := range m.Support {
		if err := define(support, imp, host.Support); err != nil {
			return nil, nil, err
		}
	}
	return functions, support, nil
}

func define(to wazero.HostModuleBuilder, imp module.Import, bind func(module.Import) engine.HostFunc) error {
	fn := bind(imp)
	if fn == nil {
		return fmt.Errorf("no host function %s.%s", imp.Module, imp.Name)
	}
	to.NewFunctionBuilder().WithGoFunction(api.GoFunc(fn), imp.Type.Params, imp.Type.Results).Export(imp.Name)
	return nil
}

// linearMemory hands a reservation to the engine. It never grows: the wasm
// memory has its full size from the start.
type linearMemory []byte

func (m linearMemory) Reallocate(size uint64) []byte {
	if size != uint64(len(m)) {
		return nil
	}
	return m
}

func (linearMemory) Free() {}

// memoryBinary is a module that defines one memory of fixed size and exports it by a name.
func memoryBinary(name string, pages uint32, shared bool) []byte {
	flags := byte(1)
	if shared {
		flags = 3
	}
	limits := append(append([]byte{1, flags}, uleb(pages)...), uleb(pages)...)
	b := []byte("\x00asm\x01\x00\x00\x00")
	b = append(b, 5, byte(len(limits)))
	b = append(b, limits...)
	export := append([]byte{1, byte(len(name))}, name...)
	export = append(export, 2, 0)
	b = append(b, 7, byte(len(export)))
	return append(b, export...)
}

func uleb(v uint32) (b []byte) {
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

// Instantiate implements engine.Program.
func (p *program) Instantiate(ctx context.Context, to engine.Thread) (engine.Instance, error) {
	module, err := p.runtime.InstantiateModule(ctx, p.compiled, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		return nil, fmt.Errorf("instantiate: %w", err)
	}
	t := to.(*thread)
	if err := p.look(module); err != nil {
		return nil, err
	}
	if t.stubs == nil {
		t.layout = p.layout
		if t.stubs, err = stubs.Attach(t.state, p.layout.Offsets(), p.target); err != nil {
			return nil, err
		}
	}
	return &instance{module: module, thread: t}, nil
}

// look finds the engine's fields and the program's code, once.
func (p *program) look(m api.Module) error {
	if p.layout != nil {
		return nil
	}
	f := m.ExportedFunction(module.ExportInit)
	l, err := layout.Find(f)
	if err != nil {
		return err
	}
	p.code, p.offsets = l.Code(f)
	p.layout = &l
	return nil
}

// Locate implements engine.Program.
func (p *program) Locate(pc uintptr) (function, offset uint32, ok bool) {
	at := pc - layout.Address(p.code)
	if at >= uintptr(len(p.code)) {
		return 0, 0, false
	}
	i := sort.Search(len(p.offsets), func(i int) bool { return p.offsets[i] > int(at) }) - 1
	return uint32(i), uint32(at), i >= 0
}

// EachFunction implements engine.Program.
func (p *program) EachFunction(f func(function uint32, lo, hi uintptr)) {
	start := layout.Address(p.code)
	for i, offset := range p.offsets {
		end := len(p.code)
		if i+1 < len(p.offsets) {
			end = p.offsets[i+1]
		}
		f(uint32(i), start+uintptr(offset), start+uintptr(end))
	}
}

// instance is a module's instance in a thread.
type instance struct {
	module api.Module
	thread *thread
}

// Function implements engine.Instance.
func (i *instance) Function(name string) engine.Function {
	f := i.module.ExportedFunction(name)
	return &function{Function: f, thread: i.thread, view: i.thread.layout.View(f)}
}

// Global implements engine.Instance.
func (i *instance) Global(name string) engine.Global {
	if g, ok := i.module.ExportedGlobal(name).(api.MutableGlobal); ok {
		return g
	}
	return nil
}

package module

import (
	"context"
	"fmt"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"walisup/helper/engine/wazero/enginetest"
)

const features = api.CoreFeaturesV2 | experimental.CoreFeaturesThreads | experimental.CoreFeaturesTailCall |
	experimental.CoreFeaturesExtendedConst | experimental.CoreFeaturesExceptionHandling

// host runs prepared modules and records what they ask of SupportModule.
type host struct {
	t       testing.TB
	bench   *enginetest.Bench
	module  *Module
	memory  api.Memory
	calls   []string // of support functions
	results []uint64 // what the next support functions return
}

// newHost builds the support module for a prepared module, with a memory of its size that holds the class table.
func newHost(t testing.TB, m *Module) *host {
	t.Helper()
	ctx := context.Background()
	h := &host{t: t, bench: enginetest.New(t), module: m}
	host := h.bench.Runtime.NewHostModuleBuilder(SupportModule)
	for _, s := range m.Support {
		name := s.Name
		host.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(func(_ context.Context, _ api.Module, stack []uint64) {
			h.calls = append(h.calls, name+fmt.Sprint(stack[:len(s.Type.Params)]))
			if len(s.Type.Results) > 0 {
				stack[0] = h.results[0]
				h.results = h.results[1:]
			}
		}), s.Type.Params, s.Type.Results).Export(name)
	}
	if len(m.Support) > 0 {
		if _, err := host.Instantiate(ctx); err != nil {
			t.Fatal(err)
		}
	}
	b := &builder{start: -1}
	flags := byte(1)
	if m.Shared {
		flags = 3
	}
	b.memory = appendU32(appendU32([]byte{flags}, m.MemoryPages), m.MemoryPages)
	b.export(ImportMemory, kindMemory, 0)
	support, err := h.bench.Instantiate(b.bytes(), MemoryModule)
	if err != nil {
		t.Fatal(err)
	}
	h.memory = support.Memory()
	if len(m.ClassTable) > 0 && !h.memory.Write(uint32(m.ClassAddress), m.ClassTable) {
		t.Fatalf("class table does not fit at %#x", m.ClassAddress)
	}
	return h
}

// instance instantiates the module once more, as for a thread.
func (h *host) instance() api.Module {
	h.t.Helper()
	instance, err := h.bench.Instantiate(h.module.Binary, "")
	if err != nil {
		h.t.Fatal(err)
	}
	return instance
}

// call runs an export that must succeed.
func (h *host) call(m api.Module, name string, args ...uint64) []uint64 {
	h.t.Helper()
	results, err := h.bench.Call(m, name, args...)
	if err != nil {
		h.t.Fatalf("%s%v: %v", name, args, err)
	}
	return results
}

// prepare prepares a binary that must be acceptable and checks that wazero accepts the result and the stub.
func prepare(t testing.TB, binary []byte, o Options) *Module {
	t.Helper()
	m, err := Prepare(binary, o)
	if err != nil {
		t.Fatal(err)
	}
	compiles(t, "binary", m.Binary)
	compiles(t, "stub", m.Stub)
	return m
}

func compiles(t testing.TB, what string, binary []byte) {
	t.Helper()
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler().WithCoreFeatures(features))
	defer r.Close(ctx)
	if _, err := r.CompileModule(ctx, binary); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// provideWali instantiates the wali imports of a module as functions that return 0.
func provideWali(t testing.TB, h *host) {
	t.Helper()
	if len(h.module.Imports) == 0 {
		return
	}
	b := h.bench.Runtime.NewHostModuleBuilder(Namespace)
	for _, i := range h.module.Imports {
		b.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(func(_ context.Context, _ api.Module, stack []uint64) {
			clear(stack)
		}), i.Type.Params, i.Type.Results).Export(i.Name)
	}
	if _, err := b.Instantiate(context.Background()); err != nil {
		t.Fatal(err)
	}
}

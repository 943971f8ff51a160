package wazero

import (
	"context"
	"fmt"
	"strings"

	"github.com/tetratelabs/wazero"

	"walisup/helper/engine"
	"walisup/helper/interrupt"
	"walisup/helper/module"
	"walisup/wali/memory"
)

// Engine is wazero's compiler.
type Engine struct{}

var _ engine.Engine = Engine{}

// Name implements engine.Engine.
func (Engine) Name() string { return "wazero" }

// Compile implements engine.Engine.
func (Engine) Compile(ctx context.Context, m *module.Module, o engine.Options) (*engine.Artifact, error) {
	if base := memoryBase(m); o.MemoryBase != base {
		return nil, fmt.Errorf("the module is prepared for a memory at %#x, not at %#x", base, o.MemoryBase)
	}
	if err := probeMemoryBase(ctx, o.Reserved); err != nil {
		return nil, err
	}
	a, err := compile(ctx, m.Binary, o)
	if err != nil {
		return nil, &engine.ModuleError{Err: err}
	}
	if err := makeGlue(ctx, m.Stub, a, func(rt wazero.Runtime) error { return compileHost(ctx, rt, m) }); err != nil {
		return nil, err
	}
	return a, nil
}

// memoryBase is where the memory of a prepared module lies: our twelfth patch takes it from
// the name of the import.
func memoryBase(m *module.Module) uintptr {
	if m.MemoryBase == 0 {
		return memory.FixedBase
	}
	return uintptr(m.MemoryBase)
}

// compileHost makes the engine compile what leads from a module to its host. That
// depends on types alone.
func compileHost(ctx context.Context, rt wazero.Runtime, m *module.Module) error {
	nothing := func(context.Context, []uint64) {}
	bind := func(module.Import) engine.HostFunc { return nothing }
	functions, support, err := hostModules(rt, m, &engine.Host{
		Function: bind, Support: bind, Interrupted: nothing, Pending: nothing,
	})
	if err != nil {
		return err
	}
	for _, builder := range append(functions, support) {
		if _, err := builder.Compile(ctx); err != nil {
			return err
		}
	}
	return nil
}

// NewThread implements engine.Engine.
func (Engine) NewThread(s *interrupt.State) engine.Thread { return &thread{state: s} }

// traps are the beginnings of the engine's messages.
var traps = []struct {
	message string
	trap    engine.Trap
}{
	{"integer divide by zero", engine.DivideByZero},
	{"integer overflow", engine.IntegerOverflow},
	{"invalid conversion to integer", engine.InvalidConversion},
	{"unreachable", engine.Unreachable},
	{"out of bounds memory access", engine.OutOfBounds},
	{"invalid table access", engine.UndefinedElement},
	{"indirect call type mismatch", engine.SignatureMismatch},
	{"stack overflow", engine.StackOverflow},
	{"unaligned atomic", engine.UnalignedAtomic},
	{"uncaught exception", engine.UncaughtException},
	{"null reference", engine.NullReference},
}

// TrapOf implements engine.Engine.
func (Engine) TrapOf(err error) engine.Trap {
	first, _, _ := strings.Cut(err.Error(), "\n")
	first = strings.TrimPrefix(first, "wasm error: ")
	for _, t := range traps {
		if strings.HasPrefix(first, t.message) {
			return t.trap
		}
	}
	return engine.NoTrap
}

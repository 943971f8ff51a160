package wazero

import (
	"context"

	"github.com/tetratelabs/wazero"

	"walisup/helper/engine"
	"walisup/helper/module"
)

// For tests in package wazero_test, which have host functions of their own.
var (
	Compile         = compile
	MakeGlue        = makeGlue
	ProbeMemoryBase = probeMemoryBase
)

// LoadUnlinked loads a program that is linked to nothing yet.
func LoadUnlinked(ctx context.Context, stub []byte, a *engine.Artifact) (wazero.Runtime, wazero.CompiledModule, error) {
	p, err := load(ctx, stub, a)
	if err != nil {
		return nil, nil, err
	}
	return p.runtime, p.compiled, nil
}

// Imports has the functions and support functions of a module defined by bind.
func Imports(rt wazero.Runtime, m *module.Module, host *engine.Host) ([]wazero.HostModuleBuilder, error) {
	functions, support, err := hostModules(rt, m, host)
	return append(functions, support), err
}

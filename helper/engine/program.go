package engine

import (
	"context"
	"fmt"

	"github.com/tetratelabs/wazero"
)

// Program is a compiled module, ready to be instantiated.
type Program struct {
	Runtime  wazero.Runtime
	Compiled wazero.CompiledModule
}

// Load makes a program from a stub module and its compiled code. a.Code must be
// mapped executable and stay so for as long as the program is used.
func Load(ctx context.Context, stub []byte, a *Artifact) (*Program, error) {
	f := &feed{entry: a.withPlaceholder()}
	rt, err := newRuntime(ctx, f, false)
	if err != nil {
		return nil, err
	}
	m, err := rt.CompileModule(ctx, stub)
	if err != nil {
		return nil, err
	}
	if f.added != nil || f.entry == nil {
		return nil, fmt.Errorf("the wasm engine refused the compiled code; clear the compile cache")
	}
	if err := setCode(m, a.Code); err != nil {
		return nil, fmt.Errorf("the wasm engine is not the version that walisup was built for: %w", err)
	}
	return &Program{Runtime: rt, Compiled: m}, nil
}

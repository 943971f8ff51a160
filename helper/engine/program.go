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

// Load makes a program from a stub module and its compiled code. a.Code and
// a.Glue.Code must be mapped executable and stay so for as long as the program is
// used.
func Load(ctx context.Context, stub []byte, a *Artifact) (*Program, error) {
	p, err := load(ctx, stub, a, &feed{glue: a.Glue})
	if err != nil {
		return nil, err
	}
	if err := setCode(p.Compiled, a.Code); err != nil {
		return nil, fmt.Errorf("the wasm engine is not the version that walisup was built for: %w", err)
	}
	return p, nil
}

// vouched is the context for a module whose functions need no validation, as they
// only trap. See our fifth patch.
type vouched struct{ context.Context }

// ModuleID names the module, which is the first of its runtime.
func (vouched) ModuleID() [32]byte { return [32]byte{1} }

// load makes a program that has the placeholder for its code.
func load(ctx context.Context, stub []byte, a *Artifact, f *feed) (*Program, error) {
	f.entry = a.withPlaceholder()
	rt, err := newRuntime(ctx, f, false)
	if err != nil {
		return nil, err
	}
	m, err := rt.CompileModule(vouched{ctx}, stub)
	if err != nil {
		return nil, err
	}
	if f.added != nil || f.refused {
		return nil, fmt.Errorf("the wasm engine refused the compiled code; clear the compile cache")
	}
	return &Program{Runtime: rt, Compiled: m}, nil
}

// MakeGlue sets a.Glue to all code that the engine makes when a program of a is
// loaded and use has made what the program is linked to.
func (a *Artifact) MakeGlue(ctx context.Context, stub []byte, use func(wazero.Runtime) error) error {
	f := &feed{recording: true}
	p, err := load(ctx, stub, a, f)
	if err != nil {
		return err
	}
	if err := use(p.Runtime); err != nil {
		return err
	}
	a.Glue = f.glue
	return nil
}

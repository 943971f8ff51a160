package native

import (
	"context"
	"errors"
	"fmt"

	"walisup/helper/engine"
	"walisup/helper/engine/native/image"
	"walisup/helper/interrupt"
	"walisup/helper/module"
	"walisup/wali/memory"
)

// Engine runs images.
type Engine struct{}

var _ engine.Engine = Engine{}

// Name implements engine.Engine.
func (Engine) Name() string { return "native" }

// Runs reports whether a cache entry with this head is for this engine.
func Runs(head []byte) bool { return image.Is(head) }

// Compile implements engine.Engine.
func (Engine) Compile(context.Context, *module.Module, engine.Options) (*engine.Artifact, error) {
	return nil, errors.New("this engine does not compile: walisup compile --native does")
}

// Load implements engine.Engine.
func (Engine) Load(_ context.Context, m *module.Module, a *engine.Artifact, host *engine.Host) (engine.Program, error) {
	if at := addressOf(host.Memory); at != memory.FixedBase || m.MemoryBase != 0 {
		return nil, fmt.Errorf("the code is for a memory at %#x, not at %#x", uintptr(memory.FixedBase), at)
	}
	d, err := image.Decode(a.Head)
	if err != nil {
		return nil, fmt.Errorf("%w; clear the compile cache", err)
	}
	if err := checkProcessor(); err != nil {
		return nil, err
	}
	functions, unwind, err := d.SplitIndex(a.Index)
	if err != nil {
		return nil, fmt.Errorf("%w; clear the compile cache", err)
	}
	p := &program{description: d, functions: functions, unwind: unwind, size: uintptr(len(a.Code)), interrupted: host.Interrupted, pending: host.Pending}
	for _, imp := range m.Imports {
		if err := p.bind(imp, host.Function(imp)); err != nil {
			return nil, err
		}
	}
	for _, imp := range m.Support {
		if err := p.bind(imp, host.Support(imp)); err != nil {
			return nil, err
		}
	}
	p.twice = make([]bool, len(p.hosts))
	for _, i := range d.Twice {
		if int(i) >= len(p.twice) {
			return nil, errors.New("the native code is of another module; clear the compile cache")
		}
		p.twice[i] = true
	}
	return p, place(a.Code)
}

// NewThread implements engine.Engine.
func (Engine) NewThread(s *interrupt.State) engine.Thread { return &thread{state: s} }

// trapError is the error of a call that has trapped.
type trapError engine.Trap

func (t trapError) Error() string { return fmt.Sprintf("trap %d", uint8(t)) }

// TrapOf implements engine.Engine.
func (Engine) TrapOf(err error) engine.Trap {
	var t trapError
	if errors.As(err, &t) {
		return engine.Trap(t)
	}
	return engine.NoTrap
}

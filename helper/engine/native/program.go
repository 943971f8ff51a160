package native

import (
	"context"
	"fmt"
	"sort"

	"walisup/helper/engine"
	"walisup/helper/engine/native/image"
	"walisup/helper/module"
)

// program is an image, linked to its host.
type program struct {
	description          *image.Description
	functions            image.Functions
	unwind               image.Unwind
	size                 uintptr
	hosts                []hostFunction // by number of the import
	twice                []bool         // likewise: it returns twice
	interrupted, pending engine.HostFunc
}

// hostFunction is what stands behind an import, and how many words its arguments and
// results take.
type hostFunction struct {
	call  engine.HostFunc
	words int
}

func (p *program) bind(imp module.Import, f engine.HostFunc) error {
	if f == nil {
		return fmt.Errorf("no host function %s.%s", imp.Module, imp.Name)
	}
	p.hosts = append(p.hosts, hostFunction{f, max(len(imp.Type.Params), len(imp.Type.Results), 1)})
	return nil
}

// Instantiate implements engine.Program.
func (p *program) Instantiate(_ context.Context, to engine.Thread) (engine.Instance, error) {
	t := to.(*thread)
	if err := t.attach(p); err != nil {
		return nil, err
	}
	return &instance{program: p, thread: t}, nil
}

// Locate implements engine.Program.
func (p *program) Locate(pc uintptr) (function, offset uint32, ok bool) {
	at := pc - image.Base
	if at >= p.size {
		return 0, 0, false
	}
	i := sort.Search(p.functions.Len(), func(i int) bool { return uintptr(p.functions.At(i).Address) > at }) - 1
	if i < 0 || p.functions.At(i).Function == image.NoFunction {
		return 0, 0, false
	}
	return p.functions.At(i).Function, uint32(at), true
}

// EachFunction implements engine.Program.
func (p *program) EachFunction(f func(function uint32, lo, hi uintptr)) {
	for i := range p.functions.Len() {
		end := p.size
		if i+1 < p.functions.Len() {
			end = uintptr(p.functions.At(i + 1).Address)
		}
		if at := p.functions.At(i); at.Function != image.NoFunction {
			f(at.Function, image.Base+uintptr(at.Address), image.Base+end)
		}
	}
}

// instance is a module's instance in a thread.
type instance struct {
	program *program
	thread  *thread
}

// Function implements engine.Instance.
func (i *instance) Function(name string) engine.Function {
	for _, f := range i.program.description.Functions {
		if f.Name == name {
			return &function{thread: i.thread, code: image.Base + uintptr(f.Address)}
		}
	}
	return nil
}

// Global implements engine.Instance.
func (i *instance) Global(name string) engine.Global {
	for _, g := range i.program.description.Exported {
		if g.Name == name {
			return (*global)(&i.thread.context.globals[g.Slot])
		}
	}
	return nil
}

// global is a word of a context. The globals that are exported are of type i32.
type global uint64

// Get and Set implement engine.Global.
func (g *global) Get() uint64  { return uint64(uint32(*g)) }
func (g *global) Set(v uint64) { *g = global(v) }

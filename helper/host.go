package helper

import (
	"walisup/helper/engine"
	"walisup/helper/module"
	"walisup/wali"
	"walisup/wali/memory"
)

// resolver finds the host function for an import of a module's own.
type resolver func(module.Import) (engine.HostFunc, error)

// host is what a module is linked to: mem, and what resolve finds, or the system calls if it
// is nil.
func host(m *module.Module, mem *memory.Memory, resolve resolver) (*engine.Host, error) {
	h := &engine.Host{
		Function: hostFunction, Support: func(imp module.Import) engine.HostFunc { return supportFunctions[imp.Name] },
		Interrupted: interrupted, Pending: signalled, Memory: mem.Bytes(),
	}
	if resolve == nil {
		return h, nil
	}
	functions := make(map[[2]string]engine.HostFunc, len(m.Imports))
	for _, imp := range m.Imports {
		fn, err := resolve(imp)
		if err != nil {
			return nil, err
		}
		functions[[2]string{imp.Module, imp.Name}] = fn
	}
	h.Function = func(imp module.Import) engine.HostFunc { return functions[[2]string{imp.Module, imp.Name}] }
	return h, nil
}

// hostFunction returns the host function for an import from wali: one of ours if it needs
// the engine, else the ABI layer's.
func hostFunction(imp module.Import) engine.HostFunc {
	if fn, ok := engineFunctions[imp.Name]; ok {
		return fn
	}
	fn, _ := wali.Bind(wali.Import{Name: imp.Name, Params: imp.Type.Params, Results: imp.Type.Results})
	return fn
}

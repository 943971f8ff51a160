package helper

import (
	"walisup/helper/engine"
	"walisup/helper/module"
	"walisup/wali"
	"walisup/wali/memory"
)

// host is what the module is linked to.
func host(mem *memory.Memory) *engine.Host {
	return &engine.Host{
		Function: hostFunction, Support: func(imp module.Import) engine.HostFunc { return supportFunctions[imp.Name] },
		Interrupted: interrupted, Pending: signalled, Memory: mem.Bytes(),
	}
}

// hostFunction returns the host function for an import of the module: one of ours if it
// needs the engine, else the ABI layer's.
func hostFunction(imp module.Import) engine.HostFunc {
	if fn, ok := engineFunctions[imp.Name]; ok {
		return fn
	}
	fn, _ := wali.Bind(wali.Import{Name: imp.Name, Params: imp.Type.Params, Results: imp.Type.Results})
	return fn
}

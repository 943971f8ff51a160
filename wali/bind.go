package wali

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// HostFunc is a function that compiled code calls. ctx is the calling Thread, stack
// holds the parameters in 64 bits each, and then the result. It is the engine's own type,
// so that nothing stands between compiled code and the function.
type HostFunc = func(ctx context.Context, stack []uint64)

// Import is a function that a module imports from the namespace `wali`, with
// the types that the module declares for it, as the binary format encodes them.
type Import struct {
	Name            string
	Params, Results []byte
}

// typeI64 is the type i64 in the binary format.
const typeI64 = 0x7e

// Bind returns the host function for an import. known is false if nothing
// stands behind the name; the function then returns -ENOSYS, since a call that
// is never made must not keep a module from starting.
func Bind(imp Import) (fn HostFunc, known bool) {
	if name, ok := strings.CutPrefix(imp.Name, "SYS_"); ok {
		row := Lookup(name)
		if row == nil {
			return bindFunc(imp, &Row{Name: name, Args: unknownArgs(imp)}, func(*Thread, Args) int64 { return errno(enosys) }), false
		}
		return bindFunc(imp, row, row.function()), true
	}
	for i := range startFunctions {
		if f := &startFunctions[i]; f.Name == imp.Name {
			return bindFunc(imp, f, f.Do), true
		}
	}
	return bindFunc(imp, &Row{Name: imp.Name, Args: unknownArgs(imp)}, func(*Thread, Args) int64 { return errno(enosys) }), false
}

// unknownArgs stands in for the prototype of a call that has none.
func unknownArgs(imp Import) string {
	return strings.TrimSuffix(strings.Repeat("long arg,", min(len(imp.Params), 6)), ",")
}

// bindFunc wraps do in the conversion of arguments and result. The closure is
// what runs on every host call: it does not allocate.
func bindFunc(imp Import, row *Row, do Func) HostFunc {
	kinds, n := parseArgs(row.Args)
	n = min(n, len(imp.Params))
	var wide [6]bool
	for i := range n {
		wide[i] = imp.Params[i] == typeI64
	}
	hasResult := len(imp.Results) > 0
	return func(ctx context.Context, stack []uint64) {
		t := ctx.(*Thread)
		t.Gate.InHost = 1
		var a Args
		for i := range n {
			v := stack[i]
			k := kinds[i]
			a[i] = k.convert(v, wide[i])
			if k == argFD && t.ownsFD(int32(v)) {
				a[i] = badFD
			}
		}
		mark := t.scratchUsed
		var r int64
		if atomic.LoadUint32(t.traceControl)&1 == 0 {
			r = do(t, a)
		} else {
			shown := a
			for i := range n {
				shown[i] = kinds[i].convert(stack[i], wide[i])
			}
			r = t.traced(row, do, a, shown)
		}
		t.scratchUsed = mark
		if t.calls++; t.calls%callsPerCollect == 0 {
			t.Helper.Collect()
		}
		if t.Return() && hasResult {
			stack[0] = uint64(r)
		}
	}
}

// ImportedArgs returns the arguments of a call as the kernel would get them, given the types
// and the values of the import. Of a call that the table does not have, they are the values.
func ImportedArgs(row *Row, params []byte, stack []uint64) []uint64 {
	args := slices.Clone(stack)
	kinds, n := parseArgs(row.Args)
	for i := range args {
		switch {
		case i < n:
			args[i] = kinds[i].convert(args[i], params[i] == typeI64)
		case params[i] != typeI64:
			args[i] = uint64(uint32(args[i])) // the upper half is of no meaning
		}
	}
	return args
}

// Return ends a host function: signals that were caught meanwhile get their
// handlers, unless a layer has called it. It reports false if one of these has jumped out
// of the function, whose result must then not be stored.
func (t *Thread) Return() (normal bool) {
	if t.InLayer() {
		return t.returnToLayer()
	}
	return t.Signals.Return()
}

// badFD is a descriptor that is never open; AT_FDCWD and -1 mean something to
// some calls, this does not.
const badFD = 1<<64 - 9999

// pass makes the implementation of a call that the kernel takes as it is. A path that
// spells a private descriptor leads nowhere.
func pass(nr uintptr, prototype string, blocks bool) Func {
	kinds, _ := parseArgs(prototype)
	call := (*Thread).call
	if blocks {
		call = (*Thread).block
	}
	paths := pathArgs(prototype)
	if len(paths) > 0 {
		return func(t *Thread, a Args) int64 {
			for _, i := range paths {
				if t.namesReserved(a.Ptr(i)) {
					return errno(unix.ENOENT)
				}
			}
			m := t.Memory
			return call(t, nr, kinds[0].host(a[0], m), kinds[1].host(a[1], m), kinds[2].host(a[2], m),
				kinds[3].host(a[3], m), kinds[4].host(a[4], m), kinds[5].host(a[5], m))
		}
	}
	if blocks {
		return func(t *Thread, a Args) int64 {
			m := t.Memory
			return t.block(nr, kinds[0].host(a[0], m), kinds[1].host(a[1], m), kinds[2].host(a[2], m),
				kinds[3].host(a[3], m), kinds[4].host(a[4], m), kinds[5].host(a[5], m))
		}
	}
	return func(t *Thread, a Args) int64 {
		m := t.Memory
		return t.call(nr, kinds[0].host(a[0], m), kinds[1].host(a[1], m), kinds[2].host(a[2], m),
			kinds[3].host(a[3], m), kinds[4].host(a[4], m), kinds[5].host(a[5], m))
	}
}

// pathArgs returns which arguments of a prototype are paths. The table names paths so
// and nothing else.
func pathArgs(prototype string) (paths []int) {
	for i, decl := range strings.Split(prototype, ",") {
		switch strings.TrimPrefix(strings.TrimSpace(decl), "char* ") {
		case "path", "pathname", "oldpath", "newpath", "from_pathname", "to_pathname", "linkpath", "new_root", "put_old":
			paths = append(paths, i)
		}
	}
	return paths
}

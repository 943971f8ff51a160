package enginetest

import (
	"context"
	"reflect"
	"sync"
	"testing"

	"github.com/tetratelabs/wazero"
)

// empty is (module (func (export "f"))).
const empty = "\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00\x07\x05\x01\x01f\x00\x00\x0a\x04\x01\x02\x00\x0b"

// Patched reports whether the engine that this program is linked with has our
// patches.
var Patched = sync.OnceValue(func() bool {
	ctx := context.Background()
	rt := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler())
	defer rt.Close(ctx)
	m, err := rt.Instantiate(ctx, []byte(empty))
	if err != nil {
		panic(err)
	}
	_, ok := reflect.TypeOf(m.ExportedFunction("f")).Elem().FieldByName("tryLocals") // the sixth patch's
	return ok
})

// NeedPatches skips a test that is about the patches.
func NeedPatches(t testing.TB) {
	t.Helper()
	if !Patched() {
		t.Skip("needs the patched engine: make unit, or go test -modfile=.cache/go.mod")
	}
}

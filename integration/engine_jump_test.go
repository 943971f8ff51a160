package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"walisup/helper/engine/wazero/enginetest"
)

// staleJump is a program that jumps to a setjmp whose caller has returned, deeper in the stack
// than it was, where other functions have left what values they like.
func staleJump(nested, values int) []byte {
	const i, l = enginetest.I32, enginetest.I64
	const call, drop, get, set, add = 0x10, 0x1a, 0x20, 0x21, 0x7c
	buffer := enginetest.I32Const(4096)
	a := enginetest.Assembler{Memory: []byte{1, 2, 2}}
	void, number := a.Type(nil, nil), a.Type(nil, []byte{i})
	setjmp := a.Import("wali", "setjmp", a.Type([]byte{i}, []byte{i}))
	longjmp := a.Import("wali", "longjmp", a.Type([]byte{i, i}, nil))
	setter := a.Function("", number, nil, enginetest.Code(buffer, call, setjmp)...)
	for range nested {
		setter = a.Function("", number, nil, enginetest.Code(call, setter)...)
	}
	locals := append(enginetest.U32([]byte{1}, uint32(values)), l)
	var body []byte
	for k := range values {
		body = append(body, enginetest.Code(enginetest.I32Const(8192), 0x29, 3, 0, set, uint32(k))...)
	}
	body = append(body, enginetest.Code(buffer, enginetest.I32Const(7), call, longjmp, get, uint32(0))...)
	for k := 1; k < values; k++ {
		body = append(body, enginetest.Code(get, uint32(k), add)...)
	}
	hostile := a.Function("", void, locals, append(body, drop)...)
	a.Function("_start", void, nil, enginetest.Code(call, setter, drop, call, hostile)...)
	return a.Bytes()
}

// TestNativeStaleJump has jumps that C does not allow end the program and do nothing else.
func TestNativeStaleJump(t *testing.T) {
	t.Parallel()
	needWalisup(t)
	needLLVM(t)
	for _, nested := range []int{0, 3} {
		for _, values := range []int{1, 10, 200} {
			t.Run(fmt.Sprint(nested, values), func(t *testing.T) {
				t.Parallel()
				p := pair{name: "stale", module: filepath.Join(t.TempDir(), "stale.wasm")}
				if err := os.WriteFile(p.module, staleJump(nested, values), 0o644); err != nil {
					t.Fatal(err)
				}
				mustMakeNative(t, p.module)
				for _, engine := range []string{"wazero", "native"} {
					got := p.runGuest(t, invocation{}.forEngine(engine))
					if got.status != 128+11 || !strings.Contains(got.stderr, "longjmp to a function that has returned") {
						t.Errorf("%s: status %d, %s", engine, got.status, got.stderr)
					}
				}
			})
		}
	}
}

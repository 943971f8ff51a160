package module

import (
	"strings"
	"testing"
)

func nameSection(entries ...any) []byte {
	return join(1, appendName(nil, string(join(entries...))))
}

func TestNames(t *testing.T) {
	t.Parallel()
	build := func(names []byte) *Module {
		b := newBuilder()
		b.importFn(Namespace, "SYS_write", b.typ("iii", "I"))
		void := b.typ("", "")
		first := b.fn(void)
		b.table0(first)
		b.exportFn("visible", void, join(i32const(1), i32const(1), callIndirect(b.typ("i", "")))...)
		if names != nil {
			b.customSection("name", names)
		}
		return prepare(t, b.program(), Options{})
	}
	// Function 0 is SYS_write, then mismatch, then what were 1 (first) and 2 (visible).
	tests := []struct {
		name  string
		names []byte
		want  map[uint32]string
	}{
		{"all named", nameSection(3, 0, appendName(nil, "write"), 1, appendName(nil, "first"), 2, appendName(nil, "second")),
			map[uint32]string{0: "write", 1: "walisup.mismatch", 2: "first", 3: "second"}},
		{"some named", nameSection(1, 1, appendName(nil, "first")),
			map[uint32]string{0: "wali.SYS_write", 1: "walisup.mismatch", 2: "first", 3: "visible"}},
		{"no section", nil,
			map[uint32]string{0: "wali.SYS_write", 1: "walisup.mismatch", 2: "", 3: "visible"}},
		{"malformed", nameSection(9, 1, appendName(nil, "first")),
			map[uint32]string{0: "wali.SYS_write", 2: "", 3: "visible"}},
		{"not UTF-8", nameSection(1, 1, appendName(nil, "\xff")),
			map[uint32]string{2: "", 3: "visible"}},
		{"beyond the functions", nameSection(1, 100, appendName(nil, "x")),
			map[uint32]string{2: "", 3: "visible"}},
		{"control characters", nameSection(1, 1, appendName(nil, "a\x1b[31mb\n")),
			map[uint32]string{2: "a\ufffd[31mb\ufffd"}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			m := build(tc.names)
			names := Names(m.Binary)
			for index, want := range tc.want {
				if got := names.Of(index); got != want {
					t.Errorf("function %d is %q, want %q", index, got, want)
				}
			}
			if got := names.Of(1000); got != "" {
				t.Errorf("function 1000 is %q", got)
			}
			if got := Names(m.Stub).Of(3); got != "visible" {
				t.Errorf("in the stub, function 3 is %q", got)
			}
			for i := 1; i < len(names); i++ {
				if names[i-1].Index >= names[i].Index {
					t.Fatal("names out of order")
				}
			}
		})
	}
	added := Names(build(tests[0].names).Binary)
	found := false
	for _, n := range added {
		found = found || strings.HasPrefix(n.Name, "walisup.adapt (i32) -> ()")
	}
	if !found {
		t.Errorf("added functions are not named: %v", added)
	}
	if got := Names([]byte("no module")); got != nil {
		t.Errorf("names of no module: %v", got)
	}
}

func TestSignatures(t *testing.T) {
	t.Parallel()
	m := prepare(t, sample(), Options{})
	for index, want := range []string{"(i32, i32, i32) -> i64", "(i32, i32) -> i32", "() -> i32", "() -> ()"} {
		if got := m.Signature(uint32(index)); got != want {
			t.Errorf("type %d is %s, want %s", index, got, want)
		}
	}
	if got := m.FunctionSignature(0); got != "(i32, i32, i32) -> i64" {
		t.Errorf("function 0 is %s", got)
	}
	f, ok := m.TableFunction(3)
	if !ok || m.FunctionSignature(f) != "(f64) -> f64" {
		t.Errorf("table entry 3 is function %d, %v, of type %s", f, ok, m.FunctionSignature(f))
	}
	for _, got := range []string{m.Signature(1000), m.FunctionSignature(1 << 31), (&Module{}).Signature(0)} {
		if got != "?" {
			t.Errorf("a type that does not exist is %s", got)
		}
	}
	if got := (FunctionType{Params: []byte{V128, FuncRef, ExternRef, ExnRef, F32, 1}, Results: []byte{I32, I64}}).String(); got !=
		"(v128, funcref, externref, exnref, f32, ?) -> (i32, i64)" {
		t.Error(got)
	}
}

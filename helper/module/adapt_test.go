package module

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"
)

func f64const(v float64) []byte {
	return binary.LittleEndian.AppendUint64([]byte{opF64Const}, math.Float64bits(v))
}

func f32const(v float32) []byte {
	return binary.LittleEndian.AppendUint32([]byte{opF32Const}, math.Float32bits(v))
}

// constant pushes v as a value of that type.
func typedConst(kind byte, v int64) []byte {
	switch kind {
	case I32:
		return i32const(int32(v))
	case I64:
		return i64const(v)
	case F32:
		return f32const(float32(v))
	case F64:
		return f64const(float64(v))
	}
	panic("typedConst: unexpected type")
}

// bitsOf is how wazero's API shows v as a value of that type.
func bitsOf(kind byte, v int64) uint64 {
	switch kind {
	case I32:
		return uint64(uint32(v))
	case F32:
		return uint64(math.Float32bits(float32(v)))
	case F64:
		return math.Float64bits(float64(v))
	}
	return uint64(v)
}

// recorder adds a function that stores its parameters in memory, 8 bytes apart from address 64 on, and returns a
// constant.
func (b *builder) recorder(params, results string, result int64) uint32 {
	stores := map[byte]byte{I32: 0x36, I64: 0x37, F32: 0x38, F64: 0x39}
	var c []byte
	kind := b.typ(params, results)
	for i, t := range b.types[kind].Params {
		c = append(c, i32const(int32(64+8*i))...)
		c = append(c, opLocalGet, byte(i), stores[t], 0, 0)
	}
	for _, t := range b.types[kind].Results {
		c = append(c, typedConst(t, result)...)
	}
	return b.fn(kind, c...)
}

// recordedAt is where recorder stores parameter i.
func recordedAt(i int) uint32 { return uint32(64 + 8*i) }

func TestCastCallsAreAdapted(t *testing.T) {
	t.Parallel()
	const minus = -5
	tests := []struct {
		name             string
		expected, actual [2]string // parameters and results
		args             []int64   // passed by the caller, by expected type
		want             []int64   // received by the function, by actual type
		gives            int64     // returned by the function
		got              []int64   // received by the caller, by expected type
	}{
		{"same type", [2]string{"iI", "i"}, [2]string{"iI", "i"}, []int64{1, minus}, []int64{1, minus}, 7, []int64{7}},
		{"surplus arguments dropped", [2]string{"iii", "i"}, [2]string{"i", "i"}, []int64{1, 2, 3}, []int64{1}, 7, []int64{7}},
		{"all arguments dropped", [2]string{"iI", ""}, [2]string{"", ""}, []int64{1, 2}, nil, 0, nil},
		{"missing arguments are 0", [2]string{"i", "i"}, [2]string{"iii", "i"}, []int64{minus}, []int64{minus, 0, 0}, 7, []int64{7}},
		{"missing arguments of every kind are 0", [2]string{"", ""}, [2]string{"iIfF", ""}, nil, []int64{0, 0, 0, 0}, 0, nil},
		{"i32 to i64 extends the sign", [2]string{"i", ""}, [2]string{"I", ""}, []int64{minus}, []int64{minus}, 0, nil},
		{"i64 to i32 wraps", [2]string{"I", ""}, [2]string{"i", ""}, []int64{0x7_0000_0003}, []int64{3}, 0, nil},
		{"surplus result dropped", [2]string{"i", ""}, [2]string{"i", "i"}, []int64{4}, []int64{4}, 7, nil},
		{"surplus floating-point result dropped", [2]string{"i", ""}, [2]string{"i", "F"}, []int64{4}, []int64{4}, 7, nil},
		{"missing result is 0", [2]string{"i", "i"}, [2]string{"i", ""}, []int64{4}, []int64{4}, 0, []int64{0}},
		{"missing i64 result is 0", [2]string{"i", "I"}, [2]string{"i", ""}, []int64{4}, []int64{4}, 0, []int64{0}},
		{"missing floating-point result is 0", [2]string{"i", "F"}, [2]string{"i", ""}, []int64{4}, []int64{4}, 0, []int64{0}},
		{"i32 result as i64 extends the sign", [2]string{"", "I"}, [2]string{"", "i"}, nil, nil, minus, []int64{minus}},
		{"i64 result as i32 wraps", [2]string{"", "i"}, [2]string{"", "I"}, nil, nil, 0x7_0000_0003, []int64{3}},
		{"floating-point arguments pass unchanged", [2]string{"fFi", "F"}, [2]string{"fF", "F"}, []int64{minus, 9, 1}, []int64{minus, 9}, 7, []int64{7}},
		{"integer beside floating-point converted", [2]string{"FiI", "f"}, [2]string{"FII", "f"}, []int64{2, minus, 3}, []int64{2, minus, 3}, 7, []int64{7}},
		{"surplus floating-point argument dropped", [2]string{"iF", "i"}, [2]string{"i", "i"}, []int64{1, 2}, []int64{1}, 7, []int64{7}},
		{"many arguments", [2]string{"iiiiiiiiiiiiiiiiiiii", "i"}, [2]string{"IIIIIIIIIIIIIIIIIIII", "I"},
			[]int64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, minus},
			[]int64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, minus}, 7, []int64{7}},
	}
	for _, tc := range tests {
		// The type that the caller expects may or may not be that of some function in the table.
		for _, present := range []bool{true, false} {
			name := tc.name
			if present {
				name += ", type present"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				b := newBuilder()
				expected := b.typ(tc.expected[0], tc.expected[1])
				f := b.recorder(tc.actual[0], tc.actual[1], tc.gives)
				other := b.recorder("FFFF", "", 0)
				functions := []uint32{f, other}
				if present {
					functions = append(functions, b.recorder(tc.expected[0], tc.expected[1], 99))
				}
				b.table0(functions...)
				var body []byte
				for i, kind := range b.types[expected].Params {
					body = append(body, typedConst(kind, tc.args[i])...)
				}
				b.exportFn("go", b.typ("i", tc.expected[1]), join(body, opLocalGet, 0, callIndirect(expected))...)
				m := prepare(t, b.program(), Options{})
				if !m.Adapted {
					t.Fatal("calls are not adapted")
				}
				h := newHost(t, m)
				got := h.call(h.instance(), "go", 1)
				if len(h.calls) > 0 {
					t.Fatalf("unexpected calls %v", h.calls)
				}
				for i, kind := range b.types[expected].Results {
					if got[i] != bitsOf(kind, tc.got[i]) {
						t.Errorf("result %#x, want %d", got[i], tc.got[i])
					}
				}
				for i, kind := range letters(tc.actual[0]) {
					v, _ := h.memory.ReadUint64Le(recordedAt(i))
					if v != bitsOf(kind, tc.want[i]) {
						t.Errorf("argument %d is %#x, want %d", i, v, tc.want[i])
					}
				}
			})
		}
	}
}

func TestSenselessCallsAreReported(t *testing.T) {
	t.Parallel()
	const null, beyond = 0, 1000
	tests := []struct {
		name             string
		expected, actual [2]string
		index            uint64
	}{
		{"float against integer", [2]string{"i", ""}, [2]string{"f", ""}, 1},
		{"integer against double", [2]string{"F", ""}, [2]string{"i", ""}, 1},
		{"float against double", [2]string{"f", ""}, [2]string{"F", ""}, 1},
		{"second argument", [2]string{"ii", ""}, [2]string{"iF", ""}, 1},
		{"result", [2]string{"", "i"}, [2]string{"", "F"}, 1},
		{"vector", [2]string{"v", ""}, [2]string{"i", ""}, 1},
		{"reference", [2]string{"i", ""}, [2]string{"x", ""}, 1},
		{"several results", [2]string{"", "ii"}, [2]string{"", "i"}, 1},
		{"too many parameters", [2]string{"i", ""}, [2]string{"iiiiiiiiiiiiiiiiiiiii", ""}, 1},
		{"null", [2]string{"i", ""}, [2]string{"ii", ""}, null},
		{"out of range", [2]string{"i", ""}, [2]string{"ii", ""}, beyond},
		{"out of range, beyond 2^31", [2]string{"i", ""}, [2]string{"ii", ""}, 1<<32 - 1},
	}
	for _, tc := range tests {
		for _, present := range []bool{true, false} {
			name := tc.name
			if present {
				name += ", type present"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				b := newBuilder()
				expected := b.typ(tc.expected[0], tc.expected[1])
				actual := b.typ(tc.actual[0], tc.actual[1])
				functions := []uint32{b.fn(actual, opUnreachable), b.recorder("FFFF", "", 0)}
				if present {
					functions = append(functions, b.fn(expected, opUnreachable))
				}
				b.table0(functions...)
				var body []byte
				for _, kind := range b.types[expected].Params {
					if kind == V128 {
						body = append(append(body, opVectorPrefix, vectorConst), make([]byte, 16)...)
						continue
					}
					body = append(body, typedConst(kind, 1)...)
				}
				b.exportFn("go", b.typ("i", tc.expected[1]), join(body, opLocalGet, 0, callIndirect(expected))...)
				m := prepare(t, b.program(), Options{})
				h := newHost(t, m)
				_, err := h.bench.Call(h.instance(), "go", tc.index)
				if err == nil {
					t.Fatal("the call succeeded")
				}
				// The masked index of a wild one may meet a function of the right type; the call then traps by itself.
				if len(h.calls) == 0 {
					if tc.index <= beyond && tc.index != beyond || !present {
						t.Fatalf("not reported: %v", err)
					}
					if !strings.Contains(err.Error(), "invalid table access") {
						t.Fatalf("unexpected %v", err)
					}
					return
				}
				want := ImportMismatch + sprint(uint64(expected), tc.index)
				if len(h.calls) != 1 || h.calls[0] != want {
					t.Fatalf("calls %v, want %s", h.calls, want)
				}
				if !strings.Contains(err.Error(), "unreachable") {
					t.Errorf("trap %v", err)
				}
				wantType := FunctionType{letters(tc.expected[0]), letters(tc.expected[1])}.String()
				if got := m.Signature(expected); got != wantType {
					t.Errorf("expected type %s, want %s", got, wantType)
				}
				f, ok := m.TableFunction(uint32(tc.index))
				if ok != (tc.index == 1) {
					t.Fatalf("TableFunction = %d, %v", f, ok)
				}
				if wantType := (FunctionType{letters(tc.actual[0]), letters(tc.actual[1])}).String(); ok && m.FunctionSignature(f) != wantType {
					t.Errorf("actual type %s, want %s", m.FunctionSignature(f), wantType)
				}
			})
		}
	}
}

// TestEqualTypesAreEqual uses the same structural type by two indexes: neither adapters nor reports may result.
func TestEqualTypesAreEqual(t *testing.T) {
	t.Parallel()
	b := newBuilder()
	first := b.typ("i", "i")
	f := b.fn(first, opLocalGet, 0)
	second := b.typ("i", "i")
	b.table0(f)
	b.exportFn("go", second, join(opLocalGet, 0, i32const(1), callIndirect(second))...)
	m := prepare(t, b.program(), Options{})
	for _, a := range m.Adaptations() {
		if a.Expected.String() == a.Actual.String() {
			t.Errorf("%s is adapted to itself", a.Expected)
		}
	}
	h := newHost(t, m)
	if got := h.call(h.instance(), "go", 42); got[0] != 42 || len(h.calls) != 0 {
		t.Errorf("got %v, calls %v", got, h.calls)
	}
}

// TestUniformTableStaysPlain shows that sites whose type is that of all functions are left alone.
func TestUniformTableStaysPlain(t *testing.T) {
	t.Parallel()
	b := newBuilder()
	kind := b.typ("i", "i")
	f := b.fn(kind, opLocalGet, 0)
	b.table0(f)
	body := join(opLocalGet, 0, i32const(1), callIndirect(kind))
	b.exportFn("go", kind, body...)
	m := prepare(t, b.program(), Options{})
	if !strings.Contains(string(m.Binary), string(body)) {
		t.Error("the call was changed")
	}
}

func TestManyClasses(t *testing.T) {
	t.Parallel()
	b := newBuilder()
	var functions []uint32
	// More than 255 types need classes of two bytes.
	for i := range 300 {
		params := []byte("iiiiiiiii")
		for bit := range 9 {
			if i>>bit&1 == 1 {
				params[bit] = 'I'
			}
		}
		functions = append(functions, b.fn(b.typ(string(params), "i"), i32const(int32(i))...))
	}
	b.table0(functions...)
	expected := b.typ("iiiiiiiii", "i")
	b.exportFn("go", b.typ("i", "i"), join(slices.Repeat(i32const(3), 9), opLocalGet, 0, callIndirect(expected))...)
	b.exportFn("go0", b.typ("i", "i"), join(opLocalGet, 0, callIndirect(b.typ("", "i")))...)
	m := prepare(t, b.program(), Options{})
	h := newHost(t, m)
	instance := h.instance()
	for i := range 300 {
		for _, name := range []string{"go", "go0"} {
			if got := h.call(instance, name, uint64(i+1)); got[0] != uint64(i) {
				t.Fatalf("%s: function %d returned %d", name, i, got[0])
			}
		}
	}
	if len(m.classTypes) != 300 || len(m.ClassTable) != 2*301 {
		t.Errorf("%d classes, class table of %d bytes", len(m.classTypes), len(m.ClassTable))
	}
}

// TestTablesThatChange shows that a table that code may change, or whose contents are not known, stays plain.
func TestTablesThatChange(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		static bool
		change func(b *builder)
	}{
		{"unchanged", true, func(*builder) {}},
		{"table.set", false, func(b *builder) {
			b.fn(b.typ("", ""), join(i32const(1), opRefNull, int(FuncRef), opTableSet, 0)...)
		}},
		{"table.set of another table", true, func(b *builder) {
			b.tables = append(b.tables, []byte{FuncRef, 0, 4})
			b.fn(b.typ("", ""), join(i32const(1), opRefNull, int(FuncRef), opTableSet, 1)...)
		}},
		{"table.grow", false, func(b *builder) {
			b.fn(b.typ("", "i"), join(opRefNull, int(FuncRef), i32const(1), opMiscPrefix, miscTableGrow, 0)...)
		}},
		{"table.fill", false, func(b *builder) {
			b.fn(b.typ("", ""), join(i32const(1), opRefNull, int(FuncRef), i32const(1), opMiscPrefix, miscTableFill, 0)...)
		}},
		{"table.copy", false, func(b *builder) {
			b.fn(b.typ("", ""), join(i32const(1), i32const(1), i32const(1), opMiscPrefix, miscTableCopy, 0, 0)...)
		}},
		{"table.init", false, func(b *builder) {
			b.elements = append(b.elements, []byte{1, 0, 1, 0})
			b.fn(b.typ("", ""), join(i32const(1), i32const(0), i32const(1), opMiscPrefix, miscTableInit, 1, 0)...)
		}},
		{"table.get, table.size, elem.drop", true, func(b *builder) {
			b.elements = append(b.elements, []byte{1, 0, 1, 0})
			b.fn(b.typ("", ""), join(i32const(1), 0x25, 0, opDrop, opMiscPrefix, miscTableSize, 0, opDrop,
				opMiscPrefix, miscElemDrop, 1)...)
		}},
		{"exported", true, func(b *builder) { b.export("__indirect_function_table", kindTable, 0) }},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := newBuilder()
			f := b.fn(b.typ("", ""))
			b.table0(f)
			expected := b.typ("i", "")
			b.exportFn("go", expected, join(opLocalGet, 0, i32const(1), callIndirect(expected))...)
			tc.change(b)
			m := prepare(t, b.program(), Options{})
			if m.StaticTable != tc.static || m.Adapted != tc.static {
				t.Errorf("static %v, adapted %v, want %v", m.StaticTable, m.Adapted, tc.static)
			}
			h := newHost(t, m)
			_, err := h.bench.Call(h.instance(), "go", 1)
			if tc.static != (err == nil) {
				t.Errorf("call: %v", err)
			}
		})
	}
}

func TestPlainTables(t *testing.T) {
	t.Parallel()
	build := func(memory []byte) []byte {
		b := newBuilder()
		b.memory = memory
		b.table0(b.fn(b.typ("", "")))
		expected := b.typ("i", "")
		b.exportFn("go", expected, join(opLocalGet, 0, i32const(1), callIndirect(expected))...)
		return b.program()
	}
	t.Run("asked for", func(t *testing.T) {
		t.Parallel()
		m := prepare(t, build([]byte{1, 1, 2}), Options{PlainTables: true})
		if m.Adapted || !m.StaticTable || len(m.ClassTable) != 0 || m.MemoryPages != 2 || len(m.Adaptations()) != 0 {
			t.Errorf("adapted: %+v", m)
		}
	})
	t.Run("no room above the memory", func(t *testing.T) {
		t.Parallel()
		m := prepare(t, build(appendU32([]byte{1, 1}, 65536)), Options{})
		if m.Adapted || m.MemoryPages != 65536 {
			t.Errorf("adapted %v, %d pages", m.Adapted, m.MemoryPages)
		}
	})
	t.Run("room for the class table only", func(t *testing.T) {
		t.Parallel()
		m := prepare(t, build(appendU32([]byte{1, 1}, 65535)), Options{})
		if !m.Adapted || m.MemoryPages != 65536 || m.ClassAddress != 65535*PageSize {
			t.Errorf("adapted %v, %d pages, classes at %#x", m.Adapted, m.MemoryPages, m.ClassAddress)
		}
	})
}

// TestTailCalls calls through pointers of right and wrong types in tail position, also where the block around the
// call has other results than the function.
func TestTailCalls(t *testing.T) {
	t.Parallel()
	b := newBuilder()
	expected := b.typ("i", "i")
	same := b.fn(expected, opLocalGet, 0)
	wide := b.fn(b.typ("I", "I"), opLocalGet, 0)
	b.table0(same, wide)
	go2 := b.typ("ii", "i")
	tail := append(appendU32([]byte{opReturnCallIndirect}, expected), 0)
	b.exportFn("go", go2, join(opLocalGet, 0, opLocalGet, 1, tail)...)
	b.exportFn("inner", go2, join(opBlock, int(F64), opLocalGet, 0, opLocalGet, 1, tail, opEnd, opDrop, i32const(1))...)
	absent := b.typ("i", "i")
	absentTail := append(appendU32([]byte{opReturnCallIndirect}, absent), 0)
	b.exportFn("absent", go2, join(opLocalGet, 0, opLocalGet, 1, absentTail)...)
	m := prepare(t, b.program(), Options{})
	h := newHost(t, m)
	instance := h.instance()
	for _, name := range []string{"go", "inner", "absent"} {
		for index := uint64(1); index <= 2; index++ {
			if got := h.call(instance, name, bitsOf(I32, -9), index); int32(got[0]) != -9 {
				t.Errorf("%s through entry %d returned %d", name, index, int32(got[0]))
			}
		}
	}
}

// TestCallInUnreachableCode checks that rewritten sites validate where the operand stack is unknown.
func TestCallInUnreachableCode(t *testing.T) {
	t.Parallel()
	b := newBuilder()
	expected := b.typ("iF", "I")
	b.table0(b.fn(b.typ("", "")), b.fn(expected, i64const(1)...))
	b.fn(b.typ("", "F"), join(opUnreachable, callIndirect(expected), opDrop, callIndirect(expected), opUnreachable)...)
	prepare(t, b.program(), Options{})
}

func TestCallExports(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name           string
		params, result string
		export         string
		args           []uint64
		want           []int64
	}{
		{"plain handler", "i", "", ExportCall1, []uint64{11}, []int64{11}},
		{"handler that returns int", "i", "i", ExportCall1, []uint64{11}, []int64{11}},
		{"handler without parameters", "", "", ExportCall1, []uint64{11}, nil},
		{"handler with siginfo called plainly", "iii", "", ExportCall1, []uint64{11}, []int64{11, 0, 0}},
		{"thread start", "ii", "", ExportCall2, []uint64{5, 6}, []int64{5, 6}},
		{"thread start with long", "Ii", "", ExportCall2, []uint64{5, 6}, []int64{5, 6}},
		{"handler with siginfo", "iii", "", ExportCall3, []uint64{11, 6, 7}, []int64{11, 6, 7}},
		{"plain handler called with siginfo", "i", "", ExportCall3, []uint64{11, 6, 7}, []int64{11}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := newBuilder()
			b.table0(b.recorder(tc.params, tc.result, 3), b.recorder("FF", "", 0))
			h := newHost(t, prepare(t, b.program(), Options{}))
			h.call(h.instance(), tc.export, append([]uint64{1}, tc.args...)...)
			for i, kind := range letters(tc.params) {
				if v, _ := h.memory.ReadUint64Le(recordedAt(i)); v != bitsOf(kind, tc.want[i]) {
					t.Errorf("argument %d is %#x, want %d", i, v, tc.want[i])
				}
			}
		})
	}
}

// TestCallExportsWithoutTable shows that the exports exist, and trap, where there is nothing to call.
func TestCallExportsWithoutTable(t *testing.T) {
	t.Parallel()
	h := newHost(t, prepare(t, newBuilder().program(), Options{}))
	if _, err := h.bench.Call(h.instance(), ExportCall1, 1, 1); err == nil {
		t.Error("the call succeeded")
	}
}

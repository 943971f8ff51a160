package integration

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"walisup/helper/engine/wazero/enginetest"
)

// randomFunction is a function of a random module: what a call of it needs.
type randomFunction struct {
	index  uint32
	typ    uint32
	params []byte
	result byte
	more   []byte // results behind it
}

// randomModule makes modules whose code is valid and ends. What it prints depends on nothing
// that WebAssembly leaves open: the bits of NaNs do not get into integers.
type randomModule struct {
	enginetest.Assembler
	r         *rand.Rand
	functions []randomFunction
	locals    []byte // types, of the function being made
	counters  int    // locals that count rounds of loops, at the end
	fuel      int    // bounds a function's size
	labels    int    // of enclosing blocks without results that may be left
	returns   randomFunction

	throws, tails bool   // the module has exceptions, or tail calls
	caught        uint32 // the type of a block that ends with what is caught and a reference to it
}

var (
	randomTypes = []byte{enginetest.I32, enginetest.I64, enginetest.F32, enginetest.F64, enginetest.V128}
	typeIndex   = map[byte]int{enginetest.I32: 0, enginetest.I64: 1, enginetest.F32: 2, enginetest.F64: 3, enginetest.V128: 4}
)

const (
	randomLocals   = 10 // of each function, besides parameters
	randomCounters = 6
	randomGlobals  = 4 // i32, i64, f64 and i32
	memoryMask     = 0xfff0
	exnRef         = 0x69
)

func (m *randomModule) pick(list ...byte) byte { return list[m.r.IntN(len(list))] }

func (m *randomModule) typ() byte { return randomTypes[m.r.IntN(len(randomTypes))] }

// constant is a constant, often one at an edge.
func (m *randomModule) constant(typ byte) []byte {
	edges := []int64{0, 1, -1, 2, 31, 32, 63, 64, 255, 256, 65535, 1 << 31, -1 << 31, 1<<31 - 1, 1<<63 - 1, -1 << 63}
	v := edges[m.r.IntN(len(edges))]
	if m.r.IntN(3) == 0 {
		v = int64(m.r.Uint64())
	}
	switch typ {
	case enginetest.I32:
		return enginetest.I32Const(v)
	case enginetest.I64:
		return enginetest.S64([]byte{0x42}, v)
	case enginetest.F32:
		return append(m.constant(enginetest.I32), 0xb2)
	case enginetest.F64:
		return append(m.constant(enginetest.I64), 0xb9)
	}
	b := []byte{0xfd, 12}
	for range 16 {
		b = append(b, byte(m.r.Uint32()))
	}
	return b
}

// local is a local of a type, if there is one.
func (m *randomModule) local(typ byte) (index byte, ok bool) {
	from := m.r.IntN(len(m.locals))
	for k := range m.locals {
		if i := (from + k) % len(m.locals); m.locals[i] == typ && i < len(m.locals)-randomCounters {
			return byte(i), true
		}
	}
	return 0, false
}

// address is an address in the first page, and a memarg for it.
func (m *randomModule) address() []byte {
	return enginetest.Code(m.expression(enginetest.I32, 2), enginetest.I32Const(memoryMask), 0x71)
}

// expression is code that leaves a value of a type.
func (m *randomModule) expression(typ byte, depth int) []byte {
	m.fuel--
	if depth <= 0 || m.fuel < 0 || m.r.IntN(8) == 0 {
		if i, ok := m.local(typ); ok && m.r.IntN(4) > 0 {
			return []byte{0x20, i}
		}
		return m.constant(typ)
	}
	e := func(t byte) []byte { return m.expression(t, depth-1) }
	const i, l, f, d, v = enginetest.I32, enginetest.I64, enginetest.F32, enginetest.F64, enginetest.V128
	simd := func(op uint32, parts ...[]byte) []byte {
		var b []byte
		for _, p := range parts {
			b = append(b, p...)
		}
		return append(b, enginetest.U32([]byte{0xfd}, op)...)
	}
	switch m.r.IntN(10) {
	case 0: // select
		return enginetest.Code(e(typ), e(typ), e(i), 0x1c, 1, []byte{typ})
	case 1: // if with results
		return enginetest.Code(e(i), 0x04, []byte{typ}, m.inside(func() []byte { return e(typ) }), 0x05, m.inside(func() []byte { return e(typ) }), 0x0b)
	case 2: // block with a result that is left early
		return enginetest.Code(0x02, []byte{typ}, m.inside(func() []byte { return enginetest.Code(e(typ), e(i), 0x0d, 0, 0x1a, e(typ)) }), 0x0b)
	case 3: // call
		if n := len(m.functions); n > 0 {
			from := m.r.IntN(n)
			for k := range n {
				fn := m.functions[(from+k)%n]
				if fn.result != typ {
					continue
				}
				var b []byte
				for _, p := range fn.params {
					b = append(b, e(p)...)
				}
				b = m.call(b, (from+k)%n, false)
				for range fn.more {
					b = append(b, 0x1a)
				}
				return b
			}
		}
	case 4: // load
		switch typ {
		case i:
			return enginetest.Code(m.address(), m.load(i))
		case l:
			return enginetest.Code(m.address(), m.load(l))
		case v:
			return enginetest.Code(m.address(), m.load(v))
		}
	case 5: // global
		switch typ {
		case i:
			return []byte{0x23, m.pick(0, 3)}
		case l:
			return []byte{0x23, 1}
		case d:
			return []byte{0x23, 2}
		}
	case 6: // tee
		if k, ok := m.local(typ); ok {
			return enginetest.Code(e(typ), []byte{0x22, k})
		}
	}
	switch typ {
	case i:
		switch m.r.IntN(7) {
		case 0:
			return append(e(i), m.pick(0x45, 0x67, 0x68, 0x69, 0xc0, 0xc1))
		case 1:
			return append(append(e(l), e(l)...), 0x51+byte(m.r.IntN(10)))
		case 2:
			return append(append(e(d), e(d)...), 0x61+byte(m.r.IntN(6)))
		case 3:
			return enginetest.Code(e(m.pick(f)), 0xfc, int(m.pick(0, 1)))
		case 4:
			return append(e(l), m.pick(0xa7, 0x50))
		case 5:
			return simd(uint32(m.pick(99, 100, 83)), e(v))
		}
		return append(append(e(i), e(i)...), m.pick(0x6a, 0x6b, 0x6c, 0x71, 0x72, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x46, 0x48, 0x49, 0x4f))
	case l:
		switch m.r.IntN(5) {
		case 0:
			return append(e(l), m.pick(0x79, 0x7a, 0x7b, 0xc2, 0xc3, 0xc4))
		case 1:
			return append(e(i), m.pick(0xac, 0xad))
		case 2:
			return enginetest.Code(e(d), 0xfc, int(m.pick(6, 7)))
		case 3:
			return append(simd(29, e(v)), byte(m.r.IntN(2)))
		}
		return append(append(e(l), e(l)...), m.pick(0x7c, 0x7d, 0x7e, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a))
	case f:
		switch m.r.IntN(3) {
		case 0:
			return append(e(f), 0x8b+byte(m.r.IntN(7)))
		case 1:
			return append(e(d), 0xb6)
		}
		return append(append(e(f), e(f)...), 0x92+byte(m.r.IntN(6)))
	case d:
		switch m.r.IntN(3) {
		case 0:
			return append(e(d), 0x99+byte(m.r.IntN(7)))
		case 1:
			return append(e(m.pick(f)), 0xbb)
		}
		return append(append(e(d), e(d)...), 0xa0+byte(m.r.IntN(6)))
	}
	switch m.r.IntN(4) {
	case 0:
		return simd(uint32(15+m.r.IntN(3)), e(i))
	case 1:
		return simd([]uint32{96, 97, 98, 128, 129, 160, 161, 193}[m.r.IntN(8)], e(v))
	case 2:
		return simd([]uint32{107, 108, 109, 139, 140, 171, 173, 203, 205}[m.r.IntN(9)], e(v), e(i))
	}
	return simd([]uint32{14, 35, 40, 47, 59, 78, 79, 80, 81, 101, 102, 110, 111, 112, 113, 118, 119, 123, 133, 142, 149, 152, 155, 174, 181, 186, 188, 206, 213}[m.r.IntN(29)], e(v), e(v))
}

// call appends the call of a function, or a tail call, directly or through the table.
func (m *randomModule) call(b []byte, n int, tail bool) []byte {
	fn, op := m.functions[n], 0x10
	if tail {
		op = 0x12
	}
	if m.r.IntN(2) == 0 {
		return enginetest.Code(b, op, fn.index)
	}
	return enginetest.Code(b, enginetest.I32Const(int64(n+1)), op+1, fn.typ, 0)
}

// special is a statement that only some modules have, or nil.
func (m *randomModule) special(depth int) []byte {
	const i, void = enginetest.I32, 0x40
	switch {
	case m.throws && m.r.IntN(3) == 0:
		b := m.expression(i, 2)
		if m.r.IntN(3) == 0 {
			return enginetest.Code(b, 0x04, void, 0x08, 0, 0x0b)
		}
		return enginetest.Code(b, 0x04, void, m.expression(i, 2), 0x08, 1, 0x0b)
	case m.throws:
		reference := len(m.locals) - randomCounters - 1
		body := m.inside(func() []byte { return m.statements(depth - 1) })
		target, ok := m.local(i)
		taken := []byte{0x21, target}
		if !ok {
			taken = []byte{0x1a}
		}
		switch m.r.IntN(3) {
		case 0: // tag 1, else all others
			return enginetest.Code(0x02, void, 0x02, i, 0x1f, void, 2, 0, 1, 0, 2, 1, body, 0x0b, 0x0c, 1, 0x0b, taken, 0x0b)
		case 1: // tag 1 with a reference, which is sometimes thrown on
			return enginetest.Code(0x02, void, 0x02, m.caught, 0x1f, void, 1, 1, 1, 0, body, 0x0b, 0x0c, 1, 0x0b,
				0x21, reference, taken, m.expression(i, 2), 0x04, void, 0x20, reference, 0x0a, 0x0b, 0x0b)
		}
		return enginetest.Code(0x02, void, 0x02, exnRef, 0x1f, void, 2, 0, 0, 1, 3, 0, body, 0x0b, 0x0c, 1, 0x0b,
			0x21, reference, m.expression(i, 2), 0x04, void, 0x20, reference, 0x0a, 0x0b, 0x0b)
	case m.tails:
		n := len(m.functions)
		if n == 0 {
			return nil
		}
		from := m.r.IntN(n)
		for k := range n {
			fn := m.functions[(from+k)%n]
			if fn.result != m.returns.result || string(fn.more) != string(m.returns.more) {
				continue
			}
			b := enginetest.Code(m.expression(i, 3), 0x04, void)
			for _, p := range fn.params {
				b = append(b, m.expression(p, 2)...)
			}
			return append(m.call(b, (from+k)%n, true), 0x0b)
		}
	}
	return nil
}

// inside makes code in a block, whose label cannot be left by number from statements.
func (m *randomModule) inside(code func() []byte) []byte {
	before := m.labels
	m.labels = 0
	defer func() { m.labels = before }()
	return code()
}

func (m *randomModule) load(typ byte) []byte {
	offset := uint32(m.r.IntN(40))
	switch typ {
	case enginetest.I32:
		return enginetest.Code(int(m.pick(0x28, 0x2c, 0x2d, 0x2e, 0x2f)), 0, offset)
	case enginetest.I64:
		return enginetest.Code(int(m.pick(0x29, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35)), 0, offset)
	}
	return enginetest.Code(0xfd, int(m.pick(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)), 0, offset)
}

// statement is code that leaves the stack as it is.
func (m *randomModule) statement(depth int) []byte {
	m.fuel--
	const i, l, d, v = enginetest.I32, enginetest.I64, enginetest.F64, enginetest.V128
	if depth > 0 && m.fuel > 0 && (m.throws || m.tails) && m.r.IntN(6) == 0 {
		if b := m.special(depth); b != nil {
			return b
		}
	}
	switch k := m.r.IntN(12); {
	case depth <= 0 || m.fuel < 0 || k < 4:
		typ := m.typ()
		if x, ok := m.local(typ); ok {
			return enginetest.Code(m.expression(typ, 4), []byte{0x21, x})
		}
		return []byte{0x01}
	case k == 4:
		offset := uint32(m.r.IntN(40))
		switch m.r.IntN(3) {
		case 0:
			return enginetest.Code(m.address(), m.expression(i, 3), int(m.pick(0x36, 0x3a, 0x3b)), 0, offset)
		case 1:
			return enginetest.Code(m.address(), m.expression(l, 3), int(m.pick(0x37, 0x3c, 0x3d, 0x3e)), 0, offset)
		}
		return enginetest.Code(m.address(), m.expression(v, 3), 0xfd, 11, 0, offset)
	case k == 5:
		g := m.r.IntN(randomGlobals)
		return enginetest.Code(m.expression([]byte{i, l, d, i}[g], 3), 0x24, g)
	case k == 6 && m.labels > 0:
		return enginetest.Code(m.expression(i, 3), 0x0d, uint32(m.r.IntN(m.labels)))
	case k == 7 && m.labels > 0:
		n := m.r.IntN(4) + 1
		b := enginetest.Code(m.expression(i, 2), enginetest.I32Const(7), 0x71, 0x0e, n)
		for range n + 1 {
			b = append(b, byte(m.r.IntN(m.labels)))
		}
		// What follows cannot be reached.
		return enginetest.Code(0x02, 0x40, m.shifted(b, n), 0x0b)
	case k == 8 && m.counters < randomCounters:
		c := byte(len(m.locals) - randomCounters + m.counters)
		m.counters++
		body := m.inside(func() []byte { return m.statements(depth - 1) })
		m.counters--
		return enginetest.Code(enginetest.I32Const(0), []byte{0x21, c}, 0x03, 0x40, body,
			[]byte{0x20, c}, enginetest.I32Const(1), 0x6a, []byte{0x22, c}, enginetest.I32Const(int64(m.r.IntN(12)+1)), 0x49, 0x0d, 0, 0x0b)
	case k == 9:
		m.labels++
		then := m.statements(depth - 1)
		otherwise := m.statements(depth - 1)
		m.labels--
		return enginetest.Code(m.expression(i, 3), 0x04, 0x40, then, 0x05, otherwise, 0x0b)
	case k == 10:
		return enginetest.Code(m.address(), m.expression(i, 1), m.expression(i, 1), enginetest.I32Const(63), 0x71, 0xfc, 11, 0)
	}
	m.labels++
	body := m.statements(depth - 1)
	m.labels--
	return enginetest.Code(0x02, 0x40, body, 0x0b)
}

// shifted is a br_table at the end of b, with n+1 targets, in one more block.
func (m *randomModule) shifted(b []byte, n int) []byte {
	for k := len(b) - n - 1; k < len(b); k++ {
		b[k]++
	}
	return b
}

func (m *randomModule) statements(depth int) (b []byte) {
	for range 1 + m.r.IntN(4) {
		b = append(b, m.statement(depth)...)
	}
	return b
}

// function adds a function that calls only those before it.
func (m *randomModule) function() {
	fn := randomFunction{result: m.typ()}
	for range m.r.IntN(9) {
		fn.params = append(fn.params, m.typ())
	}
	if m.throws || m.tails {
		most := 4
		if m.tails {
			most = 2
		}
		for range m.r.IntN(most) {
			fn.more = append(fn.more, m.typ())
		}
	}
	m.returns = fn
	fn.typ = m.Type(fn.params, append([]byte{fn.result}, fn.more...))
	m.locals = append([]byte{}, fn.params...)
	groups := []byte{randomLocals + 1}
	if m.throws {
		groups[0]++
	}
	for k := range randomLocals {
		typ := randomTypes[k%len(randomTypes)]
		groups = append(groups, 1, typ)
		m.locals = append(m.locals, typ)
	}
	if m.throws {
		groups = append(groups, 1, exnRef)
		m.locals = append(m.locals, exnRef)
	}
	groups = append(groups, randomCounters, enginetest.I32)
	for range randomCounters {
		m.locals = append(m.locals, enginetest.I32)
	}
	m.fuel, m.labels, m.counters = 250, 0, 0
	body := enginetest.Code(m.statements(4), m.expression(fn.result, 5))
	for _, typ := range fn.more {
		body = append(body, m.expression(typ, 3)...)
	}
	fn.index = m.Function("", fn.typ, groups, body...)
	m.functions = append(m.functions, fn)
}

// newRandomModule makes a program that calls its functions and writes what they return, and
// the memory in the end. Every third module has exceptions, every third tail calls; both have
// functions with several results.
func newRandomModule(seed uint64, functions int) []byte {
	const i, l = enginetest.I32, enginetest.I64
	m := &randomModule{r: rand.New(rand.NewPCG(seed, 1))}
	m.throws, m.tails = seed%3 == 1, seed%3 == 2
	m.Memory = []byte{1, 4, 4}
	write := m.Import("wali", "SYS_write", m.Type([]byte{i, i, i}, []byte{l}))
	void := m.Type(nil, nil)
	if m.throws {
		m.Tag(void)
		m.Tag(m.Type([]byte{i}, nil))
		m.caught = m.Type(nil, []byte{i, exnRef})
	}
	for range functions {
		m.function()
	}
	m.Tables = [][]byte{append([]byte{0x70, 0}, enginetest.U32(nil, uint32(functions+1))...)}
	m.Globals = [][]byte{
		enginetest.Code([]byte{i, 1}, enginetest.I32Const(70000), 0x0b), enginetest.Code([]byte{l, 1, 0x42, 5, 0x0b}),
		{enginetest.F64, 1, 0x44, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0x0b}, enginetest.Code([]byte{i, 1}, enginetest.I32Const(-3), 0x0b),
	}
	elements := enginetest.Code(0, enginetest.I32Const(1), 0x0b, uint32(functions))
	for _, fn := range m.functions {
		elements = append(elements, enginetest.U32(nil, fn.index)...)
	}
	m.Elements = [][]byte{elements}
	const result = 3 << 16 // behind what the functions write to
	m.locals = make([]byte, randomCounters)
	var main []byte
	for range 3 {
		for _, fn := range m.functions {
			m.fuel = 0
			if m.throws {
				main = append(main, enginetest.Code(0x02, 0x40, 0x1f, 0x40, 1, 2, 0)...)
			}
			main = append(main, enginetest.I32Const(result)...)
			for _, p := range fn.params {
				main = append(main, m.constant(p)...)
			}
			main = append(main, enginetest.Code(0x10, fn.index)...)
			for range fn.more {
				main = append(main, 0x1a)
			}
			main = append(main, [][]byte{{0x36, 0, 0}, {0x37, 0, 0}, {0xfc, 0, 0x36, 0, 0}, {0xfc, 6, 0x37, 0, 0}, {0xfd, 11, 0, 0}}[typeIndex[fn.result]]...)
			main = append(main, enginetest.Code(enginetest.I32Const(1), enginetest.I32Const(result), enginetest.I32Const(16), 0x10, write, 0x1a)...)
			if m.throws {
				main = append(main, 0x0b, 0x0b)
			}
		}
	}
	main = append(main, enginetest.Code(enginetest.I32Const(1), enginetest.I32Const(16), enginetest.I32Const(1<<16+64), 0x10, write, 0x1a)...)
	m.Function("_start", void, nil, main...)
	return m.Bytes()
}

// TestNativeRandom runs random modules by both engines. WALISUP_RANDOM_MODULES says how many,
// WALISUP_RANDOM_SEED from which on.
func TestNativeRandom(t *testing.T) {
	t.Parallel()
	needWalisup(t)
	needLLVM(t)
	count, from := 5, uint64(1)
	if n, err := strconv.Atoi(os.Getenv("WALISUP_RANDOM_MODULES")); err == nil {
		count = n
	}
	if n, err := strconv.ParseUint(os.Getenv("WALISUP_RANDOM_SEED"), 10, 64); err == nil {
		from = n
	}
	for seed := from; seed < from+uint64(count); seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			dir := t.TempDir()
			p := pair{name: "random", module: filepath.Join(dir, "random.wasm")}
			if err := os.WriteFile(p.module, newRandomModule(seed, 25), 0o644); err != nil {
				t.Fatal(err)
			}
			flags := []string{"--cache", dir + "/cache"}
			if output, err := makeNative(p.module, flags...); err != nil || output != "" {
				t.Fatalf("native code: %v\n%s", err, output)
			}
			want := p.runGuest(t, invocation{flags: flags}.forEngine("wazero"))
			got := p.runGuest(t, invocation{flags: flags}.forEngine("native"))
			if got.status != want.status || got.stdout != want.stdout {
				t.Errorf("status %d and %d bytes, by wazero %d and %d; %s; %s", got.status, len(got.stdout), want.status, len(want.stdout),
					shorten(got.stderr), shorten(want.stderr))
				for k := range min(len(got.stdout), len(want.stdout)) {
					if got.stdout[k] != want.stdout[k] {
						t.Errorf("the first difference is at byte %d", k)
						break
					}
				}
			}
			t.Logf("status %d, %d bytes", got.status, len(got.stdout))
		})
	}
}

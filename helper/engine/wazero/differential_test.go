package wazero_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"walisup/helper/engine/wazero/enginetest"
	"walisup/helper/engine/wazero/layout"
)

// Random functions, compiled by the patched compiler and interpreted, must do the same:
// return the same, leave the same memory, or both trap. The interpreter has none of our
// patches and checks bounds.
//
// Which of two traps comes first is not compared: the compiler may exchange two
// instructions that can trap if nothing between them has an effect.

// generator makes one random function. Its parameters are those of argumentTypes; its
// locals are two of each type besides, and a counter for each loop.
type generator struct {
	*rand.Rand
	code  []byte
	loops int
	earlier,
	depth int // functions that may be called; of statements
}

const (
	argumentTypes = "iiIIfFv"
	localTypes    = "iiIIffFFvv"
	maxLoops      = 4
	memoryPages   = 2
)

var typeCodes = map[byte]byte{'i': enginetest.I32, 'I': enginetest.I64, 'f': enginetest.F32, 'F': enginetest.F64, 'v': enginetest.V128}

// operation is an instruction that takes and gives values: its prefix or 0, its code, and
// "operands:result".
type operation struct {
	prefix byte
	code   uint32
	shape  string
	float  byte // 'f' or 'F' if a NaN that it gives may be any
}

// divides and truncates say that an instruction may trap, and mostly would.
func (o operation) divides() bool {
	return o.prefix == 0 && (o.code >= 0x6d && o.code <= 0x70 || o.code >= 0x7f && o.code <= 0x82)
}

func (o operation) truncates() bool {
	return o.prefix == 0 && (o.code >= 0xa8 && o.code <= 0xab || o.code >= 0xae && o.code <= 0xb1)
}

// operations are all numeric instructions, by the type of the result.
var operations = func() map[byte][]operation {
	all := map[byte][]operation{}
	add := func(prefix byte, from, to uint32, shape string, float byte) {
		for c := from; c <= to; c++ {
			all[shape[len(shape)-1]] = append(all[shape[len(shape)-1]], operation{prefix, c, shape, float})
		}
	}
	for _, o := range []struct {
		from, to uint32
		shape    string
		float    byte
	}{
		{0x45, 0x45, "i:i", 0}, {0x46, 0x4f, "ii:i", 0}, {0x50, 0x50, "I:i", 0}, {0x51, 0x5a, "II:i", 0},
		{0x5b, 0x60, "ff:i", 0}, {0x61, 0x66, "FF:i", 0}, {0x67, 0x69, "i:i", 0}, {0x6a, 0x78, "ii:i", 0},
		{0x79, 0x7b, "I:I", 0}, {0x7c, 0x8a, "II:I", 0},
		{0x8b, 0x8c, "f:f", 0}, {0x8d, 0x91, "f:f", 'f'}, {0x92, 0x97, "ff:f", 'f'}, {0x98, 0x98, "ff:f", 0},
		{0x99, 0x9a, "F:F", 0}, {0x9b, 0x9f, "F:F", 'F'}, {0xa0, 0xa5, "FF:F", 'F'}, {0xa6, 0xa6, "FF:F", 0},
		{0xa7, 0xa7, "I:i", 0}, {0xa8, 0xa9, "f:i", 0}, {0xaa, 0xab, "F:i", 0}, {0xac, 0xad, "i:I", 0},
		{0xae, 0xaf, "f:I", 0}, {0xb0, 0xb1, "F:I", 0}, {0xb2, 0xb3, "i:f", 0}, {0xb4, 0xb5, "I:f", 0},
		{0xb6, 0xb6, "F:f", 'f'}, {0xb7, 0xb8, "i:F", 0}, {0xb9, 0xba, "I:F", 0}, {0xbb, 0xbb, "f:F", 'F'},
		{0xbc, 0xbc, "f:i", 0}, {0xbd, 0xbd, "F:I", 0}, {0xbe, 0xbe, "i:f", 0}, {0xbf, 0xbf, "I:F", 0},
		{0xc0, 0xc1, "i:i", 0}, {0xc2, 0xc4, "I:I", 0},
	} {
		add(0, o.from, o.to, o.shape, o.float)
	}
	add(0xfc, 0, 1, "f:i", 0)
	add(0xfc, 2, 3, "F:i", 0)
	add(0xfc, 4, 5, "f:I", 0)
	add(0xfc, 6, 7, "F:I", 0)
	for _, o := range []struct {
		from, to uint32
		shape    string
		float    byte
	}{
		{0x0e, 0x0e, "vv:v", 0}, {0x0f, 0x11, "i:v", 0}, {0x12, 0x12, "I:v", 0}, {0x13, 0x13, "f:v", 0}, {0x14, 0x14, "F:v", 0},
		{0x23, 0x4c, "vv:v", 0}, {0x4d, 0x4d, "v:v", 0}, {0x4e, 0x51, "vv:v", 0}, {0x52, 0x52, "vvv:v", 0}, {0x53, 0x53, "v:i", 0},
		{0x5e, 0x5e, "v:v", 'f'}, {0x5f, 0x5f, "v:v", 'F'}, {0x60, 0x62, "v:v", 0}, {0x63, 0x64, "v:i", 0}, {0x65, 0x66, "vv:v", 0},
		{0x67, 0x6a, "v:v", 'f'}, {0x6b, 0x6d, "vi:v", 0}, {0x6e, 0x73, "vv:v", 0}, {0x74, 0x75, "v:v", 'F'}, {0x76, 0x79, "vv:v", 0},
		{0x7a, 0x7a, "v:v", 'F'}, {0x7b, 0x7b, "vv:v", 0}, {0x7c, 0x81, "v:v", 0}, {0x82, 0x82, "vv:v", 0}, {0x83, 0x84, "v:i", 0},
		{0x85, 0x86, "vv:v", 0}, {0x87, 0x8a, "v:v", 0}, {0x8b, 0x8d, "vi:v", 0}, {0x8e, 0x93, "vv:v", 0}, {0x94, 0x94, "v:v", 'F'},
		{0x95, 0x99, "vv:v", 0}, {0x9b, 0x9f, "vv:v", 0}, {0xa0, 0xa1, "v:v", 0}, {0xa3, 0xa4, "v:i", 0}, {0xa7, 0xaa, "v:v", 0},
		{0xab, 0xad, "vi:v", 0}, {0xae, 0xae, "vv:v", 0}, {0xb1, 0xb1, "vv:v", 0}, {0xb5, 0xba, "vv:v", 0}, {0xbc, 0xbf, "vv:v", 0},
		{0xc0, 0xc1, "v:v", 0}, {0xc3, 0xc4, "v:i", 0}, {0xc7, 0xca, "v:v", 0}, {0xcb, 0xcd, "vi:v", 0}, {0xce, 0xce, "vv:v", 0},
		{0xd1, 0xd1, "vv:v", 0}, {0xd5, 0xdf, "vv:v", 0}, {0xe0, 0xe1, "v:v", 0}, {0xe3, 0xe3, "v:v", 'f'}, {0xe4, 0xeb, "vv:v", 'f'},
		{0xec, 0xed, "v:v", 0}, {0xef, 0xef, "v:v", 'F'}, {0xf0, 0xf7, "vv:v", 'F'}, {0xf8, 0xff, "v:v", 0},
	} {
		add(0xfd, o.from, o.to, o.shape, o.float)
	}
	return all
}()

// access is a load or a store: what it takes besides the address, what it gives, and
// its width as a power of two.
type access struct {
	prefix byte
	code   uint32
	shape  string
	width  byte
	lanes  byte
}

// loads by result; stores are under 0.
var accesses = func() map[byte][]access {
	all := map[byte][]access{}
	add := func(prefix byte, code uint32, shape string, width, lanes byte) {
		result := byte(0)
		if shape[len(shape)-1] != ':' {
			result = shape[len(shape)-1]
		}
		all[result] = append(all[result], access{prefix, code, shape, width, lanes})
	}
	for i, l := range []string{"i2", "I3", "f2", "F3", "i0", "i0", "i1", "i1", "I0", "I0", "I1", "I1", "I2", "I2"} {
		add(0, uint32(0x28+i), ":"+l[:1], l[1]-'0', 0)
	}
	for i, l := range []string{"i2", "I3", "f2", "F3", "i0", "i1", "I0", "I1", "I2"} {
		add(0, uint32(0x36+i), l[:1]+":", l[1]-'0', 0)
	}
	for i, width := range []byte{4, 3, 3, 3, 3, 3, 3, 0, 1, 2, 3} {
		add(0xfd, uint32(i), ":v", width, 0)
	}
	add(0xfd, 0x0b, "v:", 4, 0)
	add(0xfd, 0x5c, ":v", 2, 0)
	add(0xfd, 0x5d, ":v", 3, 0)
	for width := range byte(4) {
		add(0xfd, 0x54+uint32(width), "v:v", width, 16>>width)
		add(0xfd, 0x58+uint32(width), "v:", width, 16>>width)
	}
	for i, l := range []string{"i2", "I3", "i0", "i1", "I0", "I1", "I2"} {
		kind, width := l[:1], l[1]-'0'
		add(0xfe, uint32(0x10+i), ":"+kind, width, 0)
		add(0xfe, uint32(0x17+i), kind+":", width, 0)
		for group := range uint32(6) { // add, sub, and, or, xor, xchg
			add(0xfe, 0x1e+7*group+uint32(i), kind+":"+kind, width, 0)
		}
		add(0xfe, uint32(0x48+i), kind+kind+":"+kind, width, 0)
	}
	return all
}()

var edges32 = []int64{0, 1, 2, 7, 8, -1, -2, -8, -16, 31, 32, 33, 63, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 65537,
	memoryPages*65536 - 16, memoryPages*65536 - 8, memoryPages*65536 - 4, memoryPages*65536 - 1, memoryPages * 65536,
	math.MaxInt32, math.MinInt32, math.MinInt32 + 1, math.MaxInt32 - 1, -65536}

var edges64 = []int64{0, 1, -1, 63, 64, 65, math.MaxInt64, math.MinInt64, math.MinInt64 + 1, math.MaxInt32, math.MinInt32, math.MaxUint32, 1 << 32,
	1<<53 + 1, -1 << 53}

var edgesFloat = []float64{0, math.Copysign(0, -1), 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, math.MaxFloat32, math.SmallestNonzeroFloat32, math.MaxFloat64,
	math.SmallestNonzeroFloat64, math.Inf(1), math.Inf(-1), math.NaN(), 1 << 31, -1 << 31, 1<<31 - 1, 1 << 32, 1 << 63, -1 << 63, 1<<64 - 2048, 1e10, -1e10}

var offsets = []uint32{0, 1, 2, 3, 4, 8, 15, 16, 127, 128, 255, 256, 65535, 65536, memoryPages*65536 - 8, memoryPages*65536 - 1, memoryPages * 65536,
	1<<31 - 1, 1 << 31, 1<<31 + 1, 1<<31 + 8, math.MaxUint32 - 16, math.MaxUint32 - 1, math.MaxUint32, 0xf000_0000, 0xefff_ffff, 0xf000_0001}

func pick[T any](g *rand.Rand, list []T) T { return list[g.IntN(len(list))] }

func (g *generator) emit(parts ...any) { g.code = append(g.code, enginetest.Code(parts...)...) }

// local returns a local of a type.
func (g *generator) local(kind byte) uint32 {
	var all []uint32
	for i, k := range []byte(argumentTypes + localTypes) {
		if k == kind {
			all = append(all, uint32(i))
		}
	}
	return pick(g.Rand, all)
}

func float32bits(v float64) []byte {
	return binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(v)))
}
func float64bits(v float64) []byte { return binary.LittleEndian.AppendUint64(nil, math.Float64bits(v)) }

func (g *generator) constant(kind byte) {
	switch kind {
	case 'i':
		g.emit(enginetest.I32Const(pick(g.Rand, edges32) + int64(g.IntN(2)*g.IntN(3))))
	case 'I':
		g.emit(i64const(pick(g.Rand, edges64)))
	case 'f':
		g.emit(0x43, float32bits(pick(g.Rand, edgesFloat)))
	case 'F':
		g.emit(0x44, float64bits(pick(g.Rand, edgesFloat)))
	case 'v':
		g.emit(opVector, 0x0c, float64bits(pick(g.Rand, edgesFloat)), binary.LittleEndian.AppendUint64(nil, g.Uint64()))
	}
}

// canonical replaces a NaN on the stack by one that is always the same.
func (g *generator) canonical(kind, float byte) {
	g.emit(canonicalAt(kind, float, g.local(kind)))
}

// canonicalAt is the code for that, which needs a local.
func canonicalAt(kind, float byte, at uint32) []byte {
	nan := enginetest.Code(0x43, float32bits(math.NaN()))
	eq, choose := enginetest.Code(0x5b), enginetest.Code(0x1b)
	switch {
	case kind == 'F':
		nan, eq = enginetest.Code(0x44, float64bits(math.NaN())), enginetest.Code(0x61)
	case kind == 'v' && float == 'f':
		lane := float32bits(math.NaN())
		nan, eq, choose = enginetest.Code(opVector, 0x0c, lane, lane, lane, lane), enginetest.Code(opVector, 0x41), enginetest.Code(opVector, 0x52)
	case kind == 'v':
		lane := float64bits(math.NaN())
		nan, eq, choose = enginetest.Code(opVector, 0x0c, lane, lane), enginetest.Code(opVector, 0x47), enginetest.Code(opVector, 0x52)
	}
	return enginetest.Code(opLocalSet, at, opLocalGet, at, nan, opLocalGet, at, opLocalGet, at, eq, choose, 0x22 /* local.tee */, at)
}

// value makes code that leaves a value.
func (g *generator) value(kind byte, depth int) {
	switch n := g.IntN(20); {
	case depth == 0 || n < 3:
		if n%3 == 0 {
			g.constant(kind)
		} else {
			g.emit(opLocalGet, g.local(kind))
		}
	case n < 8:
		g.access(pick(g.Rand, accesses[kind]), depth-1)
	case n == 8:
		g.value(kind, depth-1)
		g.value(kind, depth-1)
		g.value('i', depth-1)
		g.emit(0x1b)
		if kind == 'v' { // select needs its type then, as reference types do not
			g.code = g.code[:len(g.code)-1]
			g.emit(0x1c, 1, enginetest.V128)
		}
	case n == 9:
		g.ifElse(kind, depth-1)
	case n == 10 && kind == 'i':
		g.emit(0x3f, 0) // memory.size
	case n == 11 && kind != 'v':
		g.value('v', depth-1)
		lane := map[byte][2]int{'i': {0x1b, 4}, 'I': {0x1d, 2}, 'f': {0x1f, 4}, 'F': {0x21, 2}}[kind]
		g.emit(opVector, lane[0], g.IntN(lane[1]))
	case n == 11:
		g.value('v', depth-1)
		g.value('v', depth-1)
		g.emit(opVector, 0x0d)
		for range 16 {
			g.emit(g.IntN(32))
		}
	default:
		o := pick(g.Rand, operations[kind])
		for o.truncates() && g.IntN(20) > 0 {
			o = pick(g.Rand, operations[kind])
		}
		operands, _, _ := strings.Cut(o.shape, ":")
		for _, k := range []byte(operands) {
			g.value(k, depth-1)
		}
		if o.divides() && g.IntN(30) > 0 {
			if kind == 'i' {
				g.emit(enginetest.I32Const(5), 0x72) // i32.or
			} else {
				g.emit(i64const(5), 0x84)
			}
		}
		if o.prefix != 0 {
			g.emit(int(o.prefix), o.code)
		} else {
			g.emit(int(o.code))
		}
		if o.float != 0 {
			g.canonical(kind, o.float)
		}
	}
}

const opElse = 0x05

// ifElse makes code that leaves one of two values.
func (g *generator) ifElse(kind byte, depth int) {
	g.value('i', depth)
	g.emit(0x04, int(typeCodes[kind]))
	g.value(kind, depth)
	g.emit(opElse)
	g.value(kind, depth)
	g.emit(opEnd)
}

// access makes code for a load or a store.
func (g *generator) access(a access, depth int) {
	offset := uint32(0)
	near := g.IntN(50) > 0
	if near {
		offset = offsets[g.IntN(13)]
	} else {
		offset = pick(g.Rand, offsets)
	}
	g.value('i', depth)
	if near {
		g.emit(enginetest.I32Const(int64(g.IntN(2)*0xffff|0xfff0)), 0x71) // i32.and
	}
	align := a.width
	if a.prefix == 0xfe && g.IntN(50) > 0 {
		g.emit(enginetest.I32Const(-1<<a.width), 0x71)
		offset &^= 1<<a.width - 1
	} else if a.prefix != 0xfe {
		align = byte(g.IntN(int(a.width) + 1))
	}
	operands, _, _ := strings.Cut(a.shape, ":")
	for _, k := range []byte(operands) {
		g.value(k, depth)
	}
	if a.prefix != 0 {
		g.emit(int(a.prefix), a.code)
	} else {
		g.emit(int(a.code))
	}
	g.emit(int(align), offset)
	if a.lanes > 0 {
		g.emit(g.IntN(int(a.lanes)))
	}
}

// statement makes code that leaves nothing.
func (g *generator) statement() {
	const depth = 4
	switch n := g.IntN(20); {
	case n < 7:
		g.access(pick(g.Rand, accesses[0]), depth)
	case n < 13:
		kind := pick(g.Rand, []byte(localTypes))
		g.value(kind, depth)
		g.emit(opLocalSet, g.local(kind))
	case n < 14:
		g.value(pick(g.Rand, []byte("iIfFv")), depth)
		g.emit(opDrop)
	case n < 15: // memory.fill
		g.address()
		g.value('i', 1)
		g.length()
		g.emit(0xfc, 0x0b, 0)
	case n < 16: // memory.copy
		g.address()
		g.address()
		g.length()
		g.emit(0xfc, 0x0a, 0, 0)
	case n < 17: // memory.init
		g.address()
		g.emit(enginetest.I32Const(int64(g.IntN(9))), enginetest.I32Const(int64(g.IntN(9))), 0xfc, 0x08, 0, 0)
	case n < 18 && g.depth > 0:
		g.value('i', 2)
		g.emit(0x04, emptyBlock)
		g.block()
		g.emit(opElse)
		g.block()
		g.emit(opEnd)
	case n < 19 && g.depth > 0 && g.loops < maxLoops:
		counter := uint32(len(argumentTypes+localTypes) + g.loops)
		g.loops++
		g.emit(enginetest.I32Const(int64(1+g.IntN(5))), opLocalSet, counter, opBlock, emptyBlock, 0x03, emptyBlock)
		g.block()
		if g.IntN(3) == 0 {
			g.value('i', 2)
			g.emit(0x0d, 1) // br_if out of the block
		}
		g.emit(opLocalGet, counter, enginetest.I32Const(-1), 0x6a, 0x22, counter, 0x0d, 0, opEnd, opEnd)
	case g.earlier > 0:
		for _, k := range []byte(argumentTypes) {
			g.value(k, 1)
		}
		g.emit(opCall, uint32(g.IntN(g.earlier)))
		for _, k := range []byte("vFfIi") { // as they come from the stack
			g.emit(opLocalSet, g.local(k))
		}
	default:
		g.emit(0x01) // nop
	}
}

func (g *generator) block() {
	g.depth--
	for range 1 + g.IntN(3) {
		g.statement()
	}
	g.depth++
}

func (g *generator) address() {
	if g.IntN(20) > 0 {
		g.emit(enginetest.I32Const(int64(g.IntN(memoryPages*65536 - 4096))))
	} else {
		g.value('i', 1)
	}
}

func (g *generator) length() {
	g.emit(enginetest.I32Const(pick(g.Rand, []int64{0, 1, 15, 16, 17, 100, 101, 4095, 4096, int64(g.IntN(4097))})))
}

const randomFunctions = 8

// randomModule is a module of functions f0, f1 ... that call only those before them.
func randomModule(r *rand.Rand) []byte {
	var a enginetest.Assembler
	a.ImportMemory("memory", "memory", 1, memoryPages, memoryPages)
	types := func(letters string) (codes []byte) {
		for _, k := range []byte(letters) {
			codes = append(codes, typeCodes[k])
		}
		return codes
	}
	kind := a.Type(types(argumentTypes), types("iIfFv"))
	a.Data("0123456789abcdef")
	locals := []byte{byte(len(localTypes) + 1)}
	for _, c := range types(localTypes) {
		locals = append(locals, 1, c)
	}
	locals = append(locals, maxLoops, enginetest.I32)
	for n := range randomFunctions {
		g := &generator{Rand: r, earlier: n, depth: 3}
		for range 4 + r.IntN(12) {
			g.statement()
		}
		for _, k := range []byte("iIfFv") {
			g.value(k, 3)
		}
		a.Function(fmt.Sprintf("f%d", n), kind, locals, g.code...)
	}
	return a.Bytes()
}

func randomArguments(r *rand.Rand) (args []uint64) {
	for _, k := range []byte(argumentTypes) {
		switch k {
		case 'i':
			args = append(args, uint64(uint32(pick(r, edges32)+int64(r.IntN(3)))))
		case 'I':
			args = append(args, uint64(pick(r, edges64)))
		case 'f':
			args = append(args, uint64(math.Float32bits(float32(pick(r, edgesFloat)))))
		case 'F':
			args = append(args, math.Float64bits(pick(r, edgesFloat)))
		case 'v':
			args = append(args, r.Uint64(), math.Float64bits(pick(r, edgesFloat)))
		}
	}
	return args
}

// side is one of the engines that are compared.
type side struct {
	bench    *enginetest.Bench
	instance api.Module
	memory   api.Memory
}

func newSide(t testing.TB, config wazero.RuntimeConfig, binary []byte) (*side, error) {
	s := &side{bench: enginetest.For(t, wazero.NewRuntimeWithConfig(context.Background(), config.WithCoreFeatures(layout.Features)))}
	defer func() {
		if s.instance == nil {
			s.bench.Close()
		}
	}()
	var a enginetest.Assembler
	a.Memory = []byte{1, memoryPages, memoryPages}
	a.Export("memory", 2, 0)
	m, err := s.bench.Instantiate(a.Bytes(), "memory")
	if err != nil {
		return nil, err
	}
	s.memory = m.Memory()
	s.instance, err = s.bench.Instantiate(binary, "")
	return s, err
}

// compare runs one random module on both engines.
func compare(t testing.TB, seed uint64) (returned, trapped int) {
	r := rand.New(rand.NewPCG(seed, 0))
	module := randomModule(r)
	compiled, err := newSide(t, wazero.NewRuntimeConfigCompiler(), module)
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	defer compiled.bench.Close()
	interpreted, err := newSide(t, wazero.NewRuntimeConfigInterpreter(), module)
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	defer interpreted.bench.Close()
	view := func(s *side) []byte { b, _ := s.memory.Read(0, memoryPages*65536); return b }
	for n := range randomFunctions {
		for range 6 {
			args := randomArguments(r)
			name := fmt.Sprintf("f%d", n)
			got, failed := compiled.bench.Call(compiled.instance, name, args...)
			want, refused := interpreted.bench.Call(interpreted.instance, name, args...)
			switch {
			case (failed == nil) != (refused == nil):
				t.Fatalf("seed %d: %s(%#x): compiled: %v; interpreted: %v", seed, name, args, failed, refused)
			case failed == nil && fmt.Sprint(masked(got)) != fmt.Sprint(masked(want)):
				t.Fatalf("seed %d: %s(%#x) = %#x, interpreted %#x", seed, name, args, got, want)
			}
			if failed == nil {
				returned++
			} else {
				trapped++
			}
			a, b := view(compiled), view(interpreted)
			if string(a) != string(b) {
				at := 0
				for a[at] == b[at] {
					at++
				}
				t.Fatalf("seed %d: %s(%#x): memory differs from %#x on: % x, interpreted % x; compiled: %v, interpreted: %v", seed, name, args, at,
					a[at:min(at+16, len(a))], b[at:min(at+16, len(a))], failed, refused)
			}
		}
	}
	return returned, trapped
}

// masked takes away what is above an i32 and an f32 in their words.
func masked(results []uint64) []uint64 {
	m := append([]uint64(nil), results...)
	m[0], m[2] = uint64(uint32(m[0])), uint64(uint32(m[2]))
	return m
}

// TestDifferential compares some hundred modules; as many as there is time for if
// WALISUP_TEST_DIFFERENTIAL gives a time, as in 10m. WALISUP_TEST_SEED gives one.
func TestDifferential(t *testing.T) {
	enginetest.NeedPatches(t)
	if text := os.Getenv("WALISUP_TEST_SEED"); text != "" {
		var seed uint64
		if _, err := fmt.Sscan(text, &seed); err != nil {
			t.Fatal(err)
		}
		compare(t, seed)
		return
	}
	if text := os.Getenv("WALISUP_TEST_DIFFERENTIAL"); text != "" {
		limit, err := time.ParseDuration(text)
		if err != nil {
			t.Fatal(err)
		}
		count := 0
		for end := time.Now().Add(limit); time.Now().Before(end); count++ {
			compare(t, rand.Uint64())
		}
		t.Logf("%d modules", count)
		return
	}
	returned, trapped := 0, 0
	for seed := range uint64(150) {
		r, x := compare(t, seed)
		returned, trapped = returned+r, trapped+x
	}
	t.Logf("%d calls returned, %d trapped", returned, trapped)
	if returned < 1000 || trapped < 1000 {
		t.Error("the functions do not do much") // else it would compare nothing
	}
}

// TestLoadsOfSelectFault has both choices of a select loaded, whichever it takes.
func TestLoadsOfSelectFault(t *testing.T) {
	enginetest.NeedPatches(t)
	const selTyped = 0x1c
	cases := []struct {
		name   string
		load   []byte // without its alignment and offset
		other  []byte
		result byte
	}{
		{"i32", []byte{0x28}, []byte{0x41, 0}, 0x7f},
		{"i64", []byte{0x29}, []byte{0x42, 0}, 0x7e},
		{"f32", []byte{0x2a}, []byte{0x43, 0, 0, 0, 0}, 0x7d},
		{"f64", []byte{0x2b}, []byte{0x44, 0, 0, 0, 0, 0, 0, 0, 0}, 0x7c},
		{"v128", []byte{0xfd, 0}, append([]byte{0xfd, 12}, make([]byte, 16)...), 0x7b},
	}
	for _, c := range cases {
		for _, first := range []bool{true, false} {
			for condition := range uint64(2) {
				load := append(append([]byte{0x20, 0}, c.load...), 0, 0) // local.get 0, load
				code := append(append([]byte{}, load...), c.other...)
				if !first {
					code = append(append([]byte{}, c.other...), load...)
				}
				code = append(code, 0x20, 1, selTyped, 1, c.result)
				var a enginetest.Assembler
				a.ImportMemory("memory", "memory", 1, memoryPages, memoryPages)
				a.Export("f", 0, a.Function("", a.Type([]byte{0x7f, 0x7f}, []byte{c.result}), nil, code...))
				s, err := newSide(t, wazero.NewRuntimeConfigCompiler(), a.Bytes())
				if err != nil {
					t.Fatal(err)
				}
				for _, address := range []uint64{memoryPages*65536 - 16, memoryPages * 65536} {
					_, err := s.bench.Call(s.instance, "f", address, condition)
					if beyond := address == memoryPages*65536; (err != nil) != beyond {
						t.Errorf("select of %s at %#x, first %v, condition %d: %v", c.name, address, first, condition, err)
					}
				}
				s.bench.Close()
			}
		}
	}
}

func FuzzDifferential(f *testing.F) {
	enginetest.NeedPatches(f)
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { compare(t, seed) })
}

// agree calls a function on both sides.
func agree(t *testing.T, compiled, interpreted *side, name string, result byte, args []uint64, what string) {
	t.Helper()
	got, failed := compiled.bench.Call(compiled.instance, name, args...)
	want, refused := interpreted.bench.Call(interpreted.instance, name, args...)
	if (failed == nil) != (refused == nil) {
		t.Errorf("%s(%#x): compiled: %v; interpreted: %v", what, args, failed, refused)
		return
	}
	if failed != nil {
		// Which trap it is matters where there is but one. A misaligned access beyond the end may be either.
		kind := func(err error) string {
			first, _, _ := strings.Cut(err.Error(), "\n")
			first, _, _ = strings.Cut(first, " (")
			return strings.Replace(first, "unaligned atomic", "out of bounds memory access", 1)
		}
		if kind(failed) != kind(refused) {
			t.Errorf("%s(%#x): compiled: %v; interpreted: %v", what, args, failed, refused)
		}
		return
	}
	for i := range got {
		a, b := got[i], want[i]
		if result == 'i' || result == 'f' {
			a, b = uint64(uint32(a)), uint64(uint32(b))
		}
		if a != b {
			t.Errorf("%s(%#x) = %#x, interpreted %#x", what, args, got, want)
			return
		}
	}
}

func bothSides(t *testing.T, a *enginetest.Assembler) (compiled, interpreted *side) {
	t.Helper()
	compiled, err := newSide(t, wazero.NewRuntimeConfigCompiler(), a.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	interpreted, err = newSide(t, wazero.NewRuntimeConfigInterpreter(), a.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return compiled, interpreted
}

func edge(r *rand.Rand, kind byte) []uint64 {
	switch kind {
	case 'i':
		return []uint64{uint64(uint32(pick(r, edges32)))}
	case 'I':
		return []uint64{uint64(pick(r, edges64))}
	case 'f':
		if r.IntN(8) == 0 { // NaNs that are signalling, negative, or have something in them
			return []uint64{pick(r, []uint64{0x7fa00000, 0xffc00000, 0xffffffff, 0x7f800001})}
		}
		return []uint64{uint64(math.Float32bits(float32(pick(r, edgesFloat))))}
	case 'F':
		if r.IntN(8) == 0 {
			return []uint64{pick(r, []uint64{0x7ff4 << 48, 0xfff8 << 48, math.MaxUint64, 0x7ff0<<48 | 1})}
		}
		return []uint64{math.Float64bits(pick(r, edgesFloat))}
	}
	var words [2]uint64
	for i := range words {
		switch r.IntN(5) {
		case 4:
			words[i] = pick(r, []uint64{0x7ff4 << 48, 0x7fa00000_ffc00001, math.MaxUint64, 0xff800001_7fffffff})
		case 0:
			words[i] = uint64(pick(r, edges64))
		case 1:
			words[i] = uint64(uint32(pick(r, edges32)))<<32 | uint64(uint32(pick(r, edges32)))
		case 2:
			words[i] = math.Float64bits(pick(r, edgesFloat))
		case 3:
			words[i] = uint64(math.Float32bits(float32(pick(r, edgesFloat))))<<32 | r.Uint64()>>32
		}
	}
	return words[:]
}

// TestEveryInstruction compares each numeric instruction on edge operands, by itself.
func TestEveryInstruction(t *testing.T) {
	enginetest.NeedPatches(t)
	r := rand.New(rand.NewPCG(1, 2))
	var a enginetest.Assembler
	var all []operation
	for _, result := range []byte("iIfFv") {
		for _, o := range operations[result] {
			operands, _, _ := strings.Cut(o.shape, ":")
			g := &generator{Rand: r}
			for i := range len(operands) {
				g.emit(opLocalGet, i)
			}
			if o.prefix != 0 {
				g.emit(int(o.prefix), o.code)
			} else {
				g.emit(int(o.code))
			}
			if o.float != 0 {
				g.emit(canonicalAt(result, o.float, uint32(len(operands))))
			}
			var params []byte
			for _, k := range []byte(operands) {
				params = append(params, typeCodes[k])
			}
			a.Function(fmt.Sprintf("%d", len(all)), a.Type(params, []byte{typeCodes[result]}), []byte{1, 1, typeCodes[result]}, g.code...)
			all = append(all, o)
		}
	}
	a.ImportMemory("memory", "memory", 1, memoryPages, memoryPages)
	compiled, interpreted := bothSides(t, &a)
	for n, o := range all {
		operands, _, _ := strings.Cut(o.shape, ":")
		for range 40 {
			var args []uint64
			for _, k := range []byte(operands) {
				args = append(args, edge(r, k)...)
			}
			agree(t, compiled, interpreted, fmt.Sprint(n), o.shape[len(o.shape)-1], args, fmt.Sprintf("%#x %#x", o.prefix, o.code))
		}
	}
}

// TestEveryAccess compares each load and store, with each offset at each edge of the
// memory and of 32 bits.
func TestEveryAccess(t *testing.T) {
	enginetest.NeedPatches(t)
	r := rand.New(rand.NewPCG(3, 4))
	addresses := []uint32{0, 1, 7, 8, 4095, 4096, 65535, 65536, memoryPages*65536 - 16, memoryPages*65536 - 15, memoryPages*65536 - 8,
		memoryPages*65536 - 7, memoryPages*65536 - 4, memoryPages*65536 - 2, memoryPages*65536 - 1, memoryPages * 65536, 1<<31 - 1, 1 << 31,
		1<<31 + 1, math.MaxUint32 - 16, math.MaxUint32 - 7, math.MaxUint32 - 1, math.MaxUint32}
	for _, result := range []byte{0, 'i', 'I', 'f', 'F', 'v'} {
		for _, x := range accesses[result] {
			operands, _, _ := strings.Cut(x.shape, ":")
			params := []byte{enginetest.I32}
			for _, k := range []byte(operands) {
				params = append(params, typeCodes[k])
			}
			var results []byte
			if result != 0 {
				results = []byte{typeCodes[result]}
			}
			var a enginetest.Assembler
			a.ImportMemory("memory", "memory", 1, memoryPages, memoryPages)
			kind := a.Type(params, results)
			// With the address in a parameter, as the sum of one and a constant, and as a constant.
			for n, offset := range offsets {
				code := func(address []byte) []byte {
					c := address
					for i := range len(operands) {
						c = append(c, enginetest.Code(opLocalGet, 1+i)...)
					}
					if x.prefix != 0 {
						c = append(c, enginetest.Code(int(x.prefix), x.code)...)
					} else {
						c = append(c, byte(x.code))
					}
					c = append(c, enginetest.Code(int(x.width), offset)...)
					if x.lanes > 0 {
						c = append(c, byte(r.IntN(int(x.lanes))))
					}
					return c
				}
				a.Function(fmt.Sprintf("p%d", n), kind, nil, code(enginetest.Code(opLocalGet, 0))...)
				a.Function(fmt.Sprintf("s%d", n), kind, nil, code(enginetest.Code(opLocalGet, 0, enginetest.I32Const(-16), 0x6a, enginetest.I32Const(16), 0x6a))...)
				for m, address := range addresses {
					a.Function(fmt.Sprintf("c%d.%d", n, m), kind, nil, code(enginetest.I32Const(int64(int32(address))))...)
				}
			}
			compiled, interpreted := bothSides(t, &a)
			for n, offset := range offsets {
				for m, address := range addresses {
					for _, name := range []string{fmt.Sprintf("p%d", n), fmt.Sprintf("s%d", n), fmt.Sprintf("c%d.%d", n, m)} {
						args := []uint64{uint64(address)}
						for _, k := range []byte(operands) {
							args = append(args, edge(r, k)...)
						}
						agree(t, compiled, interpreted, name, result, args, fmt.Sprintf("%s %#x %#x offset=%#x", name[:1], x.prefix, x.code, offset))
					}
				}
			}
			one, _ := compiled.memory.Read(0, memoryPages*65536)
			two, _ := interpreted.memory.Read(0, memoryPages*65536)
			if string(one) != string(two) {
				t.Errorf("%#x %#x leaves another memory", x.prefix, x.code)
			}
			compiled.bench.Close()
			interpreted.bench.Close()
		}
	}
}

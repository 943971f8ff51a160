package integration

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"walisup/helper/engine/wazero/enginetest"
)

// numericOp is an instruction with the types that it takes and the one that it makes.
type numericOp struct {
	name string
	code []byte
	in   []byte
	out  byte
	set  string // of values; empty for the ordinary ones
}

// numericOps are all instructions of WebAssembly and its SIMD that compute something from
// operands. Those that trap for some get values for which they do not.
func numericOps() (ops []numericOp) {
	const i, l, f, d, v = enginetest.I32, enginetest.I64, enginetest.F32, enginetest.F64, enginetest.V128
	add := func(from, to int, out byte, in ...byte) {
		for c := from; c <= to; c++ {
			op := numericOp{fmt.Sprintf("%#x", c), []byte{byte(c)}, in, out, ""}
			switch {
			case c >= 0x6d && c <= 0x70, c >= 0x7f && c <= 0x82:
				op.set = "divide"
			case c >= 0xa8 && c <= 0xab, c >= 0xae && c <= 0xb1:
				op.set = "truncate"
			}
			ops = append(ops, op)
		}
	}
	add(0x45, 0x45, i, i)
	add(0x46, 0x4f, i, i, i)
	add(0x50, 0x50, i, l)
	add(0x51, 0x5a, i, l, l)
	add(0x5b, 0x60, i, f, f)
	add(0x61, 0x66, i, d, d)
	add(0x67, 0x69, i, i)
	add(0x6a, 0x78, i, i, i)
	add(0x79, 0x7b, l, l)
	add(0x7c, 0x8a, l, l, l)
	add(0x8b, 0x91, f, f)
	add(0x92, 0x98, f, f, f)
	add(0x99, 0x9f, d, d)
	add(0xa0, 0xa6, d, d, d)
	for k, io := range [][2]byte{{l, i}, {f, i}, {f, i}, {d, i}, {d, i}, {i, l}, {i, l}, {f, l}, {f, l}, {d, l}, {d, l},
		{i, f}, {i, f}, {l, f}, {l, f}, {d, f}, {i, d}, {i, d}, {l, d}, {l, d}, {f, d}, {f, i}, {d, l}, {i, f}, {l, d},
		{i, i}, {i, i}, {l, l}, {l, l}, {l, l}} {
		add(0xa7+k, 0xa7+k, io[1], io[0])
	}
	for c := range 8 {
		in, out := byte(f), byte(i)
		if c&2 != 0 {
			in = d
		}
		if c >= 4 {
			out = l
		}
		ops = append(ops, numericOp{fmt.Sprintf("0xfc %d", c), []byte{0xfc, byte(c)}, []byte{in}, out, ""})
	}
	vector := func(c uint32, immediate []byte, out byte, in ...byte) {
		code := append(enginetest.U32([]byte{0xfd}, c), immediate...)
		ops = append(ops, numericOp{fmt.Sprintf("0xfd %d", c), code, in, out, ""})
	}
	lanes := []int{16, 8, 4, 2, 4, 2}
	scalars := []byte{i, i, i, l, f, d}
	vector(13, []byte{0, 31, 1, 30, 2, 29, 15, 16, 7, 8, 9, 10, 21, 22, 23, 24}, v, v, v)
	vector(14, nil, v, v, v)
	for k := range lanes {
		vector(uint32(15+k), nil, v, scalars[k])
		last := []byte{byte(lanes[k] - 1)}
		if k < 2 {
			vector(uint32(21+3*k), last, i, v)
			vector(uint32(22+3*k), last, i, v)
			vector(uint32(23+3*k), last, v, v, scalars[k])
		} else {
			vector(uint32(27+2*(k-2)), last, scalars[k], v)
			vector(uint32(28+2*(k-2)), last, v, v, scalars[k])
		}
	}
	for c := uint32(35); c <= 76; c++ {
		vector(c, nil, v, v, v)
	}
	unary := map[uint32]bool{77: true, 94: true, 95: true, 98: true, 103: true, 104: true, 105: true, 106: true, 116: true, 117: true,
		122: true, 124: true, 125: true, 126: true, 127: true, 148: true, 224: true, 225: true, 227: true, 236: true, 237: true, 239: true}
	missing := map[uint32]bool{154: true, 162: true, 165: true, 166: true, 175: true, 176: true, 178: true, 179: true, 180: true, 187: true,
		194: true, 197: true, 198: true, 207: true, 208: true, 210: true, 211: true, 212: true, 226: true, 238: true}
	for c := uint32(77); c <= 255; c++ {
		at := (c - 96) % 32
		whole := c >= 96 && c < 224
		switch {
		case c >= 84 && c <= 93, missing[c]:
		case c == 82:
			vector(c, nil, v, v, v, v)
		case c == 83, whole && (at == 3 || at == 4):
			vector(c, nil, i, v)
		case unary[c], c >= 248, c == 192, c == 193, whole && c < 192 && at <= 1, whole && c >= 128 && at >= 7 && at <= 10:
			vector(c, nil, v, v)
		case whole && at >= 11 && at <= 13:
			vector(c, nil, v, v, i)
		default:
			vector(c, nil, v, v, v)
		}
	}
	return ops
}

// numericValues are operands by type, 16 bytes each, besides special sets.
func numericValues(typ byte, set string) (values [][16]byte) {
	add := func(size int, list ...uint64) {
		for _, x := range list {
			var b [16]byte
			binary.LittleEndian.PutUint64(b[:], x)
			if size == 4 {
				binary.LittleEndian.PutUint64(b[:], x&math.MaxUint32)
			}
			values = append(values, b)
		}
	}
	f32 := func(list ...float64) (bits []uint64) {
		for _, x := range list {
			bits = append(bits, uint64(math.Float32bits(float32(x))))
		}
		return bits
	}
	f64 := func(list ...float64) (bits []uint64) {
		for _, x := range list {
			bits = append(bits, math.Float64bits(x))
		}
		return bits
	}
	inf, nan, minus := math.Inf(1), math.NaN(), math.Copysign(0, -1)
	floats := []float64{0, minus, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, 1e10, -1e10, 2147483648, -2147483648, 4294967296, 9.3e18, 1.9e19, 1e-45, 3.4e38, inf, -inf, nan}
	small := []float64{0, minus, 0.5, -0.5, 1.99, 127.5, 2147483520, 1e9}
	ints := []uint64{0, 1, 2, 31, 32, 33, 63, 64, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0x80000001, 0xffffffff, 0xfffffffe, 12345678}
	switch {
	case set == "divide":
		add(8, 1, 2, 3, 7, 0x7fffffff, 100, 12345)
	case typ == enginetest.I32:
		add(4, ints...)
	case typ == enginetest.I64:
		add(8, append(ints, 1<<53, 1<<53+1, 1<<63-1, 1<<63, 1<<63+1, ^uint64(0), 0x123456789abcdef0)...)
	case typ == enginetest.F32 && set == "truncate":
		add(4, f32(small...)...)
	case typ == enginetest.F64 && set == "truncate":
		add(8, f64(small...)...)
	case typ == enginetest.F32:
		add(4, f32(floats...)...)
	case typ == enginetest.F64:
		add(8, f64(append(floats, 5e-324, 1e308, 2147483647.5, -2147483649, 9223372036854774784)...)...)
	default:
		for _, lanes := range [][]uint64{f32(floats...), ints} {
			for k := 0; k+3 < len(lanes); k += 2 {
				var b [16]byte
				for n := range 4 {
					binary.LittleEndian.PutUint32(b[4*n:], uint32(lanes[k+n]))
				}
				values = append(values, b)
			}
		}
		for k, lanes := 0, f64(append(floats, 1e308, -1e308, 2147483647.5)...); k+1 < len(lanes); k += 2 {
			var b [16]byte
			binary.LittleEndian.PutUint64(b[:], lanes[k])
			binary.LittleEndian.PutUint64(b[8:], lanes[k+1])
			values = append(values, b)
		}
		var b [16]byte
		for n := range b {
			b[n] = byte(n*37 + 128)
		}
		values = append(values, b)
	}
	return values
}

// numericModule is a program that writes to its standard output the result of each
// instruction for all combinations of operands, 16 bytes each. It returns how many results
// each instruction has.
func numericModule(ops []numericOp) (module []byte, counts []int) {
	const (
		i                  = enginetest.I32
		get, set, tee      = 0x20, 0x21, 0x22
		block, loop, empty = 0x02, 0x03, 0x40
		end, br, brIf      = 0x0b, 0x0c, 0x0d
		call, drop         = 0x10, 0x1a
		operands, results  = 1 << 16, 1 << 20
		pages              = 64
		step               = 16
	)
	a := enginetest.Assembler{Memory: []byte{1, pages, pages}}
	void := a.Type(nil, nil)
	write := a.Import("wali", "SYS_write", a.Type([]byte{i, i, i}, []byte{enginetest.I64}))
	exit := a.Import("wali", "SYS_exit_group", a.Type([]byte{i}, []byte{enginetest.I64}))
	loads := map[byte][]byte{i: {0x28, 0, 0}, enginetest.I64: {0x29, 0, 0}, enginetest.F32: {0x2a, 0, 0}, enginetest.F64: {0x2b, 0, 0}, enginetest.V128: {0xfd, 0, 0, 0}}
	stores := map[byte][]byte{i: {0x36, 0, 0}, enginetest.I64: {0x37, 0, 0}, enginetest.F32: {0x38, 0, 0}, enginetest.F64: {0x39, 0, 0}, enginetest.V128: {0xfd, 11, 0, 0}}
	var main []byte
	type place struct{ at, n int }
	places := map[string]place{}
	var data []byte
	for _, op := range ops {
		var sets []place
		count := 1
		for _, typ := range op.in {
			key := fmt.Sprint(typ, op.set)
			if _, ok := places[key]; !ok {
				values := numericValues(typ, op.set)
				places[key] = place{operands + len(data), len(values)}
				for _, b := range values {
					data = append(data, b[:]...)
				}
			}
			sets = append(sets, places[key])
			count *= places[key].n
		}
		counts = append(counts, count)
		// Local 0 is where the next result goes, those from 1 on where the operands are.
		code := enginetest.Code(enginetest.I32Const(results), set, 0)
		for k, s := range sets {
			code = append(code, enginetest.Code(enginetest.I32Const(int64(s.at)), set, 1+k, loop, empty)...)
		}
		code = append(code, enginetest.Code(get, 0)...)
		for k, typ := range op.in {
			code = append(code, enginetest.Code(get, 1+k, loads[typ])...)
		}
		code = append(code, enginetest.Code(op.code, stores[op.out], get, 0, enginetest.I32Const(step), 0x6a, set, 0)...)
		for k := len(sets) - 1; k >= 0; k-- {
			s := sets[k]
			code = append(code, enginetest.Code(get, 1+k, enginetest.I32Const(step), 0x6a, tee, 1+k,
				enginetest.I32Const(int64(s.at+step*s.n)), 0x49, brIf, 0, end)...)
		}
		// Only the results are to be written: what was there before is another one's.
		code = append(code, enginetest.Code(enginetest.I32Const(1), enginetest.I32Const(results), get, 0, enginetest.I32Const(results), 0x6b, call, write, drop,
			enginetest.I32Const(results), enginetest.I32Const(0), enginetest.I32Const(int64(step*count)), 0xfc, 11, 0)...)
		main = append(main, enginetest.Code(call, a.Function("", void, []byte{1, 4, i}, code...))...)
	}
	a.Data(string(data))
	fill := enginetest.Code(enginetest.I32Const(operands), enginetest.I32Const(0), enginetest.I32Const(int64(len(data))), 0xfc, 8, 0, 0)
	main = append(fill, main...)
	a.Function("_start", void, nil, append(main, enginetest.Code(enginetest.I32Const(0), call, exit, drop)...)...)
	return a.Bytes(), counts
}

// isNaN says whether a lane of some size is a NaN, whose sign and payload an engine chooses.
func isNaN(b []byte) bool {
	if len(b) == 4 {
		x := math.Float32frombits(binary.LittleEndian.Uint32(b))
		return x != x
	}
	return math.IsNaN(math.Float64frombits(binary.LittleEndian.Uint64(b)))
}

// makesFloats says whether the result may be a NaN.
func (op *numericOp) makesFloats() bool {
	if op.out != enginetest.V128 {
		return op.out == enginetest.F32 || op.out == enginetest.F64
	}
	var c uint32
	for k, b := range op.code[1:] {
		c |= uint32(b&0x7f) << (7 * k)
		if b < 0x80 {
			break
		}
	}
	return c == 94 || c == 95 || c >= 103 && c <= 106 || c == 116 || c == 117 || c == 122 || c == 148 || c >= 224 && c <= 247
}

// sameResult compares results, those of floats up to the bits of NaNs.
func (op *numericOp) sameResult(a, b []byte) bool {
	if string(a) == string(b) {
		return true
	}
	if !op.makesFloats() {
		return false
	}
	for _, size := range []int{4, 8} {
		same := true
		for k := 0; k < len(a) && same; k += size {
			x, y := a[k:k+size], b[k:k+size]
			same = string(x) == string(y) || isNaN(x) && isNaN(y)
		}
		if same {
			return true
		}
	}
	return false
}

// TestNativeNumeric compares the results of all numeric instructions of both engines.
func TestNativeNumeric(t *testing.T) {
	t.Parallel()
	needWalisup(t)
	needLLVM(t)
	ops := numericOps()
	content, counts := numericModule(ops)
	path := filepath.Join(t.TempDir(), "numeric.wasm")
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	p := pair{name: "numeric", module: path}
	other := p.runGuest(t, invocation{}.forEngine("wazero"))
	if other.status != 0 {
		t.Fatalf("wazero: status %d: %s", other.status, shorten(other.stderr))
	}
	if output, err := makeNative(path); err != nil || output != "" {
		t.Fatalf("native code: %v %s", err, output)
	}
	native := p.runGuest(t, invocation{}.forEngine("native"))
	if native.status != 0 || len(native.stdout) != len(other.stdout) {
		t.Fatalf("native: status %d, %d bytes instead of %d: %s", native.status, len(native.stdout), len(other.stdout), shorten(native.stderr))
	}
	at, total := 0, 0
	for k, op := range ops {
		bad := 0
		for range counts[k] {
			x, y := []byte(native.stdout[at:at+16]), []byte(other.stdout[at:at+16])
			if !op.sameResult(x, y) {
				if bad++; bad <= 3 {
					t.Errorf("instruction %s, result %d: %x, by wazero %x", op.name, total, x, y)
				}
			}
			at += 16
			total++
		}
	}
	if at != len(other.stdout) {
		t.Errorf("%d bytes of results instead of %d", len(other.stdout), at)
	}
	t.Logf("%d instructions, %d results", len(ops), total)
}

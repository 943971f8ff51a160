package compiler

import (
	"fmt"
	"strconv"
	"strings"

	"walisup/helper/engine/native/image"
)

// A v128 is <16 x i8> on the operand stack. shape is how an instruction sees it.
type shape struct {
	lanes int
	elem  string // LLVM type
	bits  int
}

var (
	i8x16 = shape{16, "i8", 8}
	i16x8 = shape{8, "i16", 16}
	i32x4 = shape{4, "i32", 32}
	i64x2 = shape{2, "i64", 64}
	f32x4 = shape{4, "float", 32}
	f64x2 = shape{2, "double", 64}
)

func (s shape) String() string { return fmt.Sprintf("<%d x %s>", s.lanes, s.elem) }

// sfx is the type in the name of an intrinsic.
func (s shape) sfx() string {
	elem := map[string]string{"float": "f32", "double": "f64"}[s.elem]
	if elem == "" {
		elem = s.elem
	}
	return fmt.Sprintf("v%d%s", s.lanes, elem)
}

// integer is the shape of the same lanes as integers.
func (s shape) integer() shape { return shape{s.lanes, fmt.Sprintf("i%d", s.bits), s.bits} }

// scalar is the type of a lane on the operand stack.
func (s shape) scalar() byte {
	switch s.elem {
	case "i64":
		return i64t
	case "float":
		return f32t
	case "double":
		return f64t
	}
	return i32t
}

// splat is a constant with the same value in all lanes.
func (s shape) splat(v int64) string {
	return "<" + strings.Repeat(fmt.Sprintf("%s %d, ", s.elem, v), s.lanes-1) + fmt.Sprintf("%s %d>", s.elem, v)
}

// as pops a v128 and sees it as s.
func (e *emitter) as(s shape) string {
	v := e.pop()
	if s == i8x16 {
		return v.name
	}
	return e.val("bitcast <16 x i8> %s to %s", v.name, s)
}

// give pushes a vector of shape s.
func (e *emitter) give(s shape, format string, args ...any) {
	n := e.val(format, args...)
	if s != i8x16 {
		n = e.val("bitcast %s %s to <16 x i8>", s, n)
	}
	e.push(v128, n)
}

// call1 and call2 emit intrinsics.
func (e *emitter) call1(s shape, name string) {
	a := e.as(s)
	e.give(s, "call %s @llvm.%s.%s(%s %s)", s, name, s.sfx(), s, a)
}

func (e *emitter) call2(s shape, name string) {
	b, a := e.as(s), e.as(s)
	e.give(s, "call %s @llvm.%s.%s(%s %s, %s %s)", s, name, s.sfx(), s, a, s, b)
}

func (e *emitter) binary(s shape, op string) {
	b, a := e.as(s), e.as(s)
	e.give(s, "%s %s %s, %s", op, s, a, b)
}

// half takes the lower or upper lanes of a, each widened.
func (e *emitter) half(s shape, a string, high bool, ext string) (wide shape, n string) {
	wide = shape{s.lanes / 2, fmt.Sprintf("i%d", 2*s.bits), 2 * s.bits}
	var mask []string
	for i := range s.lanes / 2 {
		if high {
			i += s.lanes / 2
		}
		mask = append(mask, "i32 "+strconv.Itoa(i))
	}
	part := e.val("shufflevector %s %s, %s poison, <%d x i32> <%s>", s, a, s, s.lanes/2, strings.Join(mask, ", "))
	return wide, e.val("%s <%d x %s> %s to %s", ext, s.lanes/2, s.elem, part, wide)
}

// pairs takes every second lane of a, from first on, widened.
func (e *emitter) pairs(s shape, a string, first int, ext string) (wide shape, n string) {
	wide = shape{s.lanes / 2, fmt.Sprintf("i%d", 2*s.bits), 2 * s.bits}
	var mask []string
	for i := range s.lanes / 2 {
		mask = append(mask, "i32 "+strconv.Itoa(2*i+first))
	}
	part := e.val("shufflevector %s %s, %s poison, <%d x i32> <%s>", s, a, s, s.lanes/2, strings.Join(mask, ", "))
	return wide, e.val("%s <%d x %s> %s to %s", ext, s.lanes/2, s.elem, part, wide)
}

// widen extends half of a vector.
func (e *emitter) widen(s shape, k int) {
	wide, n := e.half(s, e.as(s), k&1 != 0, []string{"sext", "zext"}[k>>1])
	e.give(wide, "bitcast %s %s to %s", wide, n, wide)
}

// extmul multiplies halves of two vectors, widened.
func (e *emitter) extmul(s shape, k int) {
	b, a := e.as(s), e.as(s)
	ext := []string{"sext", "zext"}[k>>1]
	_, x := e.half(s, a, k&1 != 0, ext)
	wide, y := e.half(s, b, k&1 != 0, ext)
	e.give(wide, "mul %s %s, %s", wide, x, y)
}

// extadd adds neighbours, widened.
func (e *emitter) extadd(s shape, ext string) {
	a := e.as(s)
	_, x := e.pairs(s, a, 0, ext)
	wide, y := e.pairs(s, a, 1, ext)
	e.give(wide, "add %s %s, %s", wide, x, y)
}

// compareLanes sets lanes to all ones where a comparison holds.
func (e *emitter) compareLanes(s shape, how string) {
	b, a := e.as(s), e.as(s)
	c := e.val("%s %s %s, %s", how, s, a, b)
	e.give(s.integer(), "sext <%d x i1> %s to %s", s.lanes, c, s.integer())
}

// shiftLanes shifts all lanes by a number of bits modulo their width.
func (e *emitter) shiftLanes(s shape, op string) {
	by := e.pop().name
	a := e.as(s)
	by = e.val("and i32 %s, %d", by, s.bits-1)
	switch {
	case s.bits < 32:
		by = e.val("trunc i32 %s to %s", by, s.elem)
	case s.bits > 32:
		by = e.val("zext i32 %s to %s", by, s.elem)
	}
	e.give(s, "%s %s %s, %s", op, s, a, e.splatOf(s, by))
}

func (e *emitter) splatOf(s shape, lane string) string {
	v := e.val("insertelement %s poison, %s %s, i32 0", s, s.elem, lane)
	return e.val("shufflevector %s %s, %s poison, <%d x i32> zeroinitializer", s, v, s, s.lanes)
}

func (e *emitter) splat(s shape) {
	v := e.pop()
	n := v.name
	if s.bits < 32 {
		n = e.val("trunc i32 %s to %s", n, s.elem)
	}
	e.give(s, "bitcast %s %s to %s", s, e.splatOf(s, n), s)
}

func (e *emitter) extract(s shape, lane byte, ext string) {
	n := e.val("extractelement %s %s, i32 %d", s, e.as(s), lane)
	if ext != "" {
		n = e.val("%s %s %s to i32", ext, s.elem, n)
	}
	e.push(s.scalar(), n)
}

func (e *emitter) replace(s shape, lane byte) {
	v := e.pop()
	n := v.name
	a := e.as(s)
	if s.bits < 32 {
		n = e.val("trunc i32 %s to %s", n, s.elem)
	}
	e.give(s, "insertelement %s %s, %s %s, i32 %d", s, a, s.elem, n, lane)
}

func (e *emitter) allTrue(s shape) {
	c := e.val("icmp ne %s %s, zeroinitializer", s, e.as(s))
	e.pushBool(e.val("call i1 @llvm.vector.reduce.and.v%di1(<%d x i1> %s)", s.lanes, s.lanes, c))
}

func (e *emitter) bitmask(s shape) {
	c := e.val("icmp slt %s %s, zeroinitializer", s, e.as(s))
	n := e.val("bitcast <%d x i1> %s to i%d", s.lanes, c, s.lanes)
	e.def(i32t, "zext i%d %s to i32", s.lanes, n)
}

// narrow packs two vectors into one of lanes half as wide, saturated.
func (e *emitter) narrow(s shape, signed bool) {
	b, a := e.as(s), e.as(s)
	to := shape{2 * s.lanes, fmt.Sprintf("i%d", s.bits/2), s.bits / 2}
	lo, hi := int64(0), int64(1)<<(to.bits)-1
	if signed {
		lo, hi = -1<<(to.bits-1), 1<<(to.bits-1)-1
	}
	part := func(v string) string {
		v = e.val("call %s @llvm.smax.%s(%s %s, %s %s)", s, s.sfx(), s, v, s, s.splat(lo))
		v = e.val("call %s @llvm.smin.%s(%s %s, %s %s)", s, s.sfx(), s, v, s, s.splat(hi))
		return e.val("trunc %s %s to <%d x %s>", s, v, s.lanes, to.elem)
	}
	x, y := part(a), part(b)
	var mask []string
	for i := range to.lanes {
		mask = append(mask, "i32 "+strconv.Itoa(i))
	}
	half := fmt.Sprintf("<%d x %s>", s.lanes, to.elem)
	e.give(to, "shufflevector %s %s, %s %s, <%d x i32> <%s>", half, x, half, y, to.lanes, strings.Join(mask, ", "))
}

// average is (a + b + 1) / 2 without loss.
func (e *emitter) average(s shape) {
	b, a := e.as(s), e.as(s)
	wide := fmt.Sprintf("<%d x i%d>", s.lanes, 2*s.bits)
	ones := shape{s.lanes, fmt.Sprintf("i%d", 2*s.bits), 2 * s.bits}.splat(1)
	x, y := e.val("zext %s %s to %s", s, a, wide), e.val("zext %s %s to %s", s, b, wide)
	sum := e.val("add %s %s, %s", wide, e.val("add %s %s, %s", wide, x, y), ones)
	e.give(s, "trunc %s %s to %s", wide, e.val("lshr %s %s, %s", wide, sum, ones), s)
}

// q15 is i16x8.q15mulr_sat_s.
func (e *emitter) q15() {
	b, a := e.as(i16x8), e.as(i16x8)
	w := shape{8, "i32", 32}
	x, y := e.val("sext %s %s to %s", i16x8, a, w), e.val("sext %s %s to %s", i16x8, b, w)
	p := e.val("add %s %s, %s", w, e.val("mul %s %s, %s", w, x, y), w.splat(0x4000))
	p = e.val("ashr %s %s, %s", w, p, w.splat(15))
	p = e.val("call %s @llvm.smin.v8i32(%s %s, %s %s)", w, w, p, w, w.splat(0x7fff))
	e.give(i16x8, "trunc %s %s to %s", w, p, i16x8)
}

// dot is i32x4.dot_i16x8_s.
func (e *emitter) dot() {
	b, a := e.as(i16x8), e.as(i16x8)
	product := func(first int) string {
		_, x := e.pairs(i16x8, a, first, "sext")
		_, y := e.pairs(i16x8, b, first, "sext")
		return e.val("mul %s %s, %s", i32x4, x, y)
	}
	x := product(0)
	e.give(i32x4, "add %s %s, %s", i32x4, x, product(1))
}

// pseudo is pmin and pmax: b < a ? b : a, and a < b ? b : a.
func (e *emitter) pseudo(s shape, less bool) {
	b, a := e.as(s), e.as(s)
	x, y := b, a
	if !less {
		x, y = a, b
	}
	c := e.val("fcmp olt %s %s, %s", s, x, y)
	e.give(s, "select <%d x i1> %s, %s %s, %s %s", s.lanes, c, s, b, s, a)
}

// memarg reads alignment and offset.
func memarg(r *rd) uint64 {
	r.u32()
	return uint64(r.u32())
}

// loadWide loads eight bytes and widens them.
func (e *emitter) loadWide(r *rd, s shape, ext string) {
	a := e.address(e.pop(), memarg(r))
	n := e.val("load <%d x %s>, ptr %s, align 1%s", s.lanes/2, s.elem, a, tbaaMem)
	wide := shape{s.lanes / 2, fmt.Sprintf("i%d", 2*s.bits), 2 * s.bits}
	e.give(wide, "%s <%d x %s> %s to %s", ext, s.lanes/2, s.elem, n, wide)
}

var (
	integers = []shape{i8x16, i16x8, i32x4, i64x2}
	allKinds = []shape{i8x16, i16x8, i32x4, i64x2, f32x4, f64x2}
)

// vector emits the instructions of the SIMD proposal.
func (e *emitter) vector(r *rd) {
	op := int(r.u32())
	if op <= 10 || op == 92 || op == 93 {
		defer func() { e.st[len(e.st)-1].loaded = true }()
	}
	switch {
	case op == 0:
		e.def(v128, "load <16 x i8>, ptr %s, align 1%s", e.address(e.pop(), memarg(r)), tbaaMem)
	case op <= 6:
		e.loadWide(r, integers[(op-1)/2], []string{"sext", "zext"}[(op-1)&1])
	case op <= 10:
		s := integers[op-7]
		n := e.val("load %s, ptr %s, align 1%s", s.elem, e.address(e.pop(), memarg(r)), tbaaMem)
		e.give(s, "bitcast %s %s to %s", s, e.splatOf(s, n), s)
	case op == 11:
		v := e.pop()
		e.p("  store <16 x i8> %s, ptr %s, align 1%s\n", v.name, e.address(e.pop(), memarg(r)), tbaaMem)
	case op == 12:
		var lanes []string
		for _, b := range r.bytes(16) {
			lanes = append(lanes, "i8 "+strconv.Itoa(int(int8(b))))
		}
		e.push(v128, "<"+strings.Join(lanes, ", ")+">")
	case op == 13:
		b, a := e.pop(), e.pop()
		var lanes []string
		for _, k := range r.bytes(16) {
			lanes = append(lanes, "i32 "+strconv.Itoa(int(k)))
		}
		e.def(v128, "shufflevector <16 x i8> %s, <16 x i8> %s, <16 x i32> <%s>", a.name, b.name, strings.Join(lanes, ", "))
	case op == 14:
		b, a := e.pop(), e.pop()
		k := e.val("call <16 x i8> @llvm.uadd.sat.v16i8(<16 x i8> %s, <16 x i8> %s)", b.name, i8x16.splat(112))
		e.def(v128, "call <16 x i8> @llvm.x86.ssse3.pshuf.b.128(<16 x i8> %s, <16 x i8> %s)", a.name, k)
	case op <= 20:
		e.splat(allKinds[op-15])
	case op <= 26:
		s, lane := integers[(op-21)/3], r.u8()
		switch (op - 21) % 3 {
		case 0:
			e.extract(s, lane, "sext")
		case 1:
			e.extract(s, lane, "zext")
		default:
			e.replace(s, lane)
		}
	case op <= 34:
		s, lane := allKinds[2+(op-27)/2], r.u8()
		if op&1 != 0 {
			e.extract(s, lane, "")
		} else {
			e.replace(s, lane)
		}
	case op <= 64:
		e.compareLanes(integers[(op-35)/10], "icmp "+icmps[(op-35)%10])
	case op <= 76:
		e.compareLanes(allKinds[4+(op-65)/6], "fcmp "+fcmps[(op-65)%6])
	case op <= 91:
		e.bits(r, op)
	case op <= 93:
		s := []shape{i32x4, i64x2}[op-92]
		n := e.val("load %s, ptr %s, align 1%s", s.elem, e.address(e.pop(), memarg(r)), tbaaMem)
		e.give(s, "insertelement %s zeroinitializer, %s %s, i32 0", s, s.elem, n)
	case op == 94:
		n := e.val("fptrunc <2 x double> %s to <2 x float>", e.as(f64x2))
		e.give(f32x4, "shufflevector <2 x float> %s, <2 x float> zeroinitializer, <4 x i32> <i32 0, i32 1, i32 2, i32 3>", n)
	case op == 95:
		n := e.val("shufflevector <4 x float> %s, <4 x float> poison, <2 x i32> <i32 0, i32 1>", e.as(f32x4))
		e.give(f64x2, "fpext <2 x float> %s to <2 x double>", n)
	case op <= 223:
		e.lanes(op)
	case op <= 255:
		e.floats(op)
	default:
		unsupported("opcode 0xfd %#x", op)
	}
}

// bits emits v128.not to v128.store64_lane.
func (e *emitter) bits(r *rd, op int) {
	switch op {
	case 77:
		e.def(v128, "xor <16 x i8> %s, %s", e.pop().name, i8x16.splat(-1))
	case 78:
		e.binary(i8x16, "and")
	case 79:
		b, a := e.pop(), e.pop()
		e.def(v128, "and <16 x i8> %s, %s", a.name, e.val("xor <16 x i8> %s, %s", b.name, i8x16.splat(-1)))
	case 80:
		e.binary(i8x16, "or")
	case 81:
		e.binary(i8x16, "xor")
	case 82:
		c, b, a := e.pop(), e.pop(), e.pop()
		x := e.val("and <16 x i8> %s, %s", a.name, c.name)
		y := e.val("and <16 x i8> %s, %s", b.name, e.val("xor <16 x i8> %s, %s", c.name, i8x16.splat(-1)))
		e.def(v128, "or <16 x i8> %s, %s", x, y)
	case 83:
		n := e.val("bitcast <16 x i8> %s to i128", e.pop().name)
		e.pushBool(e.val("icmp ne i128 %s, 0", n))
	case 84, 85, 86, 87:
		s := integers[op-84]
		v := e.as(s)
		offset := memarg(r)
		lane := r.u8()
		n := e.val("load %s, ptr %s, align 1%s", s.elem, e.address(e.pop(), offset), tbaaMem)
		e.give(s, "insertelement %s %s, %s %s, i32 %d", s, v, s.elem, n, lane)
	default:
		s := integers[op-88]
		v := e.as(s)
		offset := memarg(r)
		n := e.val("extractelement %s %s, i32 %d", s, v, r.u8())
		e.p("  store %s %s, ptr %s, align 1%s\n", s.elem, n, e.address(e.pop(), offset), tbaaMem)
	}
}

// lanes emits the arithmetic of integers, and what lies between its opcodes.
func (e *emitter) lanes(op int) {
	switch op {
	case 103, 104, 105, 106:
		e.call1(f32x4, []string{"ceil", "floor", "trunc", "roundeven"}[op-103])
		return
	case 116, 117:
		e.call1(f64x2, []string{"ceil", "floor"}[op-116])
		return
	case 122:
		e.call1(f64x2, "trunc")
		return
	case 148:
		e.call1(f64x2, "roundeven")
		return
	case 124, 125:
		e.extadd(i8x16, []string{"sext", "zext"}[op-124])
		return
	case 126, 127:
		e.extadd(i16x8, []string{"sext", "zext"}[op-126])
		return
	case 130:
		e.q15()
		return
	case 186:
		e.dot()
		return
	case 98:
		e.call1(i8x16, "ctpop")
		return
	}
	if op >= 214 && op <= 219 {
		e.compareLanes(i64x2, "icmp "+[]string{"eq", "ne", "slt", "sgt", "sle", "sge"}[op-214])
		return
	}
	k := (op - 96) / 32
	s, at := integers[k], (op-96)%32
	switch at {
	case 0:
		a := e.as(s)
		e.give(s, "call %s @llvm.abs.%s(%s %s, i1 false)", s, s.sfx(), s, a)
	case 1:
		e.give(s, "sub %s zeroinitializer, %s", s, e.as(s))
	case 3:
		e.allTrue(s)
	case 4:
		e.bitmask(s)
	case 5, 6:
		if k > 1 {
			unsupported("opcode 0xfd %#x", op)
		}
		e.narrow(integers[k+1], at == 5)
	case 7, 8, 9, 10:
		if k == 0 {
			unsupported("opcode 0xfd %#x", op)
		}
		e.widen(integers[k-1], at-7)
	case 11, 12, 13:
		e.shiftLanes(s, []string{"shl", "ashr", "lshr"}[at-11])
	case 14:
		e.binary(s, "add")
	case 15, 16:
		e.call2(s, []string{"sadd.sat", "uadd.sat"}[at-15])
	case 17:
		e.binary(s, "sub")
	case 18, 19:
		e.call2(s, []string{"ssub.sat", "usub.sat"}[at-18])
	case 21:
		e.binary(s, "mul")
	case 22, 23, 24, 25:
		e.call2(s, []string{"smin", "umin", "smax", "umax"}[at-22])
	case 27:
		e.average(s)
	case 28, 29, 30, 31:
		e.extmul(integers[k-1], at-28)
	default:
		unsupported("opcode 0xfd %#x", op)
	}
}

// floats emits the arithmetic of floats and their conversions.
func (e *emitter) floats(op int) {
	s, at := f32x4, op-224
	if at >= 12 {
		s, at = f64x2, at-12
	}
	switch {
	case op >= 248:
		e.convertLanes(op)
	case at == 0:
		e.call1(s, "fabs")
	case at == 1:
		e.give(s, "fneg %s %s", s, e.as(s))
	case at == 3:
		e.call1(s, "sqrt")
	case at >= 4 && at <= 7:
		e.binary(s, []string{"fadd", "fsub", "fmul", "fdiv"}[at-4])
	case at == 8 || at == 9:
		e.call2(s, []string{"minimum", "maximum"}[at-8])
	case at == 10 || at == 11:
		e.pseudo(s, at == 10)
	default:
		unsupported("opcode 0xfd %#x", op)
	}
}

func (e *emitter) convertLanes(op int) {
	how := []string{"fptosi", "fptoui"}[op&1]
	back := []string{"sitofp", "uitofp"}[op&1]
	switch op {
	case 248, 249:
		e.give(i32x4, "call <4 x i32> @llvm.%s.sat.v4i32.v4f32(<4 x float> %s)", how, e.as(f32x4))
	case 250, 251:
		e.give(f32x4, "%s <4 x i32> %s to <4 x float>", back, e.as(i32x4))
	case 252, 253:
		n := e.val("call <2 x i32> @llvm.%s.sat.v2i32.v2f64(<2 x double> %s)", how, e.as(f64x2))
		e.give(i32x4, "shufflevector <2 x i32> %s, <2 x i32> zeroinitializer, <4 x i32> <i32 0, i32 1, i32 2, i32 3>", n)
	default:
		n := e.val("shufflevector <4 x i32> %s, <4 x i32> poison, <2 x i32> <i32 0, i32 1>", e.as(i32x4))
		e.give(f64x2, "%s <2 x i32> %s to <2 x double>", back, n)
	}
}

// skipVector skips the operands of an instruction that cannot be reached.
func skipVector(r *rd) {
	switch op := r.u32(); {
	case op <= 11, op == 92, op == 93:
		memarg(r)
	case op == 12, op == 13:
		r.bytes(16)
	case op >= 21 && op <= 34:
		r.u8()
	case op >= 84 && op <= 91:
		memarg(r)
		r.u8()
	case op > 255:
		unsupported("opcode 0xfd %#x", op)
	}
}

// droppedSlot is the context's word that says whether a data segment has been dropped.
func (m *wasm) droppedSlot(segment uint32) int {
	if int(segment) >= len(m.data) {
		unsupported("data segment %d", segment)
	}
	return image.ContextGlobals + 8*(m.slots+int(segment))
}

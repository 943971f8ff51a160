package compiler

import (
	"strconv"

	"walisup/helper/engine"
)

// access emits a load or a store.
func (e *emitter) access(op byte, offset uint64) {
	load := func(t byte, mem, ext string) {
		a := e.address(e.pop(), offset)
		if ext == "" {
			e.def(t, "load %s, ptr %s, align 1%s", mem, a, tbaaMem)
			return
		}
		n := e.val("load %s, ptr %s, align 1%s", mem, a, tbaaMem)
		e.def(t, "%s %s %s to %s", ext, mem, n, lt(t))
	}
	store := func(mem string) {
		v := e.pop()
		a := e.address(e.pop(), offset)
		n := v.name
		if mem != lt(v.typ) {
			n = e.val("trunc %s %s to %s", lt(v.typ), n, mem)
		}
		e.p("  store %s %s, ptr %s, align 1%s\n", mem, n, a, tbaaMem)
	}
	if op <= 0x35 {
		defer func() { e.st[len(e.st)-1].loaded = true }()
	}
	switch op {
	case 0x28:
		load(i32t, "i32", "")
	case 0x29:
		load(i64t, "i64", "")
	case 0x2a:
		load(f32t, "float", "")
	case 0x2b:
		load(f64t, "double", "")
	case 0x2c:
		load(i32t, "i8", "sext")
	case 0x2d:
		load(i32t, "i8", "zext")
	case 0x2e:
		load(i32t, "i16", "sext")
	case 0x2f:
		load(i32t, "i16", "zext")
	case 0x30:
		load(i64t, "i8", "sext")
	case 0x31:
		load(i64t, "i8", "zext")
	case 0x32:
		load(i64t, "i16", "sext")
	case 0x33:
		load(i64t, "i16", "zext")
	case 0x34:
		load(i64t, "i32", "sext")
	case 0x35:
		load(i64t, "i32", "zext")
	case 0x36:
		store("i32")
	case 0x37:
		store("i64")
	case 0x38:
		store("float")
	case 0x39:
		store("double")
	case 0x3a, 0x3c:
		store("i8")
	case 0x3b, 0x3d:
		store("i16")
	case 0x3e:
		store("i32")
	}
}

var (
	icmps = []string{"eq", "ne", "slt", "ult", "sgt", "ugt", "sle", "ule", "sge", "uge"}
	fcmps = []string{"oeq", "une", "olt", "ogt", "ole", "oge"}
	iops  = []string{"add", "sub", "mul", "sdiv", "udiv", "srem", "urem", "and", "or", "xor", "shl", "ashr", "lshr", "fshl", "fshr"}
	funs  = []string{"fabs", "fneg", "ceil", "floor", "trunc", "roundeven", "sqrt"}
	fops  = []string{"fadd", "fsub", "fmul", "fdiv", "minimum", "maximum", "copysign"}
)

func sfx(t byte) string {
	return map[byte]string{i32t: "i32", i64t: "i64", f32t: "f32", f64t: "f64"}[t]
}

// numeric emits the instructions from i32.eqz to i64.extend32_s.
func (e *emitter) numeric(op byte) {
	compare := func(t byte, i int) {
		b, a := e.pop(), e.pop()
		if t == i32t || t == i64t {
			e.pushBool(e.val("icmp %s %s %s, %s", icmps[i], lt(t), a.name, b.name))
		} else {
			e.pushBool(e.val("fcmp %s %s %s, %s", fcmps[i], lt(t), a.name, b.name))
		}
	}
	integer := func(t byte, i int) {
		if i < 3 {
			a := e.pop()
			switch i {
			case 0, 1:
				e.def(t, "call %s @llvm.%s.%s(%s %s, i1 false)", lt(t), []string{"ctlz", "cttz"}[i], lt(t), lt(t), a.name)
			case 2:
				e.def(t, "call %s @llvm.ctpop.%s(%s %s)", lt(t), lt(t), lt(t), a.name)
			}
			return
		}
		name := iops[i-3]
		b, a := e.pop(), e.pop()
		bits, min := 32, "-2147483648"
		if t == i64t {
			bits, min = 64, "-9223372036854775808"
		}
		switch name {
		case "sdiv", "udiv", "srem", "urem":
			e.require(e.val("icmp ne %s %s, 0", lt(t), b.name), engine.DivideByZero)
			if name == "sdiv" { // the overflow raises SIGFPE natively, too
				x := e.val("icmp ne %s %s, -1", lt(t), b.name)
				y := e.val("icmp ne %s %s, %s", lt(t), a.name, min)
				e.require(e.val("or i1 %s, %s", x, y), engine.IntegerOverflow)
			}
			if name == "srem" { // x % -1 is 0
				x := e.val("icmp eq %s %s, -1", lt(t), b.name)
				b.name = e.val("select i1 %s, %s 1, %s %s", x, lt(t), lt(t), b.name)
			}
		case "shl", "ashr", "lshr":
			b.name = e.val("and %s %s, %d", lt(t), b.name, bits-1)
		case "fshl", "fshr":
			e.def(t, "call %s @llvm.%s.%s(%s %s, %s %s, %s %s)", lt(t), name, lt(t), lt(t), a.name, lt(t), a.name, lt(t), b.name)
			return
		}
		e.def(t, "%s %s %s, %s", name, lt(t), a.name, b.name)
	}
	float := func(t byte, i int) {
		if i < 7 {
			a := e.pop()
			if funs[i] == "fneg" {
				e.def(t, "fneg %s %s", lt(t), a.name)
			} else {
				e.def(t, "call %s @llvm.%s.%s(%s %s)", lt(t), funs[i], sfx(t), lt(t), a.name)
			}
			return
		}
		b, a := e.pop(), e.pop()
		if name := fops[i-7]; i < 11 {
			e.def(t, "%s %s %s, %s", name, lt(t), a.name, b.name)
		} else {
			e.def(t, "call %s @llvm.%s.%s(%s %s, %s %s)", lt(t), name, sfx(t), lt(t), a.name, lt(t), b.name)
		}
	}
	conv := func(t byte, how string) {
		a := e.pop()
		e.def(t, "%s %s %s to %s", how, lt(a.typ), a.name, lt(t))
	}
	extend := func(t byte, from string) {
		a := e.pop()
		n := e.val("trunc %s %s to %s", lt(t), a.name, from)
		e.def(t, "sext %s %s to %s", from, n, lt(t))
	}
	switch {
	case op == 0x45:
		e.pushBool(e.val("icmp eq i32 %s, 0", e.pop().name))
	case op < 0x50:
		compare(i32t, int(op-0x46))
	case op == 0x50:
		e.pushBool(e.val("icmp eq i64 %s, 0", e.pop().name))
	case op < 0x5b:
		compare(i64t, int(op-0x51))
	case op < 0x61:
		compare(f32t, int(op-0x5b))
	case op < 0x67:
		compare(f64t, int(op-0x61))
	case op < 0x79:
		integer(i32t, int(op-0x67))
	case op < 0x8b:
		integer(i64t, int(op-0x79))
	case op < 0x99:
		float(f32t, int(op-0x8b))
	case op < 0xa7:
		float(f64t, int(op-0x99))
	default:
		switch op {
		case 0xa7:
			conv(i32t, "trunc")
		case 0xa8, 0xa9, 0xaa, 0xab:
			e.truncate(i32t, op&1 == 0)
		case 0xac:
			conv(i64t, "sext")
		case 0xad:
			conv(i64t, "zext")
		case 0xae, 0xaf, 0xb0, 0xb1:
			e.truncate(i64t, op&1 == 0)
		case 0xb2, 0xb4:
			conv(f32t, "sitofp")
		case 0xb3, 0xb5:
			conv(f32t, "uitofp")
		case 0xb6:
			conv(f32t, "fptrunc")
		case 0xb7, 0xb9:
			conv(f64t, "sitofp")
		case 0xb8, 0xba:
			conv(f64t, "uitofp")
		case 0xbb:
			conv(f64t, "fpext")
		case 0xbc:
			conv(i32t, "bitcast")
		case 0xbd:
			conv(i64t, "bitcast")
		case 0xbe:
			conv(f32t, "bitcast")
		case 0xbf:
			conv(f64t, "bitcast")
		case 0xc0:
			extend(i32t, "i8")
		case 0xc1:
			extend(i32t, "i16")
		case 0xc2:
			extend(i64t, "i8")
		case 0xc3:
			extend(i64t, "i16")
		case 0xc4:
			extend(i64t, "i32")
		}
	}
}

// truncate emits a trapping conversion to an integer. Bounds are exclusive, and
// exact in the type that is converted.
func (e *emitter) truncate(t byte, signed bool) {
	a := e.pop()
	var lo, hi string // as bits of a double
	switch {
	case t == i32t && signed && a.typ == f64t:
		lo, hi = "0xC1E0000000200000", "0x41E0000000000000" // -2147483649, 2147483648
	case t == i32t && signed:
		lo, hi = "0xC1E0000020000000", "0x41E0000000000000" // below -2^31 there is -2147483904
	case t == i32t:
		lo, hi = "-1.0", "0x41F0000000000000"
	case signed && a.typ == f64t:
		lo, hi = "0xC3E0000000000001", "0x43E0000000000000"
	case signed:
		lo, hi = "0xC3E0000020000000", "0x43E0000000000000"
	default:
		lo, hi = "-1.0", "0x43F0000000000000"
	}
	e.require(e.val("fcmp ord %s %s, %s", lt(a.typ), a.name, a.name), engine.InvalidConversion)
	x := e.val("fcmp ogt %s %s, %s", lt(a.typ), a.name, lo)
	y := e.val("fcmp olt %s %s, %s", lt(a.typ), a.name, hi)
	e.require(e.val("and i1 %s, %s", x, y), engine.IntegerOverflow)
	how := "fptoui"
	if signed {
		how = "fptosi"
	}
	e.def(t, "%s %s %s to %s", how, lt(a.typ), a.name, lt(t))
}

func (e *emitter) misc(r *rd) {
	switch sub := r.u32(); sub {
	case 0, 1, 2, 3, 4, 5, 6, 7:
		a := e.pop()
		t, how := byte(i32t), "fptosi"
		if sub >= 4 {
			t = i64t
		}
		if sub&1 != 0 {
			how = "fptoui"
		}
		e.def(t, "call %s @llvm.%s.sat.%s.%s(%s %s)", lt(t), how, lt(t), sfx(a.typ), lt(a.typ), a.name)
	case 8: // memory.init
		k := r.u32()
		r.u8()
		n, s, d := e.pop(), e.pop(), e.pop()
		nz := e.length(n)
		sz := e.length(s)
		dropped := e.val("load i64, %s%s", ctxPtr(e.m.droppedSlot(k)), tbaaMem)
		gone := e.val("icmp ne i64 %s, 0", dropped)
		size := e.val("select i1 %s, i64 0, i64 %d", gone, len(e.m.data[k].bytes))
		e.require(e.val("icmp ule i64 %s, %s", e.val("add i64 %s, %s", sz, nz), size), engine.OutOfBounds)
		e.within(d, nz)
		src := e.val("getelementptr i8, ptr @walisup_data%d, i64 %s", k, sz)
		e.p("  call void @llvm.memcpy.p0.p0.i64(ptr %s, ptr %s, i64 %s, i1 false)\n", e.address(d, 0), src, nz)
	case 9: // data.drop
		e.p("  store i64 1, %s%s\n", ctxPtr(e.m.droppedSlot(r.u32())), tbaaMem)
	case 10:
		r.u8()
		r.u8()
		n, s, d := e.pop(), e.pop(), e.pop()
		nz := e.length(n)
		e.within(d, nz)
		e.within(s, nz)
		e.p("  call void @llvm.memmove.p0.p0.i64(ptr %s, ptr %s, i64 %s, i1 false)%s\n", e.address(d, 0), e.address(s, 0), nz, tbaaMem)
	case 11:
		r.u8()
		n, v, d := e.pop(), e.pop(), e.pop()
		nz := e.length(n)
		e.within(d, nz)
		b := e.val("trunc i32 %s to i8", v.name)
		e.p("  call void @llvm.memset.p0.i64(ptr %s, i8 %s, i64 %s, i1 false)%s\n", e.address(d, 0), b, nz, tbaaMem)
	default:
		unsupported("opcode 0xfc %#x", sub)
	}
}

// length widens a length or place of bulk memory, which is looked at and then used: it must
// not be loaded again.
func (e *emitter) length(v value) string {
	if _, err := strconv.Atoi(v.name); err == nil {
		return e.val("zext i32 %s to i64", v.name)
	}
	return e.val("zext i32 %s to i64", e.val("call i32 asm \"\", \"=r,0\"(i32 %s)", v.name))
}

// within traps unless n bytes at an address are in the memory.
func (e *emitter) within(at value, n string) {
	z := e.val("zext i32 %s to i64", at.name)
	e.require(e.val("icmp ule i64 %s, %d", e.val("add i64 %s, %s", z, n), uint64(e.m.pages)<<16), engine.OutOfBounds)
}

// atomic emits the instructions of the threads proposal but for wait and notify,
// which are host functions in a prepared module.
func (e *emitter) atomic(r *rd) {
	sub := r.u8()
	if sub == 3 {
		r.u8()
		e.p("  fence seq_cst\n")
		return
	}
	r.u32()
	offset := uint64(r.u32())
	if sub < 0x10 || sub > 0x4e {
		unsupported("opcode 0xfe %#x", sub)
	}
	// In each group: i32, i64, i32 8, i32 16, i64 8, i64 16, i64 32.
	k := int(sub-0x10) % 7
	t := []byte{i32t, i64t, i32t, i32t, i64t, i64t, i64t}[k]
	mem := []string{"i32", "i64", "i8", "i16", "i8", "i16", "i32"}[k]
	align := []int{4, 8, 1, 2, 1, 2, 4}[k]
	address := func() string {
		v := e.pop()
		if align > 1 {
			sum := e.val("add i32 %s, %d", v.name, uint32(offset)&uint32(align-1))
			e.require(e.val("icmp eq i32 %s, 0", e.val("and i32 %s, %d", sum, align-1)), engine.UnalignedAtomic)
		}
		return e.address(v, offset)
	}
	slim := func(v value) string {
		if mem == lt(v.typ) {
			return v.name
		}
		return e.val("trunc %s %s to %s", lt(v.typ), v.name, mem)
	}
	full := func(n string) {
		if mem == lt(t) {
			e.push(t, n)
		} else {
			e.def(t, "zext %s %s to %s", mem, n, lt(t))
		}
	}
	switch group := int(sub-0x10) / 7; group {
	case 0:
		full(e.val("load atomic %s, ptr %s seq_cst, align %d%s", mem, address(), align, tbaaMem))
	case 1:
		v := slim(e.pop())
		e.p("  store atomic %s %s, ptr %s seq_cst, align %d%s\n", mem, v, address(), align, tbaaMem)
	case 8:
		n := slim(e.pop())
		x := slim(e.pop())
		p := e.val("cmpxchg ptr %s, %s %s, %s %s seq_cst seq_cst, align %d", address(), mem, x, mem, n, align)
		full(e.val("extractvalue {%s, i1} %s, 0", mem, p))
	default:
		v := slim(e.pop())
		name := []string{"add", "sub", "and", "or", "xor", "xchg"}[group-2]
		full(e.val("atomicrmw %s ptr %s, %s %s seq_cst, align %d", name, address(), mem, v, align))
	}
}

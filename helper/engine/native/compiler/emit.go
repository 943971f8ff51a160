package compiler

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"walisup/helper/engine"
	"walisup/helper/engine/native/image"
)

// farOffset is from where on an address is no displacement from the memory's base: those
// have 31 bits.
const farOffset = 0x6000_0000

// A value on the operand stack: an LLVM name or constant and a wasm type. cond is
// the i1 that it was extended from, if any.
type value struct {
	name string
	typ  byte
	cond string

	loaded bool // straight from memory
}

type incoming struct {
	block  string
	values []string
}

type control struct {
	op              byte // 2 block, 3 loop, 4 if, 5 else, opTryTable
	label           string
	elseLabel       string
	height          int
	params, results []byte
	in              []incoming
	elseParams      []value
	loopVars        []string

	catches    []catch // of a try_table
	number     int     // names its blocks
	pad        bool    // something in it leads to its landing pad
	dispatched bool    // something leads to its dispatch block
}

// catch is a clause of a try_table.
type catch struct {
	kind  byte
	tag   uint32
	label int // around the try_table
}

// Kinds of clauses: bit 0 says that it hands over a reference, too.
const (
	catchRef = 1
	catchAll = 2
)

type emitter struct {
	m     *wasm
	out   *bytes.Buffer // of the function under way
	n     int           // value numbers
	l     int           // label numbers
	cur   string        // label of the block under way
	st    []value
	ctl   []control
	head  bytes.Buffer         // allocas
	traps map[engine.Trap]bool // trap blocks that are wanted
	tries int                  // so far
	pads  bool                 // there is a landing pad
	unit  *unit
}

type unit struct {
	text    bytes.Buffer
	defined map[uint32]bool
	called  map[uint32]bool
}

func lt(t byte) string {
	switch t {
	case i32t:
		return "i32"
	case i64t, exnref, funcref, externref:
		return "i64"
	case f32t:
		return "float"
	case f64t:
		return "double"
	case v128:
		return "<16 x i8>"
	}
	unsupported("value type %#x", t)
	return ""
}

func (e *emitter) p(format string, args ...any) { fmt.Fprintf(e.out, format, args...) }
func (e *emitter) v() string                    { e.n++; return "%v" + strconv.Itoa(e.n) }
func (e *emitter) lab() string                  { e.l++; return "L" + strconv.Itoa(e.l) }

func (e *emitter) push(t byte, name string) { e.st = append(e.st, value{name: name, typ: t}) }
func (e *emitter) pop() value {
	v := e.st[len(e.st)-1]
	e.st = e.st[:len(e.st)-1]
	return v
}

// def emits "%n = <format>" and pushes %n.
func (e *emitter) def(t byte, format string, args ...any) {
	n := e.v()
	e.out.WriteString("  " + n + " = ")
	e.p(format, args...)
	e.out.WriteByte('\n')
	e.push(t, n)
}

// val emits "%n = <format>" and returns %n.
func (e *emitter) val(format string, args ...any) string {
	n := e.v()
	e.out.WriteString("  " + n + " = ")
	e.p(format, args...)
	e.out.WriteByte('\n')
	return n
}

func (e *emitter) block(label string) {
	e.p("%s:\n", label)
	e.cur = label
}

func (e *emitter) cond(v value) string {
	if v.cond != "" {
		return v.cond
	}
	return e.val("icmp ne i32 %s, 0", v.name)
}

func (e *emitter) pushBool(cond string) {
	n := e.val("zext i1 %s to i32", cond)
	e.st = append(e.st, value{name: n, typ: i32t, cond: cond})
}

// require goes on if cond is true, and traps otherwise.
func (e *emitter) require(cond string, trap engine.Trap) {
	next := e.lab()
	e.p("  br i1 %s, label %%%s, label %%%s, !prof !0\n", cond, next, e.trapBlock(trap))
	e.block(next)
}

// trapBlock is the label of the block that ends in a trap.
func (e *emitter) trapBlock(trap engine.Trap) string {
	e.traps[trap] = true
	return fmt.Sprintf("trap%d", trap)
}

// ctxPtr is a word of the context.
func ctxPtr(offset int) string {
	return fmt.Sprintf("ptr addrspace(256) inttoptr (i64 %d to ptr addrspace(256))", offset)
}

const tbaaMem = ", !tbaa !11"

func tbaaGlobal(slot int) string { return fmt.Sprintf(", !tbaa !%d", 100+2*slot) }

// address returns a pointer to the linear memory at v+offset.
func (e *emitter) address(v value, offset uint64) string {
	if c, err := strconv.ParseInt(v.name, 10, 64); err == nil {
		a := uint64(uint32(c)) + offset
		if a < farOffset {
			return fmt.Sprintf("getelementptr (i8, ptr @memory, i64 %d)", a)
		}
		return fmt.Sprintf("inttoptr (i64 %d to ptr)", image.MemoryBase+a)
	}
	z := e.val("zext i32 %s to i64", v.name)
	if offset >= farOffset {
		a := e.val("add nuw nsw i64 %s, %d", z, image.MemoryBase+offset)
		return e.val("inttoptr i64 %s to ptr", a)
	}
	g := e.val("getelementptr nuw i8, ptr @memory, i64 %s", z)
	if offset != 0 {
		g = e.val("getelementptr nuw i8, ptr %s, i64 %d", g, offset)
	}
	return g
}

// drop keeps a load that nobody looks at: it may be there to fault.
func (e *emitter) drop(v value) {
	switch {
	case !v.loaded:
	case v.typ == i32t, v.typ == i64t:
		e.p("  call void asm sideeffect \"\", \"r\"(%s %s)\n", lt(v.typ), v.name)
	default:
		e.p("  call void asm sideeffect \"\", \"x\"(%s %s)\n", lt(v.typ), v.name)
	}
}

// function emits the definition of function i.
func (e *emitter) function(i uint32) (err error) {
	defer func() { err = caught(recover(), err, fmt.Sprintf("function %d: ", i)) }()
	t := e.m.types[e.m.funcs[i]]
	b := &e.m.bodies[int(i)-len(e.m.imports)]
	e.n, e.l, e.st, e.ctl, e.traps = 0, 0, e.st[:0], e.ctl[:0], map[engine.Trap]bool{}
	e.tries, e.pads = 0, false
	e.head.Reset()
	body := bytes.Buffer{}
	e.out = &body
	types := append(append([]byte{}, t.params...), b.locals...)
	for k, typ := range types {
		fmt.Fprintf(&e.head, "  %%l%d = alloca %s\n", k, lt(typ))
		if k < len(t.params) {
			e.p("  store %s %s, ptr %%l%d\n", lt(typ), fmt.Sprintf("%%p%d", k), k)
		} else if typ != f32t && typ != f64t && typ != v128 {
			e.p("  store %s 0, ptr %%l%d\n", lt(typ), k)
		} else {
			e.p("  store %s zeroinitializer, ptr %%l%d\n", lt(typ), k)
		}
	}
	e.p("  br label %%start\n")
	e.block("start")
	e.ctl = append(e.ctl, control{op: 2, label: "exit", results: t.results})
	e.body(&rd{b: b.code}, types)
	var params []string
	for k, p := range t.params {
		params = append(params, fmt.Sprintf("%s %%p%d", lt(p), k))
	}
	u := &e.unit.text
	personality := ""
	if e.pads {
		personality = "personality ptr @walisup_personality "
	}
	fmt.Fprintf(u, "define hidden %s%s @f%d(%s) #0 %s{\nentry:\n", e.m.convention(), result(t), i, strings.Join(params, ", "), personality)
	u.Write(e.head.Bytes())
	u.Write(body.Bytes())
	for trap := engine.NoTrap; trap <= engine.NullReference; trap++ {
		if e.traps[trap] {
			fmt.Fprintf(u, "trap%d:\n  call void @walisup_trap(i32 %d) #3\n  unreachable\n", trap, trap)
		}
	}
	u.WriteString("}\n")
	e.unit.defined[i] = true
	return nil
}

// result is the type of what a function returns: a structure for several results.
func result(t funcType) string {
	switch len(t.results) {
	case 0:
		return "void"
	case 1:
		return lt(t.results[0])
	}
	if len(t.results) > maxCarried {
		unsupported("functions with more than %d results", maxCarried)
	}
	var list []string
	for _, r := range t.results {
		list = append(list, lt(r))
	}
	return "{" + strings.Join(list, ", ") + "}"
}

// ret emits the return of the topmost values.
func (e *emitter) ret(results []byte) {
	values := e.st[len(e.st)-len(results):]
	switch len(results) {
	case 0:
		e.p("  ret void\n")
	case 1:
		e.p("  ret %s %s\n", lt(results[0]), values[0].name)
	default:
		typ, whole := result(funcType{results: results}), "poison"
		for k, v := range values {
			whole = e.val("insertvalue %s %s, %s %s, %d", typ, whole, lt(v.typ), v.name, k)
		}
		e.p("  ret %s %s\n", typ, whole)
	}
}

// edge adds the edge from the block under way to a label, with the topmost values.
func (e *emitter) edge(depth int) string {
	return e.edgeWith(depth, e.st[len(e.st)-e.arity(depth):])
}

// edgeWith adds the edge with these values.
func (e *emitter) edgeWith(depth int, values []value) string {
	c := &e.ctl[len(e.ctl)-1-depth]
	if c.op == 3 {
		for k, v := range values {
			e.p("  store %s %s, ptr %s\n", lt(v.typ), v.name, c.loopVars[k])
		}
		return c.label
	}
	var names []string
	for _, v := range values {
		names = append(names, v.name)
	}
	c.in = append(c.in, incoming{e.cur, names})
	return c.label
}

// arity tells how many values a branch carries.
func (e *emitter) arity(depth int) int {
	c := &e.ctl[len(e.ctl)-1-depth]
	if c.op == 3 {
		return len(c.params)
	}
	return len(c.results)
}

func (e *emitter) blockType(r *rd) (params, results []byte) {
	c := r.b[r.p]
	if c == 0x40 {
		r.p++
		return nil, nil
	}
	if c > 0x40 && c < 0x80 {
		r.p++
		return nil, []byte{c}
	}
	t := e.m.types[uint32(r.s64())]
	return t.params, t.results
}

// join ends a control structure whose end label has been branched to, or not.
// It returns false if what follows cannot be reached.
func (e *emitter) join(c *control) bool {
	e.st = e.st[:c.height]
	if len(c.in) == 0 {
		return false
	}
	e.block(c.label)
	for k, t := range c.results {
		n := e.v()
		e.p("  %s = phi %s ", n, lt(t))
		for j, in := range c.in {
			if j > 0 {
				e.p(", ")
			}
			e.p("[ %s, %%%s ]", in.values[k], in.block)
		}
		e.p("\n")
		e.push(t, n)
	}
	return true
}

func (e *emitter) body(r *rd, locals []byte) {
	dead, nest := false, 0
	for len(e.ctl) > 0 {
		if e.out.Len() > maxText {
			unsupported("a translation of more than %d MB", maxText>>20)
		}
		op := r.u8()
		if dead {
			switch op {
			case 2, 3, 4, opTryTable:
				e.blockType(r)
				if op == opTryTable {
					clauses(r)
				}
				nest++
				continue
			case 0x0b:
				if nest > 0 {
					nest--
					continue
				}
			case 5:
				if nest > 0 {
					continue
				}
			default:
				skip(r, op)
				continue
			}
		}
		switch op {
		case 0x00:
			e.p("  br label %%%s\n", e.trapBlock(engine.Unreachable))
			dead = true
		case 0x01:
		case 0x02, 0x03, 0x04, opTryTable:
			params, results := e.blockType(r)
			if max(len(params), len(results)) > maxCarried {
				unsupported("blocks with more than %d parameters or results", maxCarried)
			}
			c := control{op: op, params: params, results: results, label: e.lab()}
			var cond string
			if op == 4 {
				cond = e.cond(e.pop())
			}
			c.height = len(e.st) - len(params)
			switch op {
			case 3:
				for k, t := range params {
					n := "%loop" + c.label + "." + strconv.Itoa(k)
					fmt.Fprintf(&e.head, "  %s = alloca %s\n", n, lt(t))
					e.p("  store %s %s, ptr %s\n", lt(t), e.st[c.height+k].name, n)
					c.loopVars = append(c.loopVars, n)
				}
				e.p("  br label %%%s\n", c.label)
				e.block(c.label)
				for k, t := range params {
					e.st[c.height+k] = value{name: e.val("load %s, ptr %s", lt(t), c.loopVars[k]), typ: t}
				}
				// Another thread or a signal handler may change what the loop waits for:
				// WebAssembly has no volatile accesses.
				e.p("  call void asm sideeffect \"\", \"~{memory}\"()\n")
			case 4:
				then := e.lab()
				c.elseLabel = e.lab()
				c.elseParams = append([]value{}, e.st[c.height:]...)
				e.p("  br i1 %s, label %%%s, label %%%s\n", cond, then, c.elseLabel)
				e.block(then)
			case opTryTable:
				c.catches = clauses(r)
				c.number = e.tries
				e.tries++
				fmt.Fprintf(&e.head, "  %%exception%d = alloca i64\n", c.number)
			}
			e.ctl = append(e.ctl, c)
		case 0x05:
			if !dead {
				e.p("  br label %%%s\n", e.edge(0))
			}
			c := &e.ctl[len(e.ctl)-1]
			c.op = 5
			e.st = append(e.st[:c.height], c.elseParams...)
			e.block(c.elseLabel)
			dead = false
		case 0x0b:
			c := &e.ctl[len(e.ctl)-1]
			if c.op == 3 { // falls out of the loop
				if dead {
					e.st = e.st[:c.height]
				}
				e.ctl = e.ctl[:len(e.ctl)-1]
				continue
			}
			if !dead {
				e.p("  br label %%%s\n", e.edge(0))
			}
			if c.op == opTryTable {
				e.handlers(c)
			}
			if c.op == 4 {
				e.st = append(e.st[:c.height], c.elseParams...)
				e.block(c.elseLabel)
				e.p("  br label %%%s\n", e.edge(0))
			}
			dead = !e.join(c)
			e.ctl = e.ctl[:len(e.ctl)-1]
			if len(e.ctl) == 0 && !dead {
				e.ret(c.results)
			}
		case 0x0c:
			e.p("  br label %%%s\n", e.edge(int(r.u32())))
			dead = true
		case 0x0d:
			cond := e.cond(e.pop())
			to := e.edge(int(r.u32()))
			next := e.lab()
			e.p("  br i1 %s, label %%%s, label %%%s\n", cond, to, next)
			e.block(next)
		case 0x0e:
			v := e.pop()
			n := int(r.u32())
			depths := make([]int, n+1)
			for k := range depths {
				depths[k] = int(r.u32())
			}
			// A block in between for each target, since phis want one edge each.
			through := map[int]string{}
			seen := map[int]bool{}
			target := func(d int) string {
				if e.arity(d) == 0 {
					if !seen[d] {
						seen[d] = true
						return e.edge(d)
					}
					return e.ctl[len(e.ctl)-1-d].label
				}
				if through[d] == "" {
					through[d] = e.lab()
				}
				return through[d]
			}
			// As for an indirect call: the index of a jump table.
			v.name = e.val("call i32 asm \"\", \"=r,0\"(i32 %s)", v.name)
			e.p("  switch i32 %s, label %%%s [", v.name, target(depths[n]))
			for k, d := range depths[:n] {
				e.p(" i32 %d, label %%%s", k, target(d))
			}
			e.p(" ]\n")
			for _, d := range depths {
				label := through[d]
				if label == "" {
					continue
				}
				delete(through, d)
				e.block(label)
				e.p("  br label %%%s\n", e.edge(d))
			}
			dead = true
		case 0x0f:
			e.p("  br label %%%s\n", e.edge(len(e.ctl)-1))
			dead = true
		case 0x08:
			e.throw(r.u32())
			dead = true
		case 0x0a:
			v := e.pop()
			e.require(e.val("icmp ne i64 %s, 0", v.name), engine.NullReference)
			e.raise(v.name)
			dead = true
		case 0x10:
			e.call(r.u32())
		case 0x11:
			t := r.u32()
			r.u32()
			e.indirect(t, "")
		case 0x12, 0x13: // in the place of this function
			if op == 0x12 {
				f := r.u32()
				e.unit.called[f] = true
				e.emitCall(e.m.types[e.m.funcs[f]], fmt.Sprintf("@f%d", f), tailCall)
			} else {
				t := r.u32()
				r.u32()
				e.indirect(t, tailCall)
			}
			dead = true
		case 0x1a:
			e.drop(e.pop())
		case 0x1b, 0x1c:
			if op == 0x1c {
				r.bytes(int(r.u32()))
			}
			c, b, a := e.pop(), e.pop(), e.pop()
			e.def(a.typ, "select i1 %s, %s %s, %s %s", e.cond(c), lt(a.typ), a.name, lt(a.typ), b.name)
		case 0x20:
			k := r.u32()
			e.def(locals[k], "load %s, ptr %%l%d", lt(locals[k]), k)
		case 0x21:
			k := r.u32()
			v := e.pop()
			e.p("  store %s %s, ptr %%l%d\n", lt(v.typ), v.name, k)
		case 0x22:
			k := r.u32()
			v := e.st[len(e.st)-1]
			e.p("  store %s %s, ptr %%l%d\n", lt(v.typ), v.name, k)
		case 0x23:
			g := e.m.globals[r.u32()]
			if !g.mutable {
				e.push(g.typ, constant(g.typ, g.init))
				break
			}
			e.def(g.typ, "load %s, %s%s", lt(g.typ), ctxPtr(image.ContextGlobals+8*g.slot), tbaaGlobal(g.slot))
		case 0x24:
			k := r.u32()
			g := e.m.globals[k]
			v := e.pop()
			p := ctxPtr(image.ContextGlobals + 8*g.slot)
			if int(k) != e.m.sp {
				e.p("  store %s %s, %s%s\n", lt(v.typ), v.name, p, tbaaGlobal(g.slot))
				break
			}
			// A signal handler's frames lie below the stack pointer. It must be where
			// the module has set it before and after each use of a frame, also in
			// functions without calls. The fences are none of the processor's.
			e.p("  fence syncscope(\"singlethread\") seq_cst\n  store volatile i32 %s, %s\n  fence syncscope(\"singlethread\") seq_cst\n", v.name, p)
		case 0xd0:
			e.push(r.u8(), "0")
		case 0xd1:
			e.pushBool(e.val("icmp eq i64 %s, 0", e.pop().name))
		case 0xd2: // as its number and one
			e.push(funcref, strconv.FormatUint(uint64(r.u32())+1, 10))
		case 0x3f:
			r.u8()
			e.push(i32t, strconv.Itoa(int(e.m.pages)))
		case 0x40: // the memory has its full size from the beginning
			r.u8()
			v := e.pop()
			c := e.val("icmp eq i32 %s, 0", v.name)
			e.def(i32t, "select i1 %s, i32 %d, i32 -1", c, e.m.pages)
		case 0x41:
			e.push(i32t, strconv.Itoa(int(int32(r.s64()))))
		case 0x42:
			e.push(i64t, strconv.FormatInt(r.s64(), 10))
		case 0x43:
			e.push(f32t, constant(f32t, uint64(le32(r.bytes(4)))))
		case 0x44:
			b := r.bytes(8)
			e.push(f64t, constant(f64t, uint64(le32(b))|uint64(le32(b[4:]))<<32))
		case 0xfc:
			e.misc(r)
		case 0xfd:
			e.vector(r)
		case 0xfe:
			e.atomic(r)
		default:
			if op >= 0x28 && op <= 0x3e {
				r.u32()
				e.access(op, uint64(r.u32()))
			} else if op >= 0x45 && op <= 0xc4 {
				e.numeric(op)
			} else {
				unsupported("opcode %#x", op)
			}
		}
	}
}

func le32(b []byte) uint32 {
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
}

func constant(t byte, bits uint64) string {
	switch t {
	case i32t:
		return strconv.Itoa(int(int32(bits)))
	case i64t:
		return strconv.FormatInt(int64(bits), 10)
	case f32t:
		return fmt.Sprintf("bitcast (i32 %d to float)", int32(bits))
	}
	return fmt.Sprintf("bitcast (i64 %d to double)", int64(bits))
}

// skip skips the operands of an instruction that cannot be reached.
func skip(r *rd, op byte) {
	switch {
	case op == 0x08, op == 0x0c, op == 0x0d, op == 0x10, op == 0x12, op >= 0x20 && op <= 0x26, op == 0xd2:
		r.u32()
	case op == 0x0e:
		for n := r.u32() + 1; n > 0; n-- {
			r.u32()
		}
	case op == 0x11, op == 0x13:
		r.u32()
		r.u32()
	case op == 0x1c:
		r.bytes(int(r.u32()))
	case op >= 0x28 && op <= 0x3e:
		r.u32()
		r.u32()
	case op == 0x3f, op == 0x40, op == 0xd0:
		r.u8()
	case op == 0x41, op == 0x42:
		r.s64()
	case op == 0x43:
		r.bytes(4)
	case op == 0x44:
		r.bytes(8)
	case op == 0xfc:
		switch sub := r.u32(); sub {
		case 8, 10, 12, 14:
			r.u32()
			r.u32()
		case 9, 11, 13, 15, 16, 17:
			r.u32()
		}
	case op == 0xfd:
		skipVector(r)
	case op == 0xfe:
		if r.u8() == 3 {
			r.u8()
		} else {
			r.u32()
			r.u32()
		}
	case op == 0x00, op == 0x01, op == 0x0a, op == 0x0f, op == 0xd1, op == 0x1a, op == 0x1b, op >= 0x45 && op <= 0xc4:
	default:
		unsupported("opcode %#x", op)
	}
}

func (e *emitter) args(t funcType) string {
	n := len(t.params)
	var s []string
	for _, v := range e.st[len(e.st)-n:] {
		s = append(s, lt(v.typ)+" "+v.name)
	}
	e.st = e.st[:len(e.st)-n]
	return strings.Join(s, ", ")
}

// tailCall is how a call is marked that takes the place of its function.
const tailCall = "musttail "

// noException marks calls that no exception comes from: those of host functions.
const noException = "host "

// emitCall emits a call, plain or marked. Exceptions lead to the try_table around it.
func (e *emitter) emitCall(t funcType, callee, mark string) {
	a := e.args(t)
	typ := e.m.convention() + result(t)
	pad, next := "", ""
	if mark == "" {
		pad = e.landingPad()
	} else if mark == noException {
		mark = ""
	}
	if pad != "" {
		next = e.lab()
		mark, pad = "invoke ", fmt.Sprintf(" to label %%%s unwind label %%%s", next, pad)
	} else {
		mark += "call "
	}
	n := ""
	if len(t.results) == 0 {
		e.p("  %s%s %s(%s)%s\n", mark, typ, callee, a, pad)
	} else {
		n = e.val("%s%s %s(%s)%s", mark, typ, callee, a, pad)
	}
	switch {
	case mark == tailCall+"call " && n == "":
		e.p("  ret void\n")
		return
	case mark == tailCall+"call ":
		e.p("  ret %s %s\n", result(t), n)
		return
	case next != "":
		e.block(next)
	}
	if len(t.results) == 1 {
		e.push(t.results[0], n)
		return
	}
	for k, r := range t.results {
		e.def(r, "extractvalue %s %s, %d", result(t), n, k)
	}
}

func (e *emitter) call(f uint32) {
	t := e.m.types[e.m.funcs[f]]
	if e.m.twice(f) {
		// Straight to assembly, which records its caller's registers.
		var second = "0"
		if len(t.params) == 2 {
			second = e.pop().name
		}
		buf := e.pop().name
		e.def(i32t, "call i32 @walisup_setjmp(i32 %s, i32 %s, i32 %d) #1", buf, second, f)
		return
	}
	e.unit.called[f] = true
	mark := ""
	if int(f) < len(e.m.imports) {
		mark = noException
	}
	e.emitCall(t, fmt.Sprintf("@f%d", f), mark)
}

// indirect emits a call through table 0, plain or marked: words of type and code address.
func (e *emitter) indirect(typ uint32, mark string) {
	// The index is looked at twice. It must be one value even if it comes from memory
	// that another thread changes, so the compiler must not load it again.
	i := e.val("call i32 asm \"\", \"=r,0\"(i32 %s)", e.pop().name)
	e.require(e.val("icmp ult i32 %s, %d", i, len(e.m.table)), engine.UndefinedElement)
	z := e.val("zext i32 %s to i64", i)
	entry := e.val("getelementptr inbounds {i32, i32}, ptr @walisup_table, i64 %s", z)
	t := e.val("load i32, ptr %s, align 8, !invariant.load !1", entry)
	right, wrong := e.lab(), e.lab()
	e.p("  br i1 %s, label %%%s, label %%%s, !prof !0\n", e.val("icmp eq i32 %s, %d", t, e.m.canonical(typ)), right, wrong)
	e.block(wrong)
	null := e.val("icmp eq i32 %s, -1", t)
	e.p("  br i1 %s, label %%%s, label %%%s\n", null, e.trapBlock(engine.UndefinedElement), e.trapBlock(engine.SignatureMismatch))
	e.block(right)
	ca := e.val("getelementptr inbounds i8, ptr %s, i64 4", entry)
	c := e.val("load i32, ptr %s, align 4, !invariant.load !1", ca)
	cz := e.val("zext i32 %s to i64", c)
	cp := e.val("inttoptr i64 %s to ptr", cz)
	e.emitCall(e.m.types[typ], cp, mark)
}

// canonical is the first index of the same type.
func (m *wasm) canonical(t uint32) uint32 { return m.first[t] }

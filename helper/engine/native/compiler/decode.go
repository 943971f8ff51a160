package compiler

import (
	"encoding/binary"
	"strings"

	"walisup/helper/engine/native/image"
	"walisup/helper/module"
)

// Value types of the binary format.
const (
	i32t = 0x7f
	i64t = 0x7e
	f32t = 0x7d
	f64t = 0x7c
	v128 = 0x7b

	funcref   = 0x70
	externref = 0x6f
	exnref    = 0x69
)

// opTryTable is an instruction.
const opTryTable = 0x1f

type funcType struct{ params, results []byte }

type importFunc struct {
	module, name string
	typ          uint32
}

type global struct {
	typ     byte
	mutable bool
	init    uint64 // constant expressions of one constant only
	slot    int    // in the context, for mutable ones
}

type body struct {
	locals []byte
	code   []byte
}

type segment struct{ bytes []byte }

// wasm is a decoded module. The decoder trusts its input: package module has checked it, and
// a validator has, too.
type wasm struct {
	types    []funcType
	first    []uint32 // by type: the index of the first that is the same
	imports  []importFunc
	funcs    []uint32 // type by function index, imports first
	bodies   []body
	globals  []global
	exports  map[string]uint32 // functions
	gexports map[string]uint32 // globals
	tags     []uint32          // types
	tails    bool              // there are tail calls
	table    []int64           // function index, -1 for null
	slots    int               // mutable globals
	data     []segment
	pages    uint32
	sp       int // global with the shadow stack pointer, or -1
}

type rd struct {
	b []byte
	p int
}

func (r *rd) u8() byte { r.p++; return r.b[r.p-1] }
func (r *rd) u32() uint32 {
	v, n := binary.Uvarint(r.b[r.p:])
	r.p += n
	return uint32(v)
}
func (r *rd) s64() int64 {
	var v int64
	var shift uint
	for {
		c := r.u8()
		v |= int64(c&0x7f) << shift
		shift += 7
		if c < 0x80 {
			if shift < 64 && c&0x40 != 0 {
				v |= -1 << shift
			}
			return v
		}
	}
}
func (r *rd) bytes(n int) []byte { r.p += n; return r.b[r.p-n : r.p] }
func (r *rd) name() string       { return string(r.bytes(int(r.u32()))) }

func (r *rd) limits() (min uint32) {
	flags := r.u8()
	min = r.u32()
	if flags&1 != 0 {
		r.u32()
	}
	return min
}

// constant reads a constant expression.
func (r *rd) constant(m *wasm) (v uint64) {
	for {
		switch op := r.u8(); op {
		case 0x41:
			v = uint64(uint32(r.s64()))
		case 0x42:
			v = uint64(r.s64())
		case 0x43:
			v = uint64(binary.LittleEndian.Uint32(r.bytes(4)))
		case 0x44:
			v = binary.LittleEndian.Uint64(r.bytes(8))
		case 0x23:
			v = m.globals[r.u32()].init
		case 0xd2:
			v = uint64(r.u32())
		case 0xd0:
			r.u8()
			v = ^uint64(0)
		case 0x0b:
			return v
		default:
			unsupported("constant expression with opcode %#x", op)
		}
	}
}

// maxTable is how large a table is at most.
const maxTable = 1_000_000

func decode(b []byte) (m *wasm, err error) {
	defer func() { err = caught(recover(), err, "") }()
	m = &wasm{exports: map[string]uint32{}, gexports: map[string]uint32{}}
	r := &rd{b: b, p: 8}
	var elements []func()
	seen := map[string]uint32{}
	for r.p < len(b) {
		id, n := r.u8(), int(r.u32())
		s := &rd{b: b[:r.p+n], p: r.p}
		r.p += n
		switch id {
		case 1:
			for n := s.u32(); n > 0; n-- {
				if s.u8() != 0x60 {
					unsupported("a type that is no function")
				}
				var t funcType
				t.params = s.bytes(int(s.u32()))
				t.results = s.bytes(int(s.u32()))
				same := string(t.params) + "/" + string(t.results)
				if _, ok := seen[same]; !ok {
					seen[same] = uint32(len(m.types))
				}
				m.first = append(m.first, seen[same])
				m.types = append(m.types, t)
			}
		case 2:
			for n := s.u32(); n > 0; n-- {
				mod, name := s.name(), s.name()
				switch k := s.u8(); k {
				case 0:
					t := s.u32()
					m.imports = append(m.imports, importFunc{mod, name, t})
					m.funcs = append(m.funcs, t)
				case 2:
					m.pages = s.limits()
				default:
					unsupported("an import that is neither function nor memory")
				}
			}
		case 3:
			for n := s.u32(); n > 0; n-- {
				m.funcs = append(m.funcs, s.u32())
			}
		case 4:
			for n, i := s.u32(), 0; n > 0; n, i = n-1, i+1 {
				s.u8()
				min := s.limits()
				if i == 0 {
					if min > maxTable {
						unsupported("tables of more than %d entries", maxTable)
					}
					m.table = make([]int64, min)
					for i := range m.table {
						m.table[i] = -1
					}
				}
			}
		case 13:
			for n := s.u32(); n > 0; n-- {
				s.u8()
				m.tags = append(m.tags, s.u32())
			}
		case 6:
			for n := s.u32(); n > 0; n-- {
				g := global{typ: s.u8(), mutable: s.u8() == 1}
				g.init = s.constant(m)
				if g.typ == v128 {
					unsupported("globals of type v128")
				}
				if g.mutable {
					g.slot = m.slots
					m.slots++
				}
				m.globals = append(m.globals, g)
			}
		case 7:
			for n := s.u32(); n > 0; n-- {
				name := s.name()
				switch k, i := s.u8(), s.u32(); k {
				case 0:
					m.exports[name] = i
				case 3:
					m.gexports[name] = i
				}

			}
		case 9:
			for n := s.u32(); n > 0; n-- {
				flags := s.u32()
				if flags == 3 { // declarative
					s.u8()
					for k := s.u32(); k > 0; k-- {
						s.u32()
					}
					continue
				}
				if flags != 0 {
					unsupported("an element segment of another kind")
				}
				at := uint32(s.constant(m))
				for k := s.u32(); k > 0; k-- {
					f := s.u32()
					i := at
					elements = append(elements, func() { m.table[i] = int64(f) })
					at++
				}
			}
		case 10:
			for n := s.u32(); n > 0; n-- {
				size := int(s.u32())
				f := &rd{b: b[:s.p+size], p: s.p}
				s.p += size
				var bd body
				for k := f.u32(); k > 0; k-- {
					c := f.u32()
					t := f.u8()
					for ; c > 0; c-- {
						bd.locals = append(bd.locals, t)
					}
				}
				bd.code = f.b[f.p:]
				m.bodies = append(m.bodies, bd)
			}
		case 11:
			for n := s.u32(); n > 0; n-- {
				if s.u32() != 1 {
					unsupported("an active data segment")
				}
				m.data = append(m.data, segment{s.bytes(int(s.u32()))})
			}
		}
	}
	for _, f := range elements {
		f()
	}
	m.checkTwice()
	m.checkTails()
	if m.slots+len(m.data) > image.MaxGlobals {
		unsupported("more than %d globals and data segments", image.MaxGlobals)
	}
	m.sp = -1
	if i, ok := m.gexports[module.ExportStackPointer]; ok {
		m.sp = int(i)
	}
	return m, nil
}

// twice says how an import is called that returns twice.
func (m *wasm) twice(f uint32) bool {
	return int(f) < len(m.imports) && m.imports[f].module == module.Namespace &&
		(m.imports[f].name == "setjmp" || m.imports[f].name == "sigsetjmp")
}

// checkTwice refuses modules that reach such an import in another way than by a call: only
// the compiler that knows of it keeps what the second return needs.
func (m *wasm) checkTwice() {
	for i, imp := range m.imports {
		if t := m.types[imp.typ]; m.twice(uint32(i)) && (len(t.params) < 1 || len(t.params) > 2 || string(t.results) != "\x7f" ||
			strings.Trim(string(t.params), "\x7f") != "") {
			unsupported("%s of another type", imp.name)
		}
	}
	for _, f := range m.table {
		if f >= 0 && m.twice(uint32(f)) {
			unsupported("a function pointer to setjmp")
		}
	}
	for _, f := range m.exports {
		if m.twice(f) {
			unsupported("an exported setjmp")
		}
	}
}

// checkTails finds out whether there are tail calls, which need another calling convention, and
// refuses modules with what does not go together with that.
func (m *wasm) checkTails() {
	for _, b := range m.bodies {
		if m.tails = tailCalls(b.code); m.tails {
			break
		}
	}
	if !m.tails {
		return
	}
	for i := range m.imports {
		// A tail call puts another function's frame in the place of one that setjmp has seen,
		// with the same address to return to: a jump could not tell.
		if m.twice(uint32(i)) {
			unsupported("tail calls together with setjmp")
		}
	}
	for _, t := range m.types {
		if len(t.results) > 2 {
			unsupported("tail calls together with functions with more than two results")
		}
		// The callee removes arguments from the stack, and a landing pad would not know of it.
		if len(m.tags) > 0 && !inRegisters(t.params) {
			unsupported("tail calls together with exceptions and functions with many parameters")
		}
	}
}

// inRegisters says whether arguments need no memory.
func inRegisters(params []byte) bool {
	integers, others := 0, 0
	for _, p := range params {
		if t := lt(p); t == "i32" || t == "i64" {
			integers++
		} else {
			others++
		}
	}
	return integers <= 6 && others <= 8
}

// tailCalls says whether there are tail calls in a function.
func tailCalls(code []byte) bool {
	r := &rd{b: code}
	for r.p < len(code) {
		switch op := r.u8(); op {
		case 0x12, 0x13:
			return true
		case 2, 3, 4, opTryTable:
			r.s64() // a block's type; those of values are negative numbers
			if op == opTryTable {
				clauses(r)
			}
		case 5, 0x0b:
		default:
			skip(r, op)
		}
	}
	return false
}

// convention is the calling convention of the module's functions.
func (m *wasm) convention() string {
	if m.tails {
		return "tailcc "
	}
	return ""
}

package compiler

import (
	"fmt"
)

// Exceptions cost nothing until one is thrown. A call within a try_table is an invoke whose
// landing pad belongs to that. What LLVM writes into the image about them, in the form of the
// Itanium C++ ABI, becomes the tables of package image, and the helper follows the frames.
//
// An exception is one word: the tag's number and one in the upper half, what it carries in the
// lower. So a reference to an exception is a number as well, null is 0, and whoever forges
// one throws an exception. Tags that carry more are not supported.

// clauses reads the clauses of a try_table.
func clauses(r *rd) (list []catch) {
	for n := r.u32(); n > 0; n-- {
		c := catch{kind: r.u8()}
		if c.kind&catchAll == 0 {
			c.tag = r.u32()
		}
		c.label = int(r.u32())
		list = append(list, c)
	}
	return list
}

// landingPad is the label of the landing pad of the innermost try_table around the code under
// way, or "".
func (e *emitter) landingPad() string {
	for k := len(e.ctl) - 1; k >= 0; k-- {
		if c := &e.ctl[k]; c.op == opTryTable {
			c.pad, e.pads = true, true
			return fmt.Sprintf("pad%d", c.number)
		}
	}
	return ""
}

// carried is the type of what exceptions with a tag carry, 0 for nothing.
func (m *wasm) carried(tag uint32) byte {
	params := m.types[m.tags[tag]].params
	switch {
	case len(params) == 0:
		return 0
	case len(params) == 1 && (params[0] == i32t || params[0] == f32t):
		return params[0]
	}
	unsupported("exceptions that carry more than 32 bits")
	return 0
}

// throw emits throw.
func (e *emitter) throw(tag uint32) {
	word := uint64(tag+1) << 32
	typ := e.m.carried(tag)
	if typ == 0 {
		e.raise(fmt.Sprint(word))
		return
	}
	bits := e.pop().name
	if typ == f32t {
		bits = e.val("bitcast float %s to i32", bits)
	}
	e.raise(e.val("or i64 %s, %d", e.val("zext i32 %s to i64", bits), word))
}

// raise emits the throwing of a word.
func (e *emitter) raise(word string) {
	if pad := e.landingPad(); pad != "" {
		next := e.lab()
		e.p("  invoke void @walisup_throw(i64 %s) #5 to label %%%s unwind label %%%s\n", word, next, pad)
		e.block(next)
	} else {
		e.p("  call void @walisup_throw(i64 %s) #5\n", word)
	}
	e.p("  unreachable\n")
}

// handlers emits the landing pad of a try_table, which is the innermost block under way, and
// what looks for the clause.
func (e *emitter) handlers(c *control) {
	before := e.st
	defer func() { e.st = before }()
	if c.pad {
		e.block(fmt.Sprintf("pad%d", c.number))
		pad := e.val("landingpad {ptr, i32} catch ptr null")
		word := e.val("ptrtoint ptr %s to i64", e.val("extractvalue {ptr, i32} %s, 0", pad))
		e.p("  store i64 %s, ptr %%exception%d\n  br label %%dispatch%d\n", word, c.number, c.number)
		c.dispatched = true
	}
	if !c.dispatched {
		return
	}
	e.block(fmt.Sprintf("dispatch%d", c.number))
	word := e.val("load i64, ptr %%exception%d", c.number)
	var tag string
	for _, clause := range c.catches {
		var values []value
		next := ""
		if clause.kind&catchAll == 0 {
			if tag == "" {
				tag = e.val("lshr i64 %s, 32", word)
			}
			this := e.lab()
			next = e.lab()
			e.p("  br i1 %s, label %%%s, label %%%s\n", e.val("icmp eq i64 %s, %d", tag, clause.tag+1), this, next)
			e.block(this)
			if typ := e.m.carried(clause.tag); typ != 0 {
				v := value{name: e.val("trunc i64 %s to i32", word), typ: typ}
				if typ == f32t {
					v.name = e.val("bitcast i32 %s to float", v.name)
				}
				values = append(values, v)
			}
		}
		if clause.kind&catchRef != 0 {
			values = append(values, value{name: word, typ: exnref})
		}
		e.p("  br label %%%s\n", e.edgeWith(clause.label+1, values))
		if next == "" {
			return
		}
		e.block(next)
	}
	for k := len(e.ctl) - 2; k >= 0; k-- {
		if outer := &e.ctl[k]; outer.op == opTryTable {
			outer.dispatched = true
			e.p("  store i64 %s, ptr %%exception%d\n  br label %%dispatch%d\n", word, outer.number, outer.number)
			return
		}
	}
	e.p("  call void @walisup_throw(i64 %s) #5\n  unreachable\n", word)
}

package module

// instruction is what the scanner found at one position. Which fields are set depends on op; operands that nobody asks
// for are skipped without a look at their value.
type instruction struct {
	start, end int
	op         byte
	sub        uint32 // code after a prefix
	index      uint32 // function of a call or ref.func, type of an indirect call, table or segment of the others
	table      uint32 // of an indirect call, table.init and table.copy (its destination)
	offset     uint32 // of an atomic memory access
}

// scanner finds the instructions of one function body.
type scanner struct {
	r  reader
	in instruction
}

// next reads one instruction into in. It returns false at the end of the body and after a failure.
func (s *scanner) next() bool {
	r := &s.r
	if r.pos >= r.end {
		return false
	}
	s.in.start = r.pos
	op := r.b[r.pos]
	r.pos++
	s.in.op = op
	switch operandsOf[op] {
	case operandsNone:
	case operandsIndex, operandsI32:
		r.skipNumber(5)
	case operandsMemory:
		r.skipNumber(5)
		r.skipNumber(5)
	case operandsI64:
		r.skipNumber(10)
	case operandsF32:
		r.bytes(4)
	case operandsF64:
		r.bytes(8)
	case operandsCall, operandsRefFunc, operandsTable:
		s.in.index = r.u32()
	case operandsBlock:
		s.blockType()
	case operandsBrTable:
		for n := r.count("labels", 1, r.left()); n > 0 && r.err == nil; n-- {
			r.skipNumber(5)
		}
		r.skipNumber(5)
	case operandsCallIndirect:
		s.in.index = r.u32()
		s.in.table = r.u32()
	case operandsZero:
		s.zero()
	case operandsSelect:
		for n := r.count("select types", 1, 1); n > 0 && r.err == nil; n-- {
			r.valueType()
		}
	case operandsRefNull:
		if t := r.u8(); t != FuncRef && t != ExternRef && t != ExnRef {
			r.failAt(s.in.start, "ref.null of heap type %#x is not supported", t)
		}
	case operandsTryTable:
		s.tryTable()
	case operandsMisc:
		s.misc()
	case operandsVector:
		s.vector()
	case operandsAtomic:
		s.atomic()
	case operandsLegacyTry:
		r.failAt(s.in.start, "legacy exception handling (opcode %#x) is not supported: "+
			"compile with -mllvm -wasm-use-legacy-eh=false", op)
	case operandsFuncRefs:
		r.failAt(s.in.start, "typed function references (opcode %#x) are not supported", op)
	case operandsGC:
		r.failAt(s.in.start, "garbage-collected types (opcode %#x) are not supported", op)
	default:
		r.failAt(s.in.start, "unknown opcode %#x", op)
	}
	s.in.end = r.pos
	return r.err == nil
}

// zero reads a memory index, which must be 0 in one byte.
func (s *scanner) zero() {
	if at := s.r.pos; s.r.u8() != 0 {
		s.r.failAt(at, "memory index other than 0")
	}
}

// blockType reads a block type: nothing, a value type, or the index of a function type.
func (s *scanner) blockType() {
	r := &s.r
	if r.pos < r.end {
		switch c := r.b[r.pos]; {
		case c == blockEmpty:
			r.pos++
			return
		case c > blockEmpty && c < 0x80: // a negative number: a value type
			r.valueType()
			return
		}
	}
	at := r.pos
	v, n := sleb(r.b[r.pos:r.end], 33)
	r.advance(n)
	if v < 0 {
		r.failAt(at, "invalid block type")
	}
}

func (s *scanner) tryTable() {
	r := &s.r
	s.blockType()
	for n := r.count("catch clauses", 2, r.left()); n > 0 && r.err == nil; n-- {
		switch kind := r.u8(); kind {
		case 0, 1: // catch, catch_ref
			r.u32()
			r.u32()
		case 2, 3: // catch_all, catch_all_ref
			r.u32()
		default:
			r.failf("invalid catch clause %#x", kind)
		}
	}
}

func (s *scanner) misc() {
	r := &s.r
	s.in.sub = r.u32()
	switch {
	case s.in.sub < miscMemoryInit: // saturating truncation
	case s.in.sub == miscMemoryInit:
		s.in.index = r.u32()
		s.zero()
	case s.in.sub == miscDataDrop, s.in.sub == miscElemDrop:
		s.in.index = r.u32()
	case s.in.sub == miscMemoryCopy:
		s.zero()
		s.zero()
	case s.in.sub == miscMemoryFill:
		s.zero()
	case s.in.sub == miscTableInit:
		s.in.index = r.u32()
		s.in.table = r.u32()
	case s.in.sub == miscTableCopy:
		s.in.table = r.u32()
		r.u32()
	case s.in.sub <= miscTableFill:
		s.in.index = r.u32()
	default:
		r.failAt(s.in.start, "unknown opcode 0xfc %#x", s.in.sub)
	}
}

func (s *scanner) vector() {
	r := &s.r
	sub := r.u32()
	s.in.sub = sub
	// wazero reads one byte of the code and takes the second, which is 1 in the only encoding allowed here, for a
	// nop; another length would mean another instruction to it.
	wide := 1
	if sub >= 0x80 {
		wide = 2
	}
	if r.err == nil && (sub > 0xff || r.pos != s.in.start+1+wide) {
		r.failAt(s.in.start, "unknown opcode 0xfd %#x", sub)
		return
	}
	switch {
	case sub <= 0x0b, sub == 0x5c, sub == 0x5d: // loads and stores
		r.u32()
		r.u32()
	case sub == vectorConst, sub == 0x0d: // v128.const, i8x16.shuffle
		r.bytes(16)
	case sub >= 0x15 && sub <= 0x22: // lanes
		r.u8()
	case sub >= 0x54 && sub <= 0x5b: // loads and stores of lanes
		r.u32()
		r.u32()
		r.u8()
	}
}

func (s *scanner) atomic() {
	r := &s.r
	sub := uint32(r.u8())
	s.in.sub = sub
	switch {
	case sub == atomicFence:
		s.zero()
	case sub < atomicFence, sub >= atomicFirst && sub <= atomicLast:
		r.u32()
		s.in.offset = r.u32()
	default:
		r.failAt(s.in.start, "unknown opcode 0xfe %#x", sub)
	}
}

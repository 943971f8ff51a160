package module

// nullPage is the size in bytes of the page at address 0 that can be left unmapped.
const nullPage = 4096

// lowestUse finds out whether the first page of memory is only the end of a downward stack. LLVM's linker with
// --stack-first puts the stack at [0, S), S being the initial stack pointer, and all data above it, with zeroed data
// last; without --stack-first the data comes first and S is above it. So data that begins at or above S proves that
// the stack comes first.
func (s *source) lowestUse() uint32 {
	index, ok := s.registerGlobal("__stack_pointer", 0)
	if !ok || s.globals[index].init.kind != I32 {
		return 0
	}
	stack := s.globals[index].init.value
	lowest, ok := s.lowestData()
	if !ok || stack <= PageSize || lowest < stack {
		return 0
	}
	return nullPage
}

// lowestData returns the lowest address of the data that the linker placed; false if there is none or a place
// is not known. Passive segments are those that the start function (__wasm_init_memory) places by constants; others
// are templates of thread-local storage, which the program copies to memory that it allocated.
func (s *source) lowestData() (lowest uint32, ok bool) {
	lowest = 1<<32 - 1
	for _, d := range s.data {
		if d.active && d.init.end > d.init.start {
			lowest, ok = min(lowest, d.offset.value), true
		}
	}
	first := int64(len(s.imports))
	if s.start < first {
		return lowest, ok && s.start < 0
	}
	body := s.code.bodies[s.start-first]
	sc := scanner{r: reader{b: s.b, pos: body.locals.end, end: body.end, section: "code"}}
	// The last three instructions, if they were constants: destination, source or value, length.
	constants := [3]int64{-1, -1, -1}
	for sc.next() {
		in := &sc.in
		switch {
		case in.op == opI32Const:
			constants = [3]int64{constants[1], constants[2], int64(uint32(in.constant))}
			continue
		case in.op == opMiscPrefix && (in.sub == miscMemoryInit || in.sub == miscMemoryFill):
			if constants[0] < 0 || constants[1] < 0 || constants[2] < 0 {
				return 0, false
			}
			if constants[2] > 0 {
				lowest, ok = min(lowest, uint32(constants[0])), true
			}
		}
		constants = [3]int64{-1, -1, -1}
	}
	return lowest, ok
}

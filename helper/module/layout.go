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
	// The operand stack as far as it holds constants: destination, source or value, length. The linker also stores
	// a constant in the TLS base between them.
	var stack []uint32
	for sc.next() {
		in := &sc.in
		switch {
		case in.op == opI32Const:
			value, _ := sleb(s.b[in.start+1:in.end], 32)
			stack = append(stack, uint32(value))
		case in.op == opGlobalSet && len(stack) > 0:
			stack = stack[:len(stack)-1]
		case in.op == opMiscPrefix && (in.sub == miscMemoryInit || in.sub == miscMemoryFill):
			n := len(stack)
			if n < 3 {
				return 0, false
			}
			if stack[n-1] > 0 {
				lowest, ok = min(lowest, stack[n-3]), true
			}
			stack = stack[:n-3]
		default:
			stack = stack[:0]
		}
	}
	return lowest, ok
}

package module

import "math/bits"

// adapter makes calls through function pointers of the wrong type work where the table is static.
//
// The class table, bytes above the module's own memory, tells the class of the function at each table index, which
// stands for its structural type. A call site compares the class with that of the type it expects. They are equal
// nearly always, and then the call is made as before. Otherwise a function for the expected type widens the arguments
// to 64 bits each and passes them to the dispatcher, which has a case for each class: it narrows the arguments to
// what the function takes and calls it by its true type. So the added code grows with the number of types, not with
// that of pairs of types.
//
// What a wrong call means is what registers would mostly do natively: surplus arguments are dropped, missing ones
// are 0, a missing result is 0, i64 to i32 wraps. i32 to i64 sign-extends: a C int that becomes a long keeps its
// value, and a pointer, which is i32 here but as wide as a long natively, keeps special values such as (void *)-1
// (real ones lie below 2 GiB). A parameter or result that is an integer on one side and floating-point on the
// other, or float and double, travels in different registers or with another meaning natively too: such calls go to
// ImportMismatch, as do those that involve vectors, references, several results, or functions of more than
// maxDispatched parameters. A variadic function that is called as if it were not (or the reverse) cannot be told from
// its type, since its last parameter is a pointer to the arguments.
type adapter struct {
	w          *rewriter
	entries    []tableEntry
	classTypes []uint32          // type index by class-1
	classOf    map[uint32]uint32 // class by type index
	siteTypes  []uint32
	calls      []callPlan // by type index
	mask       uint32
	wide       bool // 16-bit classes

	dispatched int // parameters of the dispatcher that are arguments
	dispatcher uint32
}

// callPlan says how a call of some type is made.
type callPlan struct {
	form  callForm
	class uint32
	slow  uint32 // function index
}

type callForm uint8

const (
	callUnused callForm = iota
	callPlain           // all functions in the table have this type
	callChecked
	callSlow // no function in the table has this type
)

const maxDispatched = 20

// planAdapter decides whether calls are adapted and which types they have.
func (w *rewriter) planAdapter() {
	s, m := w.source, w.module
	entries, static := s.staticTable()
	m.StaticTable = static
	if !static || w.options.PlainTables {
		return
	}
	types, classOf := s.classes(entries)
	if len(types) == 0 || len(types) > maxClasses {
		return
	}
	a := &adapter{w: w, entries: entries, classTypes: types, classOf: classOf, wide: len(types) > 255}
	size := uint64(1) << bits.Len64(uint64(len(entries)-1))
	a.mask = uint32(size - 1)
	bytes := size
	if a.wide {
		bytes *= 2
	}
	pages := (bytes + PageSize - 1) / PageSize
	if uint64(m.MaxPages)+pages > maxMemoryPages {
		return
	}
	a.planCalls()
	if len(a.siteTypes) > maxSiteTypes || len(s.code.sites) > maxCheckSites {
		return
	}
	m.Adapted = true
	m.MemoryPages = m.MaxPages + uint32(pages)
	m.ClassAddress = uint64(m.MaxPages) * PageSize
	m.ClassTable = a.classTable()
	m.siteTypes, m.classTypes = a.siteTypes, a.classTypes
	w.adapter = a
}

func (a *adapter) planCalls() {
	s := a.w.source
	exported := []uint32{
		a.w.typeIndex(signature("i", "")),
		a.w.typeIndex(signature("ii", "")),
		a.w.typeIndex(signature("iii", "")),
	}
	a.calls = make([]callPlan, len(s.types)+len(a.w.types))
	for _, site := range s.code.sites {
		if site.kind == siteCallIndirect || site.kind == siteReturnCallIndirect {
			a.planCall(s.structural[site.value])
		}
	}
	for _, t := range exported {
		a.planCall(t)
	}
	// Sites may name a type by another index than that of its class.
	for i, first := range s.structural {
		a.calls[i] = a.calls[first]
	}
}

func (a *adapter) planCall(t uint32) {
	c := &a.calls[t]
	if c.form != callUnused {
		return
	}
	class, ok := a.classOf[t]
	c.class = class
	switch {
	case !ok:
		c.form = callSlow
	case len(a.classTypes) == 1:
		c.form = callPlain
	default:
		c.form = callChecked
	}
	a.siteTypes = append(a.siteTypes, t)
}

func (a *adapter) classTable() []byte {
	s := a.w.source
	width := 1
	if a.wide {
		width = 2
	}
	b := make([]byte, len(a.entries)*width)
	for i, f := range a.entries {
		if f == nullEntry {
			continue
		}
		class := a.classOf[s.structural[s.functionType(f)]]
		b[i*width] = byte(class)
		if a.wide {
			b[i*width+1] = byte(class >> 8)
		}
	}
	return b
}

// needsLocal says whether one of the sites of a function needs a local of its own.
func (a *adapter) needsLocal(sites []site) bool {
	for _, s := range sites {
		if (s.kind == siteCallIndirect || s.kind == siteReturnCallIndirect) && a.calls[s.value].form == callChecked {
			return true
		}
	}
	return false
}

// appendCall appends a call through table 0, see rewriter.appendCallIndirect.
func (a *adapter) appendCall(b []byte, kind uint32, tail bool, local uint32) []byte {
	plan := a.calls[kind]
	direct := byte(opCall)
	if tail {
		direct = opReturnCall
	}
	switch plan.form {
	case callSlow:
		b = append(b, direct)
		return appendU32(b, plan.slow)
	case callChecked:
	default:
		return appendPlainCall(b, kind, tail)
	}
	b = append(b, opLocalTee)
	b = appendU32(b, local)
	b = append(b, opI32Const)
	b = appendS64(b, int64(int32(a.mask)))
	b = append(b, opI32And)
	b = a.appendLoadClass(b)
	b = append(b, opI32Const)
	b = appendS64(b, int64(plan.class))
	b = append(b, opI32Ne, opIf)
	b = appendS64(b, int64(kind))
	b = append(b, opLocalGet)
	b = appendU32(b, local)
	b = append(b, direct)
	b = appendU32(b, plan.slow)
	b = append(b, opElse, opLocalGet)
	b = appendU32(b, local)
	b = appendPlainCall(b, kind, tail)
	b = append(b, opEnd)
	if tail {
		// What follows was validated as unreachable and may not fit the block's results.
		b = append(b, opUnreachable)
	}
	return b
}

// appendLoadClass appends the load of the class of the index on the stack, which must be at most mask.
func (a *adapter) appendLoadClass(b []byte) []byte {
	if a.wide {
		b = append(b, opI32Const, 1, opI32Shl, opI32Load16U, 1)
	} else {
		b = append(b, opI32Load8U, 0)
	}
	return appendU32(b, uint32(a.w.module.ClassAddress))
}

// generate adds the dispatcher and the functions for calls of the wrong type.
func (a *adapter) generate() {
	a.generateDispatcher()
	for _, t := range a.siteTypes {
		if a.calls[t].form == callPlain {
			continue
		}
		slow := a.w.add(function{
			name: SupportModule + ".adapt " + a.w.typeAt(t).String(),
			kind: a.w.typeIndex(a.slowType(t)),
			body: a.slowBody(t),
		})
		a.calls[t].slow = slow
	}
	for i, first := range a.w.source.structural {
		a.calls[i].slow = a.calls[first].slow
	}
}

// slowType is a type with the table index as a further parameter.
func (a *adapter) slowType(t uint32) FunctionType {
	f := a.w.typeAt(t)
	return FunctionType{Params: append(append([]byte(nil), f.Params...), I32), Results: f.Results}
}

func (a *adapter) slowBody(t uint32) []byte {
	f := a.w.typeAt(t)
	index := uint32(len(f.Params))
	b := []byte{0} // no locals
	mask, ok := a.siteMask(f)
	if !ok || a.dispatcher == 0 {
		b = a.appendMismatch(b, func(b []byte) []byte {
			b = append(b, opI32Const)
			return appendS64(b, int64(t))
		}, index)
		return append(b, opEnd)
	}
	for p := range a.dispatched {
		if p < len(f.Params) {
			b = append(b, opLocalGet)
			b = appendU32(b, uint32(p))
			b = appendWiden(b, f.Params[p])
		} else {
			b = append(b, opI64Const, 0)
		}
	}
	b = append(b, opLocalGet)
	b = appendU32(b, index)
	b = append(b, opI64Const)
	b = appendS64(b, int64(mask))
	b = append(b, opI32Const)
	b = appendS64(b, int64(t))
	b = append(b, opCall)
	b = appendU32(b, a.dispatcher)
	if len(f.Results) == 0 {
		b = append(b, opDrop)
	} else {
		b = appendNarrow(b, f.Results[0])
	}
	return append(b, opEnd)
}

func (a *adapter) appendMismatch(b []byte, appendType func([]byte) []byte, index uint32) []byte {
	b = appendType(b)
	b = append(b, opLocalGet)
	b = appendU32(b, index)
	b = append(b, opCall)
	b = appendU32(b, a.w.mismatch)
	return append(b, opUnreachable)
}

// generateDispatcher adds the function that takes widened arguments, the table index, the mask of the expected type
// and its index, and calls the function by its true type.
func (a *adapter) generateDispatcher() {
	var cases []uint32 // type indexes
	labels := make([]int, len(a.classTypes)+1)
	for i := range labels {
		labels[i] = -1
	}
	for i, t := range a.classTypes {
		f := a.w.typeAt(t)
		if _, ok := classMask(f); !ok {
			continue
		}
		labels[i+1] = len(cases)
		cases = append(cases, t)
		a.dispatched = max(a.dispatched, len(f.Params))
	}
	if len(cases) == 0 {
		return
	}
	n := len(cases)
	index := uint32(a.dispatched)
	mask, expected := index+1, index+2
	b := []byte{0} // no locals
	for range n + 1 {
		b = append(b, opBlock, blockEmpty)
	}
	b = append(b, opLocalGet)
	b = appendU32(b, index)
	b = append(b, opI32Const)
	b = appendS64(b, int64(len(a.entries)))
	b = append(b, opI32GeU, opBrIf)
	b = appendU32(b, uint32(n))
	b = append(b, opLocalGet)
	b = appendU32(b, index)
	b = a.appendLoadClass(b)
	b = append(b, opBrTable)
	b = appendU32(b, uint32(len(labels)))
	for _, l := range labels {
		if l < 0 {
			l = n
		}
		b = appendU32(b, uint32(l))
	}
	b = appendU32(b, uint32(n))
	for i, t := range cases {
		b = append(b, opEnd)
		f := a.w.typeAt(t)
		forbidden, _ := classMask(f)
		if forbidden != 0 {
			b = append(b, opLocalGet)
			b = appendU32(b, mask)
			b = append(b, opI64Const)
			b = appendS64(b, int64(forbidden))
			b = append(b, opI64And, opI64Const, 0, opI64Ne, opBrIf)
			b = appendU32(b, uint32(n-1-i))
		}
		for p, kind := range f.Params {
			b = append(b, opLocalGet)
			b = appendU32(b, uint32(p))
			b = appendNarrow(b, kind)
		}
		b = append(b, opLocalGet)
		b = appendU32(b, index)
		b = appendPlainCall(b, t, false)
		if len(f.Results) == 0 {
			b = append(b, opI64Const, 0)
		} else {
			b = appendWiden(b, f.Results[0])
		}
		b = append(b, opReturn)
	}
	b = append(b, opEnd)
	b = a.appendMismatch(b, func(b []byte) []byte {
		b = append(b, opLocalGet)
		return appendU32(b, expected)
	}, index)
	b = append(b, opEnd)

	kind := FunctionType{Results: []byte{I64}}
	for range a.dispatched {
		kind.Params = append(kind.Params, I64)
	}
	kind.Params = append(kind.Params, I32, I64, I32)
	a.dispatcher = a.w.add(function{name: SupportModule + ".dispatch", kind: a.w.typeIndex(kind), body: b})
}

// A mask has three bits for each of the first maxDispatched parameters, then three for the result: integer, float,
// double. In the mask of a type that a site expects, the bit of what it passes or wants is set. In the mask of a
// function's type, the bits of what it cannot take or give are set. The call can be adapted if they have no bit
// in common.
const (
	maskResult = 3 * maxDispatched
	maskAll    = 0b111
)

// maskBit returns the bit of a value type and whether it has one.
func maskBit(kind byte) (uint64, bool) {
	switch kind {
	case I32, I64:
		return 0b001, true
	case F32:
		return 0b010, true
	case F64:
		return 0b100, true
	}
	return 0, false
}

// siteMask returns what a site of that type passes and wants; false if it cannot be adapted at all.
func (a *adapter) siteMask(f FunctionType) (uint64, bool) { return siteMask(f, a.dispatched) }

func siteMask(f FunctionType, dispatched int) (uint64, bool) {
	var mask uint64
	for p, kind := range f.Params[:min(len(f.Params), dispatched)] {
		bit, ok := maskBit(kind)
		if !ok {
			return 0, false
		}
		mask |= bit << (3 * p)
	}
	if len(f.Results) > 1 {
		return 0, false
	}
	for _, kind := range f.Results {
		bit, ok := maskBit(kind)
		if !ok {
			return 0, false
		}
		mask |= bit << maskResult
	}
	return mask, true
}

// classMask returns what a function of that type cannot take or give; false if it cannot be adapted at all.
func classMask(f FunctionType) (uint64, bool) {
	if len(f.Params) > maxDispatched || len(f.Results) > 1 {
		return 0, false
	}
	var mask uint64
	for p, kind := range f.Params {
		bit, ok := maskBit(kind)
		if !ok {
			return 0, false
		}
		mask |= (maskAll &^ bit) << (3 * p)
	}
	for _, kind := range f.Results {
		bit, ok := maskBit(kind)
		if !ok {
			return 0, false
		}
		mask |= (maskAll &^ bit) << maskResult
	}
	return mask, true
}

// appendWiden converts the value on the stack to i64.
func appendWiden(b []byte, kind byte) []byte {
	switch kind {
	case I32:
		return append(b, opI64ExtendI32S)
	case F32:
		return append(b, opI32ReinterpretF32, opI64ExtendI32U)
	case F64:
		return append(b, opI64ReinterpretF64)
	}
	return b
}

// appendNarrow converts the i64 on the stack back.
func appendNarrow(b []byte, kind byte) []byte {
	switch kind {
	case I32:
		return append(b, opI32WrapI64)
	case F32:
		return append(b, opI32WrapI64, opF32ReinterpretI32)
	case F64:
		return append(b, opF64ReinterpretI64)
	}
	return b
}

// Adaptation is a pair of function types of which calls are adapted.
type Adaptation struct {
	// Expected is the type that a call names and Actual that of the function called.
	Expected, Actual FunctionType
}

// Adaptations lists the pairs of different types that adapted calls may meet: types that calls through table 0 name
// (those of the exports ExportCall1 to ExportCall3 among them) and types of the functions in the table. Which pairs a
// program really uses is known only when it runs.
func (m *Module) Adaptations() []Adaptation {
	if !m.Adapted {
		return nil
	}
	types := m.types()
	at := func(t uint32) (FunctionType, bool) {
		if int64(t) >= int64(len(types)) {
			return FunctionType{}, false
		}
		return types[t], true
	}
	dispatched := 0
	for _, t := range m.classTypes {
		if f, ok := at(t); ok {
			if _, can := classMask(f); can {
				dispatched = max(dispatched, len(f.Params))
			}
		}
	}
	var all []Adaptation
	for _, expected := range m.siteTypes {
		e, ok := at(expected)
		if !ok {
			continue
		}
		passed, ok := siteMask(e, dispatched)
		for _, actual := range m.classTypes {
			f, known := at(actual)
			if !ok || !known || actual == expected {
				continue
			}
			if refused, can := classMask(f); can && refused&passed == 0 {
				all = append(all, Adaptation{Expected: e, Actual: f})
			}
		}
	}
	return all
}

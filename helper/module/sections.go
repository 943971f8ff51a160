package module

import "slices"

// Section identifiers, in the order of the core specification; the tag section comes from exception handling.
const (
	sectionCustom    = 0
	sectionType      = 1
	sectionImport    = 2
	sectionFunction  = 3
	sectionTable     = 4
	sectionMemory    = 5
	sectionGlobal    = 6
	sectionExport    = 7
	sectionStart     = 8
	sectionElement   = 9
	sectionCode      = 10
	sectionData      = 11
	sectionDataCount = 12
	sectionTag       = 13
	sectionCounts    = 14
)

var sectionNames = [sectionCounts]string{"custom", "type", "import", "function", "table", "memory", "global", "export",
	"start", "element", "code", "data", "data count", "tag"}

// sectionRank is the position of each section in a module.
var sectionRank = [sectionCounts]int{
	sectionType: 1, sectionImport: 2, sectionFunction: 3, sectionTable: 4, sectionMemory: 5, sectionTag: 6,
	sectionGlobal: 7, sectionExport: 8, sectionStart: 9, sectionElement: 10, sectionDataCount: 11,
	sectionCode: 12, sectionData: 13,
}

// Kinds of imports and exports.
const (
	kindFunction = 0
	kindTable    = 1
	kindMemory   = 2
	kindGlobal   = 3
	kindTag      = 4
)

var kindNames = [...]string{"function", "table", "memory", "global", "tag"}

// span is a range of the file.
type span struct{ start, end int }

func (s span) of(b []byte) []byte { return b[s.start:s.end] }

// customSection is one custom section: its whole content, name included, and where what follows the name begins.
type customSection struct {
	name    string
	content span
	body    int
}

// source is a module as read.
type source struct {
	b        []byte
	sections [sectionCounts]span // content; present says whether there is one
	present  [sectionCounts]bool
	custom   []customSection

	types      []FunctionType
	typeSpan   span     // the entries, without their count
	structural []uint32 // by type index: the smallest index of an equal type

	foreign       bool     // imports may be from any namespace
	imports       []Import // functions, in index order
	importTypes   []uint32 // their type indexes
	importSpan    []span   // their entries
	functionTypes []uint32 // type indexes of the functions defined
	functionSpan  span     // entries of the function section

	memory     limits
	memoryName string // "module.field" if it is imported

	tables     []table
	globals    []global
	globalEdit []edit
	exports    []export
	start      int64 // function index, -1 if there is none

	elements    []element
	elementEdit []edit

	dataCount int64 // of the data count section, -1 if there is none
	data      []dataSegment

	code code
}

type limits struct {
	min, max uint32
	hasMax   bool
	shared   bool
	defined  bool

	at      int // of a memory: where it stands
	section string
}

type table struct {
	kind byte
	limits
}

type global struct {
	kind     byte
	mutable  bool
	init     constant
	exported bool
}

type export struct {
	name  string
	kind  byte
	index uint32
	entry span
}

type element struct {
	active    bool
	table     uint32
	offset    constant
	functions []tableEntry
	// unknown says that an entry is no plain function or null.
	unknown bool
}

// tableEntry is a function index, or nullEntry.
type tableEntry = uint32

const nullEntry = ^tableEntry(0)

type dataSegment struct {
	active bool
	offset constant
	init   span
}

// constant is a constant expression's value, as far as it concerns us.
type constant struct {
	kind  byte // I32 if value is known, 0 otherwise
	value uint32
	entry tableEntry // for ref.func and ref.null, if isRef
	isRef bool
}

// parse reads a module. Without foreign it may import from Namespace alone.
func parse(b []byte, foreign bool) (*source, error) {
	if err := Check(b, int64(len(b))); err != nil {
		return nil, err
	}
	s := &source{b: b, start: -1, dataCount: -1, foreign: foreign}
	if err := s.split(); err != nil {
		return nil, err
	}
	// The order matters: later sections refer to earlier ones.
	for _, p := range []struct {
		id    int
		parse func(*reader)
	}{
		{sectionType, s.parseTypes},
		{sectionImport, s.parseImports},
		{sectionFunction, s.parseFunctions},
		{sectionTable, s.parseTables},
		{sectionMemory, s.parseMemory},
		{sectionTag, s.parseTags},
		{sectionGlobal, s.parseGlobals},
		{sectionExport, s.parseExports},
		{sectionStart, s.parseStart},
		{sectionElement, s.parseElements},
		{sectionDataCount, s.parseDataCount},
		{sectionData, s.parseData},
		{sectionCode, s.parseCode},
	} {
		if !s.present[p.id] {
			continue
		}
		r := s.reader(p.id)
		p.parse(r)
		if r.err == nil && r.pos != r.end {
			r.failf("%d bytes too many", r.left())
		}
		if r.err != nil {
			return nil, r.err
		}
	}
	if n := len(s.functionTypes); n != len(s.code.bodies) {
		return nil, errorf("code", s.sections[sectionCode].start, "%d functions declared but %d bodies present", n,
			len(s.code.bodies))
	}
	return s, nil
}

func (s *source) reader(id int) *reader {
	return &reader{b: s.b, pos: s.sections[id].start, end: s.sections[id].end, section: sectionNames[id]}
}

// split finds the sections and checks their order.
func (s *source) split() error {
	rank := 0
	for pos := headerLength; pos < len(s.b); {
		id := int(s.b[pos])
		if id >= sectionCounts {
			return errorf("", pos, "unknown section %d", id)
		}
		name := sectionNames[id]
		size, n := uleb32(s.b[pos+1:])
		if n < 0 {
			return errorf(name, pos, "invalid section size")
		}
		start := pos + 1 + n
		if n == 0 || uint64(size) > uint64(len(s.b)-start) {
			return errorf(name, pos, "truncated: the file ends inside this section, which announces %d bytes", size)
		}
		content := span{start, start + int(size)}
		if id == sectionCustom {
			r := &reader{b: s.b, pos: content.start, end: content.end, section: name}
			c := customSection{name: r.name(), content: content, body: r.pos}
			if r.err != nil {
				return r.err
			}
			s.custom = append(s.custom, c)
		} else {
			if sectionRank[id] <= rank {
				return errorf(name, pos, "section out of order or repeated")
			}
			rank = sectionRank[id]
			s.sections[id], s.present[id] = content, true
		}
		pos = content.end
	}
	return nil
}

func (s *source) parseTypes(r *reader) {
	n := r.count("types", 3, maxTypes)
	s.typeSpan = span{r.pos, r.end}
	s.types = make([]FunctionType, 0, n)
	s.structural = make([]uint32, 0, n)
	known := make(map[string]uint32, n)
	for i := 0; i < n && r.err == nil; i++ {
		if at, form := r.pos, r.u8(); form != 0x60 {
			r.failAt(at, "type %d: form %#x is not a function type", i, form)
			return
		}
		t := FunctionType{Params: r.valueTypes(maxParameters), Results: r.valueTypes(maxResults)}
		key := t.key()
		first, ok := known[key]
		if !ok {
			first = uint32(i)
			known[key] = first
		}
		s.types = append(s.types, t)
		s.structural = append(s.structural, first)
	}
}

// parseTags checks the tag section, which is copied as it is: the engine makes room for as many tags as it announces.
func (s *source) parseTags(r *reader) {
	for n := r.count("tags", 2, maxTags); n > 0 && r.err == nil; n-- {
		if at, attribute := r.pos, r.u8(); attribute != 0 {
			r.failAt(at, "tag attribute %#x is not that of an exception", attribute)
			return
		}
		s.typeIndex(r)
	}
}

func (s *source) typeIndex(r *reader) uint32 {
	at := r.pos
	t := r.u32()
	if r.err == nil && uint64(t) >= uint64(len(s.types)) {
		r.failAt(at, "type index %d is out of range, there are %d types", t, len(s.types))
		return 0
	}
	return t
}

func (s *source) parseImports(r *reader) {
	n := r.count("imports", 4, maxFunctions)
	seen := make(map[string]uint32, n) // structural types
	for i := 0; i < n && r.err == nil; i++ {
		at := r.pos
		module, field := r.name(), r.name()
		kind := r.u8()
		if r.err != nil {
			return
		}
		if kind == kindMemory {
			// Whose memory it was meant to be does not matter: the helper provides it.
			if s.memory.defined {
				r.failAt(at, "more than one memory")
				return
			}
			s.memory = r.memoryLimits()
			s.memoryName = module + "." + field
			continue
		}
		if module != Namespace && (!s.foreign || module == SupportModule || module == MemoryModule) {
			r.failAt(at, "import %s.%s: unknown namespace %q, only %q is provided", module, field, module, Namespace)
			return
		}
		if kind != kindFunction {
			what := "unknown kind"
			if int(kind) < len(kindNames) {
				what = kindNames[kind]
			}
			r.failAt(at, "import %s.%s: %s imports are not supported, only functions", module, field, what)
			return
		}
		t := s.typeIndex(r)
		if r.err != nil {
			return
		}
		name := module + "." + field
		if first, ok := seen[name]; ok && first != s.structural[t] {
			r.failAt(at, "import %s.%s appears with types %s and %s", module, field, s.types[first], s.types[t])
			return
		}
		seen[name] = s.structural[t]
		s.imports = append(s.imports, Import{Module: module, Name: field, Type: s.types[t]})
		s.importTypes = append(s.importTypes, t)
		s.importSpan = append(s.importSpan, span{at, r.pos})
	}
}

func (s *source) parseFunctions(r *reader) {
	n := r.count("functions", 1, maxFunctions)
	s.functionSpan = span{r.pos, r.end}
	s.functionTypes = make([]uint32, 0, n)
	for i := 0; i < n && r.err == nil; i++ {
		s.functionTypes = append(s.functionTypes, s.typeIndex(r))
	}
}

// functionIndex reads the index of a function that exists.
func (s *source) functionIndex(r *reader) uint32 {
	at := r.pos
	f := r.u32()
	if r.err == nil && f >= s.functionCount() {
		r.failAt(at, "function index %d is out of range, there are %d functions", f, s.functionCount())
		return 0
	}
	return f
}

func (s *source) functionCount() uint32 { return uint32(len(s.imports) + len(s.functionTypes)) }

// functionType returns the type index of a function that exists.
func (s *source) functionType(f uint32) uint32 {
	if int(f) < len(s.importTypes) {
		return s.importTypes[f]
	}
	return s.functionTypes[int(f)-len(s.importTypes)]
}

// limits reads the limits of a table or a memory.
func (r *reader) limits() limits {
	at := r.pos
	l := limits{defined: true}
	flags := r.u8()
	if flags&4 != 0 {
		r.failAt(at, "64-bit addresses are not supported")
	} else if flags > 3 {
		r.failAt(at, "invalid limits %#x", flags)
	}
	l.min = r.u32()
	if flags&1 != 0 {
		l.max, l.hasMax = r.u32(), true
	}
	l.shared = flags&2 != 0
	if r.err == nil && l.hasMax && l.min > l.max {
		r.failAt(at, "minimum %d is over the maximum %d", l.min, l.max)
	}
	return l
}

// memoryLimits reads a memory's type and checks that the helper can provide it.
func (r *reader) memoryLimits() limits {
	at := r.pos
	l := r.limits()
	l.at, l.section = at, r.section
	switch {
	case r.err != nil:
	case l.hasMax && l.max > maxMemoryPages:
		r.failAt(at, "memory maximum of %d pages is over %d pages (4 GiB)", l.max, maxMemoryPages)
	}
	return l
}

func (s *source) parseTables(r *reader) {
	n := r.count("tables", 3, maxGlobals)
	for i := 0; i < n && r.err == nil; i++ {
		at := r.pos
		if r.left() > 0 && r.b[r.pos] == 0x40 {
			r.failf("table %d: initializer expressions are not supported", i)
			return
		}
		kind := r.valueType()
		t := table{kind: kind, limits: r.limits()}
		switch {
		case r.err != nil:
		case kind != FuncRef && kind != ExternRef && kind != ExnRef:
			r.failAt(at, "table %d: %s is no reference type", i, typeName(kind))
		case t.shared:
			r.failAt(at, "table %d: shared tables are not supported", i)
		case t.min > maxTableSize:
			r.failAt(at, "table %d: %d entries are over the limit of %d", i, t.min, maxTableSize)
		}
		s.tables = append(s.tables, t)
	}
}

func (s *source) parseMemory(r *reader) {
	n := r.count("memories", 2, maxGlobals)
	if n > 1 || n == 1 && s.memory.defined {
		r.failf("more than one memory")
		return
	}
	if n == 1 {
		s.memory = r.memoryLimits()
	}
}

func (s *source) parseGlobals(r *reader) {
	n := r.count("globals", 4, maxGlobals)
	for i := 0; i < n && r.err == nil; i++ {
		g := global{kind: r.valueType()}
		at := r.pos
		mutable := r.u8()
		if mutable > 1 {
			r.failAt(at, "global %d: invalid mutability %#x", i, mutable)
		}
		g.mutable = mutable == 1
		g.init, s.globalEdit = s.constant(r, s.globalEdit)
		s.globals = append(s.globals, g)
	}
}

// constant reads a constant expression and collects the function indexes in it.
func (s *source) constant(r *reader, edits []edit) (constant, []edit) {
	var stack []constant
	push := func(c constant) { stack = append(stack, c) }
	for r.err == nil {
		at := r.pos
		op := r.u8()
		if r.err != nil {
			break
		}
		switch op {
		case opI32Const:
			push(constant{kind: I32, value: uint32(r.s32())})
		case opI64Const:
			r.s64()
			push(constant{})
		case opF32Const:
			r.bytes(4)
			push(constant{})
		case opF64Const:
			r.bytes(8)
			push(constant{})
		case opVectorPrefix:
			if sub := r.u8(); sub != vectorConst {
				r.failAt(at, "invalid constant expression")
			}
			r.bytes(16)
			push(constant{})
		case opRefNull:
			if t := r.u8(); t != FuncRef && t != ExternRef && t != ExnRef {
				r.failAt(at, "ref.null of heap type %#x is not supported", t)
			}
			push(constant{isRef: true, entry: nullEntry})
		case opRefFunc:
			pos := r.pos
			f := s.functionIndex(r)
			edits = append(edits, edit{uint32(pos), uint32(r.pos), f})
			push(constant{isRef: true, entry: f})
		case opGlobalGet:
			r.failAt(at, "a constant expression reads a global, which is not supported (position-independent code?)")
		case opI32Add, opI32Sub, opI32Mul, opI64Add, opI64Sub, opI64Mul:
			n := len(stack)
			if n < 2 {
				r.failAt(at, "constant expression lacks an operand")
				break
			}
			result := stack[n-2]
			result.fold(op, stack[n-1])
			stack = append(stack[:n-2], result)
		case opEnd:
			if len(stack) != 1 {
				r.failAt(at, "constant expression leaves %d values", len(stack))
				return constant{}, edits
			}
			return stack[0], edits
		default:
			r.failAt(at, "invalid constant expression (opcode %#x)", op)
		}
	}
	return constant{}, edits
}

// fold applies a binary operation; only that of known i32 values has a known result.
func (c *constant) fold(op byte, right constant) {
	if c.kind != I32 || right.kind != I32 {
		*c = constant{}
		return
	}
	switch op {
	case opI32Add:
		c.value += right.value
	case opI32Sub:
		c.value -= right.value
	case opI32Mul:
		c.value *= right.value
	default:
		*c = constant{}
	}
}

func (s *source) parseExports(r *reader) {
	n := r.count("exports", 3, maxFunctions)
	seen := make(map[string]bool, n)
	for i := 0; i < n && r.err == nil; i++ {
		e := export{entry: span{start: r.pos}}
		e.name = r.name()
		e.kind = r.u8()
		at := r.pos
		e.index = r.u32()
		e.entry.end = r.pos
		if r.err != nil {
			return
		}
		if seen[e.name] {
			r.failAt(e.entry.start, "export %q appears twice", e.name)
		}
		seen[e.name] = true
		var limit int
		switch e.kind {
		case kindFunction:
			limit = int(s.functionCount())
		case kindTable:
			limit = len(s.tables)
		case kindMemory:
			if s.memory.defined {
				limit = 1
			}
		case kindGlobal:
			limit = len(s.globals)
		case kindTag:
			limit = maxGlobals // the engine's to check
		default:
			r.failAt(at-1, "export %q: invalid kind %#x", e.name, e.kind)
		}
		if int64(e.index) >= int64(limit) {
			r.failAt(at, "export %q: index %d is out of range", e.name, e.index)
		}
		s.exports = append(s.exports, e)
	}
}

// exported returns the export of that name, nil if there is none.
func (s *source) exported(name string) *export {
	i := slices.IndexFunc(s.exports, func(e export) bool { return e.name == name })
	if i < 0 {
		return nil
	}
	return &s.exports[i]
}

func (s *source) parseStart(r *reader) {
	at := r.pos
	f := s.functionIndex(r)
	if r.err != nil {
		return
	}
	if t := s.types[s.functionType(f)]; len(t.Params)+len(t.Results) > 0 {
		r.failAt(at, "the start function has type %s instead of () -> ()", t)
		return
	}
	s.start = int64(f)
}

func (s *source) parseElements(r *reader) {
	n := r.count("element segments", 2, maxFunctions)
	for i := 0; i < n && r.err == nil; i++ {
		s.elements = append(s.elements, s.element(r, i))
	}
}

// element reads one segment. Its flags: 1 not active, 2 explicit table (or declarative), 4 expressions.
func (s *source) element(r *reader, i int) element {
	at := r.pos
	flags := r.u32()
	if flags > 7 {
		r.failAt(at, "element segment %d: invalid flags %#x", i, flags)
		return element{}
	}
	e := element{active: flags&1 == 0}
	if e.active {
		if flags&2 != 0 {
			at = r.pos
			e.table = r.u32()
		}
		if r.err == nil && int64(e.table) >= int64(len(s.tables)) {
			r.failAt(at, "element segment %d: table %d does not exist", i, e.table)
		}
		e.offset, _ = s.constant(r, nil)
	}
	if flags&3 != 0 {
		at = r.pos
		if flags&4 == 0 {
			if kind := r.u8(); kind != 0 {
				r.failAt(at, "element segment %d: invalid kind %#x", i, kind)
			}
		} else {
			r.valueType()
		}
	}
	n := r.count("table entries", 1, maxTableSize)
	e.functions = make([]tableEntry, 0, n)
	for j := 0; j < n && r.err == nil; j++ {
		if flags&4 == 0 {
			pos := r.pos
			f := s.functionIndex(r)
			s.elementEdit = append(s.elementEdit, edit{uint32(pos), uint32(r.pos), f})
			e.functions = append(e.functions, f)
			continue
		}
		var c constant
		c, s.elementEdit = s.constant(r, s.elementEdit)
		if !c.isRef {
			e.unknown = true
			c.entry = nullEntry
		}
		e.functions = append(e.functions, c.entry)
	}
	return e
}

func (s *source) parseDataCount(r *reader) {
	s.dataCount = int64(r.u32())
}

func (s *source) parseData(r *reader) {
	n := r.count("data segments", 2, maxFunctions)
	for i := 0; i < n && r.err == nil; i++ {
		at := r.pos
		var d dataSegment
		switch flags := r.u32(); flags {
		case 0:
			d.active = true
		case 1:
		case 2:
			d.active = true
			if index := r.u32(); index != 0 {
				r.failAt(at, "data segment %d: memory %d does not exist", i, index)
			}
		default:
			r.failAt(at, "data segment %d: invalid flags %#x", i, flags)
		}
		if d.active {
			d.offset, _ = s.constant(r, nil)
			if r.err == nil && d.offset.kind != I32 {
				r.failAt(at, "data segment %d: its place is no i32 constant", i)
			}
		}
		size := r.u32()
		d.init.start = r.pos
		r.bytes(size)
		d.init.end = r.pos
		if r.err == nil && d.active {
			end := uint64(d.offset.value) + uint64(size)
			if limit := uint64(s.memory.min) * PageSize; end > limit {
				r.failAt(at, "data segment %d ends at %#x, beyond the initial memory of %#x bytes", i, end, limit)
			}
		}
		s.data = append(s.data, d)
	}
}

package module

// builder assembles test modules section by section. Indexes are those of the binary format: imported functions
// come first.
type builder struct {
	types     []FunctionType
	imports   []builtImport
	functions []builtFunction
	tables    [][]byte
	memory    []byte
	imported  []byte // memory import entry
	tags      [][]byte
	globals   [][]byte
	exports   [][]byte
	start     int
	elements  [][]byte
	dataCount bool
	data      [][]byte
	custom    [][]byte
}

type builtImport struct {
	module, name string
	kind         uint32
}

type builtFunction struct {
	kind   uint32
	locals []byte // encoded groups with their count
	code   []byte // without the final end
}

// newBuilder begins a program with a memory of 1 to 2 pages and an empty _start.
func newBuilder() *builder {
	return &builder{start: -1, memory: []byte{1, 1, 2}}
}

// typ returns the index of a new type; equal types are not merged.
func (b *builder) typ(params, results string) uint32 {
	b.types = append(b.types, FunctionType{Params: letters(params), Results: letters(results)})
	return uint32(len(b.types) - 1)
}

func letters(s string) []byte {
	kinds := map[rune]byte{'i': I32, 'I': I64, 'f': F32, 'F': F64, 'v': V128, 'r': FuncRef, 'x': ExternRef, 'e': ExnRef}
	var t []byte
	for _, c := range s {
		t = append(t, kinds[c])
	}
	return t
}

// fn adds a function and returns its index. All imports must have been added before.
func (b *builder) fn(kind uint32, code ...byte) uint32 {
	return b.fnLocals(kind, []byte{0}, code...)
}

func (b *builder) fnLocals(kind uint32, locals []byte, code ...byte) uint32 {
	b.functions = append(b.functions, builtFunction{kind, locals, code})
	return uint32(len(b.imports) + len(b.functions) - 1)
}

func (b *builder) importFn(module, name string, kind uint32) uint32 {
	b.imports = append(b.imports, builtImport{module, name, kind})
	return uint32(len(b.imports) - 1)
}

func (b *builder) export(name string, kind byte, index uint32) {
	b.exports = append(b.exports, appendU32(append(appendName(nil, name), kind), index))
}

// exportFn adds and exports a function.
func (b *builder) exportFn(name string, kind uint32, code ...byte) uint32 {
	f := b.fn(kind, code...)
	b.export(name, kindFunction, f)
	return f
}

// table0 adds a table that holds the functions from index 1 on.
func (b *builder) table0(functions ...uint32) {
	size := uint32(len(functions) + 1)
	b.tables = append(b.tables, appendU32(appendU32([]byte{FuncRef, 1}, size), size))
	e := []byte{0, opI32Const, 1, opEnd}
	e = appendU32(e, uint32(len(functions)))
	for _, f := range functions {
		e = appendU32(e, f)
	}
	b.elements = append(b.elements, e)
}

func (b *builder) activeData(address int32, content string) {
	d := appendS64([]byte{0, opI32Const}, int64(address))
	b.data = append(b.data, appendName(append(d, opEnd), content))
}

func (b *builder) passiveData(content string) {
	b.data = append(b.data, appendName([]byte{1}, content))
}

func (b *builder) globalI32(mutable bool, value int32) uint32 {
	g := []byte{I32, 0, opI32Const}
	if mutable {
		g[1] = 1
	}
	b.globals = append(b.globals, append(appendS64(g, int64(value)), opEnd))
	return uint32(len(b.globals) - 1)
}

func (b *builder) customSection(name string, content []byte) {
	b.custom = append(b.custom, append(appendName(nil, name), content...))
}

// program adds an empty _start, exported, unless a function of that name exists, and returns the binary.
func (b *builder) program() []byte {
	b.exportFn(ExportStart, b.typ("", ""))
	return b.bytes()
}

func vector(entries [][]byte) []byte {
	v := appendU32(nil, uint32(len(entries)))
	for _, e := range entries {
		v = append(v, e...)
	}
	return v
}

func (b *builder) bytes() []byte {
	out := append([]byte(nil), "\x00asm\x01\x00\x00\x00"...)
	var types, imports, functions, code [][]byte
	for _, t := range b.types {
		e := appendU32([]byte{0x60}, uint32(len(t.Params)))
		e = appendU32(append(e, t.Params...), uint32(len(t.Results)))
		types = append(types, append(e, t.Results...))
	}
	if b.imported != nil {
		imports = append(imports, b.imported)
	}
	for _, i := range b.imports {
		e := append(appendName(appendName(nil, i.module), i.name), kindFunction)
		imports = append(imports, appendU32(e, i.kind))
	}
	for _, f := range b.functions {
		functions = append(functions, appendU32(nil, f.kind))
		body := append(append(append([]byte(nil), f.locals...), f.code...), opEnd)
		code = append(code, append(appendU32(nil, uint32(len(body))), body...))
	}
	section := func(id byte, entries [][]byte) {
		if len(entries) > 0 {
			out = appendSection(out, id, vector(entries))
		}
	}
	section(sectionType, types)
	section(sectionImport, imports)
	section(sectionFunction, functions)
	section(sectionTable, b.tables)
	if b.memory != nil {
		section(sectionMemory, [][]byte{b.memory})
	}
	section(sectionTag, b.tags)
	section(sectionGlobal, b.globals)
	section(sectionExport, b.exports)
	if b.start >= 0 {
		out = appendSection(out, sectionStart, appendU32(nil, uint32(b.start)))
	}
	section(sectionElement, b.elements)
	if b.dataCount {
		out = appendSection(out, sectionDataCount, appendU32(nil, uint32(len(b.data))))
	}
	section(sectionCode, code)
	section(sectionData, b.data)
	for _, c := range b.custom {
		out = appendSection(out, sectionCustom, c)
	}
	return out
}

// join joins instructions, given as bytes, ints (one byte each) or byte slices.
func join(parts ...any) []byte {
	var b []byte
	for _, p := range parts {
		switch p := p.(type) {
		case int:
			b = append(b, byte(p))
		case byte:
			b = append(b, p)
		case []byte:
			b = append(b, p...)
		default:
			panic("join: unexpected type")
		}
	}
	return b
}

func i32const(v int32) []byte { return appendS64([]byte{opI32Const}, int64(v)) }
func i64const(v int64) []byte { return appendS64([]byte{opI64Const}, v) }

// callIndirect is an indirect call through table 0.
func callIndirect(kind uint32) []byte { return append(appendU32([]byte{opCallIndirect}, kind), 0) }

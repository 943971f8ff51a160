package enginetest

// Value types of the binary format.
const (
	I32     = 0x7f
	I64     = 0x7e
	F32     = 0x7d
	F64     = 0x7c
	V128    = 0x7b
	FuncRef = 0x70
	ExnRef  = 0x69
)

// Kinds of imports and exports.
const (
	kindFunction = 0
	kindMemory   = 2
	kindTag      = 4
)

// Assembler puts a module together. Functions are numbered as they are added,
// imported ones first.
type Assembler struct {
	Memory []byte // limits, nil for none
	Tables [][]byte

	types, imports, functions, tags, globals, exports, elements, code, data [][]byte

	importedFunctions, ownFunctions uint32
}

// Type adds a function type and returns its index.
func (a *Assembler) Type(params, results []byte) uint32 {
	t := append(U32([]byte{0x60}, uint32(len(params))), params...)
	t = append(U32(t, uint32(len(results))), results...)
	for i := range a.types {
		if string(a.types[i]) == string(t) {
			return uint32(i)
		}
	}
	a.types = append(a.types, t)
	return uint32(len(a.types) - 1)
}

// Import adds a function import and returns the function's index.
func (a *Assembler) Import(module, name string, kind uint32) uint32 {
	a.imports = append(a.imports, U32(append(vector(vector(nil, module), name), kindFunction), kind))
	a.importedFunctions++
	return a.importedFunctions - 1
}

// ImportMemory adds a memory import.
func (a *Assembler) ImportMemory(module, name string, limits ...byte) {
	a.imports = append(a.imports, append(append(vector(vector(nil, module), name), kindMemory), limits...))
}

// Function adds a function and returns its index. locals are the encoded groups with
// their count; the code needs no final end. It is exported unless the name is empty.
func (a *Assembler) Function(name string, kind uint32, locals []byte, code ...byte) uint32 {
	if locals == nil {
		locals = []byte{0}
	}
	body := append(append(append([]byte(nil), locals...), code...), 0x0b)
	a.code = append(a.code, vector(nil, string(body)))
	a.functions = append(a.functions, U32(nil, kind))
	a.ownFunctions++
	index := a.importedFunctions + a.ownFunctions - 1
	if name != "" {
		a.Export(name, kindFunction, index)
	}
	return index
}

// Export adds an export.
func (a *Assembler) Export(name string, kind byte, index uint32) {
	a.exports = append(a.exports, U32(append(vector(nil, name), kind), index))
}

// Tag adds a tag and returns its index.
func (a *Assembler) Tag(kind uint32) uint32 {
	a.tags = append(a.tags, U32([]byte{0}, kind))
	return uint32(len(a.tags) - 1)
}

// Global adds a mutable global; init is its initial value's instruction.
func (a *Assembler) Global(kind byte, init ...byte) uint32 {
	a.globals = append(a.globals, append(append([]byte{kind, 1}, init...), 0x0b))
	return uint32(len(a.globals) - 1)
}

// Data adds a passive data segment.
func (a *Assembler) Data(content string) { a.data = append(a.data, vector([]byte{1}, content)) }

// ActiveData adds a data segment for memory at an address.
func (a *Assembler) ActiveData(address int32, content string) {
	a.data = append(a.data, vector(append(S64([]byte{0, 0x41}, int64(address)), 0x0b), content))
}

// Elements fills table 0 from 0 on.
func (a *Assembler) Elements(functions ...uint32) {
	e := U32([]byte{0, 0x41, 0, 0x0b}, uint32(len(functions)))
	for _, f := range functions {
		e = U32(e, f)
	}
	a.elements = append(a.elements, e)
}

// Bytes returns the module.
func (a *Assembler) Bytes() []byte {
	out := []byte("\x00asm\x01\x00\x00\x00")
	section := func(id byte, entries [][]byte) {
		if len(entries) == 0 {
			return
		}
		content := U32(nil, uint32(len(entries)))
		for _, e := range entries {
			content = append(content, e...)
		}
		out = vector(append(out, id), string(content))
	}
	section(1, a.types)
	section(2, a.imports)
	section(3, a.functions)
	section(4, a.Tables)
	if a.Memory != nil {
		section(5, [][]byte{a.Memory})
	}
	section(13, a.tags)
	section(6, a.globals)
	section(7, a.exports)
	section(9, a.elements)
	if len(a.data) > 0 {
		out = vector(append(out, 12), string(U32(nil, uint32(len(a.data)))))
	}
	section(10, a.code)
	section(11, a.data)
	return out
}

// vector appends the length of content, and content.
func vector(b []byte, content string) []byte { return append(U32(b, uint32(len(content))), content...) }

// U32 appends an unsigned LEB128 number.
func U32(b []byte, v uint32) []byte {
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

// S64 appends a signed LEB128 number.
func S64(b []byte, v int64) []byte {
	for {
		c := byte(v) & 0x7f
		v >>= 7
		if v == 0 && c&0x40 == 0 || v == -1 && c&0x40 != 0 {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}

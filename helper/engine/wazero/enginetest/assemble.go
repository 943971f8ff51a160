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
	Memory   []byte // limits, nil for none
	Tables   [][]byte
	Globals  [][]byte
	Elements [][]byte

	types, imports, functions, tags, exports, code, data [][]byte

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

// Data adds a passive data segment.
func (a *Assembler) Data(content string) { a.data = append(a.data, vector([]byte{1}, content)) }

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
	section(6, a.Globals)
	section(7, a.exports)
	section(9, a.Elements)
	if len(a.data) > 0 {
		out = vector(append(out, 12), string(U32(nil, uint32(len(a.data)))))
	}
	section(10, a.code)
	section(11, a.data)
	return out
}

// vector appends the length of content, and content.
func vector(b []byte, content string) []byte { return append(U32(b, uint32(len(content))), content...) }

// Code returns the parts of a function's code in a row: an int is a byte, a uint32 an
// unsigned LEB128 number, and bytes are themselves.
func Code(parts ...any) (b []byte) {
	for _, p := range parts {
		switch p := p.(type) {
		case int:
			b = append(b, byte(p))
		case uint32:
			b = U32(b, p)
		case []byte:
			b = append(b, p...)
		}
	}
	return b
}

// I32Const is the instruction i32.const with the lower 32 bits of v.
func I32Const(v int64) []byte { return S64([]byte{0x41}, int64(int32(v))) }

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

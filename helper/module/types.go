package module

import "strings"

// Value types as the binary format encodes them.
const (
	I32       byte = 0x7f
	I64       byte = 0x7e
	F32       byte = 0x7d
	F64       byte = 0x7c
	V128      byte = 0x7b
	FuncRef   byte = 0x70
	ExternRef byte = 0x6f
	ExnRef    byte = 0x69
)

// Prefix of a nullable reference type whose heap type follows.
const refNullPrefix = 0x63

// Limits against modules that make the engine allocate without bound: the engine keeps 8 bytes per local of a
// function and per table entry, whatever the module's size. They are those of the WebAssembly JavaScript API.
const (
	maxTypes      = 1_000_000
	maxFunctions  = 1_000_000
	maxGlobals    = 1_000_000
	maxTags       = 1_000_000
	maxParameters = 1_000
	maxResults    = 1_000
	maxLocals     = 50_000
	maxTableSize  = 10_000_000

	// minTotalLocals is what all functions together may declare in any case; above it one local for each byte of
	// the file. A use takes more than a byte, so that no compiler's output comes near.
	minTotalLocals = 1_000_000

	// maxTryTables is how many try_table instructions all functions together may have: the engine numbers them, in 24
	// bits of a word.
	maxTryTables = 1 << 24
)

// FunctionType lists the types of a function's parameters and results, one byte each.
type FunctionType struct {
	Params, Results []byte
}

// String writes the type as in `(i32, i64) -> i32`; functions without results end in `-> ()`.
func (t FunctionType) String() string {
	var b strings.Builder
	writeTypes(&b, t.Params)
	b.WriteString(" -> ")
	if len(t.Results) == 1 {
		b.WriteString(typeName(t.Results[0]))
	} else {
		writeTypes(&b, t.Results)
	}
	return b.String()
}

func writeTypes(b *strings.Builder, types []byte) {
	b.WriteByte('(')
	for i, t := range types {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(typeName(t))
	}
	b.WriteByte(')')
}

func typeName(t byte) string {
	switch t {
	case I32:
		return "i32"
	case I64:
		return "i64"
	case F32:
		return "f32"
	case F64:
		return "f64"
	case V128:
		return "v128"
	case FuncRef:
		return "funcref"
	case ExternRef:
		return "externref"
	case ExnRef:
		return "exnref"
	}
	return "?"
}

// key identifies the type by its structure: equal types have equal keys, whatever their indexes.
func (t FunctionType) key() string {
	var buf [64]byte
	k := append(buf[:0], t.Params...)
	k = append(k, 0)
	return string(append(k, t.Results...))
}

// valueType reads a value type. Of the reference types only the nullable abstract ones exist before typed
// function references, which are refused.
func (r *reader) valueType() byte {
	at := r.pos
	c := r.u8()
	switch c {
	case I32, I64, F32, F64, V128, FuncRef, ExternRef, ExnRef:
		return c
	case refNullPrefix:
		switch h := r.u8(); h {
		case FuncRef, ExternRef, ExnRef:
			return h
		}
	}
	r.failAt(at, "value type %#x is not supported", c)
	return 0
}

func (r *reader) valueTypes(limit int) []byte {
	n := r.count("value types", 1, limit)
	if n == 0 {
		return nil
	}
	// Nearly always one byte a type, so that the file's own bytes serve.
	p := r.b[r.pos : r.pos+n : r.pos+n]
	simple := true
	for _, c := range p {
		if c < ExnRef {
			simple = false
			break
		}
	}
	if !simple {
		p = make([]byte, 0, n)
		for i := 0; i < n && r.err == nil; i++ {
			p = append(p, r.valueType())
		}
		return p
	}
	for range p {
		r.valueType()
	}
	return p
}

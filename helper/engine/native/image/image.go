// Package image is the form in which the native engine's code is kept: what the compiler
// of that engine writes and a helper reads.
//
// An image is machine code and constants that lie at [Base], one after the other, with no
// relocation left. It names no address of the helper: it finds what it needs by the segment
// register GS, which points to the context of the guest thread, see [Context].
//
// Whoever can write an image decides what runs. Decoding finds damage, not attacks.
package image

import (
	"encoding/binary"
	"errors"
)

const (
	// Base is where an image lies: above the helper's own, below the linear memory.
	Base = 0x0400_0000

	// MaxSize is how large an image is at most.
	MaxSize = 0x0a00_0000

	// MemoryBase is where the linear memory lies.
	MemoryBase = 0x1000_0000

	// MaxGlobals is how many mutable globals a module has at most.
	MaxGlobals = 4096
)

// Offsets in a context, in bytes. The stubs of an image and the assembly of package native
// know them, too.
const (
	ContextGlobals = 512 // of 8 bytes each
	ContextSize    = ContextGlobals + 8*MaxGlobals
)

// magic begins every description; it ends in the version of the format and of the translator.
const magic = "walinat\x02"

// Is reports whether the head of a cache entry describes an image.
func Is(head []byte) bool { return len(head) >= len(magic) && string(head[:len(magic)]) == magic }

// Description says what is where in an image. All addresses are offsets from Base.
type Description struct {
	Tools string // what the image was made by, for people

	Entry          uint32 // where a call begins
	StubsLo, Stubs uint32 // stubs without frames: memmove and its like
	Functions      []Export
	Globals        []Global // by slot
	Exported       []ExportedGlobal
	Twice          []uint32 // imports that return twice, by number

	// How many frames and landing pads the index has behind its functions.
	Frames, Pads uint32
}

// Export is an exported function, called by the code at Address.
type Export struct {
	Name    string
	Address uint32
}

// Global is a mutable global: its first value.
type Global struct{ Init uint64 }

// ExportedGlobal is an exported mutable global.
type ExportedGlobal struct {
	Name string
	Slot uint32
}

// NoFunction is the number for code that is no function's.
const NoFunction = ^uint32(0)

// Function says where the code of one of the module's own functions begins, or other code.
type Function struct{ Address, Function uint32 }

var errDamaged = errors.New("unusable description of native code")

var le = binary.LittleEndian

func appendText(b []byte, s string) []byte {
	return append(le.AppendUint32(b, uint32(len(s))), s...)
}

// Encode is the head of a cache entry.
func (d *Description) Encode() []byte {
	b := append([]byte{}, magic...)
	b = appendText(b, d.Tools)
	for _, v := range []uint32{d.Entry, d.StubsLo, d.Stubs, uint32(len(d.Functions))} {
		b = le.AppendUint32(b, v)
	}
	for _, f := range d.Functions {
		b = le.AppendUint32(appendText(b, f.Name), f.Address)
	}
	b = le.AppendUint32(b, uint32(len(d.Globals)))
	for _, g := range d.Globals {
		b = le.AppendUint64(b, g.Init)
	}
	b = le.AppendUint32(b, uint32(len(d.Exported)))
	for _, g := range d.Exported {
		b = le.AppendUint32(appendText(b, g.Name), g.Slot)
	}
	b = le.AppendUint32(b, uint32(len(d.Twice)))
	for _, t := range d.Twice {
		b = le.AppendUint32(b, t)
	}
	return le.AppendUint32(le.AppendUint32(b, d.Frames), d.Pads)
}

// reader reads a description; after a failure it reads zeroes.
type reader struct {
	b      []byte
	failed bool
}

func (r *reader) take(n uint32) []byte {
	if r.failed || uint64(n) > uint64(len(r.b)) {
		r.failed = true
		return nil
	}
	p := r.b[:n]
	r.b = r.b[n:]
	return p
}

func (r *reader) u32() uint32 {
	if p := r.take(4); p != nil {
		return le.Uint32(p)
	}
	return 0
}

func (r *reader) u64() uint64 {
	if p := r.take(8); p != nil {
		return le.Uint64(p)
	}
	return 0
}

func (r *reader) text() string { return string(r.take(r.u32())) }

// count reads the length of a list whose entries take at least size bytes.
func (r *reader) count(size int) int {
	n := r.u32()
	if uint64(n)*uint64(size) > uint64(len(r.b)) {
		r.failed = true
		return 0
	}
	return int(n)
}

// Decode reads what Encode wrote.
func Decode(head []byte) (*Description, error) {
	if !Is(head) {
		return nil, errDamaged
	}
	r := &reader{b: head[len(magic):]}
	d := &Description{Tools: r.text(), Entry: r.u32(), StubsLo: r.u32(), Stubs: r.u32()}
	d.Functions = make([]Export, r.count(8))
	for i := range d.Functions {
		d.Functions[i] = Export{r.text(), r.u32()}
	}
	d.Globals = make([]Global, r.count(8))
	for i := range d.Globals {
		d.Globals[i].Init = r.u64()
	}
	d.Exported = make([]ExportedGlobal, r.count(8))
	for i := range d.Exported {
		d.Exported[i] = ExportedGlobal{r.text(), r.u32()}
		r.failed = r.failed || d.Exported[i].Slot >= uint32(len(d.Globals))
	}
	d.Twice = make([]uint32, r.count(4))
	for i := range d.Twice {
		d.Twice[i] = r.u32()
	}
	d.Frames, d.Pads = r.u32(), r.u32()
	if r.failed || len(r.b) != 0 || len(d.Globals) > MaxGlobals {
		return nil, errDamaged
	}
	return d, nil
}

// EncodeFunctions is the index of a cache entry: where the functions' code begins, by rising
// address.
func EncodeFunctions(list []Function) []byte {
	b := make([]byte, 0, 8*len(list))
	for _, f := range list {
		b = le.AppendUint32(le.AppendUint32(b, f.Address), f.Function)
	}
	return b
}

// Functions is what EncodeFunctions has written.
type Functions []byte

// Len is how many there are.
func (f Functions) Len() int { return len(f) / 8 }

// At is function i by rising address.
func (f Functions) At(i int) Function { return Function{le.Uint32(f[8*i:]), le.Uint32(f[8*i+4:])} }

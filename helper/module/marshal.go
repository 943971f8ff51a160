package module

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cespare/xxhash/v2"
)

// Encoded form of a Module, all numbers little-endian:
//
//	8 bytes  marshalMagic, which ends in the version
//	4 bytes  checksum of all that follows
//	4 bytes  flags
//	4 bytes  each of MinPages, MaxPages, MemoryPages, LowestUse, DataEnd
//	8 bytes  each of ClassAddress, MemoryBase
//	then ClassTable, the imports, the support imports, the exports, the types of sites and of classes, the pieces of code (12 bytes
//	each), and Stub, where lists begin with their length in 4 bytes.
//
// The checksum finds accidents, not attacks: whoever can write the cache can write its compiled code. Decoding checks
// all the same that nothing it returns is out of range.
const marshalMagic = "walimod\x03"

const (
	flagShared = 1 << iota
	flagStackPointer
	flagTLSBase
	flagThreadStart
	flagStaticTable
	flagAdapted
	flagsKnown = 1<<iota - 1
)

var (
	// ErrEncoding is wrapped by errors about an encoded Module that cannot be decoded: damaged, or written by
	// another version. The module must then be prepared again.
	ErrEncoding = errors.New("unusable prepared module")
)

// checksum is not one of package hash/crc32, whose tables take longer to make than a
// module to decode.
func checksum(b []byte) uint32 { return uint32(xxhash.Sum64(b)) }

// MarshalBinary encodes everything but Binary. It never fails.
func (m *Module) MarshalBinary() ([]byte, error) {
	size := 64 + len(m.ClassTable) + len(m.Stub) + 4*(len(m.siteTypes)+len(m.classTypes)) + 40*len(m.Imports) +
		12*len(m.pieces)
	b := make([]byte, 0, size)
	b = append(b, marshalMagic...)
	b = append(b, 0, 0, 0, 0)
	var flags uint32
	for i, set := range []bool{m.Shared, m.StackPointer, m.TLSBase, m.ThreadStart, m.StaticTable, m.Adapted} {
		if set {
			flags |= 1 << i
		}
	}
	le := binary.LittleEndian
	for _, v := range []uint32{flags, m.MinPages, m.MaxPages, m.MemoryPages, m.LowestUse, m.DataEnd} {
		b = le.AppendUint32(b, v)
	}
	b = le.AppendUint64(b, m.ClassAddress)
	b = le.AppendUint64(b, m.MemoryBase)
	b = appendBlock(b, m.ClassTable)
	for _, imports := range [][]Import{m.Imports, m.Support} {
		b = le.AppendUint32(b, uint32(len(imports)))
		for _, i := range imports {
			b = appendBlock(b, []byte(i.Module))
			b = appendBlock(b, []byte(i.Name))
			b = appendBlock(b, i.Type.Params)
			b = appendBlock(b, i.Type.Results)
		}
	}
	b = le.AppendUint32(b, uint32(len(m.Exports)))
	for _, e := range m.Exports {
		b = appendBlock(b, []byte(e.Name))
		b = appendBlock(b, e.Type.Params)
		b = appendBlock(b, e.Type.Results)
	}
	for _, types := range [][]uint32{m.siteTypes, m.classTypes} {
		b = le.AppendUint32(b, uint32(len(types)))
		for _, t := range types {
			b = le.AppendUint32(b, t)
		}
	}
	b = le.AppendUint32(b, uint32(len(m.pieces)))
	for _, p := range m.pieces {
		b = le.AppendUint32(b, p.place)
		b = le.AppendUint32(b, p.origin)
		b = le.AppendUint32(b, p.length)
	}
	b = appendBlock(b, m.Stub)
	body := len(marshalMagic) + 4
	le.PutUint32(b[len(marshalMagic):], checksum(b[body:]))
	return b, nil
}

func appendBlock(b, p []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(p)))
	return append(b, p...)
}

// UnmarshalBinary decodes what MarshalBinary wrote, into a zero Module. Contrary to the custom of
// encoding.BinaryUnmarshaler the result refers to data, which must not change as long as the Module is in use.
// Errors wrap [ErrEncoding].
func (m *Module) UnmarshalBinary(data []byte) error {
	d := decoder{b: data}
	if string(d.take(len(marshalMagic))) != marshalMagic {
		return fmt.Errorf("%w: another format or version", ErrEncoding)
	}
	sum := d.u32()
	if d.failed || checksum(d.b) != sum {
		return fmt.Errorf("%w: wrong checksum", ErrEncoding)
	}
	flags := d.u32()
	for i, set := range []*bool{&m.Shared, &m.StackPointer, &m.TLSBase, &m.ThreadStart, &m.StaticTable, &m.Adapted} {
		*set = flags&(1<<i) != 0
	}
	for _, v := range []*uint32{&m.MinPages, &m.MaxPages, &m.MemoryPages, &m.LowestUse, &m.DataEnd} {
		*v = d.u32()
	}
	m.ClassAddress = uint64(d.u32())
	m.ClassAddress |= uint64(d.u32()) << 32
	m.MemoryBase = uint64(d.u32())
	m.MemoryBase |= uint64(d.u32()) << 32
	m.ClassTable = d.block()
	for _, imports := range []*[]Import{&m.Imports, &m.Support} {
		n := d.count(16)
		*imports = make([]Import, 0, n)
		for range n {
			i := Import{Module: string(d.block())}
			i.Name = string(d.block())
			i.Type.Params = d.block()
			i.Type.Results = d.block()
			*imports = append(*imports, i)
		}
	}
	exports := d.count(12)
	for range exports {
		e := Export{Name: string(d.block())}
		e.Type.Params = d.block()
		e.Type.Results = d.block()
		m.Exports = append(m.Exports, e)
	}
	for _, types := range []*[]uint32{&m.siteTypes, &m.classTypes} {
		n := d.count(4)
		*types = make([]uint32, 0, n)
		for range n {
			*types = append(*types, d.u32())
		}
	}
	n := d.count(12)
	m.pieces = make([]piece, 0, n)
	for range n {
		m.pieces = append(m.pieces, piece{d.u32(), d.u32(), d.u32()})
	}
	m.Stub = d.block()
	switch {
	case d.failed, len(d.b) != 0, flags&^flagsKnown != 0:
		return fmt.Errorf("%w: malformed", ErrEncoding)
	case !m.consistent():
		return fmt.Errorf("%w: contradictory", ErrEncoding)
	}
	return nil
}

// consistent says whether the numbers fit each other, so that the engine may rely on them.
func (m *Module) consistent() bool {
	if m.MinPages > m.MaxPages || m.MaxPages > m.MemoryPages || m.MemoryPages > maxMemoryPages ||
		m.LowestUse != 0 && m.LowestUse != nullPage || Check(m.Stub, int64(len(m.Stub))) != nil {
		return false
	}
	if !m.Adapted {
		return len(m.ClassTable) == 0 && m.ClassAddress == 0 && m.MemoryPages == m.MaxPages
	}
	end := m.ClassAddress + uint64(len(m.ClassTable))
	return m.ClassAddress == uint64(m.MaxPages)*PageSize && end <= uint64(m.MemoryPages)*PageSize
}

// decoder reads an encoded Module; after a failure all reads return zero values.
type decoder struct {
	b      []byte
	failed bool
}

func (d *decoder) take(n int) []byte {
	if n > len(d.b) {
		d.b, d.failed = nil, true
		return nil
	}
	p := d.b[:n:n]
	d.b = d.b[n:]
	return p
}

func (d *decoder) u32() uint32 {
	p := d.take(4)
	if p == nil {
		return 0
	}
	return binary.LittleEndian.Uint32(p)
}

// count reads the length of a list whose entries take at least size bytes each.
func (d *decoder) count(size int) int {
	n := uint64(d.u32())
	if n*uint64(size) > uint64(len(d.b)) {
		d.b, d.failed = nil, true
		return 0
	}
	return int(n)
}

func (d *decoder) block() []byte {
	return d.take(d.count(1))
}

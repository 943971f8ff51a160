package compiler

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"

	"walisup/helper/engine/native/image"
)

// What LLVM writes about frames and landing pads: .eh_frame (DWARF call frame information, in
// the form of the Linux Standard Base) and .gcc_except_table (language-specific data areas).
// Only the forms that LLVM uses for our functions are read; any other is an error.

var errUnwind = errors.New("the linked image has unwind tables of another form than expected")

// cursor reads a section; it panics with errUnwind beyond the end.
type cursor struct {
	b    []byte
	p    int
	addr uint64 // of b
}

func (c *cursor) take(n int) []byte {
	if n < 0 || n > len(c.b)-c.p {
		panic(errUnwind)
	}
	c.p += n
	return c.b[c.p-n : c.p]
}

func (c *cursor) u8() byte    { return c.take(1)[0] }
func (c *cursor) u32() uint32 { return binary.LittleEndian.Uint32(c.take(4)) }

func (c *cursor) uleb() uint64 {
	v, n := binary.Uvarint(c.b[c.p:])
	if n <= 0 {
		panic(errUnwind)
	}
	c.p += n
	return v
}

func (c *cursor) sleb() int64 {
	var v int64
	for shift := uint(0); ; shift += 7 {
		x := c.u8()
		if shift < 64 {
			v |= int64(x&0x7f) << shift
		}
		if x < 0x80 {
			if shift+7 < 64 && x&0x40 != 0 {
				v |= -1 << (shift + 7)
			}
			return v
		}
	}
}

// pointer reads an encoded pointer.
func (c *cursor) pointer(encoding byte) uint64 {
	at := c.addr + uint64(c.p)
	var v uint64
	switch encoding & 0x0f {
	case 0x00, 0x04, 0x0c: // absptr, udata8, sdata8
		v = binary.LittleEndian.Uint64(c.take(8))
	case 0x03: // udata4
		v = uint64(c.u32())
	case 0x0b: // sdata4
		v = uint64(int64(int32(c.u32())))
	default:
		panic(errUnwind)
	}
	switch encoding & 0xf0 {
	case 0x00:
	case 0x10: // relative to where it stands
		if v != 0 {
			v += at
		}
	default:
		panic(errUnwind)
	}
	return v
}

// unwindTables reads the sections of a linked image.
func unwindTables(sections []*elf.Section) (frames []image.Frame, pads []image.Pad, err error) {
	defer func() {
		if r := recover(); r != nil {
			if r != errUnwind {
				panic(r)
			}
			err = errUnwind
		}
	}()
	var lsdas []*cursor // .gcc_except_table, and with large sections more of them
	var eh *cursor
	for _, s := range sections {
		if s.Name != ".eh_frame" && s.Name != ".gcc_except_table" {
			continue
		}
		b, err := s.Data()
		if err != nil {
			return nil, nil, fmt.Errorf("read the linked image: %w", err)
		}
		c := &cursor{b: b, addr: s.Addr}
		if s.Name == ".eh_frame" {
			eh = c
		} else {
			lsdas = append(lsdas, c)
		}
	}
	if eh == nil {
		return nil, nil, errUnwind
	}
	cies := map[int]*cie{}
	for eh.p < len(eh.b) {
		start := eh.p
		n := int(eh.u32())
		if n == 0 {
			break
		}
		at := eh.p
		eh.take(n)
		entry := &cursor{b: eh.b[:eh.p], p: at, addr: eh.addr}
		id := int(entry.u32())
		if id == 0 {
			cies[start] = readCIE(entry)
			continue
		}
		c := cies[at-id]
		if c == nil {
			panic(errUnwind)
		}
		lo := entry.pointer(c.pointers)
		size := entry.pointer(c.pointers & 0x0f)
		var lsda uint64
		rest := int(entry.uleb())
		at = entry.p
		entry.take(rest)
		if c.hasLSDA {
			lsda = (&cursor{b: entry.b[:at+rest], p: at, addr: entry.addr}).pointer(c.lsda)
		}
		if size == 0 {
			continue
		}
		f := image.Frame{Address: offsetIn(lo)}
		f.Saved = readFrame(entry, c)
		frames = append(frames, f)
		if lsda != 0 {
			pads = append(pads, readLSDA(lsdas, lsda, lo)...)
		}
	}
	image.SortUnwind(frames, pads)
	return frames, pads, nil
}

// offsetIn is an address as an offset in the image.
func offsetIn(addr uint64) uint32 {
	if addr < image.Base || addr-image.Base > image.MaxSize {
		panic(errUnwind)
	}
	return uint32(addr - image.Base)
}

// cie is what frames have in common.
type cie struct {
	pointers, lsda byte // encodings
	hasLSDA        bool
	dataAlign      int64
	codeAlign      uint64
}

func readCIE(c *cursor) *cie {
	e := &cie{}
	if c.u8() != 1 {
		panic(errUnwind)
	}
	var augmentation string
	for x := c.u8(); x != 0; x = c.u8() {
		augmentation += string(rune(x))
	}
	e.codeAlign, e.dataAlign = c.uleb(), c.sleb()
	c.uleb() // the register of return addresses
	if augmentation == "" || augmentation[0] != 'z' {
		panic(errUnwind)
	}
	c.uleb()
	for _, x := range augmentation[1:] {
		switch x {
		case 'P':
			c.pointer(c.u8())
		case 'L':
			e.lsda, e.hasLSDA = c.u8(), true
		case 'R':
			e.pointers = c.u8()
		default:
			panic(errUnwind)
		}
	}
	return e
}

// DWARF's numbers of registers.
const (
	dwarfRBP = 6
	dwarfRSP = 7
)

// savedRegister is the place of a register in image.Frame, by DWARF's number.
var savedRegister = map[uint64]int{3: 0, 12: 1, 13: 2, 14: 3, 15: 4}

// readFrame reads where a function keeps its caller's registers. Each has one place in
// all of the function, and the frame pointer is set up before any call.
func readFrame(c *cursor, e *cie) (saved [image.SavedRegisters]uint8) {
	framed := false
	for c.p < len(c.b) {
		switch op := c.u8(); {
		case op>>6 == 1: // advance_loc
		case op>>6 == 2: // offset
			at := int64(c.uleb()) * e.dataAlign // from the frame's end, two words above what rbp points to
			reg := uint64(op & 0x3f)
			if reg == dwarfRBP {
				if at != -16 {
					panic(errUnwind)
				}
				continue
			}
			i, ok := savedRegister[reg]
			slot := -(at + 16) / 8
			if !ok || at%8 != 0 || slot < 1 || slot > 255 || saved[i] != 0 && saved[i] != uint8(slot) {
				panic(errUnwind)
			}
			saved[i] = uint8(slot)
		case op == 0x00, op == 0x0a, op == 0x0b: // nop, remember_state, restore_state
		case op>>6 == 3: // restore
		case op == 0x02:
			c.take(1)
		case op == 0x03:
			c.take(2)
		case op == 0x04:
			c.take(4)
		case op == 0x0c: // def_cfa
			c.uleb()
			c.uleb()
		case op == 0x0d: // def_cfa_register
			if c.uleb() != dwarfRBP {
				panic(errUnwind)
			}
			framed = true
		case op == 0x0e: // def_cfa_offset
			c.uleb()
		default: // also GNU_args_size: no call pushes its arguments
			panic(errUnwind)
		}
	}
	if !framed {
		panic(errUnwind)
	}
	return saved
}

// readLSDA reads which calls of a function have a landing pad.
func readLSDA(areas []*cursor, at, function uint64) (pads []image.Pad) {
	for _, area := range areas {
		if at < area.addr || at-area.addr >= uint64(len(area.b)) {
			continue
		}
		c := &cursor{b: area.b, p: int(at - area.addr), addr: area.addr}
		start := function
		if encoding := c.u8(); encoding != 0xff {
			start = c.pointer(encoding)
		}
		if encoding := c.u8(); encoding != 0xff {
			c.uleb()
		}
		sites := c.u8()
		n := int(c.uleb())
		end := c.p + n
		c.take(n)
		c.p = end - n
		number := func() uint64 {
			if sites == 0x01 {
				return c.uleb()
			}
			return c.pointer(sites)
		}
		for c.p < end {
			lo, size, pad := number(), number(), number()
			c.uleb()
			if pad != 0 {
				pads = append(pads, image.Pad{Lo: offsetIn(function + lo), Hi: offsetIn(function + lo + size), Pad: offsetIn(start + pad)})
			}
		}
		return pads
	}
	panic(errUnwind)
}

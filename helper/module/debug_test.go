package module

import (
	"bytes"
	"testing"
)

// TestDebugOffset follows instructions that can be recognised, constants of five bytes, from the rewritten code back
// to the module as it was.
func TestDebugOffset(t *testing.T) {
	t.Parallel()
	b := newBuilder()
	number := b.typ("", "i")
	one := b.fn(number, i32const(0x11111111)...)
	b.table0(one, b.fn(b.typ("F", "F"), opLocalGet, 0))
	b.exportFn("go", number, join(
		i32const(0x22222222), opDrop, opCall, int(one), opDrop, i32const(0x33333333), opDrop,
		i32const(1), callIndirect(number), opDrop, i32const(0x44444444))...)
	binary := b.program()
	original := &source{b: binary}
	if err := original.split(); err != nil {
		t.Fatal(err)
	}
	whole := prepare(t, binary, Options{KeepDebug: true})
	data, err := whole.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var decoded Module
	if err := decoded.UnmarshalBinary(data); err != nil {
		t.Fatal(err)
	}
	rewritten := &source{b: whole.Binary}
	if err := rewritten.split(); err != nil {
		t.Fatal(err)
	}
	before, after := original.sections[sectionCode].of(binary), rewritten.sections[sectionCode].of(whole.Binary)
	moved := false
	for _, v := range []int32{0x11111111, 0x22222222, 0x33333333, 0x44444444} {
		from, to := bytes.Index(after, i32const(v)), bytes.Index(before, i32const(v))
		moved = moved || from != to
		for _, m := range []*Module{whole, &decoded} {
			if got, ok := m.DebugOffset(uint32(from)); !ok || got != uint32(to) {
				t.Errorf("%#x at %#x is mapped to %#x, %v, want %#x", v, from, got, ok, to)
			}
		}
	}
	if !moved {
		t.Error("nothing moved")
	}
	// What was generated for the indirect call belongs to that instruction.
	from := uint32(bytes.Index(after, i32const(0x44444444)) - 4)
	to := uint32(bytes.Index(before, callIndirect(number)))
	if got, ok := whole.DebugOffset(from); !ok || got != to {
		t.Errorf("generated code is mapped to %#x, %v, want %#x", got, ok, to)
	}
	for _, offset := range []uint32{0, uint32(len(after)) - 1, 1<<32 - 1} {
		if got, ok := whole.DebugOffset(offset); ok {
			t.Errorf("offset %#x is mapped to %#x", offset, got)
		}
	}
	if _, ok := prepare(t, binary, Options{}).DebugOffset(from); ok {
		t.Error("mapped without KeepDebug")
	}
}

package compiler

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"slices"
	"strings"
	"testing"

	"walisup/helper/engine/native/image"
	"walisup/helper/engine/wazero/enginetest"
	"walisup/helper/module"
)

// program is a module with one function besides an empty _start.
func program(a *enginetest.Assembler, locals []byte, code ...any) *enginetest.Assembler {
	a.Memory = []byte{1, 2, 2}
	void := a.Type(nil, nil)
	a.Function("_start", void, nil)
	a.Function("f", void, locals, enginetest.Code(code...)...)
	return a
}

func translate(t *testing.T, a *enginetest.Assembler) (ir string, err error) {
	t.Helper()
	m, err := module.Prepare(a.Bytes(), module.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w, err := decode(m.Binary)
	if err != nil {
		return "", err
	}
	e := &emitter{m: w, unit: &unit{defined: map[uint32]bool{}, called: map[uint32]bool{}}}
	for k := range w.bodies {
		if err := e.function(uint32(len(w.imports) + k)); err != nil {
			return "", err
		}
	}
	if err := e.ends(); err != nil {
		return "", err
	}
	return string(e.unit.finish(w)), nil
}

// What the translator does not know is refused by name, and never translated to something else.
func TestUnsupported(t *testing.T) {
	const i32Const = 0x41
	tests := []struct {
		name, want string
		build      func(a *enginetest.Assembler)
	}{
		{"a changed table", "opcode 0x26", func(a *enginetest.Assembler) {
			a.Tables = [][]byte{{enginetest.FuncRef, 0, 1}}
			program(a, nil, i32Const, 0, 0xd0, enginetest.FuncRef, 0x26, 0)
		}},
		{"a changed table that is not reached", "opcode 0xfc 0xf", func(a *enginetest.Assembler) {
			a.Tables = [][]byte{{enginetest.FuncRef, 0, 1}}
			program(a, nil, 0xd0, enginetest.FuncRef, i32Const, 0, 0xfc, 15, 0, 0x1a)
		}},
		{"an exception with 64 bits", "more than 32 bits", func(a *enginetest.Assembler) {
			a.Tag(a.Type([]byte{enginetest.I64}, nil))
			program(a, nil, 0x42, 0, 0x08, 0)
		}},
		{"tail calls and setjmp", "together with setjmp", func(a *enginetest.Assembler) {
			a.Import("wali", "setjmp", a.Type([]byte{enginetest.I32}, []byte{enginetest.I32}))
			program(a, nil, 0x12, 1)
		}},
		{"tail calls, exceptions and arguments in memory", "many parameters", func(a *enginetest.Assembler) {
			a.Tag(a.Type(nil, nil))
			a.Type([]byte{enginetest.I32, enginetest.I32, enginetest.I32, enginetest.I32, enginetest.I64, enginetest.I64, enginetest.I64}, nil)
			program(a, nil, 0x12, 0)
		}},
		{"tail calls and many results", "more than two results", func(a *enginetest.Assembler) {
			a.Type(nil, []byte{enginetest.I32, enginetest.I32, enginetest.I32})
			program(a, nil, 0x12, 0)
		}},
		{"many results", "more than 16 results", func(a *enginetest.Assembler) {
			a.Function("g", a.Type(nil, bytes.Repeat([]byte{enginetest.I32}, maxCarried+1)), nil, 0x00)
			program(a, nil)
		}},
		{"setjmp of another type", "setjmp of another type", func(a *enginetest.Assembler) {
			a.Import("wali", "setjmp", a.Type([]byte{enginetest.I64}, []byte{enginetest.I32}))
			program(a, nil)
		}},
		{"an exported setjmp", "an exported setjmp", func(a *enginetest.Assembler) {
			a.Export("again", 0, a.Import("wali", "setjmp", a.Type([]byte{enginetest.I32}, []byte{enginetest.I32})))
			program(a, nil)
		}},
		{"a block with many results", "more than 16", func(a *enginetest.Assembler) {
			results := make([]byte, maxCarried+1)
			for i := range results {
				results[i] = enginetest.I32
			}
			// In code that is not reached, so that no values are needed.
			kind := a.Type(nil, results)
			program(a, nil, 0x02, kind, 0x00, 0x0b, 0x00)
		}},
		{"a vector for the host", "v128 in a host function", func(a *enginetest.Assembler) {
			a.Import("wali", "SYS_read", a.Type([]byte{enginetest.V128}, nil))
			program(a, nil)
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := new(enginetest.Assembler)
			test.build(a)
			_, err := translate(t, a)
			var u *Unsupported
			if !errors.As(err, &u) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an Unsupported about %q", err, test.want)
			}
		})
	}
}

// The stack pointer is stored between fences, a loop begins with a barrier, and the index of a
// table is loaded once: what signals and threads rely on.
func TestOrder(t *testing.T) {
	a := new(enginetest.Assembler)
	ir, err := translate(t, program(a, []byte{1, 1, enginetest.I32}, 0x03, 0x40, 0x20, 0, 0x0d, 0, 0x0b, 0x02, 0x40, 0x20, 0, 0x0e, 0, 0, 0x0b))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`asm sideeffect "", "~{memory}"`, `call i32 asm "", "=r,0"`} {
		if !strings.Contains(ir, want) {
			t.Errorf("no %s in\n%s", want, ir)
		}
	}
	for _, want := range []string{"noredzone", `"frame-pointer"="all"`, `"probe-stack"="inline-asm"`} {
		if !strings.Contains(ir, want) {
			t.Errorf("no attribute %s", want)
		}
	}
}

// Bytes that no validator has seen make errors, and no panic.
func TestDamagedModules(t *testing.T) {
	a := new(enginetest.Assembler)
	program(a, nil, 0x41, 1, 0x1a)
	whole := a.Bytes()
	for n := range whole {
		decode(whole[:n])
	}
	for i := range whole {
		for _, x := range []byte{0, 0x7f, 0xff} {
			b := append([]byte{}, whole...)
			b[i] = x
			w, err := decode(b)
			if err != nil {
				continue
			}
			e := &emitter{m: w, unit: &unit{defined: map[uint32]bool{}, called: map[uint32]bool{}}}
			for k := range w.bodies {
				if e.function(uint32(len(w.imports)+k)) != nil {
					break
				}
			}
		}
	}
}

// A module for a memory at another place is a layer's.
func TestOtherPlace(t *testing.T) {
	_, err := Compile(context.Background(), &module.Module{MemoryBase: 1 << 33}, nil, "", 1, nil)
	var u *Unsupported
	if !errors.As(err, &u) {
		t.Errorf("got %v", err)
	}
}

// A load whose value is dropped stays, since it may fault.
func TestUnusedLoad(t *testing.T) {
	ir, err := translate(t, program(new(enginetest.Assembler), nil, 0x41, 16, 0x28, 2, 0, 0x1a, 0x41, 16, 0xfd, 0, 0, 0, 0x1a))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`asm sideeffect "", "r"(i32`, `asm sideeffect "", "x"(<16 x i8>`} {
		if !strings.Contains(ir, want) {
			t.Errorf("no %s in\n%s", want, ir)
		}
	}
}

// An empty table or data segment has the address of what follows it. That hides no function.
func TestDescribeEmptyData(t *testing.T) {
	sections := []*elf.Section{{}, {SectionHeader: elf.SectionHeader{Flags: elf.SHF_ALLOC}},
		{SectionHeader: elf.SectionHeader{Flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR}}}
	symbols := []elf.Symbol{
		{Name: "walisup_table", Section: 1, Value: image.Base + 16}, {Name: "f0", Section: 2, Value: image.Base + 16},
		{Name: "walisup_entry", Section: 2, Value: image.Base + 32}, {Name: "elsewhere", Section: elf.SHN_ABS, Value: image.Base + 16},
		{Name: "", Section: 2, Value: image.Base + 16},
	}
	for range 2 {
		tr := &translation{wasm: &wasm{bodies: make([]body, 1)}}
		d, index, err := tr.describe(sections, symbols, 64)
		want := []image.Function{{Address: 16, Function: 0}, {Address: 32, Function: image.NoFunction}}
		if err != nil || !slices.Equal(index, want) || d.Entry != 32 {
			t.Errorf("got %v, %v, entry %d; want %v", index, err, d.Entry, want)
		}
		slices.Reverse(symbols)
	}
}

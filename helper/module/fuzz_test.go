package module

import (
	"context"
	"testing"

	"github.com/tetratelabs/wazero"
)

// FuzzPrepare checks that no input makes Prepare panic, that the engine takes what Prepare made of a module that the
// engine would take, and that the encoded form of a prepared module is sound.
func FuzzPrepare(f *testing.F) {
	for _, seed := range seeds() {
		f.Add(seed, byte(0))
	}
	f.Add(sample(), byte(7))
	ctx := context.Background()
	config := wazero.NewRuntimeConfigCompiler().WithCoreFeatures(features)
	f.Fuzz(func(t *testing.T, binary []byte, options byte) {
		o := Options{KeepDebug: options&1 != 0, PlainTables: options&2 != 0, Unshared: options&4 != 0}
		Names(binary)
		m, err := Prepare(binary, o)
		if err != nil {
			return
		}
		Names(m.Binary)
		m.Signature(0)
		m.TableFunction(1)
		m.Adaptations()
		if uint64(len(m.ClassTable))+m.ClassAddress > uint64(m.MemoryPages)*PageSize {
			t.Fatal("class table beyond the memory")
		}
		data, err := m.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if err := new(Module).UnmarshalBinary(data); err != nil {
			t.Fatal(err)
		}
		runtime := wazero.NewRuntimeWithConfig(ctx, config)
		defer runtime.Close(ctx)
		if _, err := runtime.CompileModule(ctx, binary); err != nil {
			return
		}
		for what, prepared := range map[string][]byte{"binary": m.Binary, "stub": m.Stub} {
			if _, err := runtime.CompileModule(ctx, prepared); err != nil {
				t.Fatalf("the engine takes the module but not the prepared %s: %v", what, err)
			}
		}
	})
}

// seeds are programs that between them use every section and kind of instruction that is rewritten.
func seeds() [][]byte {
	all := [][]byte{sample(), newBuilder().program(), []byte("\x00asm\x01\x00\x00\x00"), []byte("#!/bin/sh\n")}

	b := newBuilder()
	number := b.typ("", "i")
	one, two := b.fn(number, i32const(1)...), b.fn(b.typ("iI", "f"), f32const(1)...)
	b.table0(one, two)
	b.tables = append(b.tables, []byte{FuncRef, 0, 8})
	ref := []byte{opRefFunc, byte(one), opEnd}
	at := []byte{opI32Const, 0, opEnd}
	b.elements = append(b.elements,
		join(2, 1, at, 0, 1, int(one)), join(6, 1, at, int(FuncRef), 1, ref), join(4, at, 1, ref), join(1, 0, 1, int(one)),
		join(5, int(FuncRef), 1, ref), join(3, 0, 1, int(one)), join(7, int(FuncRef), 1, ref))
	b.exportFn("calls", number, join(i32const(1), callIndirect(number), opDrop, opCall, int(one), opDrop, opRefFunc, int(one),
		opDrop, i32const(1), opReturnCallIndirect, int(number), 0)...)
	b.exportFn("tail", number, opReturnCall, byte(one))
	all = append(all, b.program())

	b = newBuilder()
	b.memory = []byte{3, 1, 2}
	b.fn(b.typ("", ""), join(
		i32const(0), i32const(1), i64const(2), opAtomicPrefix, atomicWait32, 2, 4, opDrop,
		i32const(0), i64const(1), i64const(2), opAtomicPrefix, atomicWait64, 3, 0, opDrop,
		i32const(0), i32const(1), opAtomicPrefix, atomicNotify, 2, 8, opDrop,
		opAtomicPrefix, atomicFence, 0, i32const(0), i32const(1), opAtomicPrefix, 0x1e, 2, 0, opDrop,
		opVectorPrefix, vectorConst, make([]byte, 16), opVectorPrefix, 0xae, 1, opUnreachable, opVectorPrefix, 0x54, 0, 0, 1,
		opBlock, blockEmpty, opTryTable, blockEmpty, 1, 2, 0, opEnd, opEnd,
		opBlock, blockEmpty, i32const(0), opBrTable, 1, 0, 0, opEnd, opUnreachable)...)
	return append(all, b.program())
}

func BenchmarkPrepare(b *testing.B) {
	for _, big := range []bool{false, true} {
		name, binary := "small", sample()
		if big {
			name, binary = "large", large()
		}
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(binary)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Prepare(binary, Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkUnmarshal is the share of a warm start.
func BenchmarkUnmarshal(b *testing.B) {
	m := prepare(b, large(), Options{})
	data, _ := m.MarshalBinary()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if err := new(Module).UnmarshalBinary(data); err != nil {
			b.Fatal(err)
		}
	}
}

// large is a program of about the size and density of calls of a shell: 3,000 functions in 1.3 MB.
func large() []byte {
	b := newBuilder()
	b.memory = []byte{3, 16, 32}
	kinds := []uint32{b.typ("", "i"), b.typ("i", "i"), b.typ("ii", "i"), b.typ("iii", ""), b.typ("iI", "I")}
	chunk := join(opLocalGet, 0, i32const(1048576), opI32Add, opI32Load, 2, 16, opLocalTee, 0, opDrop,
		opBlock, blockEmpty, opLocalGet, 0, opBrIf, 0, opLocalGet, 0, opLocalGet, 0, 0x36, 2, 24, opEnd)
	var functions []uint32
	for i := range 3000 {
		var body []byte
		for range 10 {
			body = append(body, chunk...)
			body = append(body, opCall, byte(i%128)|0x80, 0x80, 0x80, 0x80, 0)
			body = append(body, opDrop)
		}
		body = append(body, join(i32const(5), callIndirect(kinds[0]), opDrop)...)
		kind := kinds[i%len(kinds)]
		if i < 128 {
			kind = kinds[0]
		}
		results := b.types[kind].Results
		if len(results) > 0 {
			body = append(body, typedConst(results[0], 1)...)
		}
		// Functions without parameters need the local that the code uses.
		f := b.fnLocals(kind, []byte{1, 1, I32}, body...)
		functions = append(functions, f)
	}
	b.table0(functions[:1000]...)
	b.activeData(1<<17, string(make([]byte, 100_000)))
	return b.program()
}

package module

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func sprint(values ...uint64) string { return fmt.Sprint(values) }

// TestInitRunsOnce shows that instances change no memory and that init does what instantiation did.
func TestInitRunsOnce(t *testing.T) {
	t.Parallel()
	b := newBuilder()
	void := b.typ("", "")
	b.activeData(1000, "hello")
	b.activeData(65531, "world")
	b.activeData(2000, "")
	// The start function counts its runs at address 8, and sees the data already.
	b.start = int(b.fn(void, join(i32const(8), i32const(8), opI32Load, 2, 0, i32const(1), opI32Add, 0x36, 2, 0,
		i32const(16), i32const(1000), opI32Load8U, 0, 0, 0x36, 2, 0)...))
	h := newHost(t, prepare(t, b.program(), Options{}))
	first := h.instance()
	if got, _ := h.memory.Read(0, 2*PageSize); !bytes.Equal(got, make([]byte, 2*PageSize)) {
		t.Fatal("instantiation changed memory")
	}
	h.call(first, ExportInit)
	second := h.instance()
	_ = second
	for _, want := range []struct {
		address uint32
		content string
	}{{1000, "hello"}, {65531, "world"}, {8, "\x01\x00\x00\x00"}, {16, "h"}} {
		if got, _ := h.memory.Read(want.address, uint32(len(want.content))); string(got) != want.content {
			t.Errorf("%q at %d, want %q", got, want.address, want.content)
		}
	}
}

// TestPassiveDataKeepsItsIndex shows that segments that code copies by index are the same after the rewriting.
func TestPassiveDataKeepsItsIndex(t *testing.T) {
	t.Parallel()
	b := newBuilder()
	b.activeData(100, "active")
	b.passiveData("passive")
	b.dataCount = true
	b.exportFn("go", b.typ("", ""), join(i32const(200), i32const(0), i32const(7), opMiscPrefix, miscMemoryInit, 1, 0)...)
	h := newHost(t, prepare(t, b.program(), Options{}))
	instance := h.instance()
	h.call(instance, ExportInit)
	h.call(instance, "go")
	for address, want := range map[uint32]string{100: "active", 200: "passive"} {
		if got, _ := h.memory.Read(address, uint32(len(want))); string(got) != want {
			t.Errorf("%q at %d, want %q", got, address, want)
		}
	}
}

func TestFunctionIndexesMove(t *testing.T) {
	t.Parallel()
	b := newBuilder()
	number := b.typ("", "i")
	b.importFn(Namespace, "SYS_getpid", b.typ("", "I"))
	one := b.fn(number, i32const(1)...)
	two := b.fn(number, i32const(2)...)
	three := b.fn(number, i32const(3)...)
	b.table0(one)
	// Further tables, filled by all forms of segments with functions in them.
	for range 2 {
		b.tables = append(b.tables, []byte{FuncRef, 0, 8})
	}
	ref := func(f uint32) []byte { return append(appendU32([]byte{opRefFunc}, f), opEnd) }
	null := []byte{opRefNull, FuncRef, opEnd}
	at := func(i int32) []byte { return append(i32const(i), opEnd) }
	b.elements = append(b.elements,
		join(2, 1, at(0), 0, 2, int(one), int(two)),                       // active, table 1, indexes
		join(6, 1, at(2), int(FuncRef), 2, ref(two), null),                // active, table 1, expressions
		join(4, at(1), 1, ref(one)),                                       // active, table 0, expressions
		join(1, 0, 1, int(three)),                                         // passive, indexes
		join(5, int(FuncRef), 2, ref(three), null),                        // passive, expressions
		join(3, 0, 1, int(three)),                                         // declarative, indexes
		join(7, int(FuncRef), 1, ref(three)),                              // declarative, expressions
		join(2, 1, join(i32const(3), i32const(1), opI32Add, opEnd), 0, 0), // extended constant expression
	)
	b.globals = append(b.globals, join(int(FuncRef), 0, ref(two)))
	call := func(table, index int) []byte {
		return join(i32const(int32(index)), opCallIndirect, int(number), table)
	}
	b.exportFn("direct", number, opCall, byte(two))
	b.exportFn("tail", number, opReturnCall, byte(three))
	b.exportFn("table 1, 1", number, call(1, 1)...)
	b.exportFn("table 1, 2", number, call(1, 2)...)
	b.exportFn("table 0, 1", number, call(0, 1)...)
	b.exportFn("passive", number, join(i32const(0), i32const(0), i32const(1), opMiscPrefix, miscTableInit, 4, 2, call(2, 0))...)
	b.exportFn("passive expressions", number, join(i32const(1), i32const(0), i32const(1), opMiscPrefix, miscTableInit, 5, 2, call(2, 1))...)
	b.exportFn("ref.func", number, join(i32const(2), opRefFunc, int(three), opTableSet, 2, call(2, 2))...)
	b.exportFn("global", number, join(i32const(3), opGlobalGet, 0, opTableSet, 2, call(2, 3))...)
	b.exportFn("wait", number, join(i32const(8), i32const(0), i64const(0), opAtomicPrefix, atomicWait32, 2, 0)...)
	m := prepare(t, b.program(), Options{})
	// wali imports come before those of the support module, and only those used are there.
	if len(m.Imports) != 1 || m.Imports[0].Name != "SYS_getpid" || m.Imports[0].Type.String() != "() -> i64" {
		t.Errorf("imports %v", m.Imports)
	}
	var support []string
	for _, i := range m.Support {
		support = append(support, i.Name)
	}
	if got := strings.Join(support, " "); got != "mismatch wait32" {
		t.Errorf("support imports %s", got)
	}
	h := newHost(t, m)
	provideWali(t, h)
	instance := h.instance()
	for name, want := range map[string]uint64{"direct": 2, "tail": 3, "table 1, 1": 2, "table 1, 2": 2, "table 0, 1": 1,
		"passive": 3, "passive expressions": 3, "ref.func": 3, "global": 2} {
		if got := h.call(instance, name); got[0] != want {
			t.Errorf("%s: %d, want %d", name, got[0], want)
		}
	}
}

// TestAtomicWaits shows that waits and notifications reach the host with the effective address.
func TestAtomicWaits(t *testing.T) {
	t.Parallel()
	b := newBuilder()
	b.memory = []byte{3, 1, 2} // shared
	atomic := func(sub, align int, offset uint32) []byte {
		return appendU32([]byte{opAtomicPrefix, byte(sub), byte(align)}, offset)
	}
	wait32, wait64, notify := b.typ("iiI", "i"), b.typ("iII", "i"), b.typ("ii", "i")
	gets := []byte{opLocalGet, 0, opLocalGet, 1, opLocalGet, 2}
	for _, offset := range []uint32{0, 1 << 20, 1<<32 - 4} {
		suffix := fmt.Sprintf("+%d", offset)
		b.exportFn("wait32"+suffix, wait32, join(gets, atomic(atomicWait32, 2, offset))...)
		b.exportFn("wait64"+suffix, wait64, join(gets, atomic(atomicWait64, 3, offset))...)
		b.exportFn("notify"+suffix, notify, join(gets[:4], atomic(atomicNotify, 2, offset))...)
	}
	h := newHost(t, prepare(t, b.program(), Options{}))
	instance := h.instance()
	tests := []struct {
		export string
		args   []uint64
		want   string
	}{
		{"wait32+0", []uint64{16, 5, 7}, "wait32[16 5 7]"},
		{"wait64+0", []uint64{16, 1 << 40, 7}, "wait64[16 1099511627776 7]"},
		{"notify+0", []uint64{16, 3}, "notify[16 3]"},
		{"wait32+1048576", []uint64{16, 5, 7}, "wait32[1048592 5 7]"},
		{"wait64+1048576", []uint64{16, 5, 7}, "wait64[1048592 5 7]"},
		{"notify+1048576", []uint64{16, 5}, "notify[1048592 5]"},
		{"wait32+4294967292", []uint64{0, 5, 7}, "wait32[4294967292 5 7]"},
	}
	for i, tc := range tests {
		h.calls, h.results = nil, []uint64{uint64(i)}
		if got := h.call(instance, tc.export, tc.args...); got[0] != uint64(i) {
			t.Errorf("%s returned %d", tc.export, got[0])
		}
		if len(h.calls) != 1 || h.calls[0] != tc.want {
			t.Errorf("%s%v: %v, want %s", tc.export, tc.args, h.calls, tc.want)
		}
	}
	h.calls = nil
	for _, name := range []string{"wait32+4294967292", "wait64+4294967292", "notify+4294967292"} {
		args := []uint64{8, 5, 7}
		if strings.HasPrefix(name, "notify") {
			args = args[:2]
		}
		_, err := h.bench.Call(instance, name, args...)
		if err == nil || !strings.Contains(err.Error(), "out of bounds memory access") || len(h.calls) > 0 {
			t.Errorf("%s: %v, calls %v", name, err, h.calls)
		}
	}
}

// TestInstructionsPassThrough runs code with instructions of all extensions between rewritten calls.
func TestInstructionsPassThrough(t *testing.T) {
	t.Parallel()
	b := newBuilder()
	number, void := b.typ("", "i"), b.typ("", "")
	one := b.fn(number, i32const(1)...)
	b.table0(one, b.fn(void))
	b.tags = append(b.tags, []byte{0, byte(b.typ("i", ""))})
	call := callIndirect(number)
	// try_table with a catch: throw 40 and add the 1 of an indirect call.
	b.exportFn("try", number, join(
		opBlock, int(I32), opTryTable, blockEmpty, 1, 0, 0, 0, i32const(40), 0x08, 0, opEnd, opUnreachable, opEnd,
		i32const(1), call, opI32Add)...)
	b.exportFn("try all", number, join(
		opBlock, blockEmpty, opTryTable, blockEmpty, 1, 2, 0, i32const(40), 0x08, 0, opEnd, opUnreachable, opEnd,
		i32const(1), call)...)
	vec := func(sub ...byte) []byte { return append([]byte{opVectorPrefix}, sub...) }
	// i32x4.add has a code of two bytes, i8x16.shuffle 16 operands, v128.load8_lane three.
	b.exportFn("simd", number, join(
		i32const(20), vec(0x11), i32const(21), vec(0x11), vec(0xae, 1),
		vec(vectorConst), make([]byte, 16), vec(0x0d), []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
		vec(0x1b), 0, i32const(1), call, opI32Add)...)
	b.exportFn("lane", number, join(
		i32const(0), vec(vectorConst), bytes.Repeat([]byte{opCallIndirect}, 16), vec(0x54), 0, 0, 5, vec(0x16), 6,
		i32const(1), call, opI32Add)...)
	b.exportFn("br_table", number, join(
		opBlock, blockEmpty, opBlock, blockEmpty, opBlock, blockEmpty, i32const(1), opBrTable, 2, 0, 1, 2,
		opEnd, i32const(7), opReturn, opEnd, i32const(1), call, opReturn, opEnd, i32const(8))...)
	b.exportFn("constants", number, join(
		f64const(1.5), opDrop, f32const(2.5), opDrop, i64const(-1<<63), opDrop, i32const(-1<<31), opDrop,
		f64const(2e9), opMiscPrefix, 2, opDrop, opAtomicPrefix, atomicFence, 0, 0x3f, 0, opDrop,
		i32const(4), i32const(1), opAtomicPrefix, 0x1e, 2, 0, opDrop,
		i32const(9), i32const(8), i32const(1), 0x1c, 1, int(I32), opDrop,
		opRefNull, int(ExternRef), 0xd1, opDrop, i32const(1), call)...)
	h := newHost(t, prepare(t, b.program(), Options{}))
	instance := h.instance()
	for name, want := range map[string]uint64{"try": 41, "try all": 1, "simd": 42, "lane": opCallIndirect + 1, "br_table": 1,
		"constants": 1} {
		if got := h.call(instance, name); got[0] != want {
			t.Errorf("%s: %d, want %d", name, got[0], want)
		}
	}
}

func TestMemoryOfTheModule(t *testing.T) {
	t.Parallel()
	spawn := func(b *builder) { b.importFn(Namespace, ImportThreadSpawn, b.typ("ii", "i")) }
	tests := []struct {
		name   string
		build  func(b *builder)
		o      Options
		shared bool
		min    uint32
		max    uint32
	}{
		{"plain", func(*builder) {}, Options{}, false, 1, 2},
		{"shared", func(b *builder) { b.memory = []byte{3, 1, 4} }, Options{}, true, 1, 4},
		{"shared to unshared", func(b *builder) { b.memory = []byte{3, 1, 4} }, Options{Unshared: true}, false, 1, 4},
		{"shared with threads", func(b *builder) { b.memory = []byte{3, 1, 4}; spawn(b) }, Options{Unshared: true}, true, 1, 4},
		{"imported", func(b *builder) {
			b.memory = nil
			b.imported = join(appendName(nil, "env"), appendName(nil, "memory"), kindMemory, 3, 1, 5)
		}, Options{}, true, 1, 5},
		{"exported by itself", func(b *builder) { b.export(ExportMemory, kindMemory, 0) }, Options{}, false, 1, 2},
		{"no pages", func(b *builder) { b.memory = []byte{1, 0, 0} }, Options{}, false, 0, 0},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := newBuilder()
			tc.build(b)
			m := prepare(t, b.program(), tc.o)
			if m.Shared != tc.shared || m.MinPages != tc.min || m.MaxPages != tc.max || m.MemoryPages != tc.max ||
				m.DataEnd != tc.min*PageSize {
				t.Errorf("got shared %v, %d to %d of %d pages, data end %#x", m.Shared, m.MinPages, m.MaxPages, m.MemoryPages, m.DataEnd)
			}
			flags := byte(1)
			if tc.shared {
				flags = 3
			}
			memory := join(appendName(nil, MemoryModule), appendName(nil, ImportMemory), kindMemory, int(flags))
			for what, binary := range map[string][]byte{"binary": m.Binary, "stub": m.Stub} {
				if !bytes.Contains(binary, memory) {
					t.Errorf("%s does not import a memory with flags %d", what, flags)
				}
			}
			h := newHost(t, m)
			provideWali(t, h)
			if h.instance().ExportedMemory(ExportMemory) == nil {
				t.Error("memory is not exported")
			}
		})
	}
}

func TestRegisters(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		build   func(b *builder)
		sp, tls int64 // initial values, -1 if there is none
	}{
		{"both", func(b *builder) { b.globalI32(true, 11); b.globalI32(true, 22) }, 11, 22},
		{"none", func(*builder) {}, -1, -1},
		{"stack pointer alone", func(b *builder) { b.globalI32(true, 11); b.globalI32(false, 22) }, 11, -1},
		{"by export", func(b *builder) {
			b.globalI32(true, 1)
			b.globalI32(true, 22)
			b.export("__stack_pointer", kindGlobal, b.globalI32(true, 11))
		}, 11, 22},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := newBuilder()
			tc.build(b)
			m := prepare(t, b.program(), Options{})
			h := newHost(t, m)
			instance := h.instance()
			for name, want := range map[string]int64{ExportStackPointer: tc.sp, ExportTLSBase: tc.tls} {
				got := int64(-1)
				if g := instance.ExportedGlobal(name); g != nil {
					got = int64(g.Get())
				}
				if got != want {
					t.Errorf("%s is %d, want %d", name, got, want)
				}
			}
			if m.StackPointer != (tc.sp >= 0) || m.TLSBase != (tc.tls >= 0) {
				t.Errorf("stack pointer %v, TLS base %v", m.StackPointer, m.TLSBase)
			}
		})
	}
}

func TestLowestUse(t *testing.T) {
	t.Parallel()
	const stack = 1 << 17
	tests := []struct {
		name  string
		build func(b *builder)
		want  uint32
	}{
		{"stack first", func(b *builder) { b.globalI32(true, stack); b.activeData(stack, "data") }, nullPage},
		{"data first", func(b *builder) { b.globalI32(true, stack+1024); b.activeData(1024, "data") }, 0},
		{"one segment below the stack", func(b *builder) {
			b.globalI32(true, stack)
			b.activeData(stack, "data")
			b.activeData(stack-1, "d")
		}, 0},
		{"small stack", func(b *builder) { b.globalI32(true, PageSize); b.activeData(stack, "data") }, 0},
		{"no data", func(b *builder) { b.globalI32(true, stack) }, 0},
		{"no stack pointer", func(b *builder) { b.activeData(stack, "data") }, 0},
		{"passive data", func(b *builder) {
			b.globalI32(true, stack)
			b.globalI32(true, 0)
			b.passiveData("data")
			b.dataCount = true
			b.start = int(b.fn(b.typ("", ""), join(
				i32const(stack), i32const(stack), opGlobalSet, 1, i32const(0), i32const(4), opMiscPrefix, miscMemoryInit, 0, 0,
				i32const(stack+16), i32const(0), i32const(100), opMiscPrefix, miscMemoryFill, 0)...))
		}, nullPage},
		{"zeroed low memory", func(b *builder) {
			b.globalI32(true, stack)
			b.passiveData("data")
			b.dataCount = true
			b.start = int(b.fn(b.typ("", ""), join(
				i32const(stack), i32const(0), i32const(4), opMiscPrefix, miscMemoryInit, 0, 0,
				i32const(1024), i32const(0), i32const(100), opMiscPrefix, miscMemoryFill, 0)...))
		}, 0},
		{"computed place", func(b *builder) {
			b.globalI32(true, stack)
			b.activeData(stack, "data")
			b.passiveData("data")
			b.dataCount = true
			b.start = int(b.fn(b.typ("", ""), join(
				opGlobalGet, 0, i32const(0), i32const(4), opMiscPrefix, miscMemoryInit, 1, 0)...))
		}, 0},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := newBuilder()
			b.memory = []byte{1, 4, 8}
			tc.build(b)
			if m := prepare(t, b.program(), Options{}); m.LowestUse != tc.want {
				t.Errorf("lowest use %d, want %d", m.LowestUse, tc.want)
			}
		})
	}
}

func TestCustomSections(t *testing.T) {
	t.Parallel()
	b := newBuilder()
	for _, name := range []string{".debug_info", ".debug_line", "producers", "sourceMappingURL", "external_debug_info",
		"reloc.CODE", "linking", "target_features"} {
		b.customSection(name, []byte(name))
	}
	binary := b.program()
	names := func(binary []byte) string {
		s := &source{b: binary}
		if err := s.split(); err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, c := range s.custom {
			all = append(all, c.name)
		}
		return strings.Join(all, " ")
	}
	if got := names(prepare(t, binary, Options{}).Binary); got != "target_features" {
		t.Errorf("kept %s", got)
	}
	m := prepare(t, binary, Options{KeepDebug: true})
	if got := names(m.Binary); got != names(binary) {
		t.Errorf("kept %s", got)
	}
	if got := names(m.Stub); got != "" {
		t.Errorf("stub has %s", got)
	}
}

// TestStub shows that the stub differs from the binary in nothing but code and custom sections.
func TestStub(t *testing.T) {
	t.Parallel()
	m := prepare(t, sample(), Options{})
	binary, stub := &source{b: m.Binary}, &source{b: m.Stub}
	if err := errors.Join(binary.split(), stub.split()); err != nil {
		t.Fatal(err)
	}
	for id := range sectionCounts {
		if binary.present[id] != stub.present[id] {
			t.Errorf("%s section: %v in the binary, %v in the stub", sectionNames[id], binary.present[id], stub.present[id])
		}
		if id == sectionCode || !binary.present[id] {
			continue
		}
		if !bytes.Equal(binary.sections[id].of(m.Binary), stub.sections[id].of(m.Stub)) {
			t.Errorf("%s section differs", sectionNames[id])
		}
	}
}

// sample is a program with something of everything.
func sample() []byte {
	b := newBuilder()
	b.memory = []byte{3, 3, 8}
	b.importFn(Namespace, "SYS_write", b.typ("iii", "I"))
	b.importFn(Namespace, ImportThreadSpawn, b.typ("ii", "i"))
	number, void := b.typ("", "i"), b.typ("", "")
	one := b.fn(number, i32const(1)...)
	b.globalI32(true, 1<<17)
	b.globalI32(true, 0)
	b.globals = append(b.globals, join(int(FuncRef), 0, opRefFunc, int(one), opEnd))
	b.table0(one, b.fn(b.typ("iI", "i"), i32const(2)...), b.fn(b.typ("F", "F"), opLocalGet, 0), b.fn(void))
	b.tags = append(b.tags, []byte{0, byte(b.typ("i", ""))})
	b.activeData(1<<17, "active data")
	b.passiveData("passive data")
	b.dataCount = true
	b.start = int(b.fn(void, join(i32const(1<<17+16), i32const(0), i32const(12), opMiscPrefix, miscMemoryInit, 1, 0)...))
	b.exportFn(ExportThreadStart, b.typ("ii", ""))
	b.fnLocals(b.typ("i", "i"), []byte{2, 3, I64, 1, F32}, join(opLocalGet, 0, callIndirect(number),
		i32const(0), i32const(8), i32const(0), i64const(5), opAtomicPrefix, atomicWait32, 2, 8, opI32Add, opI32Add,
		opBlock, blockEmpty, opTryTable, blockEmpty, 1, 2, 0, opEnd, opEnd)...)
	b.customSection("name", join(
		1, appendName(nil, string(join(2, 0, appendName(nil, "write"), 2, appendName(nil, "one")))),
		2, appendName(nil, string(join(1, 2, 0)))))
	return b.program()
}

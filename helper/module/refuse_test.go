package module

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	tests := []struct {
		header  string
		size    int64
		want    string // part of the error, empty if there is none
		notWasm bool
	}{
		{"\x00asm\x01\x00\x00\x00", 8, "", false},
		{"", 0, "the file is empty", true},
		{"\x00as", 3, "truncated after 3 bytes", true},
		{"\x00asm\x01\x00", 6, "truncated", false},
		{"\x00asm\x0d\x00\x01\x00", 8, "component", false},
		{"\x00asm\x02\x00\x00\x00", 8, "unsupported WebAssembly version (version bytes 02 00 00 00", false},
		{"\x00asm\x01\x00\x00\x00", MaxSize + 1, "over the limit", false},
		{"\x7fELF\x02\x01\x01", 7, "native ELF", true},
		{"\x7fELF\x02\x01\x01", MaxSize + 1, "native ELF", true},
		{"#!/bin/sh -e\necho", 17, `a script ("#!/bin/sh -e")`, true},
		{"#!/bin/\xff\xfe", 9, "a script", true},
		{"\n (module (func))", 17, "text", true},
		{"BC\xc0\xde", 4, "bitcode", true},
		{"!<arch>\n", 8, "archive", true},
		{"\x1f\x8b\x08", 3, "gzip", true},
		{"\x28\xb5\x2f\xfd", 4, "zstd", true},
		{"hello, world", 12, "it begins with 68 65 6c 6c 6f 2c 20 77", true},
	}
	for _, tc := range tests {
		err := Check([]byte(tc.header), tc.size)
		if tc.want == "" {
			if err != nil {
				t.Errorf("%q: %v", tc.header, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v, want %s", tc.header, err, tc.want)
		}
		if errors.Is(err, ErrNotWasm) != tc.notWasm {
			t.Errorf("%q: is ErrNotWasm %v", tc.header, !tc.notWasm)
		}
	}
}

// withTags is a program whose tag section has this content.
func withTags(count []byte, tags ...byte) []byte {
	b := newBuilder()
	b.tags = append(b.tags, []byte{0, byte(b.typ("", ""))})
	whole := string(b.program())
	content := string(count) + string(tags)
	return []byte(strings.Replace(whole, "\x0d\x03\x01\x00\x00", "\x0d"+string(rune(len(content)))+content, 1))
}

func TestRefused(t *testing.T) {
	t.Parallel()
	program := func(build func(b *builder)) []byte {
		b := newBuilder()
		build(b)
		return b.program()
	}
	instructions := func(body ...byte) []byte {
		return program(func(b *builder) { b.fn(b.typ("", ""), body...) })
	}
	tests := []struct {
		name   string
		binary []byte
		want   []string
	}{
		{"no memory", program(func(b *builder) { b.memory = nil }), []string{"no memory"}},
		{"no maximum", program(func(b *builder) { b.memory = []byte{0, 1} }), []string{"no maximum", "memory section"}},
		{"too large a memory", program(func(b *builder) { b.memory = appendU32([]byte{1, 1}, 65537) }), []string{"65537 pages"}},
		{"minimum over maximum", program(func(b *builder) { b.memory = []byte{1, 3, 2} }), []string{"minimum 3 is over the maximum 2"}},
		{"64-bit memory", program(func(b *builder) { b.memory = []byte{5, 1, 2} }), []string{"64-bit"}},
		{"two memories", program(func(b *builder) {
			b.imported = join(appendName(nil, "env"), appendName(nil, "memory"), kindMemory, 1, 1, 2)
		}), []string{"more than one memory"}},
		{"imported memory without maximum", program(func(b *builder) {
			b.memory = nil
			b.imported = join(appendName(nil, "env"), appendName(nil, "memory"), kindMemory, 0, 1)
		}), []string{"no maximum", "import section"}},
		{"no start", newBuilder().bytes(), []string{`no exported function "_start"`, "export section"}},
		{"object file", func() []byte {
			b := newBuilder()
			b.customSection("linking", []byte{2})
			return b.bytes()
		}(), []string{"relocatable object file"}},
		{"shared library", func() []byte {
			b := newBuilder()
			b.customSection("dylink.0", nil)
			return b.bytes()
		}(), []string{"shared library"}},
		{"start is no function", func() []byte {
			b := newBuilder()
			b.export(ExportStart, kindMemory, 0)
			return b.bytes()
		}(), []string{"is no function"}},
		{"start has parameters", func() []byte {
			b := newBuilder()
			b.exportFn(ExportStart, b.typ("i", ""))
			return b.bytes()
		}(), []string{"has type (i32) -> () instead of () -> ()"}},
		{"unknown namespace", program(func(b *builder) { b.importFn("wasi_snapshot_preview1", "fd_write", b.typ("", "")) }),
			[]string{"wasi_snapshot_preview1.fd_write", "unknown namespace", "import section, offset 0x"}},
		{"reserved namespace", program(func(b *builder) { b.importFn(SupportModule, "wait32", b.typ("", "")) }),
			[]string{"unknown namespace"}},
		{"import of two types", program(func(b *builder) {
			b.importFn(Namespace, "SYS_exit", b.typ("i", "I"))
			b.importFn(Namespace, "SYS_exit", b.typ("i", ""))
		}), []string{"wali.SYS_exit appears with types (i32) -> i64 and (i32) -> ()"}},
		{"imported global", program(func(b *builder) {
			b.imported = join(appendName(nil, Namespace), appendName(nil, "g"), kindGlobal, int(I32), 0)
		}), []string{"wali.g", "global imports are not supported"}},
		{"imported table", program(func(b *builder) {
			b.imported = join(appendName(nil, Namespace), appendName(nil, "t"), kindTable, int(FuncRef), 0, 1)
		}), []string{"table imports"}},
		{"imported tag", program(func(b *builder) {
			b.imported = join(appendName(nil, Namespace), appendName(nil, "t"), kindTag, 0, 0)
		}), []string{"tag imports"}},
		{"more tags than bytes", withTags(appendU32(nil, 2), 0, 0), []string{"2 tags announced", "tag section"}},
		{"many tags", withTags(appendU32(nil, maxTags+1), 0, 0), []string{"1000001 tags are over the limit"}},
		{"tag of no type", withTags([]byte{1}, 0, 99), []string{"type index 99 is out of range", "tag section"}},
		{"tag of another kind", withTags([]byte{1}, 1, 0), []string{"tag attribute 0x1"}},
		{"many try_tables", program(func(b *builder) {
			// 2^24 and one more, in functions of a size that the engine takes.
			kind := b.typ("", "")
			some := bytes.Repeat([]byte{opTryTable, blockEmpty, 0, opEnd}, 1<<20)
			for range 1 << 4 {
				b.fn(kind, some...)
			}
			b.fn(kind, some[:4]...)
		}), []string{"more than 16777216 try_table instructions"}},
		{"reserved export", program(func(b *builder) { b.exportFn(ExportInit, b.typ("", "")) }), []string{"reserved"}},
		{"memory export of another kind", program(func(b *builder) { b.exportFn(ExportMemory, b.typ("", "")) }),
			[]string{`export "memory" is no memory`}},
		{"duplicate export", program(func(b *builder) { f := b.typ("", ""); b.exportFn("f", f); b.exportFn("f", f) }),
			[]string{"twice"}},
		{"data beyond memory", program(func(b *builder) { b.activeData(65534, "abc") }), []string{"beyond the initial memory"}},
		{"data at a global", program(func(b *builder) { b.data = append(b.data, []byte{0, opGlobalGet, 0, opEnd, 0}) }),
			[]string{"reads a global", "data section"}},
		{"data at no i32", program(func(b *builder) { b.data = append(b.data, []byte{0, opI64Const, 0, opEnd, 0}) }),
			[]string{"no i32 constant"}},
		{"wrong data count", func() []byte {
			s := string(program(func(b *builder) { b.passiveData("x"); b.dataCount = true }))
			return []byte(strings.Replace(s, "\x0c\x01\x01", "\x0c\x01\x02", 1))
		}(), []string{"2 data segments announced but 1 present"}},
		{"start function with result", program(func(b *builder) {
			b.start = int(b.fn(b.typ("", "i"), i32const(1)...))
		}), []string{"start function has type () -> i32"}},
		{"non-nullable reference", program(func(b *builder) {
			b.types = append(b.types, FunctionType{Params: []byte{0x64}})
		}), []string{"value type 0x64"}},
		{"table with initializer", program(func(b *builder) {
			b.tables = append(b.tables, []byte{0x40, 0, FuncRef, 0, 1, opRefNull, FuncRef, opEnd})
		}), []string{"initializer expressions"}},
		{"huge table", program(func(b *builder) { b.tables = append(b.tables, appendU32([]byte{FuncRef, 0}, 1<<30)) }),
			[]string{"over the limit"}},
		{"many locals", program(func(b *builder) {
			b.fnLocals(b.typ("", ""), append(appendU32([]byte{1}, 1<<31), I64))
		}), []string{"declares 2147483648 locals"}},
		{"many locals in all", program(func(b *builder) {
			kind := b.typ("", "")
			for range 21 {
				b.fnLocals(kind, append(appendU32([]byte{1}, maxLocals), I64))
			}
		}), []string{"declare more than 1000000 locals"}},
		{"unknown opcode", instructions(0x27), []string{"unknown opcode 0x27", "code section, offset 0x"}},
		{"legacy exceptions", instructions(0x06, blockEmpty, opEnd), []string{"legacy exception handling", "-wasm-use-legacy-eh=false"}},
		{"call_ref", instructions(0x14, 0), []string{"typed function references"}},
		{"garbage collection", instructions(0xfb, 0), []string{"garbage-collected"}},
		{"relaxed SIMD", instructions(opVectorPrefix, 0x80, 2), []string{"unknown opcode 0xfd"}},
		{"padded SIMD opcode", instructions(opVectorPrefix, 0x80, 0x81, 0), []string{"unknown opcode 0xfd"}},
		{"unknown atomic", instructions(opAtomicPrefix, 0x4f, 0, 0), []string{"unknown opcode 0xfe"}},
		{"unknown misc", instructions(opMiscPrefix, 18), []string{"unknown opcode 0xfc"}},
		{"no end", func() []byte {
			b := newBuilder()
			b.fn(b.typ("", ""), opI32Const) // the end becomes the constant
			return b.program()
		}(), []string{"does not finish with end"}},
		{"call of no function", instructions(opCall, 99), []string{"function index 99 is out of range"}},
		{"second memory", instructions(join(i32const(0), 0x40, 1, opDrop)...), []string{"memory index other than 0"}},
		{"unknown section", append(newBuilder().program(), 14, 0), []string{"unknown section 14"}},
		{"repeated section", append(newBuilder().program(), sectionType, 1, 0), []string{"out of order", "type section"}},
		{"trailing bytes in a section", append(newBuilder().program(), sectionData, 2, 0, 0), []string{"1 bytes too many", "data section"}},
		{"truncated section", append(newBuilder().program(), sectionData, 9, 0), []string{"truncated", "data section", "announces 9 bytes"}},
		{"component", []byte("\x00asm\x0d\x00\x01\x00"), []string{"component"}},
		{"text", []byte("(module)"), []string{"text"}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			m, err := Prepare(tc.binary, Options{})
			if err == nil || m != nil {
				t.Fatal("accepted")
			}
			var e *Error
			if !errors.As(err, &e) {
				t.Errorf("error of type %T", err)
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v, want %q", err, want)
				}
			}
			if strings.ContainsAny(err.Error(), "\n\r") {
				t.Errorf("more than one line: %q", err)
			}
		})
	}
}

// TestTruncated cuts a program at every byte: each cut is an error that names a place, or leaves a valid program
// without its last sections.
func TestTruncated(t *testing.T) {
	t.Parallel()
	whole := sample()
	for n := range whole {
		m, err := Prepare(whole[:n], Options{})
		switch {
		case err == nil && m == nil:
			t.Fatalf("cut at %d: neither module nor error", n)
		case err != nil && err.Error() == "":
			t.Fatalf("cut at %d: empty error", n)
		}
	}
	if _, err := Prepare(whole, Options{}); err != nil {
		t.Fatal(err)
	}
}

// TestDamaged replaces each byte of a program by several others: nothing may panic, and what is accepted must be
// what the engine would take or refuse in an orderly way.
func TestDamaged(t *testing.T) {
	t.Parallel()
	whole := sample()
	for i := range whole {
		for _, c := range []byte{0, 1, 0x40, 0x7f, 0x80, 0xff, whole[i] ^ 1} {
			damaged := append([]byte(nil), whole...)
			damaged[i] = c
			if m, err := Prepare(damaged, Options{}); err == nil {
				m.Signature(0)
				m.TableFunction(1)
				Names(m.Binary)
			}
			Names(damaged)
		}
	}
}

// Package compiler makes images for package native out of prepared modules: it translates
// their functions to LLVM's intermediate representation, as text, and has programs of LLVM
// make code of that. No helper links it in.
//
// # What is translated to what
//
// Locals are allocas, from which LLVM makes SSA form; the operand stack is names, and blocks
// with results are phis. An address is the linear memory's, an absolute symbol, plus operand
// and offset, so that the processor's addressing does the sum. Mutable globals are words of
// the context that GS points to. Table 0 is constant: type and code address of each entry.
// Traps are calls of a stub that leaves for the host, in blocks of their own.
//
// # Signals
//
// A signal handler may run at any instruction, on the same stacks. So the store of a new
// shadow stack pointer stays where it is, between two fences of the compiler; no function
// uses the red zone; and each loop begins with a barrier, since WebAssembly has no volatile
// accesses and LLVM would take a load that waits for a handler out of the loop.
//
// # Trust
//
// The module is hostile, but has been validated: types and indexes are right. What the
// translator does not know is refused with [Unsupported], and another engine runs it. LLVM
// is given more than it was made for, so its programs run confined, see [Tools]. Two threads
// may change memory at once, which LLVM need not expect: a value that is judged and then used
// goes through an empty assembly instruction, so that it is loaded once.
package compiler

import (
	"bytes"
	"context"
	"debug/elf"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"sync"

	"walisup/helper/engine/native/image"
	"walisup/helper/module"
)

//go:embed stubs_amd64.txt
var stubs string

// passes are those of opt. They suffice for code that clang has optimised for WebAssembly:
// it needs SSA form again, and what only this target can do. Nothing is inlined, so that the
// stacks in reports are the module's own.
const passes = "function(sroa,early-cse<memssa>,instcombine<no-verify-fixpoint>,simplifycfg)"

// March is the processor that code is made for: with SSE 4.2 and POPCNT.
const March = "x86-64-v2"

const (
	// unitSize is how many bytes of function bodies are compiled at once. Units are compiled
	// in parallel, and each by a process that needs memory for one.
	unitSize = 256 << 10

	// maxBody is the size of the largest function that is translated, in bytes.
	maxBody = 2 << 20

	// maxText is the size of the largest translation of a function, in bytes. That of usual
	// code is 25 times as large as the function.
	maxText = 64 << 20

	// maxCarried is how many results a block has at most: each branch carries all.
	maxCarried = 16
)

// exports are the functions that a helper calls.
var exports = []string{module.ExportInit, module.ExportStart, module.ExportCall1, module.ExportCall2, module.ExportCall3}

// Image is the result: what package cache keeps of it.
type Image struct {
	Head, Index []byte
	Code        []byte
}

// Compile makes an image of a prepared module, which a validator has accepted. The directory
// is empty, and the tools may write there. The error is an Unsupported for a module that is
// the other engine's to run. progress is told how many of how many parts are done.
func Compile(ctx context.Context, m *module.Module, tools *Tools, dir string, workers int, progress func(done, all int)) (*Image, error) {
	if m.MemoryBase != 0 {
		return nil, &Unsupported{"a memory at another place"}
	}
	w, err := decode(m.Binary)
	if err != nil {
		return nil, err
	}
	t := &translation{wasm: w, dir: dir}
	if err := t.write(); err != nil {
		return nil, err
	}
	if err := t.run(ctx, tools, workers, progress); err != nil {
		return nil, err
	}
	return t.read(filepath.Join(dir, linked), tools)
}

// linked is the file that the linker writes.
const linked = "image"

// translation is a module under way.
type translation struct {
	wasm  *wasm
	dir   string
	files []string // of IR and assembly
}

// write translates the module into files.
func (t *translation) write() error {
	m := t.wasm
	e := &emitter{m: m}
	var units []*unit
	size := 0
	for k, b := range m.bodies {
		if len(b.code) > maxBody {
			return &Unsupported{fmt.Sprintf("function %d: a body of more than %d bytes", len(m.imports)+k, maxBody)}
		}
		// Functions stay in the module's order: what calls each other lies together.
		if len(units) == 0 || size > unitSize {
			e.unit = &unit{defined: map[uint32]bool{}, called: map[uint32]bool{}}
			units, size = append(units, e.unit), 0
		}
		size += len(b.code)
		if err := e.function(uint32(len(m.imports) + k)); err != nil {
			return err
		}
	}
	if len(units) == 0 {
		return &Unsupported{"a module without functions"}
	}
	e.unit = units[0]
	if err := e.ends(); err != nil {
		return err
	}
	for k, u := range units {
		if err := t.file(fmt.Sprintf("unit%d.ll", k), u.finish(m)); err != nil {
			return err
		}
	}
	for k, d := range m.data {
		if err := os.WriteFile(filepath.Join(t.dir, fmt.Sprintf("data%d", k)), d.bytes, 0o600); err != nil {
			return err
		}
	}
	return t.file("table.s", m.assembly())
}

func (t *translation) file(name string, text []byte) error {
	t.files = append(t.files, name)
	return os.WriteFile(filepath.Join(t.dir, name), text, 0o600)
}

// ends emits what stands between the module's functions and the host.
func (e *emitter) ends() (err error) {
	defer func() { err = caught(recover(), err, "") }()
	e.imports()
	e.exports()
	return nil
}

// imports emits the functions that stand for host functions.
func (e *emitter) imports() {
	u := &e.unit.text
	for k, imp := range e.m.imports {
		if e.m.twice(uint32(k)) {
			continue
		}
		t := e.m.types[imp.typ]
		n := max(len(t.params), len(t.results), 1)
		var params []string
		var b strings.Builder
		fmt.Fprintf(&b, "  %%args = alloca [%d x i64]\n", n)
		for i, p := range t.params {
			if p == v128 {
				unsupported("v128 in a host function")
			}
			params = append(params, fmt.Sprintf("%s %%p%d", lt(p), i))
			fmt.Fprintf(&b, "  %%a%d = getelementptr [%d x i64], ptr %%args, i64 0, i64 %d\n", i, n, i)
			if p == i32t {
				fmt.Fprintf(&b, "  %%z%d = zext i32 %%p%d to i64\n  store i64 %%z%d, ptr %%a%d\n", i, i, i, i)
			} else {
				fmt.Fprintf(&b, "  store %s %%p%d, ptr %%a%d\n", lt(p), i, i)
			}
		}
		fmt.Fprintf(&b, "  call void @walisup_hostcall(i64 %d, ptr %%args)\n", k)
		switch {
		case len(t.results) == 0:
			b.WriteString("  ret void\n")
		case len(t.results) > 1:
			unsupported("a host function with several results")
		case t.results[0] == v128:
			unsupported("v128 in a host function")
		default:
			fmt.Fprintf(&b, "  %%r = load %s, ptr %%args\n  ret %s %%r\n", lt(t.results[0]), lt(t.results[0]))
		}
		fmt.Fprintf(u, "define hidden %s%s @f%d(%s) #2 {\n%s}\n", e.m.convention(), result(t), k, strings.Join(params, ", "), b.String())
		e.unit.defined[uint32(k)] = true
	}
}

// exports emits, for each function that a helper calls, one that takes arguments from an
// array and leaves the result there.
func (e *emitter) exports() {
	u := &e.unit.text
	for i, name := range exports {
		f, ok := e.m.exports[name]
		if !ok || int(f) < len(e.m.imports) {
			unsupported("a program without %s of its own", name)
		}
		t := e.m.types[e.m.funcs[f]]
		if len(t.results) > 0 {
			unsupported("%s with a result", name)
		}
		e.unit.called[f] = true
		var args []string
		fmt.Fprintf(u, "define void @x%d(ptr %%args) #4 {\n", i)
		for k, p := range t.params {
			fmt.Fprintf(u, "  %%a%d = getelementptr i64, ptr %%args, i64 %d\n  %%v%d = load %s, ptr %%a%d\n", k, k, k, lt(p), k)
			args = append(args, fmt.Sprintf("%s %%v%d", lt(p), k))
		}
		fmt.Fprintf(u, "  call %svoid @f%d(%s)\n  ret void\n}\n", e.m.convention(), f, strings.Join(args, ", "))
	}
}

// finish returns the unit's text with declarations.
func (u *unit) finish(m *wasm) []byte {
	var b bytes.Buffer
	b.WriteString(`target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-gnu"
@memory = external hidden global [0 x i8]
@walisup_table = external hidden global [0 x {i32, i32}]
declare void @walisup_hostcall(i64, ptr) nounwind
declare i32 @walisup_setjmp(i32, i32, i32) returns_twice nounwind
declare void @walisup_trap(i32) noreturn nounwind cold
declare void @walisup_throw(i64) noreturn cold
declare i32 @walisup_personality(...)
`)
	for k := range m.data {
		fmt.Fprintf(&b, "@walisup_data%d = external hidden global [0 x i8]\n", k)
	}
	unwinds := " nounwind"
	if len(m.tags) > 0 {
		unwinds = " uwtable"
	}
	called := make([]uint32, 0, len(u.called))
	for f := range u.called {
		called = append(called, f)
	}
	sort.Slice(called, func(i, j int) bool { return called[i] < called[j] })
	for _, f := range called {
		if u.defined[f] {
			continue
		}
		t := m.types[m.funcs[f]]
		var params []string
		for _, p := range t.params {
			params = append(params, lt(p))
		}
		fmt.Fprintf(&b, "declare hidden %s%s @f%d(%s)%s\n", m.convention(), result(t), f, strings.Join(params, ", "), unwinds)
	}
	b.Write(u.text.Bytes())
	const attributes = ` noredzone "frame-pointer"="all" "probe-stack"="inline-asm" "stack-probe-size"="1048576" "no-trapping-math"="true" "no-builtins"`
	fmt.Fprintf(&b, "attributes #0 = { %s%s }\nattributes #1 = { returns_twice nounwind }\nattributes #2 = { noinline nounwind%s }\n"+
		"attributes #3 = { cold noreturn nounwind }\nattributes #4 = { noinline%s%s }\nattributes #5 = { cold noreturn }\n",
		unwinds, attributes, attributes, unwinds, attributes)
	b.WriteString("!0 = !{!\"branch_weights\", i32 1048575, i32 1}\n!1 = !{}\n!9 = !{!\"walisup\"}\n!10 = !{!\"memory\", !9, i64 0}\n!11 = !{!10, !10, i64 0}\n")
	for _, g := range m.globals {
		if g.mutable {
			fmt.Fprintf(&b, "!%d = !{!%d, !%d, i64 0}\n!%d = !{!\"global %d\", !9, i64 0}\n", 100+2*g.slot, 101+2*g.slot, 101+2*g.slot, 101+2*g.slot, g.slot)
		}
	}
	return b.Bytes()
}

// assembly is the function table, the data, and the stubs.
func (m *wasm) assembly() []byte {
	var b bytes.Buffer
	b.WriteString(stubs)
	b.WriteString("\t.section .rodata.walisup_table,\"a\"\n\t.p2align 4\n\t.hidden walisup_table\n\t.globl walisup_table\nwalisup_table:\n")
	for _, f := range m.table {
		if f < 0 {
			b.WriteString("\t.long -1, 0\n")
		} else {
			fmt.Fprintf(&b, "\t.long %d, f%d\n", m.canonical(m.funcs[f]), f)
		}
	}
	for k := range m.data {
		fmt.Fprintf(&b, "\t.section .rodata.walisup_data%d,\"a\"\n\t.hidden walisup_data%d\n\t.globl walisup_data%d\nwalisup_data%d:\n\t.incbin \"data%d\"\n", k, k, k, k, k)
	}
	return b.Bytes()
}

// run has the tools make the image.
func (t *translation) run(ctx context.Context, tools *Tools, workers int, progress func(done, all int)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wait sync.WaitGroup
	var mu sync.Mutex
	var first error
	done, objects := 0, make([]string, len(t.files))
	slots := make(chan struct{}, max(workers, 1))
	for k, name := range t.files {
		objects[k] = name + ".o"
		wait.Add(1)
		slots <- struct{}{}
		go func() {
			defer wait.Done()
			err := t.object(ctx, tools, name)
			<-slots
			mu.Lock()
			defer mu.Unlock()
			if err != nil && first == nil {
				first = err
				cancel()
			}
			done++
			progress(done, len(t.files)+1)
		}()
	}
	wait.Wait()
	if first != nil {
		return first
	}
	args := []string{"-static", "--no-dynamic-linker", "--threads=1", fmt.Sprintf("--image-base=%#x", image.Base), "--no-rosegment",
		fmt.Sprintf("--defsym=memory=%#x", image.MemoryBase), "-z", "norelro", "-z", "nognustack", "-e", "walisup_entry", "-o", linked}
	if err := tools.run(ctx, t.dir, tools.lld, append(args, objects...)...); err != nil {
		return err
	}
	progress(len(t.files)+1, len(t.files)+1)
	return nil
}

// unwindFlags make a frame's layout the same at all calls of a function.
var unwindFlags = []string{"-enable-shrink-wrap=false", "-no-x86-call-frame-opt"}

// object makes machine code of a file.
func (t *translation) object(ctx context.Context, tools *Tools, name string) error {
	if strings.HasSuffix(name, ".s") {
		return tools.run(ctx, t.dir, tools.mc, "-triple=x86_64-unknown-linux-gnu", "-filetype=obj", name, "-o", name+".o")
	}
	if err := tools.run(ctx, t.dir, tools.opt, "-passes="+passes, name, "-o", name+".bc"); err != nil {
		return err
	}
	args := []string{"-O2", "-mcpu=" + March, "-relocation-model=static", "-code-model=small", "-function-sections", "-filetype=obj"}
	if len(t.wasm.tags) > 0 {
		args = append(args, unwindFlags...)
	}
	return tools.run(ctx, t.dir, tools.llc, append(args, name+".bc", "-o", name+".o")...)
}

// read takes the image apart.
func (t *translation) read(path string, tools *Tools) (*Image, error) {
	f, err := elf.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the linked image: %w", err)
	}
	defer f.Close()
	var code []byte
	for _, p := range f.Progs {
		if p.Type != elf.PT_LOAD {
			continue
		}
		if code != nil || p.Vaddr != image.Base || p.Off != 0 || p.Flags&elf.PF_W != 0 || p.Filesz != p.Memsz {
			return nil, errors.New("the linked image has another form than expected")
		}
		if p.Memsz > image.MaxSize {
			return nil, &Unsupported{fmt.Sprintf("more than %d MB of code", image.MaxSize>>20)}
		}
		code = make([]byte, p.Filesz)
		if _, err := p.ReadAt(code, 0); err != nil {
			return nil, fmt.Errorf("read the linked image: %w", err)
		}
	}
	symbols, err := f.Symbols()
	if err != nil {
		return nil, fmt.Errorf("read the linked image: %w", err)
	}
	d, functions, err := t.describe(f.Sections, symbols, uint64(len(code)))
	if err != nil {
		return nil, err
	}
	index := image.EncodeFunctions(functions)
	if len(t.wasm.tags) > 0 {
		frames, pads, err := unwindTables(f.Sections)
		if err != nil {
			return nil, err
		}
		d.Frames, d.Pads = uint32(len(frames)), uint32(len(pads))
		index = append(index, image.EncodeUnwind(frames, pads)...)
	}
	d.Tools = tools.Version + " " + March
	return &Image{Head: d.Encode(), Index: index, Code: code}, nil
}

// describe finds in the symbols what a helper needs to know.
func (t *translation) describe(sections []*elf.Section, symbols []elf.Symbol, size uint64) (*image.Description, []image.Function, error) {
	m := t.wasm
	at := map[string]uint32{}
	var index []image.Function
	found := 0
	for _, s := range symbols {
		// The table and the data can be empty, and then share their address with a function.
		if s.Name == "" || s.Value < image.Base || s.Value-image.Base > size || int(s.Section) >= len(sections) ||
			sections[s.Section].Flags&elf.SHF_EXECINSTR == 0 {
			continue
		}
		offset := uint32(s.Value - image.Base)
		at[s.Name] = offset
		switch n, err := strconv.ParseUint(strings.TrimPrefix(s.Name, "f"), 10, 32); {
		case s.Name[0] == 'f' && err == nil && int(n) >= len(m.imports):
			index = append(index, image.Function{Address: offset, Function: uint32(n) - uint32(len(m.imports))})
			found++
		default: // what follows a function is not its own
			index = append(index, image.Function{Address: offset, Function: image.NoFunction})
		}
	}
	sort.Slice(index, func(i, j int) bool { return index[i].Address < index[j].Address })
	if found != len(m.bodies) {
		return nil, nil, fmt.Errorf("the linked image has %d functions instead of %d", found, len(m.bodies))
	}
	d := &image.Description{Entry: at["walisup_entry"], StubsLo: at["walisup_plain"], Stubs: at["walisup_plain_end"]}
	for i, name := range exports {
		d.Functions = append(d.Functions, image.Export{Name: name, Address: at[fmt.Sprintf("x%d", i)]})
	}
	for _, g := range m.globals {
		if g.mutable {
			d.Globals = append(d.Globals, image.Global{Init: g.init})
		}
	}
	for range m.data {
		d.Globals = append(d.Globals, image.Global{})
	}
	for _, name := range []string{module.ExportStackPointer, module.ExportTLSBase} {
		if g, ok := m.gexports[name]; ok && m.globals[g].mutable {
			d.Exported = append(d.Exported, image.ExportedGlobal{Name: name, Slot: uint32(m.globals[g].slot)})
		}
	}
	for i := range m.imports {
		if m.twice(uint32(i)) {
			d.Twice = append(d.Twice, uint32(i))
		}
	}
	return d, index, nil
}

package wazero_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"golang.org/x/sys/unix"

	"walisup/helper/engine"
	ours "walisup/helper/engine/wazero"
	"walisup/helper/engine/wazero/enginetest"
	"walisup/helper/module"
	"walisup/ipc/cache"
)

// errNoProgram is for modules that no program can look like: they import what only other
// modules have.
var errNoProgram = errors.New("imports of a table, a memory, a global, or from other modules")

// program makes a program of a module of the specification's: its imports of functions
// come from the namespace of system calls, it has a memory with a maximum, and a
// function _start that does nothing.
func program(b []byte) (out []byte, err error) {
	defer func() { // invalid modules end anywhere
		if recover() != nil {
			err = errors.New("damaged")
		}
	}()
	sections, err := splitModule(b)
	if err != nil {
		return nil, err
	}
	startType := entries(sections[1])
	sections[1] = withEntry(sections[1], []byte{0x60, 0, 0})
	imported, err := renameImports(&sections)
	if err != nil {
		return nil, err
	}
	if entries(sections[5]) == 0 {
		sections[5] = []byte{1, 1, 1, 1}
	} else if m := sections[5]; m[0] == 1 {
		min, minSize := binary.Uvarint(m[2:])
		if m[1]&1 == 0 { // no maximum: what it has at first
			sections[5] = enginetest.U32(enginetest.U32([]byte{1, m[1] | 1}, uint32(min)), max(uint32(min), 1))
		} else if m[2+minSize] == 0 {
			sections[5] = append(m[:2+minSize:2+minSize], 1)
		}
	}
	function := uint32(imported) + entries(sections[3])
	sections[3] = withEntry(sections[3], enginetest.U32(nil, startType))
	sections[10] = withEntry(sections[10], []byte{2, 0, 0x0b})
	sections[7] = withEntry(sections[7], enginetest.U32([]byte("\x06_start\x00"), function))
	out = []byte("\x00asm\x01\x00\x00\x00")
	for _, id := range []int{1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11} {
		if content := sections[id]; content != nil {
			out = append(enginetest.U32(append(out, byte(id)), uint32(len(content))), content...)
		}
	}
	return out, nil
}

func splitModule(b []byte) (sections [14][]byte, err error) {
	if len(b) < 8 {
		return sections, errors.New("no module")
	}
	for b = b[8:]; len(b) > 0; {
		id := int(b[0])
		size, n := binary.Uvarint(b[1:])
		if n <= 0 || size > uint64(len(b)-1-n) || id >= len(sections) {
			return sections, errors.New("damaged")
		}
		if id != 0 {
			sections[id] = b[1+n:][:size:size]
		}
		b = b[1+n+int(size):]
	}
	return sections, nil
}

func entries(section []byte) uint32 {
	n, _ := binary.Uvarint(section)
	return uint32(n)
}

func withEntry(section, entry []byte) []byte {
	n, size := binary.Uvarint(section)
	out := enginetest.U32(nil, uint32(n)+1)
	if size > 0 {
		out = append(out, section[size:]...)
	}
	return append(out, entry...)
}

// renameImports makes imports of functions from spectest imports from the namespace of
// system calls, and returns how many there are.
func renameImports(sections *[14][]byte) (functions int, err error) {
	section := sections[2]
	if section == nil {
		return 0, nil
	}
	n, size := binary.Uvarint(section)
	rest := section[size:]
	out := enginetest.U32(nil, uint32(n))
	name := func() string {
		length, size := binary.Uvarint(rest)
		s := string(rest[size:][:length])
		rest = rest[size+int(length):]
		return s
	}
	for range n {
		from, field := name(), name()
		if from != "spectest" || rest[0] != 0 {
			return 0, errNoProgram
		}
		_, size := binary.Uvarint(rest[1:])
		out = append(append(out, byte(len(module.Namespace))), module.Namespace...)
		out = append(append(enginetest.U32(out, uint32(len(field))), field...), rest[:1+size]...)
		rest = rest[1+size:]
		functions++
	}
	sections[2] = out
	return functions, nil
}

// specProgram instantiates a program as a helper does.
func specProgram(t *testing.T, b []byte) (*specInstance, error) {
	ctx := context.Background()
	m, err := module.Prepare(b, module.Options{})
	if err != nil {
		return nil, err
	}
	artifact, err := ours.Compile(ctx, m.Binary, engine.Options{Workers: 1})
	if err != nil {
		return nil, err
	}
	var memory api.Memory
	host := &engine.Host{
		Function: func(module.Import) engine.HostFunc {
			return func(_ context.Context, stack []uint64) { clear(stack) }
		},
		Support:     func(i module.Import) engine.HostFunc { return specSupport(m, i.Name, &memory) },
		Interrupted: func(context.Context, []uint64) {},
		Pending:     func(context.Context, []uint64) {},
	}
	err = ours.MakeGlue(ctx, m.Stub, artifact, func(rt wazero.Runtime) error {
		builders, err := ours.Imports(rt, m, host)
		for _, builder := range builders {
			if _, err := builder.Compile(ctx); err != nil {
				return err
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	rt, compiled, err := ours.LoadUnlinked(ctx, m.Stub, mapped(t, artifact))
	if err != nil {
		return nil, err
	}
	bench := enginetest.For(t, rt)
	var a enginetest.Assembler
	a.Memory = enginetest.U32(enginetest.U32([]byte{1}, m.MemoryPages), m.MemoryPages)
	if m.Shared {
		a.Memory[0] = 3
	}
	a.Export(module.ImportMemory, 2, 0)
	at, err := bench.InstantiateMemory(a.Bytes(), module.MemoryModule, uint64(m.DataEnd))
	if err != nil {
		return nil, err
	}
	memory = at.Memory()
	if len(m.ClassTable) > 0 {
		if err := bench.MapPrivate(at, m.ClassAddress, m.ClassTable); err != nil {
			return nil, err
		}
	}
	builders, err := ours.Imports(rt, m, host)
	if err != nil {
		return nil, err
	}
	for _, builder := range builders {
		if _, err := builder.Instantiate(ctx); err != nil {
			return nil, err
		}
	}
	instance, err := bench.InstantiateCompiled(compiled, "")
	if err != nil {
		return nil, err
	}
	if _, err := bench.Call(instance, module.ExportInit); err != nil {
		return nil, err
	}
	return &specInstance{bench, instance}, nil
}

// specSupport does what the helper's functions do for a thread that is alone.
func specSupport(m *module.Module, name string, memory *api.Memory) engine.HostFunc {
	wait := func(stack []uint64, size uint32, load func(uint32) uint64) {
		address := uint32(stack[0])
		if address%size != 0 {
			panic(errors.New("wasm error: unaligned atomic"))
		}
		if uint64(address)+uint64(size) > uint64(m.DataEnd) {
			panic(errors.New("wasm error: out of bounds memory access"))
		}
		if !m.Shared && size > 0 && load != nil {
			panic(errors.New("wasm error: expected shared memory"))
		}
		switch {
		case load == nil:
			stack[0] = 0 // nobody waits
		case load(address) != stack[1]&(1<<(8*size)-1):
			stack[0] = 1
		default:
			stack[0] = 2 // nobody will ever notify
		}
	}
	switch name {
	case module.ImportWait32:
		return func(_ context.Context, stack []uint64) {
			wait(stack, 4, func(p uint32) uint64 { v, _ := (*memory).ReadUint32Le(p); return uint64(v) })
		}
	case module.ImportWait64:
		return func(_ context.Context, stack []uint64) {
			wait(stack, 8, func(p uint32) uint64 { v, _ := (*memory).ReadUint64Le(p); return v })
		}
	case module.ImportNotify:
		return func(_ context.Context, stack []uint64) { wait(stack, 4, nil) }
	case module.ImportMismatch:
		return func(_ context.Context, stack []uint64) {
			if _, ok := m.TableFunction(uint32(stack[1])); !ok {
				panic(errors.New("wasm error: invalid table access"))
			}
			panic(errors.New("wasm error: indirect call type mismatch"))
		}
	}
	panic("no support function " + name)
}

// mapped gives an artifact's code executable mappings, as the compile cache does.
func mapped(t *testing.T, a *engine.Artifact) *engine.Artifact {
	t.Helper()
	fd, err := unix.MemfdCreate("artifact", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := cache.Write(fd, &cache.Entry{Head: a.Head, Tail: a.Tail, Code: a.Code, Index: a.Index, Glue: a.Glue}); err != nil {
		t.Fatal(err)
	}
	e, err := cache.Map(fd)
	if err != nil {
		t.Fatal(err)
	}
	return &engine.Artifact{Head: e.Head, Tail: e.Tail, Code: e.Code, Index: e.Index, Glue: e.Glue}
}

// TestSpecificationAsPrograms runs the scripts' modules as programs. What a script does
// with a module that cannot be one is left out.
func TestSpecificationAsPrograms(t *testing.T) {
	modules, others, count := 0, 0, 0
	differ := differences{known: programDifferences}
	scripts(t, func(t *testing.T, s *script) {
		if s.features == api.CoreFeaturesV1 {
			return // they are in v2, too
		}
		var last *specInstance
		named := map[string]*specInstance{}
		for n := range s.Commands {
			c := &s.Commands[n]
			if c.ModuleType == "text" {
				continue
			}
			var err error
			switch c.Kind {
			case "module":
				var b []byte
				if b, err = s.file(c); err != nil {
					t.Fatal(err)
				}
				last = nil
				if b, err = program(b); err == nil {
					last, err = specProgram(t, b)
					modules++
				} else if errors.Is(err, errNoProgram) {
					err = nil
					others++
				}
				if c.Name != "" {
					named[c.Name] = last
				}
			case "assert_return", "action", "assert_trap", "assert_exhaustion", "assert_exception":
				i := last
				if c.Action.Module != "" {
					i = named[c.Action.Module]
				}
				if i != nil {
					count++
					err = i.check(c)
				}
			case "assert_invalid":
				// What lacks something may not any more, as a program.
				if strings.HasPrefix(c.Text, "unknown") || strings.HasPrefix(c.Text, "size minimum") {
					continue
				}
				var b []byte
				if b, err = s.file(c); err != nil {
					t.Fatal(err)
				}
				if b, err = program(b); err != nil { // so damaged that nobody takes it for a module
					err = nil
					continue
				}
				count++
				if _, refused := specProgram(t, b); refused == nil {
					err = fmt.Errorf("accepted: %s", c.Text)
				}
			}
			differ.note(t, s, c, err)
		}
	})
	differ.finish(t)
	t.Logf("%d commands for %d modules as programs; %d modules cannot be programs", count, modules, others)
}

// Why programs differ.
const (
	fullSize   = "a program's memory has its full size from the start, and what is mapped in it is the C library's business: memory.size is the maximum, memory.grow fails"
	adapted    = "calls through pointers of another type are adapted as far as native ABIs forgive them"
	leftOut    = "what other modules of the script do to the table or the memory is left out, as they cannot be programs"
	references = "recursive types and typed function references, which programs do not have"
)

// programDifferences are those by design.
var programDifferences = []difference{
	{"v2/block", []int{384}, fullSize},
	{"v2/call", []int{359}, fullSize},
	{"v2/call_indirect", []int{498, 499, 515, 530}, adapted},
	{"v2/call_indirect", []int{603}, fullSize},
	{"v2/elem", []int{598, 599, 611, 612, 613, 668}, leftOut},
	{"v2/if", []int{600, 601}, fullSize},
	{"v2/linking", []int{209, 215, 275, 288, 349, 406, 407, 419, 452, 453}, leftOut},
	{"v2/load", []int{211}, fullSize},
	{"v2/local_tee", []int{345}, fullSize},
	{"v2/loop", []int{457}, fullSize},
	{"v2/memory", []int{14, 16}, fullSize},
	{"v2/memory_grow", nil, fullSize},
	{"v2/memory_size", nil, fullSize},
	{"v2/nop", []int{380, 381, 382}, fullSize},
	{"v2/select", []int{286, 287}, fullSize},
	{"tail-call/return_call_indirect", []int{234, 235, 245}, adapted},
	{"exception-handling/tag", []int{30}, references},
	{"exception-handling/try_table", []int{420}, references},
}

package module

import (
	"fmt"
	"strings"
)

// PageSize is the size of a WebAssembly memory page in bytes.
const PageSize = 65536

const maxMemoryPages = 65536

// Names that a prepared module imports and exports.
const (
	// Namespace is the module name of all imports that a WALI module may have.
	Namespace = "wali"

	// SupportModule is the module name of the functions that Prepare adds to the imports.
	SupportModule = "walisup"

	// MemoryModule and ImportMemory name the imported memory. It has a module of its own because the engine's host
	// modules have functions only.
	MemoryModule = "walisup.memory"
	ImportMemory = "memory"
	// ImportMismatch (expected type index i32, table index i32) is called when an indirect call cannot be made:
	// the entry is null, beyond the table, or of a type that no sensible conversion leads to. It must not return;
	// a trap follows if it does.
	ImportMismatch = "mismatch"
	// ImportWait32 (address i32, expected i32, timeout ns i64) -> i32 replaces memory.atomic.wait32: 0 woken,
	// 1 not equal, 2 timed out. The timeout is infinite if negative. The address may be out of range, misaligned
	// or unmapped, which traps natively.
	ImportWait32 = "wait32"
	// ImportWait64 (address i32, expected i64, timeout ns i64) -> i32 replaces memory.atomic.wait64.
	ImportWait64 = "wait64"
	// ImportNotify (address i32, count i32) -> i32 replaces memory.atomic.notify; the result is the number woken.
	ImportNotify = "notify"
	// ImportSize () -> i32 replaces memory.size and ImportGrow (pages i32) -> i32 memory.grow in a module that knows
	// no other way to more memory, see Options.Foreign.
	ImportSize = "size"
	ImportGrow = "grow"

	// ExportMemory is the memory.
	ExportMemory = "memory"
	// ExportInit () -> () fills memory with what were active data segments and then runs what was the start
	// function. The first instance of a process runs it once, instances of further threads never.
	ExportInit = "walisup.init"
	// ExportCall1 (function i32, a i32) calls entry function of table 0 with one argument; ExportCall2 and
	// ExportCall3 with two and three. Functions of other types are adapted as for calls in the module.
	ExportCall1 = "walisup.call_i"
	ExportCall2 = "walisup.call_ii"
	ExportCall3 = "walisup.call_iii"
	// ExportStackPointer is the mutable i32 global that holds the shadow stack pointer, if the module has one.
	ExportStackPointer = "walisup.sp"
	// ExportTLSBase is the mutable i32 global that holds the base of thread-local storage, if the module has one.
	ExportTLSBase = "walisup.tls"

	// ExportStart is where a program begins.
	ExportStart = "_start"
	// ExportThreadStart is where the WALI C library begins a thread.
	ExportThreadStart = "__wasm_thread_start_libc"
	// ImportThreadSpawn is the import that makes a program multi-threaded.
	ImportThreadSpawn = "__wasm_thread_spawn"
)

// Options choose how a module is prepared. The zero value suits an ordinary start.
type Options struct {
	// KeepDebug keeps debug information and all other custom sections.
	KeepDebug bool
	// PlainTables leaves indirect calls as they are: a call through a pointer of another type traps.
	PlainTables bool
	// Unshared makes the memory of a module that cannot start threads an unshared one.
	Unshared bool
	// Foreign admits imports from any namespace, which layers provide. In a program that imports nothing from
	// Namespace the memory grows by memory.grow, as WebAssembly has it, and need not have a maximum.
	Foreign bool
	// Layer says that the module is a layer: it needs no ExportStart, and Module.Exports lists its functions.
	Layer bool
	// MemoryBase is where the memory lies; 0 for the engine's default place.
	MemoryBase uint64
}

// Import is a function that a module needs.
type Import struct {
	Module string // its namespace
	Name   string
	Type   FunctionType
}

// Export is a function that a module provides.
type Export struct {
	Name string
	Type FunctionType
}

// Module is a prepared module. Its slices may alias the binary it was made from and must not be changed.
type Module struct {
	// Binary is the rewritten module, to be compiled. It is nil in a Module that came out of a cache.
	Binary []byte
	// Stub is Binary with every function's body replaced by an unreachable instruction and without names and
	// debug information. It has the same types, imports, functions, tables, globals, exports and segments.
	Stub []byte

	// MinPages and MaxPages are the memory's limits as the module declared them.
	MinPages, MaxPages uint32
	// MemoryPages is the size of the memory that Binary imports, minimum and maximum alike. It is MaxPages and
	// room for the class table.
	MemoryPages uint32
	// Shared says whether the imported memory is shared.
	Shared bool
	// ClassTable is what Binary expects to read at linear address ClassAddress, where nothing may change it;
	// it is empty if Binary does not look. The address is at or above MaxPages*PageSize and page-aligned.
	ClassTable   []byte
	ClassAddress uint64

	// LowestUse is an address in bytes below which the linker placed nothing, 0 if that cannot be proved: either
	// 0 or 4096, the first page being the end of a stack that grows down towards 0.
	LowestUse uint32
	// DataEnd is the end in bytes of the initial memory: data, stack and heap start lie below.
	DataEnd uint32
	// StackPointer and TLSBase say that ExportStackPointer and ExportTLSBase exist.
	StackPointer, TLSBase bool
	// ThreadStart says that the module exports ExportThreadStart.
	ThreadStart bool
	// StaticTable says that table 0 cannot change, so that its entries are known; Adapted says that calls
	// through it are adapted.
	StaticTable, Adapted bool

	// Imports are the functions that the module itself imports, by function index. Without Options.Foreign and
	// Options.Layer all are of Namespace.
	Imports []Import
	// Support are the functions of SupportModule; their function indexes follow those of Imports.
	Support []Import

	// Exports are the functions that a layer exports, in the module's order; none for other modules.
	Exports []Export

	// MemoryBase is Options.MemoryBase.
	MemoryBase uint64

	// siteTypes are type indexes of calls through table 0 and classTypes those of its functions, each structural
	// type once.
	siteTypes, classTypes []uint32

	pieces []piece

	stub stubCache
}

// Prepare checks a module and rewrites it for the engine, see the package's documentation. The result may alias
// binary. Errors are of type [*Error], in one line.
func Prepare(binary []byte, o Options) (*Module, error) {
	s, err := parse(binary, o.Foreign || o.Layer)
	if err != nil {
		return nil, err
	}
	if err := s.checkProgram(o.Layer); err != nil {
		return nil, err
	}
	m := &Module{
		MinPages:    s.memory.min,
		MaxPages:    s.memory.max,
		MemoryPages: s.memory.max,
		Shared:      s.memory.shared && !(o.Unshared && !s.importsFunction(ImportThreadSpawn)),
		LowestUse:   s.lowestUse(),
		ThreadStart: s.exportsFunction(ExportThreadStart),
		Imports:     s.imports,
		MemoryBase:  o.MemoryBase,
	}
	if o.Layer {
		m.Exports = s.exportedFunctions()
	}
	m.DataEnd = uint32(min(uint64(m.MinPages)*PageSize, 1<<32-1))
	w := &rewriter{source: s, options: o, module: m}
	w.run()
	return m, nil
}

// checkProgram refuses modules that are no programs.
func (s *source) checkProgram(layer bool) error {
	if !s.memory.defined {
		return errorf("memory", -1, "the module has no memory")
	}
	if !s.memory.hasMax {
		if !s.growing() {
			return errorf(s.memory.section, s.memory.at, "the memory has no maximum (link with --max-memory)")
		}
		s.memory.max, s.memory.hasMax = maxGrowingPages, true
	}
	if s.growing() {
		s.memory.max = max(min(s.memory.max, maxGrowingPages), s.memory.min)
	}
	if s.dataCount >= 0 && s.dataCount != int64(len(s.data)) {
		return errorf("data count", s.sections[sectionDataCount].start, "%d data segments announced but %d present",
			s.dataCount, len(s.data))
	}
	if err := s.checkExports(); err != nil || layer {
		return err
	}
	start := s.exported(ExportStart)
	if start == nil {
		what := "not a program?"
		for _, c := range s.custom {
			switch {
			case c.name == "linking":
				what = "a relocatable object file, which must be linked first"
			case strings.HasPrefix(c.name, "dylink"):
				what = "a shared library"
			}
		}
		return errorf("export", -1, "no exported function %q (%s)", ExportStart, what)
	}
	if start.kind != kindFunction {
		return errorf("export", start.entry.start, "export %q is no function", ExportStart)
	}
	if t := s.types[s.functionType(start.index)]; len(t.Params)+len(t.Results) > 0 {
		return errorf("export", start.entry.start, "%q has type %s instead of () -> ()", ExportStart, t)
	}
	return nil
}

// maxGrowingPages is how large a memory gets at most that grows by memory.grow, in pages: what a module can address,
// but for some room for the class table.
const maxGrowingPages = maxMemoryPages - 64

// ImportedMemory is the name by which a prepared module imports its memory, from MemoryModule.
func (m *Module) ImportedMemory() string {
	if m.MemoryBase == 0 {
		return ImportMemory
	}
	return fmt.Sprintf("%s@%x", ImportMemory, m.MemoryBase)
}

// growing says that the memory grows by memory.grow: the module has no system calls that would give it memory.
func (s *source) growing() bool {
	foreign := false
	for i := range s.imports {
		if s.imports[i].Module == Namespace {
			return false
		}
		foreign = true
	}
	return foreign
}

func (s *source) exportedFunctions() (list []Export) {
	for _, e := range s.exports {
		if e.kind == kindFunction {
			list = append(list, Export{Name: e.name, Type: s.types[s.functionType(e.index)]})
		}
	}
	return list
}

// checkExports refuses names that Prepare uses.
func (s *source) checkExports() error {
	for _, e := range s.exports {
		if strings.HasPrefix(e.name, SupportModule+".") {
			return errorf("export", e.entry.start, "export %q: names that begin with %q are reserved", e.name,
				SupportModule+".")
		}
		if e.name == ExportMemory && e.kind != kindMemory {
			return errorf("export", e.entry.start, "export %q is no memory", ExportMemory)
		}
	}
	return nil
}

func (s *source) importsFunction(name string) bool {
	for i := range s.imports {
		if s.imports[i].Module == Namespace && s.imports[i].Name == name {
			return true
		}
	}
	return false
}

func (s *source) exportsFunction(name string) bool {
	e := s.exported(name)
	return e != nil && e.kind == kindFunction
}

// registerGlobal finds a mutable i32 global by the name of its export, else at the index where LLVM's linker puts
// it.
func (s *source) registerGlobal(name string, index uint32) (uint32, bool) {
	if e := s.exported(name); e != nil && e.kind == kindGlobal {
		index = e.index
	}
	if int64(index) >= int64(len(s.globals)) {
		return 0, false
	}
	g := s.globals[index]
	return index, g.kind == I32 && g.mutable
}

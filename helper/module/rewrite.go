package module

import (
	"strings"
)

// rewriter writes the prepared module. Existing indexes stay as they are, save those of defined functions, which
// move up by the number of added imports: what is added comes last in its section.
type rewriter struct {
	source  *source
	options Options
	module  *Module

	types    []FunctionType    // added
	typeKeys map[string]uint32 // all, by structure
	shiftBy  uint32
	atomic   [3]uint32 // function index by code: the import, or the helper that adds an offset
	helper   [3]uint32
	memory   [2]uint32 // function index of ImportSize and ImportGrow
	added    []function
	mismatch uint32 // function index of ImportMismatch
	adapter  *adapter
	pieces   []piece // of the function body being written, places relative to it
}

// function is one that Prepare adds.
type function struct {
	name   string // for the name section
	export string // empty if it is not exported
	kind   uint32 // type index
	body   []byte // local declarations and instructions
}

// typeIndex returns the index of a type, which is added if it does not exist.
func (w *rewriter) typeIndex(t FunctionType) uint32 {
	if w.typeKeys == nil {
		w.typeKeys = make(map[string]uint32, len(w.source.types)+8)
		for i, t := range w.source.types {
			if w.source.structural[i] == uint32(i) {
				w.typeKeys[t.key()] = uint32(i)
			}
		}
	}
	key := t.key()
	index, ok := w.typeKeys[key]
	if !ok {
		index = uint32(len(w.source.types) + len(w.types))
		w.types = append(w.types, t)
		w.typeKeys[key] = index
	}
	return index
}

func (w *rewriter) typeAt(index uint32) FunctionType {
	if n := uint32(len(w.source.types)); index >= n {
		return w.types[index-n]
	}
	return w.source.types[index]
}

func signature(params, results string) FunctionType {
	kinds := map[rune]byte{'i': I32, 'I': I64}
	var t FunctionType
	for _, c := range params {
		t.Params = append(t.Params, kinds[c])
	}
	for _, c := range results {
		t.Results = append(t.Results, kinds[c])
	}
	return t
}

// importSupport adds a function import and returns its index.
func (w *rewriter) importSupport(name string, t FunctionType) uint32 {
	index := uint32(len(w.source.imports) + len(w.module.Support))
	w.typeIndex(t) // so that the type section has it
	w.module.Support = append(w.module.Support, Import{Name: name, Type: t})
	return index
}

// shift maps a function index of the source to one of the result.
func (w *rewriter) shift(f uint32) uint32 {
	if int(f) < len(w.source.imports) {
		return f
	}
	return f + w.shiftBy
}

// add appends a function and returns its index. All imports must have been added before.
func (w *rewriter) add(f function) uint32 {
	w.added = append(w.added, f)
	return w.source.functionCount() + w.shiftBy + uint32(len(w.added)) - 1
}

func (w *rewriter) run() {
	w.addImports()
	w.shiftBy = uint32(len(w.module.Support))
	w.addAtomicHelpers()
	w.add(function{name: ExportInit, export: ExportInit, kind: w.typeIndex(FunctionType{}), body: w.initBody()})
	if w.adapter != nil {
		w.adapter.generate()
	}
	for i, name := range []string{ExportCall1, ExportCall2, ExportCall3} {
		w.addCall(name, i+1)
	}
	w.assemble()
}

var atomicImports = [3]struct{ name, params string }{
	atomicNotify: {ImportNotify, "ii"},
	atomicWait32: {ImportWait32, "iiI"},
	atomicWait64: {ImportWait64, "iII"},
}

func (w *rewriter) addImports() {
	w.planAdapter()
	if w.adapter != nil {
		w.mismatch = w.importSupport(ImportMismatch, signature("ii", ""))
	}
	for sub, used := range w.source.code.atomics {
		if used {
			i := atomicImports[sub]
			w.atomic[sub] = w.importSupport(i.name, signature(i.params, "i"))
		}
	}
	if w.source.code.memory[0] {
		w.memory[0] = w.importSupport(ImportSize, signature("", "i"))
	}
	if w.source.code.memory[1] {
		w.memory[1] = w.importSupport(ImportGrow, signature("i", "i"))
	}
}

// addAtomicHelpers adds, for each replaced instruction that occurs with an offset, a function that takes the
// offset as its last parameter and adds it to the address.
func (w *rewriter) addAtomicHelpers() {
	var needed [3]bool
	for _, s := range w.source.code.sites {
		if s.kind == siteAtomic && s.value != 0 {
			needed[s.sub] = true
		}
	}
	for sub, n := range needed {
		if !n {
			continue
		}
		i := atomicImports[sub]
		offset := uint32(len(i.params))
		b := []byte{0} // no locals
		b = append(b, opLocalGet, 0, opLocalGet)
		b = appendU32(b, offset)
		b = append(b, opI32Add, opLocalTee, 0, opLocalGet)
		b = appendU32(b, offset)
		// The sum wrapped: do what the instruction would have done, trap with an access out of bounds.
		b = append(b, opI32LtU, opIf, blockEmpty, opI32Const)
		b = appendS64(b, -1)
		b = append(b, opI32Load, 0)
		b = appendU32(b, 1<<32-1)
		b = append(b, opDrop, opEnd)
		for p := range offset {
			b = append(b, opLocalGet)
			b = appendU32(b, p)
		}
		b = append(b, opCall)
		b = appendU32(b, w.atomic[sub])
		b = append(b, opEnd)
		w.helper[sub] = w.add(function{
			name: SupportModule + "." + i.name,
			kind: w.typeIndex(signature(i.params+"i", "i")),
			body: b,
		})
	}
}

// initBody is the code of ExportInit.
func (w *rewriter) initBody() []byte {
	b := []byte{0} // no locals
	for i, d := range w.source.data {
		if !d.active {
			continue
		}
		b = append(b, opI32Const)
		b = appendS64(b, int64(int32(d.offset.value)))
		b = append(b, opI32Const, 0, opI32Const)
		b = appendS64(b, int64(d.init.end-d.init.start))
		b = append(b, opMiscPrefix, miscMemoryInit)
		b = appendU32(b, uint32(i))
		b = append(b, 0, opMiscPrefix, miscDataDrop)
		b = appendU32(b, uint32(i))
	}
	if w.source.start >= 0 {
		b = append(b, opCall)
		b = appendU32(b, w.shift(uint32(w.source.start)))
	}
	return append(b, opEnd)
}

// addCall adds a function that calls a table entry with n arguments, which come after the entry's index.
func (w *rewriter) addCall(name string, n int) {
	called := w.typeIndex(signature(strings.Repeat("i", n), ""))
	kind := w.typeIndex(signature(strings.Repeat("i", n+1), ""))
	b := []byte{0} // no locals
	if len(w.source.tables) == 0 || w.source.tables[0].kind != FuncRef {
		b = append(b, opUnreachable, opEnd)
	} else {
		for p := 1; p <= n; p++ {
			b = append(b, opLocalGet, byte(p))
		}
		b = append(b, opLocalGet, 0)
		b = w.appendCallIndirect(b, called, false, 0)
		b = append(b, opEnd)
	}
	w.add(function{name: name, export: name, kind: kind, body: b})
}

// appendCallIndirect appends an indirect call through table 0, adapted if it must be. The stack holds the
// arguments and the index; local is an i32 local that may be overwritten.
func (w *rewriter) appendCallIndirect(b []byte, kind uint32, tail bool, local uint32) []byte {
	if w.adapter != nil {
		return w.adapter.appendCall(b, kind, tail, local)
	}
	return appendPlainCall(b, kind, tail)
}

func appendPlainCall(b []byte, kind uint32, tail bool) []byte {
	if tail {
		b = append(b, opReturnCallIndirect)
	} else {
		b = append(b, opCallIndirect)
	}
	b = appendU32(b, kind)
	return append(b, 0)
}

// assemble writes Binary and Stub.
func (w *rewriter) assemble() {
	s, m := w.source, w.module
	// The sections before the code are the same in both.
	head := make([]byte, 0, len(s.b)-(s.sections[sectionCode].end-s.sections[sectionCode].start)+4096)
	head = append(head, s.b[:headerLength]...)
	var scratch []byte
	section := func(id byte, content []byte) {
		head = appendSection(head, id, content)
		scratch = content[:0]
	}
	copied := func(id byte) {
		if s.present[id] {
			head = appendSection(head, id, s.sections[id].of(s.b))
		}
	}
	section(sectionType, w.typeSection(scratch))
	section(sectionImport, w.importSection(scratch))
	section(sectionFunction, w.functionSection(scratch))
	copied(sectionTable)
	copied(sectionTag)
	if s.present[sectionGlobal] {
		g := s.sections[sectionGlobal]
		section(sectionGlobal, appendEdited(scratch, s.b, g.start, g.end, s.globalEdit, w.shift))
	}
	section(sectionExport, w.exportSection(scratch))
	if s.present[sectionElement] {
		e := s.sections[sectionElement]
		section(sectionElement, appendEdited(scratch, s.b, e.start, e.end, s.elementEdit, w.shift))
	}
	if len(s.data) > 0 || s.dataCount >= 0 {
		section(sectionDataCount, appendU32(scratch, uint32(len(s.data))))
	}
	data := w.dataSection()

	count := len(s.code.bodies) + len(w.added)
	stub := make([]byte, 0, len(head)+len(data)+4*count+16)
	stub = append(stub, head...)
	scratch = appendU32(scratch, uint32(count))
	for range count {
		scratch = append(scratch, 3, 0, opUnreachable, opEnd)
	}
	stub = appendSection(stub, sectionCode, scratch)
	m.Stub = append(stub, data...)

	code := w.codeSection()
	binary := make([]byte, 0, len(head)+len(code)+len(data)+16)
	binary = append(binary, head...)
	binary = appendSection(binary, sectionCode, code)
	binary = append(binary, data...)
	m.Binary = w.appendCustom(binary)
}

func (w *rewriter) typeSection(b []byte) []byte {
	s := w.source
	b = appendU32(b, uint32(len(s.types)+len(w.types)))
	b = append(b, s.typeSpan.of(s.b)...)
	for _, t := range w.types {
		b = append(b, 0x60)
		b = appendU32(b, uint32(len(t.Params)))
		b = append(b, t.Params...)
		b = appendU32(b, uint32(len(t.Results)))
		b = append(b, t.Results...)
	}
	return b
}

func (w *rewriter) importSection(b []byte) []byte {
	s, m := w.source, w.module
	b = appendU32(b, uint32(len(s.imports)+len(m.Support)+1))
	for _, entry := range s.importSpan {
		b = append(b, entry.of(s.b)...)
	}
	for _, i := range m.Support {
		b = appendName(b, SupportModule)
		b = appendName(b, i.Name)
		b = append(b, kindFunction)
		b = appendU32(b, w.typeIndex(i.Type))
	}
	b = appendName(b, MemoryModule)
	b = appendName(b, w.module.ImportedMemory())
	flags := byte(1)
	if m.Shared {
		flags = 3
	}
	b = append(b, kindMemory, flags)
	b = appendU32(b, m.MemoryPages)
	return appendU32(b, m.MemoryPages)
}

func (w *rewriter) functionSection(b []byte) []byte {
	s := w.source
	b = appendU32(b, uint32(len(s.functionTypes)+len(w.added)))
	b = append(b, s.functionSpan.of(s.b)...)
	for _, f := range w.added {
		b = appendU32(b, f.kind)
	}
	return b
}

func (w *rewriter) exportSection(b []byte) []byte {
	s, m := w.source, w.module
	var more []byte
	added := uint32(0)
	add := func(name string, kind byte, index uint32) {
		more = appendName(more, name)
		more = append(more, kind)
		more = appendU32(more, index)
		added++
	}
	if s.exported(ExportMemory) == nil {
		add(ExportMemory, kindMemory, 0)
	}
	first := s.functionCount() + w.shiftBy
	for i, f := range w.added {
		if f.export != "" {
			add(f.export, kindFunction, first+uint32(i))
		}
	}
	if index, ok := s.registerGlobal("__stack_pointer", 0); ok {
		m.StackPointer = true
		add(ExportStackPointer, kindGlobal, index)
	}
	if index, ok := s.registerGlobal("__tls_base", 1); ok {
		m.TLSBase = true
		add(ExportTLSBase, kindGlobal, index)
	}
	b = appendU32(b, uint32(len(s.exports))+added)
	for _, e := range s.exports {
		if e.kind != kindFunction {
			b = append(b, e.entry.of(s.b)...)
			continue
		}
		b = appendName(b, e.name)
		b = append(b, e.kind)
		b = appendU32(b, w.shift(e.index))
	}
	return append(b, more...)
}

// dataSection returns the whole section with all segments passive.
func (w *rewriter) dataSection() []byte {
	s := w.source
	if !s.present[sectionData] {
		return nil
	}
	size := s.sections[sectionData].end - s.sections[sectionData].start
	b := make([]byte, 0, size+16)
	b = appendU32(b, uint32(len(s.data)))
	for _, d := range s.data {
		b = append(b, 1)
		b = appendU32(b, uint32(d.init.end-d.init.start))
		b = append(b, d.init.of(s.b)...)
	}
	return appendSection(make([]byte, 0, len(b)+8), sectionData, b)
}

func (w *rewriter) codeSection() []byte {
	s := w.source
	size := s.sections[sectionCode].end - s.sections[sectionCode].start
	for _, f := range w.added {
		size += len(f.body) + 5
	}
	b := make([]byte, 0, size+size/4+64)
	b = appendU32(b, uint32(len(s.code.bodies)+len(w.added)))
	var scratch []byte
	for i := range s.code.bodies {
		scratch = w.appendBody(scratch[:0], i)
		b = appendU32(b, uint32(len(scratch)))
		for _, p := range w.pieces {
			p.place += uint32(len(b))
			w.module.pieces = append(w.module.pieces, p)
		}
		b = append(b, scratch...)
	}
	for _, f := range w.added {
		b = appendU32(b, uint32(len(f.body)))
		b = append(b, f.body...)
	}
	return b
}

// appendBody appends the locals and instructions of a defined function.
func (w *rewriter) appendBody(b []byte, i int) []byte {
	s := w.source
	body := &s.code.bodies[i]
	sites := s.code.sites[body.sites.start:body.sites.end]
	local := uint32(0)
	if w.adapter != nil && w.adapter.needsLocal(sites) {
		local = uint32(len(s.types[s.functionTypes[i]].Params)) + body.localCount
		b = appendU32(b, body.localGroups+1)
		b = append(b, body.locals.of(s.b)...)
		b = append(b, 1, I32)
	} else {
		b = appendU32(b, body.localGroups)
		b = append(b, body.locals.of(s.b)...)
	}
	w.pieces = w.pieces[:0]
	from := body.locals.end
	for _, site := range sites {
		w.addPiece(len(b), from, int(site.start))
		b = append(b, s.b[from:site.start]...)
		from = int(site.end)
		w.addPiece(len(b), int(site.start), int(site.start))
		switch site.kind {
		case siteFunction:
			b = appendU32(b, w.shift(site.value))
		case siteCallIndirect:
			b = w.appendCallIndirect(b, site.value, false, local)
		case siteReturnCallIndirect:
			b = w.appendCallIndirect(b, site.value, true, local)
		case siteAtomic:
			target := w.atomic[site.sub]
			if site.value != 0 {
				target = w.helper[site.sub]
				b = append(b, opI32Const)
				b = appendS64(b, int64(int32(site.value)))
			}
			b = append(b, opCall)
			b = appendU32(b, target)
		case siteMemory:
			b = append(b, opCall)
			b = appendU32(b, w.memory[site.sub])
		}
	}
	w.addPiece(len(b), from, body.end)
	return append(b, s.b[from:body.end]...)
}

// appendCustom appends the custom sections that stay.
func (w *rewriter) appendCustom(b []byte) []byte {
	named := false
	for _, c := range w.source.custom {
		switch {
		case c.name == "name":
			if !named {
				named = true
				b = w.appendNames(b, c)
			}
		case w.options.KeepDebug || !dropped(c.name):
			b = appendSection(b, sectionCustom, c.content.of(w.source.b))
		}
	}
	return b
}

// dropped says whether a custom section is of no use at run time.
func dropped(name string) bool {
	switch name {
	case "producers", "sourceMappingURL", "external_debug_info", "linking":
		return true
	}
	return strings.HasPrefix(name, ".debug_") || strings.HasPrefix(name, "reloc.")
}

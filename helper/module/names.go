package module

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Subsections of the name section.
const (
	namesModule   = 0
	namesFunction = 1
	namesLocal    = 2
	namesLabel    = 3
)

// appendNames appends the name section with function indexes shifted and the added functions named. Names of locals
// and labels are dropped, because the engine would only spend time on them. A malformed section, which the engine
// would refuse, is left out: names are no reason not to run a program.
func (w *rewriter) appendNames(b []byte, c customSection) []byte {
	s := w.source
	out := appendName(nil, "name")
	r := &reader{b: s.b, pos: c.body, end: c.content.end, section: "name"}
	written := false
	for r.left() > 0 {
		id := r.u8()
		content := r.bytes(r.u32())
		if r.err != nil {
			return b
		}
		sub := &reader{b: content, end: len(content), section: "name"}
		switch id {
		case namesModule:
			sub.name()
			if sub.err != nil || sub.left() > 0 {
				return b
			}
		case namesFunction:
			if written {
				return b
			}
			written = true
			content = w.functionNames(sub)
			if sub.err != nil || sub.left() > 0 {
				return b
			}
		case namesLocal, namesLabel:
			continue
		}
		out = append(out, id)
		out = appendU32(out, uint32(len(content)))
		out = append(out, content...)
	}
	return appendSection(b, sectionCustom, out)
}

// functionNames rewrites the subsection of function names, which are in the order of indexes.
func (w *rewriter) functionNames(r *reader) []byte {
	s := w.source
	n := r.count("names", 2, maxFunctions)
	entries := make([]byte, 0, r.left()+64*(len(w.added)+len(w.module.Support)))
	total := uint32(0)
	support := false
	addSupport := func() {
		if support {
			return
		}
		support = true
		for i, f := range w.module.Support {
			entries = appendU32(entries, uint32(len(s.imports)+i))
			entries = appendName(entries, SupportModule+"."+f.Name)
			total++
		}
	}
	last := int64(-1)
	for i := 0; i < n && r.err == nil; i++ {
		at := r.pos
		index := r.u32()
		name := r.bytes(r.u32())
		if r.err != nil {
			return nil
		}
		if int64(index) <= last || index >= s.functionCount() || !utf8.Valid(name) {
			r.failAt(at, "malformed function name")
			return nil
		}
		last = int64(index)
		if int(index) >= len(s.imports) {
			addSupport()
		}
		entries = appendU32(entries, w.shift(index))
		entries = appendU32(entries, uint32(len(name)))
		entries = append(entries, name...)
		total++
	}
	addSupport()
	first := s.functionCount() + w.shiftBy
	for i, f := range w.added {
		entries = appendU32(entries, first+uint32(i))
		entries = appendName(entries, f.name)
		total++
	}
	out := appendU32(make([]byte, 0, len(entries)+5), total)
	return append(out, entries...)
}

// Name is the name of a function.
type Name struct {
	Index uint32
	Name  string
}

// NameTable lists names of functions by rising index; not every function need have one.
type NameTable []Name

// Of returns the name of a function, or "" if it has none.
func (t NameTable) Of(index uint32) string {
	i, ok := slices.BinarySearchFunc(t, index, func(n Name, index uint32) int {
		switch {
		case n.Index < index:
			return -1
		case n.Index > index:
			return 1
		}
		return 0
	})
	if !ok {
		return ""
	}
	return t[i].Name
}

// Names returns the names of a module's functions for reports, in the index space of the binary given, usually
// Module.Binary. A function that the name section does not name has that of its export or, for imports,
// `module.field`. Nothing is required of the binary: what cannot be read is left out. Names are shown as they are,
// but bytes that are no valid UTF-8 and control characters are replaced.
func Names(binary []byte) NameTable {
	named := make(map[uint32]string)
	set := func(index uint32, name string) {
		if _, ok := named[index]; !ok && name != "" {
			named[index] = printable(name)
		}
	}
	s := &source{b: binary}
	if Check(binary, int64(len(binary))) != nil {
		return nil
	}
	_ = s.split() // what was found before the fault is good
	for _, c := range s.custom {
		if c.name == "name" {
			readFunctionNames(&reader{b: s.b, pos: c.body, end: c.content.end}, set)
		}
	}
	if s.present[sectionExport] {
		readExportNames(s.reader(sectionExport), set)
	}
	if s.present[sectionImport] {
		readImportNames(s.reader(sectionImport), set)
	}
	table := make(NameTable, 0, len(named))
	for index, name := range named {
		table = append(table, Name{index, name})
	}
	slices.SortFunc(table, func(a, b Name) int { return int(int64(a.Index) - int64(b.Index)) })
	return table
}

func readFunctionNames(r *reader, set func(uint32, string)) {
	for r.left() > 0 {
		id := r.u8()
		content := r.bytes(r.u32())
		if id != namesFunction {
			continue
		}
		sub := &reader{b: content, end: len(content)}
		for n := sub.count("names", 2, maxFunctions); n > 0; n-- {
			index := sub.u32()
			name := sub.bytes(sub.u32())
			if sub.err != nil {
				break
			}
			set(index, string(name))
		}
	}
}

func readExportNames(r *reader, set func(uint32, string)) {
	for n := r.count("exports", 3, maxFunctions); n > 0 && r.err == nil; n-- {
		name, kind, index := r.name(), r.u8(), r.u32()
		if r.err == nil && kind == kindFunction {
			set(index, name)
		}
	}
}

func readImportNames(r *reader, set func(uint32, string)) {
	index := uint32(0)
	for n := r.count("imports", 4, maxFunctions); n > 0 && r.err == nil; n-- {
		module, field := r.name(), r.name()
		switch r.u8() {
		case kindFunction:
			r.u32()
			if r.err == nil {
				set(index, module+"."+field)
			}
			index++
		case kindMemory:
			r.limits()
		default:
			return // prepared modules import nothing else
		}
	}
}

func printable(name string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c >= 0x7f && c < 0xa0 {
			return utf8.RuneError
		}
		return c
	}, strings.ToValidUTF8(name, string(utf8.RuneError)))
}

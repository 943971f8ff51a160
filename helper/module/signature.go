package module

import "sync"

// stubCache holds what reports need of Stub, read when first asked for.
type stubCache struct {
	once      sync.Once
	types     []FunctionType
	functions []uint32 // type indexes
	imported  int
	table     []tableEntry
}

// read parses what is needed of Stub. A stub that came out of a damaged cache leaves everything empty.
func (m *Module) read() *stubCache {
	c := &m.stub
	c.once.Do(func() {
		s := &source{b: m.Stub, start: -1, dataCount: -1}
		if Check(m.Stub, int64(len(m.Stub))) != nil || s.split() != nil {
			return
		}
		for _, p := range []struct {
			id    int
			parse func(*reader)
		}{
			{sectionType, s.parseTypes},
			{sectionImport, s.parsePreparedImports},
			{sectionFunction, s.parseFunctions},
			{sectionTable, s.parseTables},
			{sectionElement, s.parseElements},
		} {
			if !s.present[p.id] {
				continue
			}
			r := s.reader(p.id)
			p.parse(r)
			if r.err != nil {
				return
			}
		}
		c.types = s.types
		c.imported = len(s.imports)
		c.functions = append(s.importTypes, s.functionTypes...)
		if m.StaticTable {
			c.table, _ = s.staticTable()
		}
	})
	return c
}

// parsePreparedImports reads the import section of a prepared module, whose functions have all been checked.
func (s *source) parsePreparedImports(r *reader) {
	for n := r.count("imports", 4, maxFunctions); n > 0 && r.err == nil; n-- {
		r.name()
		field := r.name()
		switch r.u8() {
		case kindFunction:
			t := s.typeIndex(r)
			if r.err == nil {
				s.imports = append(s.imports, Import{Name: field, Type: s.types[t]})
				s.importTypes = append(s.importTypes, t)
			}
		case kindMemory:
			r.limits()
		default:
			r.failf("unexpected import")
		}
	}
}

func (m *Module) types() []FunctionType { return m.read().types }

// Signature returns a type of the prepared module as text, as in `(i32, i64) -> i32`, or "?" if it does not
// exist. It may be called from several goroutines, as may the other methods of Module.
func (m *Module) Signature(typeIndex uint32) string {
	types := m.types()
	if int64(typeIndex) >= int64(len(types)) {
		return "?"
	}
	return types[typeIndex].String()
}

// FunctionSignature returns the type of a function of the prepared module as text, or "?" if it does not exist.
func (m *Module) FunctionSignature(functionIndex uint32) string {
	c := m.read()
	if int64(functionIndex) >= int64(len(c.functions)) {
		return "?"
	}
	return m.Signature(c.functions[functionIndex])
}

// TableFunction returns the function at an index of table 0. It reports false if the entry is null or beyond the
// table, or if the table is not static.
func (m *Module) TableFunction(tableIndex uint32) (functionIndex uint32, ok bool) {
	table := m.read().table
	if int64(tableIndex) >= int64(len(table)) || table[tableIndex] == nullEntry {
		return 0, false
	}
	return table[tableIndex], true
}

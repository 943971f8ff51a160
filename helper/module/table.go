package module

// staticTable returns the entries of table 0 if nothing can change them after instantiation: the table is the
// module's own, only active segments with constant places fill it, and no instruction writes to it. (An export
// does not matter: the engine offers no way to write to a table.) It reports false for tables that may change, or
// that are filled with more than plain functions and nulls.
func (s *source) staticTable() ([]tableEntry, bool) {
	if len(s.tables) == 0 || s.tables[0].kind != FuncRef || s.code.changesTable {
		return nil, false
	}
	entries := make([]tableEntry, s.tables[0].min)
	for i := range entries {
		entries[i] = nullEntry
	}
	for i := range s.elements {
		e := &s.elements[i]
		if !e.active || e.table != 0 {
			continue
		}
		place := uint64(e.offset.value)
		if e.unknown || e.offset.kind != I32 || place+uint64(len(e.functions)) > uint64(len(entries)) {
			return nil, false
		}
		copy(entries[place:], e.functions)
	}
	return entries, true
}

// Bounds of the code that is added, beyond which tables stay plain.
const (
	maxClasses    = 10_000 // nesting of the dispatcher
	maxSiteTypes  = 10_000 // functions
	maxCheckSites = 10_000_000
)

// classes numbers the structural types of the functions in a table from 1, in order of appearance; null entries
// are of class 0.
func (s *source) classes(entries []tableEntry) (types []uint32, classOf map[uint32]uint32) {
	classOf = make(map[uint32]uint32)
	for _, f := range entries {
		if f == nullEntry {
			continue
		}
		t := s.structural[s.functionType(f)]
		if _, ok := classOf[t]; !ok {
			types = append(types, t)
			classOf[t] = uint32(len(types))
		}
	}
	return types, classOf
}

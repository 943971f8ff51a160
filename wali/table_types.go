package wali

// Func implements a call: its result is a value or a negative errno.
type Func func(t *Thread, a Args) int64

// Row describes one Linux system call. A row with Do has code of its own; one
// with Refused returns ENOSYS, for the reason given; any other is handed to the
// kernel with its pointers translated.
type Row struct {
	Name    string
	NR      Number
	Args    string // C prototype, without names for nothing: see parseArgs
	Blocks  bool   // the kernel may put the caller to sleep
	Do      Func
	Refused string // why the call is not there
	Note    string // what is missing or differs, for the support table
}

// Number is a call's number on each architecture; -1 where it has none.
type Number struct{ AMD64, ARM64 int16 }

// Lookup returns the row of the call with this name, or nil.
func Lookup(name string) *Row {
	lo, hi := 0, len(table)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if table[mid].Name < name {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < len(table) && table[lo].Name == name {
		return &table[lo]
	}
	return nil
}

// Table returns all rows, ordered by name. The caller must not change them.
func Table() []Row { return table }

// function returns what implements the row.
func (r *Row) function() Func {
	switch {
	case r.Do != nil:
		return r.Do
	case r.Refused != "":
		return func(*Thread, Args) int64 { return errno(enosys) }
	default:
		return pass(r.NR.host(), r.Args, r.Blocks)
	}
}

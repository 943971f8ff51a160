package module

// appendU32 appends v as unsigned LEB128, in its shortest form.
func appendU32(b []byte, v uint32) []byte {
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

// appendS64 appends v as signed LEB128, in its shortest form; it serves i32 constants as well.
func appendS64(b []byte, v int64) []byte {
	for {
		c := byte(v) & 0x7f
		v >>= 7
		if v == 0 && c&0x40 == 0 || v == -1 && c&0x40 != 0 {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}

func appendName(b []byte, s string) []byte {
	b = appendU32(b, uint32(len(s)))
	return append(b, s...)
}

func appendSection(b []byte, id byte, content []byte) []byte {
	b = append(b, id)
	b = appendU32(b, uint32(len(content)))
	return append(b, content...)
}

// edit replaces the number at [pos, end) of the file, a function index.
type edit struct {
	pos, end uint32
	function uint32
}

// appendEdited appends the file's bytes [from, to) with every function index of edits shifted.
func appendEdited(b, file []byte, from, to int, edits []edit, shift func(uint32) uint32) []byte {
	for _, e := range edits {
		b = append(b, file[from:e.pos]...)
		b = appendU32(b, shift(e.function))
		from = int(e.end)
	}
	return append(b, file[from:to]...)
}

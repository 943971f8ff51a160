package module

import "io"

// ImportsFrom reports whether the module in a file imports functions from a namespace. It is
// for where memory is not given back: it reads through a small window, and nothing but the
// headers of the sections and the imports. Of a file that is no module, or is damaged, it
// says what it has found before that shows.
func ImportsFrom(file io.ReaderAt, namespace string) bool {
	w := window{file: file, end: 1 << 62}
	if string(w.bytes(headerLength)) != "\x00asm\x01\x00\x00\x00" {
		return false
	}
	for sections := 0; sections < 1000 && !w.failed; sections++ {
		id, size := w.u8(), w.u32()
		if id != sectionImport {
			w.skip(size)
			continue
		}
		w.end = w.at + int64(size)
		for n := w.u32(); n > 0 && !w.failed; n-- {
			if w.is(namespace) {
				return true
			}
			w.skip(w.u32())
			w.importKind()
		}
		return false
	}
	return false
}

// window reads a part of a file forwards.
type window struct {
	file     io.ReaderAt
	buf      [4096]byte
	from, to int64 // what buf holds
	at, end  int64
	failed   bool
}

func (w *window) u8() byte {
	b := w.bytes(1)
	if len(b) == 0 {
		return 0
	}
	return b[0]
}

// bytes returns the next n bytes, which are few; none after a failure.
func (w *window) bytes(n int) []byte {
	if int64(n) > w.end-w.at {
		w.failed = true
	}
	if w.failed {
		return nil
	}
	if w.at < w.from || w.at+int64(n) > w.to {
		got, _ := w.file.ReadAt(w.buf[:], w.at)
		w.from, w.to = w.at, w.at+int64(got)
		if got < n {
			w.failed = true
			return nil
		}
	}
	i := int(w.at - w.from)
	w.at += int64(n)
	return w.buf[i : i+n]
}

func (w *window) u32() uint32 {
	var b [5]byte
	for i := range b {
		if b[i] = w.u8(); b[i] < 0x80 {
			v, n := uleb32(b[:i+1])
			w.failed = w.failed || n <= 0
			return v
		}
	}
	w.failed = true
	return 0
}

func (w *window) skip(n uint32) {
	if int64(n) > w.end-w.at {
		w.failed = true
	}
	w.at += int64(n)
}

// is reads a string and compares it.
func (w *window) is(name string) bool {
	n := w.u32()
	if int64(n) != int64(len(name)) {
		w.skip(n)
		return false
	}
	return string(w.bytes(len(name))) == name && !w.failed
}

// importKind reads what is imported.
func (w *window) importKind() {
	limits := func() {
		flags := w.u8()
		w.u32()
		if flags&1 != 0 {
			w.u32()
		}
	}
	switch w.u8() {
	case kindFunction:
		w.u32()
	case kindTable:
		w.u8()
		limits()
	case kindMemory:
		limits()
	case kindGlobal:
		w.bytes(2)
	case kindTag:
		w.u8()
		w.u32()
	default:
		w.failed = true
	}
}

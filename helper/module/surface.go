package module

import (
	"io"
)

// maxSurface is how large a section is at most that [ReadSurface] looks at, in bytes.
const maxSurface = 16 << 20

// Surface is what a module has to do with others, as far as its file says so at a glance.
type Surface struct {
	Imports []string // the namespaces that it imports from, each once
	Exports []string // the names that it exports
}

// ReadSurface reads the surface of the module in a file. It reads no more than the headers of
// the sections and two of these, and checks nothing: of a file that is no module, or is
// damaged, it returns what it finds before that shows.
func ReadSurface(file io.ReaderAt) (s Surface) {
	var head [headerLength]byte
	if _, err := file.ReadAt(head[:], 0); err != nil || Check(head[:], headerLength) != nil {
		return s
	}
	for at := int64(headerLength); ; {
		var b [6]byte
		n, _ := file.ReadAt(b[:], at)
		if n < 2 {
			return s
		}
		size, length := uleb32(b[1:n])
		if length <= 0 {
			return s
		}
		at += 1 + int64(length)
		if id := b[0]; (id == sectionImport || id == sectionExport) && size <= maxSurface {
			content := make([]byte, size)
			if n, _ := file.ReadAt(content, at); n < len(content) {
				return s
			}
			r := &reader{b: content, end: len(content)}
			if id == sectionImport {
				s.readImports(r)
			} else {
				s.readExports(r)
			}
		}
		at += int64(size)
	}
}

func (s *Surface) readImports(r *reader) {
	seen := map[string]bool{}
	for n := r.count("imports", 4, maxFunctions); n > 0 && r.err == nil; n-- {
		namespace := r.name()
		r.name()
		switch r.u8() {
		case kindFunction:
			r.u32()
		case kindTable:
			r.valueType()
			r.limits()
		case kindMemory:
			r.limits()
			continue // it is the module's own here
		case kindGlobal:
			r.valueType()
			r.u8()
		case kindTag:
			r.u8()
			r.u32()
		default:
			return
		}
		if r.err == nil && !seen[namespace] {
			seen[namespace] = true
			s.Imports = append(s.Imports, namespace)
		}
	}
}

func (s *Surface) readExports(r *reader) {
	for n := r.count("exports", 3, maxFunctions); n > 0 && r.err == nil; n-- {
		name := r.name()
		r.u8()
		r.u32()
		if r.err == nil {
			s.Exports = append(s.Exports, name)
		}
	}
}

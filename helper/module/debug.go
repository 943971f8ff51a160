package module

import "slices"

// piece is a stretch of the rewritten code that was copied, or generated in place of one instruction. Places are
// relative to the content of the code section, as addresses in the debug information are.
type piece struct {
	place  uint32 // in the rewritten code
	origin uint32 // in the module as it was
	length uint32 // of what was copied in bytes, 0 for generated code
}

// addPiece notes where the file's bytes [from, to) go in the function body being written, if debug information is
// kept and somebody may ask.
func (w *rewriter) addPiece(place, from, to int) {
	if !w.options.KeepDebug {
		return
	}
	w.pieces = append(w.pieces, piece{
		place:  uint32(place),
		origin: uint32(from - w.source.sections[sectionCode].start),
		length: uint32(to - from),
	})
}

// DebugOffset maps a place in the rewritten code to the place that the module's debug information speaks of, both in
// bytes from the beginning of the code section's content. Debug information is kept as it was, so that its addresses
// are those of the module before it was prepared. It reports false for added functions, and if the module was not
// prepared with KeepDebug.
func (m *Module) DebugOffset(offset uint32) (uint32, bool) {
	i, found := slices.BinarySearchFunc(m.pieces, offset, func(p piece, offset uint32) int {
		switch {
		case p.place < offset:
			return -1
		case p.place > offset:
			return 1
		}
		return 0
	})
	if !found {
		i--
	}
	if i < 0 {
		return 0, false
	}
	p := m.pieces[i]
	distance := offset - p.place
	if i == len(m.pieces)-1 && distance >= p.length {
		return 0, false
	}
	return p.origin + min(distance, p.length), true
}

package image

import "sort"

// SavedRegisters is how many registers calls preserve besides the frame pointer: rbx and
// r12 to r15.
const SavedRegisters = 5

// Frame says where the functions from Address on keep their callers' registers: Saved words
// below what the frame pointer points to, 0 for a register that is not changed.
type Frame struct {
	Address uint32
	Saved   [SavedRegisters]uint8
}

// Pad is where an exception goes that comes out of a call in [Lo, Hi).
type Pad struct{ Lo, Hi, Pad uint32 }

// Sizes of an entry in bytes.
const (
	functionSize = 8
	frameSize    = 12
	padSize      = 12
)

// SortUnwind brings frames and pads in the order of the index.
func SortUnwind(frames []Frame, pads []Pad) {
	sort.Slice(frames, func(i, j int) bool { return frames[i].Address < frames[j].Address })
	sort.Slice(pads, func(i, j int) bool { return pads[i].Lo < pads[j].Lo })
}

// EncodeUnwind is what the index has behind the functions.
func EncodeUnwind(frames []Frame, pads []Pad) []byte {
	b := make([]byte, 0, frameSize*len(frames)+padSize*len(pads))
	for _, f := range frames {
		b = append(append(le.AppendUint32(b, f.Address), f.Saved[:]...), 0, 0, 0)
	}
	for _, p := range pads {
		b = le.AppendUint32(le.AppendUint32(le.AppendUint32(b, p.Lo), p.Hi), p.Pad)
	}
	return b
}

// Unwind is what EncodeUnwind has written.
type Unwind struct{ frames, pads []byte }

// SplitIndex takes the index of a cache entry apart.
func (d *Description) SplitIndex(index []byte) (Functions, Unwind, error) {
	frames, pads := uint64(d.Frames)*frameSize, uint64(d.Pads)*padSize
	if frames+pads > uint64(len(index)) {
		return nil, Unwind{}, errDamaged
	}
	at := uint64(len(index)) - frames - pads
	return Functions(index[:at]), Unwind{index[at : at+frames], index[at+frames:]}, nil
}

// Frame is what is known of the function with the code at an offset.
func (u Unwind) Frame(at uint32) (f Frame, ok bool) {
	i := sort.Search(len(u.frames)/frameSize, func(i int) bool { return le.Uint32(u.frames[frameSize*i:]) > at }) - 1
	if i < 0 {
		return Frame{}, false
	}
	b := u.frames[frameSize*i:]
	f.Address = le.Uint32(b)
	copy(f.Saved[:], b[4:])
	return f, true
}

// Pad is the landing pad for a call at an offset.
func (u Unwind) Pad(at uint32) (pad uint32, ok bool) {
	i := sort.Search(len(u.pads)/padSize, func(i int) bool { return le.Uint32(u.pads[padSize*i:]) > at }) - 1
	if i < 0 || at >= le.Uint32(u.pads[padSize*i+4:]) {
		return 0, false
	}
	return le.Uint32(u.pads[padSize*i+8:]), true
}

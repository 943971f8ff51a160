package wazero

import (
	"bytes"
	"encoding/binary"
	"io"
)

// glue is code that the engine makes from types alone: what leads from the host
// into a module and from there to the host's functions. The engine would make it
// at each start, which takes longer than all else that Load does.
type glue struct {
	// index has for each piece, numbers little-endian with 4 bytes: the length
	// of its key, the key, where it lies in code, its length, how many numbers
	// belong to it, and these.
	index []byte
	code  []byte // must be mapped executable for Load
}

// feed is the engine's compile cache with one entry, and its store of glue. It
// implements the interfaces of the engine's internal file cache and, see our fifth
// patch, of its code store.
type feed struct {
	entry   []byte // what the first Get gives
	refused bool   // by the engine
	added   []byte // what Add was given

	glue      glue
	recording bool // else glue is read
}

func (f *feed) Get([32]byte) (io.ReadCloser, bool, error) {
	entry := f.entry
	f.entry = nil
	if entry == nil {
		return nil, false, nil
	}
	return io.NopCloser(bytes.NewReader(entry)), true, nil
}

func (f *feed) Add(_ [32]byte, content io.Reader) (err error) {
	f.added, err = io.ReadAll(content)
	return err
}

func (f *feed) Delete([32]byte) error { f.refused = true; return nil }

// glueAlignment is that of the engine's functions.
const glueAlignment = 16

// StoreCode keeps a copy of a piece, if the feed is recording.
func (f *feed) StoreCode(key string, code []byte, numbers []int) {
	if !f.recording {
		return
	}
	for len(f.glue.code)%glueAlignment != 0 {
		f.glue.code = append(f.glue.code, 0xcc)
	}
	le := binary.LittleEndian
	index := le.AppendUint32(f.glue.index, uint32(len(key)))
	index = append(index, key...)
	index = le.AppendUint32(index, uint32(len(f.glue.code)))
	index = le.AppendUint32(index, uint32(len(code)))
	index = le.AppendUint32(index, uint32(len(numbers)))
	for _, n := range numbers {
		index = le.AppendUint32(index, uint32(n))
	}
	f.glue.index = index
	f.glue.code = append(f.glue.code, code...)
}

// StoredCode looks for a piece. What it returns must not be changed. An index that
// makes no sense holds no pieces.
func (f *feed) StoredCode(key string) (code []byte, numbers []int, ok bool) {
	if f.recording {
		return nil, nil, false
	}
	b, le := f.glue.index, binary.LittleEndian
	for len(b) >= 16 {
		n := uint64(le.Uint32(b))
		if uint64(len(b)) < 16+n {
			break
		}
		found := string(b[4:4+n]) == key
		b = b[4+n:]
		start, size, count := uint64(le.Uint32(b)), uint64(le.Uint32(b[4:])), uint64(le.Uint32(b[8:]))
		b = b[12:]
		if uint64(len(b)) < 4*count || start+size > uint64(len(f.glue.code)) {
			break
		}
		if !found {
			b = b[4*count:]
			continue
		}
		numbers = make([]int, count)
		for i := range numbers {
			numbers[i] = int(le.Uint32(b[4*i:]))
		}
		return f.glue.code[start : start+size : start+size], numbers, true
	}
	return nil, nil, false
}

package image

import "testing"

func TestUnwind(t *testing.T) {
	frames := []Frame{{Address: 64, Saved: [SavedRegisters]uint8{5, 4, 3, 2, 1}}, {Address: 16}}
	pads := []Pad{{80, 90, 100}, {20, 30, 40}, {90, 91, 92}}
	SortUnwind(frames, pads)
	functions := EncodeFunctions([]Function{{16, 0}, {64, 1}})
	index := append(append([]byte{}, functions...), EncodeUnwind(frames, pads)...)
	d := &Description{Frames: 2, Pads: 3}
	f, u, err := d.SplitIndex(index)
	if err != nil || string(f) != string(functions) {
		t.Fatalf("got functions %v, %v", f, err)
	}
	for at, want := range map[uint32]uint32{16: 16, 63: 16, 64: 64, 1000: 64} {
		got, ok := u.Frame(at)
		if !ok || got.Address != want || (got.Saved[0] == 5) != (want == 64) {
			t.Errorf("the frame at %d is %v, want that of %d", at, got, want)
		}
	}
	if _, ok := u.Frame(15); ok {
		t.Error("there is a frame before the first function")
	}
	for at, want := range map[uint32]uint32{19: 0, 20: 40, 29: 40, 30: 0, 79: 0, 80: 100, 89: 100, 90: 92, 91: 0} {
		if got, ok := u.Pad(at); got != want || ok != (want != 0) {
			t.Errorf("the landing pad at %d is %d, want %d", at, got, want)
		}
	}
	d.Pads = 5
	if _, _, err := d.SplitIndex(index); err == nil {
		t.Error("an index that is too short is taken")
	}
}

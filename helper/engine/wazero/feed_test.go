package wazero

import (
	"slices"
	"testing"
)

// What a recording feed keeps is what one with its glue gives.
func TestGlueIsKept(t *testing.T) {
	pieces := []struct {
		key     string
		code    []byte
		numbers []int
	}{
		{"shared", []byte{1, 2, 3}, []int{3}},
		{"host(\x7f)\x7e;", []byte{4}, nil},
		{"", []byte{5, 6}, []int{0, 70000}},
	}
	recording := &feed{recording: true}
	for _, p := range pieces {
		recording.StoreCode(p.key, p.code, p.numbers)
	}
	if _, _, ok := recording.StoredCode("shared"); ok {
		t.Error("a recording feed gives what it has recorded")
	}
	f := &feed{glue: recording.glue}
	for _, p := range pieces {
		code, numbers, ok := f.StoredCode(p.key)
		if !ok || !slices.Equal(code, p.code) || !slices.Equal(numbers, p.numbers) {
			t.Errorf("%q: %v %v %v, want %v %v", p.key, code, numbers, ok, p.code, p.numbers)
		}
	}
	if _, _, ok := f.StoredCode("host"); ok {
		t.Error("a piece that was not kept is there")
	}
	// However an index is cut or a number in it changed, no piece reaches beyond
	// the code.
	for cut := range recording.glue.index {
		for _, damaged := range [][]byte{
			recording.glue.index[:cut],
			slices.Concat(recording.glue.index[:cut], []byte{0xff}, recording.glue.index[cut+1:]),
		} {
			f := &feed{glue: glue{index: damaged, code: recording.glue.code}}
			for _, p := range pieces {
				f.StoredCode(p.key)
			}
		}
	}
}

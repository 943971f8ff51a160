package image

import (
	"reflect"
	"testing"
)

func description() *Description {
	return &Description{
		Tools: "LLVM 22", Entry: 64, StubsLo: 100, Stubs: 300,
		Functions: []Export{{"_start", 4096}, {"walisup.init", 5000}},
		Globals:   []Global{{65536}, {1 << 40}},
		Exported:  []ExportedGlobal{{"walisup.sp", 0}, {"walisup.tls", 1}},
		Twice:     []uint32{3},
	}
}

func TestDescription(t *testing.T) {
	want := description()
	got, err := Decode(want.Encode())
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

// Nothing that is cut off, longer, or out of range is taken.
func TestDamagedDescription(t *testing.T) {
	whole := description().Encode()
	for n := range whole {
		if _, err := Decode(whole[:n]); err == nil {
			t.Errorf("the first %d of %d bytes are taken for a description", n, len(whole))
		}
	}
	if _, err := Decode(append(whole, 0)); err == nil {
		t.Error("a byte too many is taken")
	}
	d := description()
	d.Exported[0].Slot = 2
	if _, err := Decode(d.Encode()); err == nil {
		t.Error("an export of a global that is not there is taken")
	}
	d = description()
	d.Globals = make([]Global, MaxGlobals+1)
	if _, err := Decode(d.Encode()); err == nil {
		t.Error("more globals than a context has are taken")
	}
}

func TestFunctions(t *testing.T) {
	list := []Function{{16, 2}, {32, NoFunction}, {48, 0}}
	f := Functions(EncodeFunctions(list))
	if f.Len() != len(list) {
		t.Fatalf("%d functions instead of %d", f.Len(), len(list))
	}
	for i, want := range list {
		if got := f.At(i); got != want {
			t.Errorf("function %d: got %v, want %v", i, got, want)
		}
	}
}

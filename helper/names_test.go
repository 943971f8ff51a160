package helper

import (
	"slices"
	"testing"

	"walisup/helper/engine"
	"walisup/helper/module"
)

func TestNamesComeBack(t *testing.T) {
	names := module.NameTable{{Index: 0, Name: "main"}, {Index: 7, Name: ""}, {Index: 1 << 30, Name: "größer"}}
	b := encodeNames(names)
	if got := decodeNames(b); !slices.Equal(got, names) {
		t.Errorf("got %v", got)
	}
	if got := functionName(decodeNames(b), 1<<30); got != "größer" {
		t.Errorf("got %q", got)
	}
	if got := functionName(decodeNames(b), 8); got != "func[8]" {
		t.Errorf("got %q", got)
	}
	// What a damaged cache holds gives fewer names, or others, but no failure.
	for n := range b {
		if got := decodeNames(b[:n]); len(got) >= len(names) {
			t.Errorf("cut at %d: %v", n, got)
		}
	}
}

// table is a table of lines at these offsets in the code.
func table(t *testing.T, entries map[uint32]string) []byte {
	t.Helper()
	var lines []line
	var sources []engine.Source
	offsets := make([]uint32, 0, len(entries))
	for offset := range entries {
		offsets = append(offsets, offset)
	}
	slices.Sort(offsets)
	for _, offset := range offsets {
		// Addresses in the module are not those in the code.
		lines = append(lines, line{uint64(offset) / 2, entries[offset]})
		sources = append(sources, engine.Source{Code: uint64(offset), Module: uint64(offset) / 2})
	}
	return lineTable(lines, sources, func(at uint32) (uint32, bool) { return at, true })
}

func TestLinesAreFound(t *testing.T) {
	b := table(t, map[uint32]string{10: "main.c:1", 20: "main.c:2", 30: "", 40: "main.c:1"})
	for offset, want := range map[uint32]string{0: "", 9: "", 10: "main.c:1", 19: "main.c:1", 20: "main.c:2", 30: "",
		39: "", 40: "main.c:1", 1 << 31: "main.c:1"} {
		if got := lookupLine(b, offset); got != want {
			t.Errorf("%d: %q, want %q", offset, got, want)
		}
	}
	if got := lookupLine(nil, 5); got != "" {
		t.Errorf("no table: %q", got)
	}
	for n := range b { // of a damaged cache: no failure
		lookupLine(b[:n], 25)
	}
}

func TestLineAt(t *testing.T) {
	lines := []line{{4, "a"}, {8, ""}, {12, "b"}}
	for address, want := range map[uint64]string{0: "", 4: "a", 7: "a", 8: "", 12: "b", 100: "b"} {
		if got := lineAt(lines, address); got != want {
			t.Errorf("%d: %q, want %q", address, got, want)
		}
	}
}

func TestDebugSections(t *testing.T) {
	custom := func(name, content string) string {
		body := string(rune(len(name))) + name + content
		return "\x00" + string(rune(len(body))) + body
	}
	whole := "\x00asm\x01\x00\x00\x00" + custom(".debug_line", "lines") + "\x01\x01\x00" + custom("name", "x") + custom(".debug_str", "")
	got := debugSections([]byte(whole))
	if len(got) != 2 || string(got["line"]) != "lines" || got["str"] == nil || len(got["str"]) != 0 {
		t.Errorf("got %q", got)
	}
	for n := range whole { // of any module: no failure
		debugSections([]byte(whole[:n]))
	}
}

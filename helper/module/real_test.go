package module

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// realModules returns the modules that an environment variable lists, for trying out real programs.
func realModules(t testing.TB) map[string][]byte {
	t.Helper()
	list := os.Getenv("WALISUP_TEST_MODULES")
	if list == "" {
		t.Skip("WALISUP_TEST_MODULES names no modules")
	}
	modules := make(map[string][]byte)
	for _, path := range strings.Split(list, ":") {
		binary, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		modules[filepath.Base(path)] = binary
	}
	return modules
}

func TestRealModules(t *testing.T) {
	for name, binary := range realModules(t) {
		m := prepare(t, binary, Options{})
		t.Logf("%s: %d bytes to %d, stub %d", name, len(binary), len(m.Binary), len(m.Stub))
		t.Logf("pages %d to %d of %d, shared %v, lowest use %d, sp %v, tls %v, thread start %v", m.MinPages, m.MaxPages,
			m.MemoryPages, m.Shared, m.LowestUse, m.StackPointer, m.TLSBase, m.ThreadStart)
		t.Logf("static %v, adapted %v, %d classes, %d site types, %d pairs, %d names", m.StaticTable, m.Adapted,
			len(m.classTypes), len(m.siteTypes), len(m.Adaptations()), len(Names(m.Binary)))
	}
}

func BenchmarkPrepareReal(b *testing.B) {
	for name, binary := range realModules(b) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(binary)))
			for b.Loop() {
				if _, err := Prepare(binary, Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

package module

import (
	"os"
	"testing"
	"time"
)

// TestRealModules prepares and compiles the modules that an environment variable lists, for trying out real programs.
func TestRealModules(t *testing.T) {
	list := os.Getenv("WALISUP_TEST_MODULES")
	if list == "" {
		t.Skip("WALISUP_TEST_MODULES names no modules")
	}
	for _, path := range splitList(list) {
		binary, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		m := prepare(t, binary, Options{})
		t.Logf("%s: %d bytes to %d, stub %d, first prepared and compiled in %v", path, len(binary), len(m.Binary), len(m.Stub), time.Since(start))
		t.Logf("pages %d to %d of %d, shared %v, lowest use %d, sp %v tls %v thread start %v, static table %v adapted %v, classes %d site types %d, adaptations %d",
			m.MinPages, m.MaxPages, m.MemoryPages, m.Shared, m.LowestUse, m.StackPointer, m.TLSBase, m.ThreadStart,
			m.StaticTable, m.Adapted, len(m.classTypes), len(m.siteTypes), len(m.Adaptations()))
	}
}

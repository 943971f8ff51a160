package module

import (
	"bytes"
	"slices"
	"testing"
)

func TestReadSurface(t *testing.T) {
	t.Parallel()
	b := newBuilder()
	b.importFn("wasi_snapshot_preview1", "fd_write", b.typ("", ""))
	b.importFn(Namespace, "SYS_exit", b.typ("i", "I"))
	b.importFn("wasi_snapshot_preview1", "fd_read", b.typ("", ""))
	b.exportFn("env.now", b.typ("", ""))
	binary := b.program()
	s := ReadSurface(bytes.NewReader(binary))
	if want := []string{"wasi_snapshot_preview1", Namespace}; !slices.Equal(s.Imports, want) {
		t.Errorf("imports from %q, want %q", s.Imports, want)
	}
	if !slices.Contains(s.Exports, "env.now") || !slices.Contains(s.Exports, ExportStart) {
		t.Errorf("exports %q", s.Exports)
	}
	// Whatever the bytes are: no panic, and no more than what is there.
	for n := range binary {
		for _, c := range []byte{0, 0x7f, 0xff} {
			damaged := bytes.Clone(binary)
			damaged[n] = c
			ReadSurface(bytes.NewReader(damaged))
		}
		if got := ReadSurface(bytes.NewReader(binary[:n])); len(got.Imports) > 2 {
			t.Errorf("cut at %d: %q", n, got.Imports)
		}
	}
}

package module

import (
	"bytes"
	"strings"
	"testing"
)

func TestImportsFrom(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("n", 5000) // longer than the window
	b := newBuilder()
	for range 400 {
		b.importFn("env", "something with a name", b.typ("", ""))
	}
	b.importFn(long, long, b.typ("", ""))
	b.importFn("wasi_snapshot_preview1", "fd_write", b.typ("", ""))
	binary := b.program()
	for name, want := range map[string]bool{"wasi_snapshot_preview1": true, "env": true, "wasi_snapshot_preview2": false, "": false} {
		if got := ImportsFrom(bytes.NewReader(binary), name); got != want {
			t.Errorf("imports from %q: %v, want %v", name, got, want)
		}
	}
	// Whatever the bytes are, it comes to an end, and says no more than there is.
	small := newBuilder()
	small.importFn(Namespace, "SYS_exit", small.typ("i", "I"))
	small.importFn("wasi", "x", small.typ("", ""))
	binary = small.program()
	for n := range binary {
		for _, c := range []byte{0, 0x7f, 0xff} {
			damaged := bytes.Clone(binary)
			damaged[n] = c
			ImportsFrom(bytes.NewReader(damaged), "wasi")
		}
		ImportsFrom(bytes.NewReader(binary[:n]), "wasi")
	}
}

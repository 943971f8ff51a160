package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNumbers compares conversions of WALISUP_NUMBERS random numbers to and from text with the
// native C library: make numbers. TestCPrograms does it for fewer.
func TestNumbers(t *testing.T) {
	count := os.Getenv("WALISUP_NUMBERS")
	if count == "" {
		count = "1000"
	}
	program := buildC(t, "testdata/c/numbers.c", "-lm")
	call := invocation{args: []string{count}}
	native, guest := program.runNative(t, call), program.runGuest(t, call)
	compare(t, native, guest)
}

// TestWithoutSIMD runs the string functions that a module without SIMD has.
func TestWithoutSIMD(t *testing.T) {
	t.Parallel()
	needWalisup(t)
	for _, name := range []string{"string_blocks", "string_edges", "strings"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := "testdata/c/" + name + ".c"
			program := pair{
				name:   name,
				native: compileC(t, nativeCompiler(t), source, "", []string{"-fno-builtin"}),
				module: compileC(t, filepath.Join(root, "bin", "walicc"), source, ".wasm", []string{"-fno-builtin", "-mno-simd128"}),
			}
			code, err := os.ReadFile(program.module)
			if err != nil {
				t.Fatal(err)
			}
			// The section of a module that names what it uses.
			if text := string(code); !strings.Contains(text, "target_features") || strings.Contains(text, "+\asimd128") {
				t.Fatal("the module uses SIMD")
			}
			native, guest := program.runNative(t, invocation{}), program.runGuest(t, invocation{})
			compare(t, native, guest)
		})
	}
}

// TestAllocatorNotices has an allocator run into the mistakes of programs. Another C library
// need not notice what ours does.
func TestAllocatorNotices(t *testing.T) {
	t.Parallel()
	guest := buildC(t, "testdata/allocator/notices.c").runGuest(t, invocation{})
	if guest.status != 0 || guest.stdout != "done\n" {
		t.Errorf("status %d, not noticed:\n%s", guest.status, guest.stdout)
	}
}

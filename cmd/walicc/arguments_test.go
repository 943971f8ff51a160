package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestParseArguments(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		args  string
		clang string // what clang gets
		want  invocation
	}{
		{"compile and link", "-O2 a.c b.c -o prog -lm", "-O2 a.c b.c -o prog -lm",
			invocation{inputs: []string{"a.c", "b.c"}, startFiles: true, libraries: true}},
		{"values are no inputs", "-I include -D X -x c -MF dep -c -", "-I include -D X -x c -MF dep -c -",
			invocation{inputs: []string{"-"}, startFiles: true, libraries: true}},
		{"position and word size", "-fPIC -m64 -pie -rdynamic -static a.c", "a.c",
			invocation{inputs: []string{"a.c"}, startFiles: true, libraries: true}},
		{"threads need no library", "-pthread a.c", "-D_REENTRANT a.c",
			invocation{inputs: []string{"a.c"}, startFiles: true, libraries: true}},
		{"nothing standard", "-nostdlib a.o", "-nostdlib a.o", invocation{inputs: []string{"a.o"}}},
		{"no start files", "-nostartfiles a.o", "-nostartfiles a.o", invocation{inputs: []string{"a.o"}, libraries: true}},
		{"no libraries", "-nodefaultlibs a.o", "-nodefaultlibs a.o", invocation{inputs: []string{"a.o"}, startFiles: true}},
		{"a layer", "--layer -O2 a.c", "-O2 a.c",
			invocation{inputs: []string{"a.c"}, startFiles: true, libraries: true, layer: true}},
		{"partial link", "-r a.o b.o -o c.o", "-r a.o b.o -o c.o", invocation{inputs: []string{"a.o", "b.o"}}},
		{"autoconf's probe", "-o conftest conftest.c", "-o conftest conftest.c",
			invocation{inputs: []string{"conftest.c"}, startFiles: true, libraries: true, probe: true}},
		{"query", "--print-file-name=libc.a", "--print-file-name=libc.a",
			invocation{query: "-print-file-name=libc.a", startFiles: true, libraries: true}},
		{"without SIMD", "-mno-simd128 a.c", "-mno-simd128 a.c",
			invocation{inputs: []string{"a.c"}, startFiles: true, libraries: true, scalar: true}},
		{"with SIMD after all", "-mno-simd128 -msimd128 a.c", "-mno-simd128 -msimd128 a.c",
			invocation{inputs: []string{"a.c"}, startFiles: true, libraries: true}},
		{"option value at the end", "a.c -o", "a.c -o", invocation{inputs: []string{"a.c"}, startFiles: true, libraries: true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			inv, err := parseArguments(strings.Fields(test.args))
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(inv.args, " "); got != test.clang {
				t.Errorf("clang gets %q, want %q", got, test.clang)
			}
			if !slices.Equal(inv.inputs, test.want.inputs) || inv.startFiles != test.want.startFiles ||
				inv.libraries != test.want.libraries || inv.query != test.want.query || inv.probe != test.want.probe ||
				inv.scalar != test.want.scalar {
				t.Errorf("got %+v, want %+v", *inv, test.want)
			}
		})
	}
}

func TestSharedLibrariesAreRefused(t *testing.T) {
	t.Parallel()
	if _, err := parseArguments([]string{"-shared", "a.o"}); err == nil {
		t.Error("-shared is accepted")
	}
}

func TestAdaptLinkerArguments(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, args, want string }{
		{"plain", "a.o -L. -lm -o prog", "-m wasm32 a.o -L. -lm -o prog"},
		{"groups", "--start-group -la -lb --end-group -( -lc -)", "-m wasm32 -la -lb -lc"},
		{"options with a value", "-rpath /x --rpath=/y -soname n --version-script=v a.o", "-m wasm32 a.o"},
		{"words after one dash", "-export-dynamic -no-undefined -rpath-link=/x -dynamic-list d -soname=n -lm", "-m wasm32 -lm"},
		{"keywords", "-z relro -z now -znoexecstack a.o", "-m wasm32 a.o"},
		{"stack size", "-z stack-size=65536 -zstack-size=131072 a.o", "-m wasm32 -z stack-size=65536 -z stack-size=131072 a.o"},
		{"emulation", "-m elf_x86_64 -melf_i386 a.o", "-m wasm32 a.o"},
		{"what wasm-ld knows", "--gc-sections -u sym --wrap=x --whole-archive l.a --no-whole-archive", "-m wasm32 --gc-sections -u sym --wrap=x --whole-archive l.a --no-whole-archive"},
		{"value missing", "a.o -rpath", "-m wasm32 a.o"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := strings.Join(adaptLinkerArguments(strings.Fields(test.args)), " "); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestOutputOf(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"a.o -o prog":      "prog",
		"a.o --output=x":   "x",
		"a.o":              "a.out",
		"-o one -o two":    "two",
		"a.o -lfoo -o":     "a.out",
		"--strip-all -o y": "y",
	} {
		if got := outputOf(strings.Fields(args)); got != want {
			t.Errorf("outputOf(%q) = %q, want %q", args, got, want)
		}
	}
}

func TestReadMessages(t *testing.T) {
	t.Parallel()
	const warning = "wasm-ld: warning: function signature mismatch: f\n>>> defined as () -> i32 in a.o\n"
	for _, test := range []struct {
		name, text string
		lenient    bool
		want       string
		mismatch   bool
	}{
		{"mismatch", warning, false, strings.Replace(warning, "warning:", "error:", 1), true},
		{"mismatch in a probe", warning, true, warning, true},
		{"no main", "wasm-ld: error: x.o: undefined symbol: __main_void\n", false, "wasm-ld: error: x.o: undefined symbol: main\n", false},
		{"nothing", "", false, "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, mismatch := readMessages(test.text, test.lenient)
			if got != test.want || mismatch != test.mismatch {
				t.Errorf("got %q, %v; want %q, %v", got, mismatch, test.want, test.mismatch)
			}
		})
	}
}

func TestExpandResponseFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	inner := write("inner", `'single quoted' "double \"quoted\"" back\ slash`)
	outer := write("outer", "-a\n\t@"+inner+"  -b ''\n")
	loop := filepath.Join(dir, "loop")
	write("loop", "@"+loop)

	got, err := expandResponseFiles([]string{"x", "@" + outer, "@" + filepath.Join(dir, "missing")})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"x", "-a", "single quoted", `double "quoted"`, "back slash", "-b", "", "@" + filepath.Join(dir, "missing")}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, err := expandResponseFiles([]string{"@" + loop}); err == nil {
		t.Error("a response file that names itself is accepted")
	}
}

package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// toolchain builds walicc under all its names and returns the directory, with the project's
// sysroot in use. Without a
// sysroot it skips the test, or fails it where WALISUP_TEST_REQUIRE is set.
func toolchain(t *testing.T) string {
	t.Helper()
	sysroot, err := filepath.Abs("../../.cache/sysroot")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(sysroot, "lib", "libc.a")); err != nil {
		const hint = "no sysroot: build one with wali/libc/build.sh"
		if os.Getenv("WALISUP_TEST_REQUIRE") != "" {
			t.Fatal(hint)
		}
		t.Skip(hint)
	}
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "walicc"), ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build walicc: %v\n%s", err, out)
	}
	for _, tool := range []string{"ld", "ar", "ranlib", "nm", "strip"} {
		if err := os.Symlink("walicc", filepath.Join(dir, "walicc-"+tool)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("WALICC_SYSROOT", sysroot)
	return dir
}

// validate compiles a module with the engine, which checks all of it.
func validate(t *testing.T, path string) wazero.CompiledModule {
	t.Helper()
	code, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	config := wazero.NewRuntimeConfigCompiler().WithCoreFeatures(api.CoreFeaturesV2 | experimental.CoreFeaturesThreads)
	runtime := wazero.NewRuntimeWithConfig(ctx, config)
	t.Cleanup(func() { runtime.Close(ctx) })
	module, err := runtime.CompileModule(ctx, code)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return module
}

// TestToolchain uses the driver as build systems do.
func TestToolchain(t *testing.T) {
	bin := toolchain(t)
	cc := filepath.Join(bin, "walicc")
	dir := t.TempDir()
	files := map[string]string{
		"main.c":     "#include <stdio.h>\nint twice(int);\nint main(void) { printf(\"%d\\n\", twice(21)); return 0; }\n",
		"twice.c":    "int twice(int n) { return 2 * n; }\n",
		"wrong.c":    "int twice(void);\nint main(void) { return twice(); }\n",
		"conftest.c": "char connect();\nint main(void) { return connect(); }\n",
		"absent.c":   "char no_such_function();\nint main(void) { return no_such_function(); }\n",
		"thread.c":   "#include <pthread.h>\nstatic void *f(void *p) { return p; }\nint main(void) { pthread_t t; return pthread_create(&t, 0, f, 0); }\n",
		"round.c":    "#include <math.h>\nlong f(double d) { return lround(d) + lrint(d); }\nint main(int c, char **v) { return f(c); }\n",
		"jump.c":     "#include <setjmp.h>\njmp_buf b;\nint main(void) { if (!setjmp(b)) longjmp(b, 1); return 0; }\n",
		"call.c":     "#include <sys/syscall.h>\n#include <unistd.h>\nint main(void) { return syscall(SYS_gettid) < 0; }\n",
		"three.c":    "int main(int argc, char **argv, char **envp) { return envp == 0; }\n",
		"empty.c":    "int x;\n",
		"bits.c": "#include <stdint.h>\n#include <sys/types.h>\n_Static_assert(sizeof(long) == 8 && sizeof(void *) == 4 && sizeof(off_t) == 8, \"\");\n" +
			"_Static_assert(sizeof(time_t) == 8 && sizeof(size_t) == 4 && __LONG_MAX__ == 0x7fffffffffffffff, \"\");\nint main(void) { return 0; }\n",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	for _, test := range []struct {
		name     string
		commands []string // program and arguments; walicc's names are found in bin
		stdin    string
		module   string   // must be a valid module afterwards
		imports  []string // that it must have
		without  []string // and must not
		output   string   // must appear in the output of the last command
		fails    bool     // the last command must fail
	}{
		{name: "several sources at once", commands: []string{"walicc -O2 main.c twice.c -o a.wasm"}, module: "a.wasm",
			without: []string{"__wasm_thread_spawn", "SYS_fork"}},
		{name: "objects and a library", commands: []string{
			"walicc -c main.c -o main.o", "walicc -c -g -O0 twice.c", "walicc-ar rc libtwice.a twice.o", "walicc-ranlib libtwice.a",
			"walicc main.o -L. -ltwice -lm -lpthread -o b.wasm"}, module: "b.wasm"},
		{name: "symbols of an object", commands: []string{"walicc -c twice.c -o nm.o", "walicc-nm nm.o"}, output: "T twice"},
		{name: "a partial link", commands: []string{"walicc -c main.c -o p1.o", "walicc -c twice.c -o p2.o", "walicc -r p1.o p2.o -o p.o", "walicc p.o -o p.wasm"}, module: "p.wasm"},
		{name: "a partial link by ld", commands: []string{"walicc -c main.c -o p1.o", "walicc -c twice.c -o p2.o", "walicc-ld -r -o q.o p1.o p2.o", "walicc q.o -o q.wasm"}, module: "q.wasm"},
		{name: "options of GNU ld", commands: []string{"walicc main.c twice.c -Wl,--as-needed,-z,relro -Wl,-rpath,/x -Wl,--start-group -lm -Wl,--end-group -o g.wasm"}, module: "g.wasm"},
		{name: "stripping", commands: []string{"walicc -g main.c twice.c -o s.wasm", "walicc-strip s.wasm"}, module: "s.wasm"},
		{name: "preprocess from standard input", commands: []string{"walicc -E -P -"}, stdin: "#include <stddef.h>\n#ifdef __wali__\nyes\n#endif\n", output: "yes"},
		{name: "compile from standard input", commands: []string{"walicc -x c - -o i.wasm"}, stdin: "int main(void) { return 0; }\n", module: "i.wasm"},
		{name: "assembly", commands: []string{"walicc -S twice.c -o -"}, output: "twice"},
		{name: "dependencies", commands: []string{"walicc -M main.c"}, output: "stdio.h"},
		{name: "threads", commands: []string{"walicc -pthread thread.c -o t.wasm"}, module: "t.wasm", imports: []string{"__wasm_thread_spawn"}},
		{name: "rounding with fast mathematics", commands: []string{"walicc -O2 -ffast-math round.c -o r.wasm -lm"}, module: "r.wasm"},
		{name: "jumps are imports", commands: []string{"walicc -O2 jump.c -o j.wasm"}, module: "j.wasm", imports: []string{"setjmp", "longjmp"}},
		{name: "one system call brings one import", commands: []string{"walicc -O2 call.c -o c.wasm"}, module: "c.wasm", imports: []string{"SYS_gettid"}, without: []string{"SYS_reboot"}},
		{name: "main with an environment", commands: []string{"walicc three.c -o 3.wasm"}, module: "3.wasm"},
		{name: "sizes of types", commands: []string{"walicc bits.c -o bits.wasm"}, module: "bits.wasm"},
		{name: "mismatched signatures", commands: []string{"walicc wrong.c twice.c -o w.wasm"}, output: "error: function signature mismatch: twice", fails: true},
		{name: "a configure script's probe", commands: []string{"walicc conftest.c -o conftest"}, module: "conftest"},
		{name: "a probe for what is not there", commands: []string{"walicc absent.c -o absent.wasm"}, output: "undefined symbol: no_such_function", fails: true},
		{name: "no main", commands: []string{"walicc empty.c -o e.wasm"}, output: "undefined symbol: main", fails: true},
		{name: "shared library", commands: []string{"walicc -shared twice.c -o libtwice.so"}, output: "no shared libraries", fails: true},
		{name: "target", commands: []string{"walicc -dumpmachine"}, output: "wasm32-unknown-linux-muslwali"},
		{name: "library path", commands: []string{"walicc -print-file-name=libc.a"}, output: "/lib/libc.a"},
		{name: "linker path", commands: []string{"walicc -print-prog-name=ld"}, output: "walicc-ld"},
		{name: "version", commands: []string{"walicc --version"}, output: "clang version 22"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out []byte
			var err error
			for _, command := range test.commands {
				words := strings.Fields(command)
				cmd := exec.Command(filepath.Join(bin, words[0]), words[1:]...)
				cmd.Dir = dir
				cmd.Stdin = strings.NewReader(test.stdin)
				out, err = cmd.CombinedOutput()
				if err != nil && !test.fails {
					t.Fatalf("%s: %v\n%s", command, err, out)
				}
			}
			if test.fails && err == nil {
				t.Errorf("%s succeeds", test.commands[len(test.commands)-1])
			}
			if !strings.Contains(string(out), test.output) {
				t.Errorf("output lacks %q:\n%s", test.output, out)
			}
			if test.module == "" {
				return
			}
			module := validate(t, filepath.Join(dir, test.module))
			have := map[string]bool{}
			for _, f := range module.ImportedFunctions() {
				namespace, name, _ := f.Import()
				if namespace != "wali" {
					t.Errorf("imports %s.%s", namespace, name)
				}
				have[name] = true
			}
			for _, name := range test.imports {
				if !have[name] {
					t.Errorf("does not import %s", name)
				}
			}
			for _, name := range test.without {
				if have[name] {
					t.Errorf("imports %s without need", name)
				}
			}
			memory := module.ExportedMemories()["memory"]
			if memory == nil {
				t.Fatal("exports no memory")
			}
			if most, bounded := memory.Max(); !bounded || most != 32768 {
				t.Errorf("memory's maximum is %d pages", most)
			}
		})
	}

	t.Run("missing sysroot", func(t *testing.T) {
		cmd := exec.Command(cc, "-c", "twice.c")
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "WALICC_SYSROOT="+filepath.Join(dir, "nowhere"))
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "wali/libc/build.sh") {
			t.Errorf("%v, %s", err, out)
		}
	})
}

package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestPortCXX runs the C++ programs of testdata/cxx natively, built by the system's c++ with its
// library, and as guests, built by walicc++ with libc++.
func TestPortCXX(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		call   invocation
		status int
	}{
		{"exceptions", invocation{}, 77},
		{"library", invocation{args: []string{"a", "last"}, stdin: "some words\n"}, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			program := buildCXX(t, "testdata/cxx/"+c.name+".cc")
			native, guest := program.runNative(t, c.call), program.runGuest(t, c.call)
			if native.status != c.status {
				t.Fatalf("the native program's status is %d, want %d: %s", native.status, c.status, native.stderr)
			}
			compare(t, native, guest)
		})
	}
}

// TestPortCXXUncaught has exceptions that nobody catches: in main, in a thread, through noexcept.
func TestPortCXXUncaught(t *testing.T) {
	t.Parallel()
	program := buildCXX(t, "testdata/cxx/uncaught.cc")
	for _, arg := range []string{"main", "thread", "noexcept", "destructor", "rethrow"} {
		t.Run(arg, func(t *testing.T) {
			t.Parallel()
			call := invocation{args: []string{arg}}
			native, guest := program.runNative(t, call), program.runGuest(t, call)
			if native.status != 134 {
				t.Fatalf("the native program's status is %d, want 134", native.status)
			}
			compare(t, native, guest)
			if !strings.Contains(guest.stderr, "terminating") {
				t.Errorf("the guest does not say that it terminates: %q", guest.stderr)
			}
		})
	}
}

// TestExceptions needs no C++ library: its program has what the compiler calls.
func TestExceptions(t *testing.T) {
	t.Parallel()
	needWalisup(t)
	need(t, filepath.Join(root, ".cache", "sysroot", "stamp"), "run make sysroot")
	flags := []string{"-nostdinc++", "-fno-rtti"}
	program := pair{name: "engine", module: compileC(t, filepath.Join(root, "bin", "walicc"), "testdata/cxx/engine.cc", ".wasm", flags)}
	const want = `caught: 1 1 5
caught: 2 2.5 5
caught: 3 5.5 99
10 2.5 99
caught: 4 2.5 99
caught: 5 2.5 99
caught: 6 2.5 99
caught: 7 2.5 99
`
	guest := program.runGuest(t, invocation{})
	lines, rest, _ := strings.Cut(guest.stdout, "b a ")
	if lines != want {
		t.Errorf("locals: %s", difference(want, lines))
	}
	if !strings.HasPrefix(strings.ReplaceAll(rest, " ", ""), "babafromthebottom\n") || !strings.HasSuffix(rest, "\n-100000\n") {
		t.Errorf("after that: %q", rest)
	}
	if guest.status != 134 {
		t.Errorf("status %d after an exception that nobody catches, want 134", guest.status)
	}
}

// TestCXXVariadic needs no C++ library either: it is about headers of the C library.
func TestCXXVariadic(t *testing.T) {
	t.Parallel()
	needWalisup(t)
	need(t, filepath.Join(root, ".cache", "sysroot", "stamp"), "run make sysroot")
	const clang = "/usr/bin/clang-22"
	need(t, clang, "run integration/ports/deps.sh")
	const source = "testdata/cxx/variadic.cc"
	flags := []string{"-std=c++17", "-nostdinc++", "-Wall", "-Werror"}
	program := pair{
		name:   "variadic",
		native: compileC(t, clang, source, "", flags),
		module: compileC(t, filepath.Join(root, "bin", "walicc"), source, ".wasm", flags),
	}
	native, guest := program.runNative(t, invocation{}), program.runGuest(t, invocation{})
	if native.status != 0 {
		t.Fatalf("the native program's status is %d: %s", native.status, native.stderr)
	}
	compare(t, native, guest)
}

// needCXX ends the test if there is no C++ library for guests: as skipped, except under make
// ports-test.
func needCXX(tb testing.TB) {
	tb.Helper()
	needWalisup(tb)
	stamp := filepath.Join(root, ".cache", "sysroot-cxx", "stamp")
	if _, err := os.Stat(stamp); err != nil && os.Getenv("WALISUP_TEST_PORTS") == "" {
		tb.Skip("no C++ library: run make sysroot-cxx")
	}
	need(tb, stamp, "run make sysroot-cxx")
}

// buildCXX compiles a C++ file with c++ and with walicc++.
func buildCXX(tb testing.TB, source string) pair {
	tb.Helper()
	needCXX(tb)
	cxx, err := exec.LookPath("c++")
	if err != nil {
		need(tb, "/usr/bin/c++", "run as root: apt-get install g++")
	}
	flags := []string{"-std=c++17", "-pthread"}
	return pair{
		name:   strings.TrimSuffix(filepath.Base(source), ".cc"),
		native: compileC(tb, cxx, source, "", flags),
		module: compileC(tb, filepath.Join(root, "bin", "walicc++"), source, ".wasm", flags),
	}
}

// TestPortCMake builds a project of C and C++ with cmake's toolchain file.
func TestPortCMake(t *testing.T) {
	t.Parallel()
	needCXX(t)
	cmake, err := exec.LookPath("cmake")
	if err != nil {
		t.Skip("cmake is not installed")
	}
	dir := t.TempDir()
	toolchain := "-DCMAKE_TOOLCHAIN_FILE=" + filepath.Join(root, "integration", "ports", "walicc.cmake")
	for _, args := range [][]string{
		{"-S", "testdata/cmake", "-B", dir, "-DCMAKE_BUILD_TYPE=Release", toolchain},
		{"--build", dir},
	} {
		if out, err := exec.Command(cmake, args...).CombinedOutput(); err != nil {
			t.Fatalf("cmake %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	guest := pair{name: "small", module: filepath.Join(dir, "small")}.runGuest(t, invocation{})
	// What a thread computed; the sizes of a long and a pointer; strlcpy and epoll_wait are there.
	if want := "42 8 4 1 1\n"; guest.stdout != want || guest.status != 0 {
		t.Errorf("status %d, output %q, want %q: %s", guest.status, guest.stdout, want, guest.stderr)
	}
}

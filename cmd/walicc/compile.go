package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// targetOptions choose the machine: shared memory needs atomics and bulk memory of every
// object. SIMD can be switched off by -mno-simd128.
var targetOptions = []string{
	"--target=wasm32-linux-muslwali",
	"-matomics",
	"-mbulk-memory",
	"-msimd128",
}

// leniency restores what C compilers of Debian 12's time let pass with a warning. A call to
// an undeclared function with wrong types still fails, at link time.
var leniency = []string{
	"-Wno-error=implicit-function-declaration",
	"-Wno-error=implicit-int",
	"-Wno-error=int-conversion",
	"-Wno-error=incompatible-pointer-types",
	"-Wno-error=incompatible-function-pointer-types",
	"-Wno-error=return-mismatch",
}

// allocationOptions make clang treat the allocator as functions that may set errno, which
// it otherwise assumes they do not, so that "errno = 0; p = malloc(n)" would leave 0.
var allocationOptions = []string{
	"-fno-builtin-malloc", "-fno-builtin-calloc", "-fno-builtin-realloc", "-fno-builtin-aligned_alloc",
}

// conversionOptions keep clang from assuming that a floating-point number fits into the
// integer that it becomes: programs find out by (double)(uintmax_t)x == x, which would be
// true of 1e20. The instruction for it is the same.
var conversionOptions = []string{"-fno-strict-float-cast-overflow"}

// roundingOptions keep clang from turning these functions into LLVM operations that its
// wasm back end lowers with a wrong result type where errno does not matter, which gives an
// invalid module. They come last, so that -ffast-math does not undo them.
var roundingOptions = []string{
	"-fmath-errno",
	"-fno-builtin-lround", "-fno-builtin-lroundf", "-fno-builtin-lroundl",
	"-fno-builtin-llround", "-fno-builtin-llroundf", "-fno-builtin-llroundl",
	"-fno-builtin-lrint", "-fno-builtin-lrintf", "-fno-builtin-lrintl",
	"-fno-builtin-llrint", "-fno-builtin-llrintf", "-fno-builtin-llrintl",
}

// cxxOptions are for C++: exceptions are the engine's, in their final encoding.
var cxxOptions = []string{"-fwasm-exceptions", "-mllvm", "-wasm-use-legacy-eh=false"}

// isCXX tells by its name whether a file is C++.
func isCXX(path string) bool {
	switch filepath.Ext(path) {
	case ".cc", ".cpp", ".cxx", ".c++", ".C", ".CPP", ".cp", ".ii", ".hh", ".hpp", ".hxx":
		return true
	}
	return false
}

// dropped are options that mean nothing for a module: it has one position, one kind of
// linking and one word size.
var dropped = map[string]bool{
	"-fPIC": true, "-fpic": true, "-fPIE": true, "-fpie": true,
	"-fno-PIC": true, "-fno-pic": true, "-fno-PIE": true, "-fno-pie": true,
	"-pie": true, "-no-pie": true, "-static": true, "-static-pie": true,
	"-static-libgcc": true, "-shared-libgcc": true, "-rdynamic": true,
	"-m32": true, "-m64": true, "-fno-plt": true,
	"-fcf-protection": true, "-fcf-protection=full": true, "-fcf-protection=none": true,
	"-fstack-clash-protection": true,
}

// withValue are the options whose value is the next argument, which is then no input.
var withValue = map[string]bool{
	"-o": true, "-I": true, "-D": true, "-U": true, "-L": true, "-l": true, "-x": true,
	"-include": true, "-imacros": true, "-isystem": true, "-idirafter": true,
	"-iquote": true, "-iprefix": true, "-iwithprefix": true, "-iwithprefixbefore": true,
	"-isysroot": true, "--sysroot": true, "-MF": true, "-MT": true, "-MQ": true,
	"-Xlinker": true, "-Xclang": true, "-Xpreprocessor": true, "-Xassembler": true,
	"-mllvm": true, "-u": true, "-T": true, "-z": true, "-e": true, "-arch": true,
	"--param": true, "-target": true, "-aux-info": true,
}

// invocation is what a cc command line asks for, as far as the driver needs to know.
type invocation struct {
	args       []string // for clang, without what was dropped
	inputs     []string
	startFiles bool // crt1.o is wanted if something is linked
	libraries  bool // libc and the builtins are
	cxx        bool // some input is C++
	scalar     bool // the module must do without SIMD
	layer      bool // what is linked is a layer
	query      string
	probe      bool // a configure script asks whether something links
}

// parseArguments reads a cc command line whose response files are expanded already.
func parseArguments(args []string) (*invocation, error) {
	inv := &invocation{startFiles: true, libraries: true}
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if withValue[arg] {
			inv.args = append(inv.args, arg)
			if i+1 < len(args) {
				i++
				inv.args = append(inv.args, args[i])
				switch arg {
				case "-o":
					inv.probe = inv.probe || isProbe(args[i])
				case "-x":
					inv.cxx = inv.cxx || strings.HasPrefix(args[i], "c++")
				}
			}
			continue
		}
		switch {
		case dropped[arg]:
			continue
		case arg == "-shared" || arg == "--shared":
			return nil, errors.New("WALI programs have no shared libraries: leave out -shared (with libtool: configure --disable-shared)")
		case arg == "-pthread" || arg == "-mthreads" || arg == "-pthreads":
			// The C library has threads without a library of their own.
			inv.args = append(inv.args, "-D_REENTRANT")
			continue
		case arg == "--layer":
			inv.layer = true
			continue
		case arg == "-nostdlib":
			inv.startFiles, inv.libraries = false, false
		case arg == "-mno-simd128":
			inv.scalar = true
		case arg == "-msimd128":
			inv.scalar = false
		case arg == "-nostartfiles":
			inv.startFiles = false
		case arg == "-nodefaultlibs" || arg == "-nolibc":
			inv.libraries = false
		case arg == "-r" || arg == "--relocatable":
			inv.startFiles, inv.libraries = false, false
		case strings.HasPrefix(arg, "-print-") || strings.HasPrefix(arg, "--print-"):
			inv.query = "-" + strings.TrimLeft(arg, "-")
		case arg == "-" || !strings.HasPrefix(arg, "-"):
			inv.inputs = append(inv.inputs, arg)
			inv.probe = inv.probe || isProbe(arg)
			inv.cxx = inv.cxx || isCXX(arg)
		case strings.HasPrefix(arg, "-xc++"):
			inv.cxx = true
		}
		inv.args = append(inv.args, arg)
	}
	return inv, nil
}

// isProbe tells the files by which autoconf, cmake and meson ask whether a function exists:
// they declare it with made-up types.
func isProbe(path string) bool {
	base := filepath.Base(path)
	return strings.HasPrefix(base, "conftest") ||
		strings.Contains(path, "CMakeFiles/CMakeTmp") ||
		strings.Contains(path, "CMakeScratch") ||
		strings.HasPrefix(base, "cmTC_") ||
		base == "CheckFunctionExists.c" ||
		strings.Contains(path, "meson-private")
}

// answer replies to the -print options whose truth the driver knows better than clang, and
// reports whether it did.
func answer(query, sysroot, bin string) (string, bool) {
	name, value, _ := strings.Cut(query, "=")
	switch name {
	case "-print-sysroot":
		return sysroot, true
	case "-print-libgcc-file-name":
		return filepath.Join(sysroot, "lib", "libclang_rt.builtins.a"), true
	case "-print-file-name":
		path := filepath.Join(sysroot, "lib", value)
		if value == "include" {
			path = filepath.Join(sysroot, "include")
		}
		if _, err := os.Stat(path); err != nil {
			path = value
		}
		return path, true
	case "-print-prog-name":
		switch value {
		case "ld", "ar", "ranlib", "nm", "strip":
			return filepath.Join(bin, "walicc-"+value), true
		}
	}
	return "", false
}

// compile acts as cc, or as c++.
func compile(args []string, plusplus bool) error {
	args, err := expandResponseFiles(args)
	if err != nil {
		return err
	}
	inv, err := parseArguments(args)
	if err != nil {
		return err
	}
	clang, err := findTool("clang")
	if err != nil {
		return err
	}
	sysroot, err := findSysroot()
	if err != nil {
		if len(inv.inputs) > 0 || inv.query != "" {
			return err
		}
		// A question such as --version needs none.
		return replaceProcess(clang, append(targetOptions, inv.args...))
	}
	bin, err := binDir()
	if err != nil {
		return err
	}
	if text, known := answer(inv.query, sysroot, bin); known {
		fmt.Println(text)
		return nil
	}

	full := []string{"--start-no-unused-arguments"}
	cxx := ""
	if plusplus || inv.cxx {
		full = append(full, cxxOptions...)
		if !slices.Contains(inv.args, "-nostdinc++") {
			if cxx, err = findCXX(sysroot); err != nil {
				return err
			}
			full = append(full, "-nostdinc++", "-isystem", filepath.Join(cxx, "include", "c++", "v1"))
		}
	}
	if plusplus {
		full = append(full, "--driver-mode=g++")
	} else {
		cxx = "" // cc compiles C++, but does not link its library
	}
	full = append(full, targetOptions...)
	full = append(full, "-nostdlibinc", "-isystem", filepath.Join(sysroot, "include"))
	full = append(full, leniency...)
	full = append(full, allocationOptions...)
	full = append(full, conversionOptions...)
	full = append(full, "--no-wasm-opt", "-nostdlib", "-fuse-ld="+filepath.Join(bin, "walicc-ld"))
	full = append(full, "--end-no-unused-arguments")
	full = append(full, inv.args...)
	full = append(full, "--start-no-unused-arguments")
	full = append(full, roundingOptions...)
	full = append(full, "--end-no-unused-arguments")

	if err := passToLinker(sysroot, cxx, inv); err != nil {
		return err
	}
	return replaceProcess(clang, full)
}

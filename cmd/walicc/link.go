package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// environment variables by which the compiler driver tells the linker wrapper, which clang
// starts, what cannot be said in linker arguments.
const (
	envSysroot    = "WALICC_LINK_SYSROOT"
	envCXX        = "WALICC_LINK_CXX"
	envStartFiles = "WALICC_LINK_STARTFILES"
	envLibraries  = "WALICC_LINK_LIBRARIES"
	envProbe      = "WALICC_LINK_PROBE"
	envScalar     = "WALICC_LINK_SCALAR"
	envLayer      = "WALICC_LINK_LAYER"
)

// passToLinker sets the environment for a link that clang may start. With cxx, the directory of
// the C++ library, that is linked too.
func passToLinker(sysroot, cxx string, inv *invocation) error {
	for _, v := range []struct {
		name  string
		value string
	}{
		{envSysroot, sysroot},
		{envCXX, cxx},
		{envStartFiles, fmt.Sprint(inv.startFiles)},
		{envLibraries, fmt.Sprint(inv.libraries)},
		{envProbe, fmt.Sprint(inv.probe)},
		{envScalar, fmt.Sprint(inv.scalar)},
		{envLayer, fmt.Sprint(inv.layer)},
	} {
		if err := os.Setenv(v.name, v.value); err != nil {
			return fmt.Errorf("prepare the linker's environment: %w", err)
		}
	}
	return nil
}

// memoryOptions give a module the memory that the ABI describes: its own, exported, shared,
// 2 GiB at most, with the stack below the data, so that overflowing it faults. The stack has
// Linux's usual size; what of it is not used is never touched.
var memoryOptions = []string{
	"--shared-memory",
	"--max-memory=2147483648",
	"--stack-first",
	"-z", "stack-size=8388608",
}

// layerOptions are added for a layer, which has no entry of its own.
var layerOptions = []string{"--no-entry", "-z", "stack-size=1048576"}

// gnuOnly are options of GNU ld that wasm-ld refuses and that a module can do without.
// Options that take a value name it after "=" or as the next argument.
var gnuOnly = map[string]bool{
	"--start-group": true, "--end-group": true, "-(": true, "-)": true,
	"--as-needed": true, "--no-as-needed": true, "--push-state": true, "--pop-state": true,
	"--add-needed": true, "--no-add-needed": true,
	"--copy-dt-needed-entries": true, "--no-copy-dt-needed-entries": true,
	"--enable-new-dtags": true, "--disable-new-dtags": true,
	"--eh-frame-hdr": true, "--no-eh-frame-hdr": true,
	"--no-undefined": true, "--no-allow-shlib-undefined": true, "--allow-shlib-undefined": true,
	"--export-dynamic": true, "-E": true,
	"--warn-common": true, "--no-warn-common": true, "--warn-once": true, "--cref": true,
	"--warn-unresolved-symbols": false, "--no-warn-mismatch": true, "--no-warnings": true,
	"--no-warn-rwx-segments": true, "--no-warn-execstack": true, "--fatal-warnings": true,
	"--sort-common": true, "--no-relax": true, "--relax": true, "--no-keep-memory": true,
	"--discard-all": true, "--discard-locals": true, "-x": true, "-X": true, "-g": true,
	"--no-dynamic-linker": true, "--nostdlib": true,
	"--Bsymbolic": true, "--Bsymbolic-functions": true,
	"-Bdynamic": true, "-Bstatic": true, "-static": true, "-dn": true, "-dy": true,
	"--pie": true, "--no-pie": true, "-d": true, "-dc": true, "-dp": true,
	"-rdynamic": true,
}

// gnuOnlyWithValue are such options that have a value.
var gnuOnlyWithValue = map[string]bool{
	"--rpath": true, "--rpath-link": true, "-R": true,
	"--soname": true, "-h": true,
	"--version-script": true, "--dynamic-list": true,
	"--dynamic-linker": true, "-I": true,
	"--hash-style": true, "--sort-section": true, "--icf": true,
	"--plugin": true, "--plugin-opt": true,
	"-a": true, "-Y": true, "--compress-debug-sections": true,
}

// has looks an option up, whose name GNU ld takes after one dash or two if it is a word.
func has(options map[string]bool, name string) bool {
	word := len(name) > 3 && name[0] == '-' && name[1] != '-'
	return options[name] || word && options["-"+name]
}

// adaptLinkerArguments drops the options that mean nothing for a module.
func adaptLinkerArguments(args []string) []string {
	var out []string
	for i := 0; i < len(args); i++ {
		arg := args[i]
		name, _, assigned := strings.Cut(arg, "=")
		switch {
		case has(gnuOnly, arg):
		case has(gnuOnlyWithValue, name):
			if !assigned {
				i++
			}
		case arg == "-z" && i+1 < len(args):
			i++
			if strings.HasPrefix(args[i], "stack-size=") {
				out = append(out, arg, args[i])
			}
		case strings.HasPrefix(arg, "-z") && len(arg) > 2:
			if strings.HasPrefix(arg[2:], "stack-size=") {
				out = append(out, "-z", arg[2:])
			}
		case arg == "-m" && i+1 < len(args):
			i++ // the emulation, which is always wasm32
		case strings.HasPrefix(arg, "-melf"):
		default:
			out = append(out, arg)
		}
	}
	return append([]string{"-m", "wasm32"}, out...)
}

// outputOf returns the file that a linker command line writes.
func outputOf(args []string) string {
	out := "a.out"
	for i, arg := range args {
		switch {
		case arg == "-o" && i+1 < len(args):
			out = args[i+1]
		case strings.HasPrefix(arg, "--output="):
			out = strings.TrimPrefix(arg, "--output=")
		}
	}
	return out
}

// link acts as ld, for clang on behalf of the compiler driver or for a build system.
func link(args []string) error {
	args, err := expandResponseFiles(args)
	if err != nil {
		return err
	}
	ld, err := findTool("wasm-ld")
	if err != nil {
		return err
	}
	relocatable := false
	for _, arg := range args {
		switch arg {
		case "-r", "--relocatable", "-i", "-Ur":
			relocatable = true
		case "-v", "-V", "--version", "--help":
			if len(args) == 1 {
				return replaceProcess(ld, args)
			}
		}
	}
	args = adaptLinkerArguments(args)
	if relocatable {
		return replaceProcess(ld, args)
	}

	// clang's answer to -shared has been refused before; a direct ld -shared has not.
	for _, arg := range args {
		if arg == "-shared" || arg == "--shared" || arg == "-Bshareable" {
			return errors.New("WALI programs have no shared libraries")
		}
	}
	full := append([]string{}, memoryOptions...)
	startFile := "crt1.o"
	if os.Getenv(envLayer) == "true" {
		full = append(full, layerOptions...)
		startFile = "layer1.o"
	}
	if sysroot := os.Getenv(envSysroot); sysroot != "" {
		lib := filepath.Join(sysroot, "lib")
		cxx := os.Getenv(envCXX)
		if cxx != "" {
			cxx = filepath.Join(cxx, "lib")
		}
		if os.Getenv(envStartFiles) == "true" {
			full = append(full, filepath.Join(lib, startFile))
			if cxx != "" && startFile == "crt1.o" {
				// It ends the program as C++ has it if main throws.
				full = append(full, filepath.Join(cxx, "crtxx.o"), "--wrap=__main_argc_argv")
			}
		}
		full = append(full, args...)
		full = append(full, "-L"+lib)
		if cxx != "" {
			full = append(full, "-L"+cxx)
		}
		if os.Getenv(envLibraries) == "true" {
			if cxx != "" {
				full = append(full, "-lc++", "-lc++abi", "-lunwind")
			}
			if os.Getenv(envScalar) == "true" {
				// The string functions of libc.a use SIMD; these come first.
				full = append(full, "-lc-scalar")
			}
			full = append(full, "-lc", filepath.Join(lib, "libclang_rt.builtins.a"))
		}
	} else {
		full = append(full, args...)
	}
	return runLinker(ld, full, lenientProbe(args))
}

// lenientProbe tells whether mismatched signatures shall only be warned about.
func lenientProbe(args []string) bool {
	switch os.Getenv("WALICC_SIGNATURE_MISMATCH") {
	case "warn":
		return true
	case "error":
		return false
	}
	if os.Getenv(envProbe) == "true" || isProbe(outputOf(args)) {
		return true
	}
	dir, err := os.Getwd()
	return err == nil && isProbe(dir+"/")
}

// runLinker runs wasm-ld and turns its warning about mismatched signatures, which would
// become a trap at run time, into an error unless lenient.
func runLinker(ld string, args []string, lenient bool) error {
	var messages bytes.Buffer
	cmd := exec.Command(ld, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, &messages
	err := cmd.Run()
	text, mismatch := readMessages(messages.String(), lenient)
	fmt.Fprint(os.Stderr, text)
	var exit *exec.ExitError
	switch {
	case err == nil && mismatch && !lenient:
		out := outputOf(args)
		if err := os.Remove(out); err != nil {
			return fmt.Errorf("remove the output of a failed link: %w", err)
		}
		return exitError(1)
	case err == nil:
		return nil
	case errors.As(err, &exit):
		if code := exit.ExitCode(); code > 0 {
			return exitError(code)
		}
		return fmt.Errorf("%s: %w", ld, err)
	default:
		return fmt.Errorf("run %s: %w", ld, err)
	}
}

// mismatchWarning is how wasm-ld reports a function used with two signatures.
const mismatchWarning = "warning: function signature mismatch: "

// readMessages returns the linker's messages in the words of this toolchain and whether a
// function is used with two signatures.
func readMessages(text string, lenient bool) (string, bool) {
	mismatch := strings.Contains(text, mismatchWarning)
	if mismatch && !lenient {
		text = strings.ReplaceAll(text, mismatchWarning, "error: function signature mismatch: ")
	}
	// The names that the compiler gives to main.
	text = strings.ReplaceAll(text, "undefined symbol: __main_void", "undefined symbol: main")
	text = strings.ReplaceAll(text, "undefined symbol: __main_argc_argv", "undefined symbol: main")
	return text, mismatch
}

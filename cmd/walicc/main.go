// Walicc is a C compiler driver that makes WALI modules with Debian's clang and lld.
//
// With --layer it links a layer, see docs/layers.md, in place of a program.
//
// It takes the command line of cc and runs clang with the target, the sysroot and the
// options that WALI programs need. As walicc++ it takes that of c++, and links the C++ library
// that wali/libc/build-cxx.sh builds. Under the names walicc-ld, walicc-ar, walicc-ranlib,
// walicc-nm and walicc-strip it is the matching binary utility, so that build systems which
// look for a toolchain prefix find one.
//
// Environment:
//
//	WALICC_SYSROOT             the sysroot; by default ../lib/walisup/sysroot beside the
//	                           directory of the walicc binary, or ../.cache/sysroot in a
//	                           clone. The C++ library is in a directory beside it whose name
//	                           ends in -cxx
//	WALICC_SIGNATURE_MISMATCH  "warn" or "error": what to make of a function that is called
//	                           with another signature than it is defined with. An error by
//	                           default, since the call would trap, but a warning in the
//	                           probes of configure scripts, which do it on purpose.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// llvmVersion is the release of LLVM that knows the target and that the sysroot is built
// with; Debian's binaries carry it as a suffix.
const llvmVersion = "22"

// exitError carries the exit status of a tool that has said itself what went wrong.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

func main() {
	name := filepath.Base(os.Args[0])
	err := run(name, os.Args[1:])
	var status exitError
	switch {
	case err == nil:
	case errors.As(err, &status):
		os.Exit(int(status))
	default:
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}

// run acts as the tool that name asks for. It returns only if that tool could not be
// replaced into the process or has ended.
func run(name string, args []string) error {
	if strings.HasSuffix(name, "++") {
		return compile(args, true)
	}
	tool, found := strings.CutPrefix(name, "walicc-")
	if !found {
		return compile(args, false)
	}
	switch tool {
	case "ld":
		return link(args)
	case "ar", "ranlib", "nm", "strip":
		path, err := findTool("llvm-" + tool)
		if err != nil {
			return err
		}
		return replaceProcess(path, args)
	default:
		return fmt.Errorf("unknown tool %q: known are walicc-ld, -ar, -ranlib, -nm, -strip", name)
	}
}

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// installHint says how to get what findTool did not find.
const installHint = "run as root: integration/ports/deps.sh (apt-get install clang-22 lld-22 llvm-22 libclang-rt-22-dev-wasm32)"

// findTool returns the path of an LLVM tool of the right release.
func findTool(name string) (string, error) {
	suffixed := name + "-" + llvmVersion
	if path, err := exec.LookPath(suffixed); err == nil {
		return path, nil
	}
	path := filepath.Join("/usr/lib/llvm-"+llvmVersion, "bin", name)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	return "", fmt.Errorf("%s is not installed; %s", suffixed, installHint)
}

// binDir returns the directory of the running binary, links resolved.
func binDir() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find the own binary: %w", err)
	}
	if self, err = filepath.EvalSymlinks(self); err != nil {
		return "", fmt.Errorf("find the own binary: %w", err)
	}
	return filepath.Dir(self), nil
}

// findSysroot returns the directory with the C library, its headers and the
// builtins: the one that the environment names, or that of a clone, or that of an
// installation.
func findSysroot() (string, error) {
	if dir := os.Getenv("WALICC_SYSROOT"); dir != "" {
		return checkSysroot(dir)
	}
	bin, err := binDir()
	if err != nil {
		return "", err
	}
	installed := filepath.Join(bin, "..", "lib", "walisup", "sysroot")
	if _, err := os.Stat(installed); err == nil {
		return checkSysroot(installed)
	}
	return checkSysroot(filepath.Join(bin, "..", ".cache", "sysroot"))
}

func checkSysroot(dir string) (string, error) {
	if _, err := os.Stat(filepath.Join(dir, "lib", "libc.a")); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("no sysroot in %s; build one with wali/libc/build.sh, or set WALICC_SYSROOT", dir)
		}
		return "", fmt.Errorf("sysroot: %w", err)
	}
	return dir, nil
}

// findCXX returns the directory with the C++ library for a sysroot.
func findCXX(sysroot string) (string, error) {
	dir := filepath.Clean(sysroot) + "-cxx"
	if _, err := os.Stat(filepath.Join(dir, "lib", "libc++.a")); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("no C++ library in %s; build one with wali/libc/build-cxx.sh (make sysroot-cxx)", dir)
		}
		return "", fmt.Errorf("C++ library: %w", err)
	}
	return dir, nil
}

// replaceProcess runs path in place of this process.
func replaceProcess(path string, args []string) error {
	argv := append([]string{filepath.Base(path)}, args...)
	if err := syscall.Exec(path, argv, os.Environ()); err != nil {
		return fmt.Errorf("run %s: %w", path, err)
	}
	return nil
}

//go:build linux && amd64

// Command walisup-oci is an OCI runtime for containers whose programs are WebAssembly modules,
// see package oci.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"walisup/cmd/internal/version"
	"walisup/supervisor/oci"
)

// The main thread alone runs inits. Package oci wants to have it apart from others that end.
func init() { runtime.LockOSThread() }

func main() {
	config, err := configuration()
	if err != nil {
		fmt.Fprintln(os.Stderr, "walisup-oci:", err)
		os.Exit(1)
	}
	os.Exit(oci.Main(config, os.Args[1:]))
}

// configuration finds the programs of this installation, and the directories.
func configuration() (oci.Config, error) {
	self, err := os.Executable()
	if err != nil {
		return oci.Config{}, fmt.Errorf("find walisup-oci's own path: %w", err)
	}
	bin := filepath.Dir(self)
	config := oci.Config{
		Release:  version.Text(),
		Helper:   os.Getenv("WALISUP_HELPER"),
		Cache:    os.Getenv("WALISUP_OCI_CACHE"),
		Delegate: os.Getenv("WALISUP_OCI_DELEGATE"),
		State:    "/run/walisup-oci",
	}
	for _, dir := range []string{bin, filepath.Join(bin, "..", "libexec", "walisup")} {
		path := filepath.Join(dir, "walisup-helper")
		if _, err := os.Stat(path); err == nil && config.Helper == "" {
			config.Helper = path
		}
	}
	if config.Helper == "" {
		return config, errors.New("walisup-helper is neither beside walisup-oci nor in ../libexec/walisup: name it with WALISUP_HELPER")
	}
	if os.Geteuid() != 0 {
		config.State = filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "walisup-oci")
	}
	if config.Cache == "" {
		config.Cache = "/var/cache/walisup/oci"
		if dir, err := os.UserCacheDir(); os.Geteuid() != 0 {
			config.Cache = ""
			if err == nil {
				config.Cache = filepath.Join(dir, "walisup", "oci")
			}
		}
	}
	return config, nil
}

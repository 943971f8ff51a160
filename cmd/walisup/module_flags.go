//go:build linux && amd64

package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/moby/term"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"walisup/ipc"
	"walisup/supervisor"
)

// moduleFlags are the flags of every command that loads modules.
type moduleFlags struct {
	helper      string
	cache       string
	noCache     bool
	keepDebug   bool
	plainTables bool
	listAdapted bool
	perfMap     bool
	engine      string
}

func (m *moduleFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&m.helper, "helper", "", "path of the helper `program` (default: walisup-helper in the directory of walisup, then on PATH)")
	flags.StringVar(&m.cache, "cache", "", "`directory` of compiled modules (default: walisup in XDG_CACHE_HOME or in ~/.cache)")
	flags.BoolVar(&m.noCache, "no-cache", false, "compile the module again, and do not store the result")
	flags.BoolVar(&m.keepDebug, "keep-debug", false, "keep debug information, so that reports of crashes name source lines")
	flags.BoolVar(&m.plainTables, "plain-tables", false, "trap when the module calls a function through a pointer of another type (default: adapt the arguments)")
	flags.BoolVar(&m.listAdapted, "list-adapted", false, "print to standard error for which types calls through pointers were adapted; not with --plain-tables")
	flags.BoolVar(&m.perfMap, "perf-map", false, "write /tmp/perf-PID.map, so that perf shows the names of the module's functions")
	flags.StringVar(&m.engine, "engine", ipc.EngineAuto, "what runs the module: wazero, native code, or auto for native code that compile --native has made, else wazero (`engine`)")
}

// boot fills in what the flags say. A cache directory that was asked for must be
// usable; the default one is done without, with a warning.
func (m *moduleFlags) boot() (ipc.Boot, error) {
	boot := ipc.Boot{
		KeepDebug:   m.keepDebug,
		PlainTables: m.plainTables,
		ListAdapted: m.listAdapted,
		PerfMap:     m.perfMap,
		Progress:    isTerminal(unix.Stderr),
	}
	if err := boot.SetEngine(m.engine); err != nil {
		return boot, fmt.Errorf("--engine: %w", err)
	}
	if m.noCache && boot.NeedNative {
		return boot, errors.New("--engine native: native code is in the cache, so --no-cache leaves none")
	}
	if m.noCache {
		return boot, nil
	}
	dir := m.cache
	if dir == "" {
		dir = supervisor.DefaultCache()
	}
	if dir == "" {
		return boot, nil
	}
	path, err := supervisor.PrepareCache(dir)
	if err != nil && m.cache != "" {
		return boot, err
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "walisup: %v; going on without\n", err)
		return boot, nil
	}
	boot.CacheDir = path
	return boot, nil
}

func isTerminal(fd int) bool { return term.IsTerminal(uintptr(fd)) }

// completeModules lets the shell offer files that end in .wasm.
func completeModules(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{"wasm"}, cobra.ShellCompDirectiveFilterFileExt
}

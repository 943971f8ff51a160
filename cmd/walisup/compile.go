//go:build linux && amd64

package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"walisup/supervisor"
)

func newCompileCommand() *cobra.Command {
	var module moduleFlags
	var layers layerFlags
	var native bool
	cmd := &cobra.Command{
		Use:   "compile [flags] app.wasm...",
		Short: "Compile modules into the cache without running them",
		Long: `compile compiles modules and stores the result in the cache, so that their first start
is fast. The cache finds a module by its content: the file may be moved afterwards.
--keep-debug and --plain-tables must be the same as at the start, and so must --layer. The
layers are compiled too, and wasi.wasm for a WASI module.

With --native compile makes native code by LLVM, which takes longer and runs faster, and
start uses that from then on. It needs LLVM's programs opt, llc, llvm-mc and ld.lld
(Debian's packages llvm-22 and lld-22); starting a module does not. A module that the
native compiler does not take stays as it is, and compile says why.`,
		Annotations: readsEnvironment,
		Example: `  walisup compile --cache /var/cache/walisup *.wasm
  walisup compile --native sqlite3.wasm`,
		ValidArgsFunction: completeModules,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("compile: no module given; try walisup compile --help")
			}
			boot, err := module.boot()
			if err != nil {
				return err
			}
			if boot.CacheDir == "" {
				return errors.New("compile: there is no cache directory; name one with --cache")
			}
			boot.CompileOnly = true
			var compiler *nativeCompiler
			if native {
				if compiler, err = newNativeCompiler(&module, &boot); err != nil {
					return fmt.Errorf("compile: %w", err)
				}
			}
			// One bad module does not keep the others from being compiled.
			status := 0
			for _, name := range args {
				var ws unix.WaitStatus
				boot.Layers, err = layers.forModule(name)
				if err == nil {
					ws, err = compileModule(supervisor.Spec{Module: name, Helper: module.helper, Boot: boot})
				}
				if ws.Signaled() {
					return guestEnd(ws) // most likely ^C
				}
				result := supervisor.EndOf(ws).Status
				if err != nil {
					result = report(err)
				}
				if native && result == 0 && len(boot.Layers) > 0 {
					fmt.Fprintf(os.Stderr, "walisup: %s: stays with wazero: there is no native code of modules with layers\n", name)
				} else if native && result == 0 {
					if result, err = compiler.compile(name); err != nil {
						return err
					}
				}
				if status == 0 {
					status = result
				}
			}
			return guestStatus(status)
		},
	}
	module.register(cmd.Flags())
	layers.registerLayers(cmd.Flags())
	cmd.Flags().BoolVar(&native, "native", false, "make native code by LLVM; not with --keep-debug")
	return cmd
}

func compileModule(spec supervisor.Spec) (unix.WaitStatus, error) {
	guest, err := supervisor.Start(spec)
	if err != nil {
		return 0, err
	}
	defer guest.Release()
	return guest.Wait()
}

//go:build linux && amd64

package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"walisup/ipc"
	"walisup/supervisor"
)

func newStartCommand() *cobra.Command {
	var module moduleFlags
	var env environmentFlags
	var workdir, argv0 string
	var nativeExec bool
	var files uint64
	cmd := &cobra.Command{
		Use:   "start [flags] app.wasm [args...]",
		Short: "Run a module in the foreground",
		Long: `start runs a module with the caller's standard streams, terminal, descriptors
and environment, and exits with the module's exit status.

Flags end at the module's name: what follows belongs to the module.`,
		Example: `  walisup start hello.wasm
  walisup start --env LANG=C --workdir /srv lua.wasm script.lua --verbose`,
		ValidArgsFunction: func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveDefault
			}
			return completeModules(cmd, args, word)
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("start: no module given; try walisup start --help")
			}
			boot, err := module.boot()
			if err != nil {
				return err
			}
			boot.NativeExec = nativeExec
			environ, err := env.build(os.Environ(), workdir)
			if err != nil {
				return err
			}
			process, err := supervisor.Start(supervisor.Spec{
				Module: args[0],
				Argv0:  argv0,
				Args:   args[1:],
				Env:    environ,
				Dir:    workdir,
				Helper: module.helper,
				Files:  files,
				Boot:   boot,
			})
			if err != nil {
				return err
			}
			status, err := process.Wait()
			if err != nil {
				return err
			}
			return guestStatus(status)
		},
	}
	flags := cmd.Flags()
	flags.SetInterspersed(false)
	module.register(flags)
	env.register(flags)
	flags.StringVarP(&workdir, "workdir", "w", "", "working directory of the module")
	flags.StringVar(&argv0, "argv0", "", "the module's argv[0], if it is not to be the path")
	flags.Uint64Var(&files, "max-files", 0,
		fmt.Sprintf("how many descriptors the module can have (default %d, at most %d; forks get slower with it)",
			ipc.DefaultFiles, ipc.MaxFiles))
	flags.BoolVar(&nativeExec, "native-exec", false, "let the module execute native programs, outside of any sandbox")
	return cmd
}

//go:build linux && amd64

package main

import (
	"errors"
	"path/filepath"

	"github.com/spf13/cobra"

	"walisup/supervisor/control"
	"walisup/supervisor/instance"
)

func newExecCommand(state *stateFlag) *cobra.Command {
	var env environmentFlags
	var workdir, argv0 string
	active := state.complete(1, isActive)
	cmd := &cobra.Command{
		Use:   "exec [flags] instance module.wasm [args...]",
		Short: "Run another module in a running instance",
		Long: `exec runs another module in an instance that runs. The module has the environment and the
working directory of the instance, and the standard streams and the terminal of the
caller. Its processes belong to the instance and end with it. exec ends as the module
ends.

Flags end at the instance's name.`,
		Example: `  walisup exec cache busybox.wasm sh
  walisup exec --env LANG=C --workdir / cache busybox.wasm ls -l`,
		ValidArgsFunction: func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
			switch len(args) {
			case 0:
				return active(cmd, args, word)
			case 1:
				return completeModules(cmd, args, word)
			}
			return nil, cobra.ShellCompDirectiveDefault
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) < 2 {
				return errors.New("exec: needs an instance and a module; try walisup exec --help")
			}
			i, err := state.find(args[0])
			if err != nil {
				return err
			}
			spec, err := control.SpecOf(&i.Command)
			if err != nil {
				return err
			}
			spec.Module, spec.Argv0, spec.Args = args[1], argv0, args[2:]
			if workdir != "" {
				spec.Dir = workdir
				if !filepath.IsAbs(workdir) {
					spec.Dir = filepath.Join(string(i.Command.Dir), workdir)
				}
			}
			if spec.Env, err = env.build(instance.Strings(i.Command.Env), spec.Dir); err != nil {
				return err
			}
			ws, err := control.Exec(i, spec)
			if err != nil {
				return err
			}
			return guestEnd(ws)
		},
	}
	flags := cmd.Flags()
	flags.SetInterspersed(false)
	env.register(flags)
	flags.StringVarP(&workdir, "workdir", "w", "", "run the module in a `directory`, relative to that of the instance (default: that of the instance)")
	flags.StringVar(&argv0, "argv0", "", "argv[0] of the module, a `name` (default: the module's path as given)")
	return cmd
}

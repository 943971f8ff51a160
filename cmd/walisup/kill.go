//go:build linux && amd64

package main

import (
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"walisup/supervisor/control"
	"walisup/supervisor/instance"
)

func newKillCommand(state *stateFlag) *cobra.Command {
	var all bool
	sig := signalFlag(unix.SIGKILL)
	cmd := &cobra.Command{
		Use:   "kill [flags] instance...",
		Short: "Send a signal to instances",
		Long: `kill sends a signal, SIGKILL unless another is named, to the main process of
each instance; with --all to every process of it. Other than stop it leaves a
restart policy in force.`,
		Example: `  walisup kill --signal HUP cache
  walisup kill --all cache`,
		ValidArgsFunction: state.complete(0, isActive),
		RunE: func(cmd *cobra.Command, args []string) error {
			return state.each(cmd, args, false, nil, func(i *instance.Instance) error {
				if !isActive(i) {
					return notActive(i)
				}
				return control.Signal(i, unix.Signal(sig), all)
			})
		},
	}
	cmd.Flags().BoolVarP(&all, "all", "a", false, "send it to all processes of the instance")
	cmd.Flags().VarP(&sig, "signal", "s", "the signal's name or number")
	cmd.RegisterFlagCompletionFunc("signal", completeSignals)
	return cmd
}

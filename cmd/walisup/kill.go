//go:build linux && amd64

package main

import (
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"walisup/supervisor/control"
	"walisup/supervisor/instance"
)

func newKillCommand(state *stateFlag) *cobra.Command {
	var all, tree bool
	sig := signalFlag(unix.SIGKILL)
	cmd := &cobra.Command{
		Use:   "kill [flags] instance...",
		Short: "Send a signal to instances",
		Long: `kill sends a signal, by default SIGKILL, to the main process of each instance, or with
--tree to all its processes. The restart policy stays in force; use stop to end an
instance for good.`,
		Example: `  walisup kill --signal HUP cache
  walisup kill --tree cache
  walisup kill --all`,
		ValidArgsFunction: state.complete(0, isActive),
		RunE: func(cmd *cobra.Command, args []string) error {
			return state.each(cmd, args, all, isActive, func(i *instance.Instance) error {
				if !isActive(i) {
					return notActive(i)
				}
				return control.Signal(i, unix.Signal(sig), tree)
			})
		},
	}
	cmd.Flags().BoolVarP(&all, "all", "a", false, "all instances that run")
	cmd.Flags().BoolVar(&tree, "tree", false, "send the signal to all processes of the instance (default: the main process only)")
	cmd.Flags().VarP(&sig, "signal", "s", "name or number of the `signal`")
	cmd.RegisterFlagCompletionFunc("signal", completeSignals)
	return cmd
}

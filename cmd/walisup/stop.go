//go:build linux && amd64

package main

import (
	"time"

	"github.com/spf13/cobra"

	"walisup/supervisor/control"
	"walisup/supervisor/instance"
)

func newStopCommand(state *stateFlag) *cobra.Command {
	var all bool
	timeout := secondsFlag(-1)
	cmd := &cobra.Command{
		Use:   "stop [flags] instance...",
		Short: "Stop instances",
		Long: `stop sends the stop signal (start --stop-signal) to the main process of each
instance and waits for its end. After the stop timeout it kills all processes of
the instance. Nothing of the instance runs when stop returns, and it is not
restarted.`,
		Example: `  walisup stop cache
  walisup stop --time 1m30s --all`,
		ValidArgsFunction: state.complete(0, isActive),
		RunE: func(cmd *cobra.Command, args []string) error {
			return state.each(cmd, args, all, isActive, func(i *instance.Instance) error {
				patience := i.Options.StopTimeout
				if timeout >= 0 {
					patience = time.Duration(timeout)
				}
				return control.Stop(i, patience)
			})
		},
	}
	cmd.Flags().BoolVarP(&all, "all", "a", false, "stop all instances")
	cmd.Flags().VarP(&timeout, "time", "t", "how long to wait before killing (default: what start --stop-timeout said)")
	cmd.Flags().Lookup("time").DefValue = ""
	return cmd
}

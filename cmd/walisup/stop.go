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
		Long: `stop sends the stop signal (start --stop-signal) to the main process of each instance
and waits for its end. After the timeout it kills all processes of the instance. When
stop returns, no process of the instance is left, and the instance is not started
again.`,
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
	cmd.Flags().BoolVarP(&all, "all", "a", false, "all instances that run")
	cmd.Flags().VarP(&timeout, "time", "t", "how long to wait before it kills: `seconds`, or a time such as 1m30s (default: start --stop-timeout)")
	cmd.Flags().Lookup("time").DefValue = ""
	return cmd
}

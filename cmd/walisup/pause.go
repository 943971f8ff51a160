//go:build linux && amd64

package main

import (
	"github.com/spf13/cobra"

	"walisup/supervisor/control"
	"walisup/supervisor/instance"
)

func newPauseCommand(state *stateFlag) *cobra.Command {
	var all bool
	want := func(i *instance.Instance) bool { return i.Condition().Phase == instance.Running }
	cmd := &cobra.Command{
		Use:   "pause [flags] instance...",
		Short: "Stop all processes of instances until resume",
		Long: `pause stops all processes of the instances with SIGSTOP. When it returns none of them
runs. resume lets them continue. The processes can notice it: a parent that waits for
stopped children is told.`,
		Example: `  walisup pause cache
  walisup pause --all`,
		ValidArgsFunction: state.complete(0, want),
		RunE: func(cmd *cobra.Command, args []string) error {
			return state.each(cmd, args, all, want, control.Pause)
		},
	}
	cmd.Flags().BoolVarP(&all, "all", "a", false, "all instances that run")
	return cmd
}

func newResumeCommand(state *stateFlag) *cobra.Command {
	var all bool
	want := func(i *instance.Instance) bool { return i.Condition().Phase == instance.Paused }
	cmd := &cobra.Command{
		Use:     "resume [flags] instance...",
		Aliases: []string{"unpause"},
		Short:   "Continue paused instances",
		Long: `resume sends SIGCONT to all processes of the instances, also to those that something else
than pause has stopped.`,
		Example: `  walisup resume cache
  walisup resume --all`,
		ValidArgsFunction: state.complete(0, want),
		RunE: func(cmd *cobra.Command, args []string) error {
			return state.each(cmd, args, all, want, func(i *instance.Instance) error {
				if !isActive(i) {
					return notActive(i)
				}
				return control.Resume(i)
			})
		},
	}
	cmd.Flags().BoolVarP(&all, "all", "a", false, "all paused instances")
	return cmd
}

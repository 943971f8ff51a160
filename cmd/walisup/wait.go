//go:build linux && amd64

package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"walisup/supervisor"
	"walisup/supervisor/control"
	"walisup/supervisor/instance"
)

func newWaitCommand(state *stateFlag) *cobra.Command {
	return &cobra.Command{
		Use:   "wait instance...",
		Short: "Wait until instances have ended and print their exit statuses",
		Long: `wait waits until the instances have ended and are not started again. It prints the exit
status of each on a line: the module's, or 128+n if signal n ended it. wait exits with
125 if an exit status is not known.`,
		Example:           `  walisup wait cache`,
		ValidArgsFunction: state.complete(0, isActive),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("wait: no instance given; try walisup wait --help")
			}
			status := 0
			for _, name := range args {
				code, err := waitFor(state, name)
				if err != nil {
					status = report(err)
					continue
				}
				if _, err := fmt.Fprintln(cmd.OutOrStdout(), code); err != nil {
					return err
				}
			}
			if status != 0 {
				return guestStatus(status)
			}
			return nil
		},
	}
}

func waitFor(state *stateFlag, name string) (status int, err error) {
	i, err := state.find(name)
	if err != nil {
		return 0, err
	}
	err = control.AwaitEnd(i, func() { adopt(i) })
	if err != nil && !errors.Is(err, instance.ErrNotFound) {
		return 0, err
	}
	if i.State.Phase != instance.Exited || !i.State.StatusKnown {
		return 0, &supervisor.Error{Status: supervisor.ExitOwn,
			Err: fmt.Errorf("instance %s has ended, and its exit status is not known", i.Name)}
	}
	return i.State.Status, nil
}

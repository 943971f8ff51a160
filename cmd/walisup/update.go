//go:build linux && amd64

package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"walisup/supervisor/instance"
	"walisup/supervisor/isolation"
)

func newUpdateCommand(state *stateFlag) *cobra.Command {
	var limits limitFlags
	cmd := &cobra.Command{
		Use:   "update [flags] instance...",
		Short: "Change the limits of running instances",
		Long: `update changes the limits of instances, at once and for later restarts. Limits that are
not given stay as they are. An instance must have been started with a limit of the same
kind: a limit cannot be added.`,
		Example:           `  walisup update --memory 1g --cpus 2 cache`,
		ValidArgsFunction: state.complete(0, isActive),
		RunE: func(cmd *cobra.Command, args []string) error {
			config := limits.config()
			if config == (isolation.Config{}) {
				return errors.New("update: no limit given; try walisup update --help")
			}
			if err := config.Check(); err != nil {
				return err
			}
			return state.each(cmd, args, false, isActive, func(i *instance.Instance) error { return update(i, &config) })
		},
	}
	limits.register(cmd.Flags())
	return cmd
}

func update(i *instance.Instance, config *isolation.Config) error {
	if !isActive(i) {
		return notActive(i)
	}
	err := i.Update(func(r *instance.Record) error {
		if err := r.Command.Isolation.Allows(config); err != nil {
			return err
		}
		if main := r.State.Main; main.Running() {
			if err := isolation.Of(main.Pid, &r.Command.Isolation).Update(config); err != nil && main.Running() {
				return err
			}
		}
		// Without a process, between two runs, it is for the next one.
		r.Command.Isolation = r.Command.Isolation.With(config)
		return nil
	})
	if err != nil {
		return fmt.Errorf("update %s: %w", i.Name, err)
	}
	return nil
}

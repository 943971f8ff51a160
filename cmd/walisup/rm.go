//go:build linux && amd64

package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"walisup/supervisor/control"
	"walisup/supervisor/instance"
)

func newRemoveCommand(state *stateFlag) *cobra.Command {
	var force, all bool
	cmd := &cobra.Command{
		Use:   "rm [flags] instance...",
		Short: "Remove instances that have ended",
		Long: `rm removes the record, the log and the name of each instance that has ended. With
--force it kills instances that run first.`,
		Example: `  walisup rm cache
  walisup rm --all`,
		ValidArgsFunction: state.complete(0, func(i *instance.Instance) bool { return force || !isActive(i) }),
		RunE: func(cmd *cobra.Command, args []string) error {
			want := func(i *instance.Instance) bool { return force || !isActive(i) }
			return state.each(cmd, args, all, want, func(i *instance.Instance) error {
				return remove(i, force)
			})
		},
	}
	cmd.Flags().BoolVarP(&force, "force", "f", false, "kill instances that run, then remove them")
	cmd.Flags().BoolVarP(&all, "all", "a", false, "all instances that have ended; with --force all instances")
	return cmd
}

func remove(i *instance.Instance, force bool) error {
	if force && isActive(i) {
		if err := control.Stop(i, 0); err != nil && !errors.Is(err, instance.ErrNotFound) {
			return err
		}
	}
	err := i.Remove(func(i *instance.Instance) error {
		if isActive(i) {
			return fmt.Errorf("instance %s is running: stop it first, or use --force", i.Name)
		}
		return nil
	})
	// Foreground ones, and those of start --rm, remove themselves.
	if force && errors.Is(err, instance.ErrNotFound) {
		return nil
	}
	return err
}

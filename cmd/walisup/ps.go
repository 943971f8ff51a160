//go:build linux && amd64

package main

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func newPsCommand(state *stateFlag) *cobra.Command {
	var all, quiet, noTrunc bool
	var format formatFlag
	cmd := &cobra.Command{
		Use:   "ps [flags] [instance]",
		Short: "List instances, or the processes of one",
		Long: `ps lists the instances that run, the oldest first. With --all it also lists those that
have ended and were not removed. If an instance is named, ps lists its processes, as
top does.`,
		Example: `  walisup ps
  walisup ps --all --format '{{.Name}} {{.Status}} {{.ExitStatus}}'
  walisup ps cache`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: state.complete(1, isActive),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				return printTree(cmd, state, args[0], format)
			}
			list, err := state.list()
			if err != nil {
				return err
			}
			var views []view
			for _, i := range list {
				if all || isActive(i) {
					views = append(views, newView(i))
				}
			}
			if quiet {
				for _, v := range views {
					id := v.shortID()
					if noTrunc {
						id = v.ID
					}
					if _, err := fmt.Fprintln(cmd.OutOrStdout(), id); err != nil {
						return err
					}
				}
				return nil
			}
			return printList(cmd.OutOrStdout(), format, views, psColumns(noTrunc, time.Now()))
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&all, "all", "a", false, "all instances, also those that have ended")
	flags.BoolVarP(&quiet, "quiet", "q", false, "print only the ids")
	flags.BoolVar(&noTrunc, "no-trunc", false, "print ids and command lines in full")
	format.register(cmd, formatTable)
	return cmd
}

// widest is how much of a command line a table shows.
const widest = 40

func psColumns(noTrunc bool, now time.Time) []column[view] {
	id, command := view.shortID, func(v view) string {
		words := strings.SplitN(v.commandLine(), " ", 2)
		words[0] = filepath.Base(words[0])
		return shorten(strings.Join(words, " "), widest)
	}
	if noTrunc {
		id, command = func(v view) string { return v.ID }, view.commandLine
	}
	return []column[view]{
		{"ID", id},
		{"NAME", func(v view) string { return v.Name }},
		{"STATUS", view.status},
		{"SINCE", func(v view) string { return v.since(now) }},
		{"PID", func(v view) string { return optionalNumber(v.Pid) }},
		{"RESTARTS", func(v view) string { return strconv.Itoa(v.Restarts) }},
		{"COMMAND", command},
	}
}

func optionalNumber(n int) string {
	if n == 0 {
		return "-"
	}
	return strconv.Itoa(n)
}

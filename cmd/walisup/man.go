//go:build linux && amd64 && man

// With the build tag man, walisup has a further command that writes its manual
// pages. What that needs would make every start slower.

package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"
)

func init() { manCommand = newManCommand }

func newManCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "man folder",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			root := cmd.Root()
			root.DisableAutoGenTag = true
			describeExitStatus(root)
			return doc.GenManTree(root, &doc.GenManHeader{
				Title: "WALISUP", Section: "1", Source: "walisup " + commit, Manual: "walisup",
			}, args[0])
		},
	}
}

// describeExitStatus adds to each page what --help says in one place: how flags are
// set through the environment, and the exit statuses.
func describeExitStatus(cmd *cobra.Command) {
	for _, child := range cmd.Commands() {
		describeExitStatus(child)
	}
	if !cmd.HasParent() || cmd.Hidden {
		return
	}
	var twins []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Name != "help" {
			twins = append(twins, fmt.Sprintf("%s for --%s", environmentTwin(f.Name), f.Name))
		}
	})
	if cmd.Long == "" {
		cmd.Long = cmd.Short + "."
	}
	if len(twins) > 0 {
		cmd.Long += "\n\nFlags can be set through the environment: " + strings.Join(twins, ", ") + "."
	}
}

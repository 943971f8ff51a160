//go:build linux && amd64

package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"walisup/cmd/internal/version"
)

func newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version of walisup",
		Example: `  walisup version`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "walisup %s\n", version.Text())
			return err
		},
	}
}

//go:build linux && amd64

package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
)

func newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version of walisup",
		Example: `  walisup version`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "walisup %s\n", version())
			return err
		},
	}
}

// release is the version of walisup. CHANGELOG.md says what is in it.
const release = "0.1.0"

// commit is set by the linker, see Makefile.
var commit = "unknown"

// version says which walisup this is.
func version() string {
	return fmt.Sprintf("%s (commit %s, %s %s/%s)", release, commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

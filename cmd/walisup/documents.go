//go:build linux && amd64 && documents

// With the build tag documents, walisup has two further commands, which write its
// manual pages and docs/cli.md. What they need would make every start slower.

package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"

	"walisup/cmd/internal/version"
)

func init() {
	documentCommands = func() []*cobra.Command {
		return []*cobra.Command{newManCommand(), newReferenceCommand()}
	}
}

func newManCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "man directory",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			root := cmd.Root()
			root.DisableAutoGenTag = true
			describeTwins(root)
			if err := doc.GenManTree(root, &doc.GenManHeader{
				Title: "WALISUP", Section: "1", Source: "walisup " + version.Release, Manual: "walisup",
			}, args[0]); err != nil {
				return err
			}
			return dropBooleanValues(args[0])
		},
	}
}

// booleanValue is what cobra writes behind a flag that takes no value.
var booleanValue = regexp.MustCompile(`(?m)^(\\fB-.*\\fP)\[=(?:true|false)\]$`)

// dropBooleanValues rewrites the pages in dir without the defaults of flags that take no value.
func dropBooleanValues(dir string) error {
	pages, err := filepath.Glob(filepath.Join(dir, "*.1"))
	if err != nil {
		return err
	}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			return err
		}
		if err := os.WriteFile(page, booleanValue.ReplaceAll(text, []byte("$1")), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// describeTwins adds to each page what --help says in one place: how flags are set
// through the environment.
func describeTwins(cmd *cobra.Command) {
	for _, child := range cmd.Commands() {
		describeTwins(child)
	}
	if !cmd.HasParent() || cmd.Hidden {
		return
	}
	var twins []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if hasTwin(cmd, f) {
			twins = append(twins, fmt.Sprintf("%s for --%s", environmentTwin(f.Name), f.Name))
		}
	})
	if cmd.Long == "" {
		cmd.Long = cmd.Short + "."
	}
	if len(twins) > 0 {
		cmd.Long += "\n\nEnvironment variables: " + strings.Join(twins, ", ") + "."
	}
}

func newReferenceCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "reference",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			root := cmd.Root()
			root.InitDefaultHelpCmd()
			root.InitDefaultCompletionCmd()
			out := cmd.OutOrStdout()
			io.WriteString(out, "# Command line\n\nThis page is generated from the commands' own help by `make cli-doc`.\n\n")
			fmt.Fprintf(out, "%s\n\n%s", root.Long, fenced(root.UsageString()))
			for _, child := range root.Commands() {
				if child.IsAvailableCommand() && child.Name() != "help" {
					describe(out, child)
				}
			}
			return nil
		},
	}
}

func describe(out io.Writer, cmd *cobra.Command) {
	cmd.InitDefaultHelpFlag()
	text := cmd.Long
	if text == "" {
		text = cmd.Short + "."
	}
	fmt.Fprintf(out, "\n## %s\n\n%s\n\n%s", cmd.CommandPath(), strings.TrimSpace(text), fenced(cmd.UsageString()))
}

func fenced(text string) string { return "```text\n" + strings.TrimSpace(text) + "\n```\n" }

//go:build linux && amd64

package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"walisup/supervisor/binfmt"
)

func newBinfmtCommand() *cobra.Command {
	var register, unregister, status bool
	cmd := &cobra.Command{
		Use:   "binfmt [--register | --unregister | --status]",
		Short: "Let the kernel start modules by themselves",
		Long: `binfmt prints the line that registers walisup with the kernel's binfmt_misc, so
that modules start like other programs: ./hello.wasm. With a flag it applies or
removes the registration, which needs root, or looks at it; --status exits with 1
if modules do not start by this walisup.

What is registered ends with the machine's uptime. To keep it, give the line to
the service that registers formats at boot:

  walisup binfmt > /etc/binfmt.d/walisup.conf

A module that is started so has the flags of walisup start from the environment.`,
		Example: `  walisup binfmt --register
  walisup binfmt --status`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			interpreter, err := os.Executable()
			if err != nil {
				return fmt.Errorf("binfmt: find walisup's own path: %w", err)
			}
			switch {
			case register:
				err = binfmt.Register(binfmt.Folder, interpreter)
			case unregister:
				err = binfmt.Unregister(binfmt.Folder)
			case status:
				return binfmtStatus(cmd, interpreter)
			default:
				var line string
				if line, err = binfmt.Line(interpreter); err == nil {
					fmt.Fprintln(cmd.OutOrStdout(), line)
				}
			}
			if err != nil {
				return fmt.Errorf("binfmt: %w", err)
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&register, "register", false, "apply the registration, in place of an older one")
	flags.BoolVar(&unregister, "unregister", false, "remove the registration")
	flags.BoolVar(&status, "status", false, "show the registration")
	cmd.MarkFlagsMutuallyExclusive("register", "unregister", "status")
	return cmd
}

// binfmtStatus shows the registration and whether it is of this walisup.
func binfmtStatus(cmd *cobra.Command, interpreter string) error {
	s, err := binfmt.Read(binfmt.Folder)
	if err == nil && !s.Registered {
		err = binfmt.ErrNotRegistered
	}
	if err != nil {
		report(fmt.Errorf("binfmt: %w", err))
		return guestStatus(1)
	}
	fmt.Fprint(cmd.OutOrStdout(), s.Text)
	switch {
	case !s.Enabled:
		err = errors.New("the registration is disabled")
	case s.Interpreter != interpreter:
		err = fmt.Errorf("another walisup is registered; this one is %s", interpreter)
	default:
		return nil
	}
	report(fmt.Errorf("binfmt: %w", err))
	return guestStatus(1)
}

// interpreterArguments returns the command line that stands for one that the
// kernel has made: the file's path, its argv[0], its arguments.
func interpreterArguments(args []string) []string {
	if len(args) < 2 {
		return args
	}
	return append([]string{"start", "--argv0=" + args[1], "--", args[0]}, args[2:]...)
}

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
		Short: "Let the kernel execute modules like other programs",
		Long: `binfmt prints the line that registers walisup with the kernel's binfmt_misc, so that
modules can be executed like other programs: ./hello.wasm. --register and --unregister
need root. --status exits with 1 if this walisup is not registered.

A registration is lost when the machine is restarted. To keep it, give the line to the
service that registers formats at boot:

  walisup binfmt > /etc/binfmt.d/walisup.conf

Flags of start for a module that is executed in this way come from environment
variables.`,
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
				err = binfmt.Register(binfmt.Directory, interpreter)
			case unregister:
				err = binfmt.Unregister(binfmt.Directory)
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
	flags.BoolVar(&register, "register", false, "register walisup with the kernel, in place of an older registration; needs root")
	flags.BoolVar(&unregister, "unregister", false, "remove the registration from the kernel; needs root")
	flags.BoolVar(&status, "status", false, "print the registration")
	cmd.MarkFlagsMutuallyExclusive("register", "unregister", "status")
	return cmd
}

// binfmtStatus shows the registration and whether it is of this walisup.
func binfmtStatus(cmd *cobra.Command, interpreter string) error {
	s, err := binfmt.Read(binfmt.Directory)
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

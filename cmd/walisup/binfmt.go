//go:build linux && amd64

package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"walisup/supervisor"
	"walisup/supervisor/binfmt"
)

func newBinfmtCommand() *cobra.Command {
	var register, unregister, status, fixed bool
	cmd := &cobra.Command{
		Use:   "binfmt [--register | --unregister | --status] [--fix-binary]",
		Short: "Let the kernel execute modules like other programs",
		Long: `binfmt prints the line that registers walisup with the kernel's binfmt_misc, so that
modules can be executed like other programs: ./hello.wasm. --register and --unregister
need root. --status exits with 1 if this walisup is not registered.

A registration is lost when the machine is restarted. To keep it, give the line to the
service that registers formats at boot:

  walisup binfmt > /etc/binfmt.d/walisup.conf

Flags of start for a module that is executed in this way come from environment
variables.

With --fix-binary the kernel opens walisup's helper program now and keeps it open. Modules
then start also in containers and in chroots that have no walisup, and they start faster.
They have no supervisor: walisup ps does not list them, and environment variables set no
flags. Who may execute a module need not be able to read it. After walisup has been
updated, register it again.`,
		Example: `  walisup binfmt --register
  walisup binfmt --register --fix-binary
  walisup binfmt --status`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			interpreter, err := ownInterpreter(fixed)
			if err != nil {
				return fmt.Errorf("binfmt: %w", err)
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
	flags.BoolVar(&fixed, "fix-binary", false, "register the helper program, for containers too (flag F of binfmt_misc)")
	cmd.MarkFlagsMutuallyExclusive("register", "unregister", "status")
	return cmd
}

// ownInterpreter is this walisup as an interpreter.
func ownInterpreter(fixed bool) (binfmt.Interpreter, error) {
	if fixed {
		path, err := supervisor.FindHelper()
		return binfmt.Interpreter{Path: path, Fixed: true}, err
	}
	path, err := os.Executable()
	if err != nil {
		return binfmt.Interpreter{}, fmt.Errorf("find walisup's own path: %w", err)
	}
	return binfmt.Interpreter{Path: path}, nil
}

// binfmtStatus shows the registration and whether it is of this walisup, in either way. If
// want is fixed, the other way is wrong.
func binfmtStatus(cmd *cobra.Command, want binfmt.Interpreter) error {
	s, err := binfmt.Read(binfmt.Directory)
	if err == nil && !s.Registered {
		err = binfmt.ErrNotRegistered
	}
	if err != nil {
		report(fmt.Errorf("binfmt: %w", err))
		return guestStatus(1)
	}
	fmt.Fprint(cmd.OutOrStdout(), s.Text)
	if s.Interpreter.Fixed && !want.Fixed {
		if want, err = ownInterpreter(true); err != nil {
			return fmt.Errorf("binfmt: %w", err)
		}
	}
	switch {
	case !s.Enabled:
		err = errors.New("the registration is disabled")
	case want.Fixed && !s.Interpreter.Fixed:
		err = errors.New("the registration is without --fix-binary")
	case s.Interpreter != want:
		err = fmt.Errorf("another walisup is registered; this one is %s", want.Path)
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

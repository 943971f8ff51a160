//go:build linux && amd64

package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"walisup/supervisor/control"
	"walisup/supervisor/instance"
	"walisup/supervisor/tracelog"
)

func newTraceCommand(state *stateFlag) *cobra.Command {
	var flags traceFlags
	cmd := &cobra.Command{
		Use:   "trace [flags] instance",
		Short: "Show the system calls of a running instance",
		Long: `trace shows the system calls of all processes of an instance, like strace, until trace
is interrupted or the instance ends. The instance continues when trace is interrupted.`,
		Example: `  walisup trace cache
  walisup trace --filter %network,%desc --durations cache
  walisup trace --summary cache`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: state.complete(1, isActive),
		RunE: func(_ *cobra.Command, args []string) error {
			i, err := state.find(args[0])
			if err != nil {
				return err
			}
			if !isActive(i) {
				return notActive(i)
			}
			return traceInstance(i, &flags)
		},
	}
	flags.register(cmd.Flags(), "")
	cmd.Flags().StringVarP(&flags.file, "output", "o", "", "write the trace to a `file` (default: standard error)")
	return cmd
}

func traceInstance(i *instance.Instance, flags *traceFlags) error {
	config, err := flags.config()
	if err != nil {
		return err
	}
	printer, err := flags.printer()
	if err != nil {
		return err
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	var pids []int
	for _, p := range control.Snapshot(i).Processes {
		if p.State != 0 && !p.Native {
			pids = append(pids, p.PID)
		}
	}
	session, err := tracelog.Attach(pids, &config, printer)
	switch {
	case errors.Is(err, unix.ESRCH):
		return notActive(i)
	case errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM):
		return fmt.Errorf("trace %s: %w (its processes are another user's, or have changed theirs)", i.Name, err)
	case err != nil:
		return fmt.Errorf("trace %s: %w", i.Name, err)
	}
	fmt.Fprintf(os.Stderr, "walisup: tracing %s\n", i.Name)
	select {
	case <-interrupted:
	case <-session.Done():
	}
	if err := session.Stop(); err != nil {
		return fmt.Errorf("write the trace: %w", err)
	}
	return nil
}

//go:build linux && amd64

package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"walisup/supervisor"
	"walisup/supervisor/binfmt"
	"walisup/supervisor/monitor"
)

// The main thread alone runs inits. Package supervisor wants to have it apart
// from others that end.
func init() {
	runtime.LockOSThread()
	if err := supervisor.RestoreSignals(); err != nil {
		os.Exit(report(err))
	}
}

func main() {
	args := os.Args[1:]
	if binfmt.Invoked() {
		args = interpreterArguments(args)
	}
	os.Exit(run(args))
}

// run executes one command line and returns the status to exit with.
func run(args []string) int {
	if len(args) > 0 && args[0] == monitor.Command {
		return monitor.Main(args[1:])
	}
	only := ""
	for _, c := range commands {
		if len(args) > 0 && args[0] == c.name {
			only = c.name
		}
	}
	root := newRootCommand(only)
	root.SetArgs(args)
	if err := root.Execute(); err != nil {
		return report(err)
	}
	return 0
}

// guestStatus ends a command with the guest's exit status, which is no error of
// ours and prints nothing.
type guestStatus int

func (s guestStatus) Error() string { return fmt.Sprintf("guest ended with status %d", int(s)) }

// report prints err as one line and returns the status that goes with it.
func report(err error) int {
	if status, ok := errors.AsType[guestStatus](err); ok {
		return int(status)
	}
	fmt.Fprintf(os.Stderr, "walisup: %v\n", err)
	if failure, ok := errors.AsType[*supervisor.Error](err); ok {
		return failure.Status
	}
	return supervisor.ExitOwn
}

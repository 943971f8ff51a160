//go:build linux && amd64

package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

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
	err := run(args)
	if sig, ok := errors.AsType[guestSignal](err); ok {
		supervisor.Die(unix.Signal(sig))
	}
	os.Exit(report(err))
}

// run executes one command line.
func run(args []string) error {
	if len(args) > 0 && args[0] == monitor.Command {
		return guestStatus(monitor.Main(args[1:]))
	}
	only := ""
	for _, c := range commands {
		if len(args) > 0 && args[0] == c.name {
			only = c.name
		}
	}
	root := newRootCommand(only)
	root.SetArgs(args)
	out := newOutput()
	root.SetOut(out)
	return out.end(root.Execute())
}

// guestStatus ends a command with the guest's exit status, which is no error of
// ours and prints nothing.
type guestStatus int

func (s guestStatus) Error() string { return fmt.Sprintf("guest ended with status %d", int(s)) }

// guestSignal ends a command as a signal has ended the guest, or was to end walisup.
type guestSignal unix.Signal

func (s guestSignal) Error() string { return fmt.Sprintf("guest was ended by signal %d", int(s)) }

// guestEnd ends a command as the guest has ended.
func guestEnd(ws unix.WaitStatus) error {
	end := supervisor.EndOf(ws)
	if end.Signal != 0 {
		return guestSignal(end.Signal)
	}
	return guestStatus(end.Status)
}

// report prints err as one line and returns the status that goes with it.
func report(err error) int {
	if err == nil {
		return 0
	}
	if status, ok := errors.AsType[guestStatus](err); ok {
		return int(status)
	}
	if sig, ok := errors.AsType[guestSignal](err); ok {
		return supervisor.ExitSignal + int(sig)
	}
	fmt.Fprintf(os.Stderr, "walisup: %v\n", err)
	if failure, ok := errors.AsType[*supervisor.Error](err); ok {
		return failure.Status
	}
	return supervisor.ExitOwn
}

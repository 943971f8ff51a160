package helper

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"

	"golang.org/x/sys/unix"

	"walisup/helper/stagezero"
	"walisup/ipc"
)

// Exit statuses of a helper that could not run its module, as shells know them.
const (
	exitOwn         = 125
	exitNotRunnable = 126
)

// Main is the whole of the walisup-helper program. It does not return.
func Main() {
	lockOSThread()
	if !stagezero.Active() {
		fail(exitOwn, errors.New("this walisup-helper was linked without its entry point; build it with make"))
	}
	stagezero.RestoreStandard()
	first, err := ipc.ParseExecPath(stagezero.ExecPath())
	if err != nil {
		fail(exitOwn, errors.New("walisup-helper runs modules for walisup and is not started by hand; use walisup start"))
	}
	boot, err := ipc.ReadBoot(first + ipc.BootOffset)
	if err != nil {
		fail(exitOwn, err)
	}
	unix.Close(first + ipc.BootOffset)
	b := &bootstrap{Boot: boot, first: first}
	if boot.CompileOnly {
		debug.SetGCPercent(100)
		runtime.GOMAXPROCS(runtime.NumCPU())
		b.compileMain()
	}
	if err := b.run(); err != nil {
		var e *exitError
		if errors.As(err, &e) {
			fail(e.status, e.err)
		}
		fail(exitOwn, err)
	}
}

// exitError is an error with the exit status that it ends the helper with.
type exitError struct {
	status int
	err    error
}

func (e *exitError) Error() string { return e.err.Error() }

func notRunnable(module string, err error) error {
	return &exitError{exitNotRunnable, fmt.Errorf("%s: %w", module, err)}
}

// fail ends the helper with a message.
func fail(status int, err error) {
	report("walisup: " + err.Error() + "\n")
	exit(status)
}

// report writes to standard error, in one piece.
func report(text string) {
	unix.Write(2, []byte(text))
}

func exit(status int) {
	unix.Exit(status)
}

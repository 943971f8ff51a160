package helper

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"

	"golang.org/x/sys/unix"

	"walisup/helper/report"
	"walisup/helper/vetted"
	"walisup/ipc"
	"walisup/ipc/cache"
	"walisup/ipc/stagezero"
)

// Exit statuses of a helper that could not run its module, as shells know them.
const (
	exitOwn         = 125
	exitNotRunnable = 126
	exitNotFound    = 127
)

// Main is the whole of the walisup-helper program. It does not return.
func Main() {
	lockOSThread()
	if err := vetted.Check(); err != nil {
		fail(exitOwn, err)
	}
	if !stagezero.Active() {
		fail(exitOwn, errors.New("this walisup-helper was linked without its entry point; build it with make"))
	}
	stagezero.RestoreStandard()
	b, err := begin()
	if err != nil {
		end(err)
	}
	if b.build, err = cache.BuildID(stagezero.ImageHead()); err != nil {
		fail(exitOwn, fmt.Errorf("this walisup-helper cannot tell its build: %w", err))
	}
	if b.CompileOnly {
		debug.SetGCPercent(100)
		runtime.GOMAXPROCS(runtime.NumCPU())
		b.compileMain()
	}
	end(b.run())
}

// begin finds out what the helper is to do: from the boot record that a supervisor or another
// helper has made, or from its command line.
func begin() (*bootstrap, error) {
	first, err := ipc.ParseExecPath(stagezero.ExecPath())
	if err != nil || stagezero.PreservesArgv0() { // then the path is the module's
		b, err := standalone()
		if err != nil {
			return nil, err
		}
		reportTo(b.Boot, b.first)
		return b, nil
	}
	boot, err := ipc.ReadBoot(first + ipc.BootOffset)
	if err != nil {
		return nil, err
	}
	unix.Close(first + ipc.BootOffset)
	reportTo(boot, first)
	return &bootstrap{Boot: boot, first: first}, nil
}

// end ends the helper, which has failed.
func end(err error) {
	var e *exitError
	if errors.As(err, &e) {
		fail(e.status, e.err)
	}
	fail(exitOwn, err)
}

// reportTo says where reports go, according to the boot record. What compiles a module
// has the standard error that its caller chose.
func reportTo(boot *ipc.Boot, first int) {
	switch {
	case boot.CompileOnly:
	case boot.Report:
		report.To = first + ipc.ReportOffset
	default:
		report.To = -1
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
	report.Write("walisup: " + err.Error() + "\n")
	exit(status)
}

func exit(status int) {
	unix.Exit(status)
}

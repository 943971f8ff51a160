//go:build linux && amd64

package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/moby/term"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"walisup/supervisor"
	"walisup/supervisor/instance"
)

// lifecycleFlags say how an instance is looked after.
type lifecycleFlags struct {
	detach      bool
	tty         bool
	name        string
	remove      bool
	restart     instance.RestartPolicy
	stopSignal  signalFlag
	stopTimeout secondsFlag
	pidFile     string
	logSize     sizeFlag
	logFiles    int
}

func (l *lifecycleFlags) register(flags *pflag.FlagSet) {
	l.restart = instance.RestartPolicy{When: instance.RestartNo}
	l.stopSignal = signalFlag(unix.SIGTERM)
	l.stopTimeout = secondsFlag(10 * time.Second)
	l.logSize = 4 << 20
	flags.BoolVarP(&l.detach, "detach", "d", false, "run in the background: print the id of the instance and return when the module runs")
	flags.BoolVarP(&l.tty, "tty", "t", false, "give the module a terminal that attach connects to; needs --detach")
	flags.StringVar(&l.name, "name", "", "`name` of the instance (default: a generated name)")
	flags.BoolVar(&l.remove, "rm", false, "remove the instance when it has ended; needs --detach (a foreground instance always is removed)")
	flags.Var(&l.restart, "restart", "when to start the module again after its end: no, on-failure[:N] (at most N times in a row), always, unless-stopped; needs --detach")
	flags.Var(&l.stopSignal, "stop-signal", "`signal` that stop sends to the main process: a name or a number")
	flags.Var(&l.stopTimeout, "stop-timeout", "how long stop waits before it kills all processes: seconds, or a time such as 1m30s")
	flags.StringVar(&l.pidFile, "pid-file", "", "write the process id of the main process to a `file`, and remove the file at its end")
	flags.Var(&l.logSize, "log-size", "size of one file of the log in bytes, or with k, m, g for powers of 1024; at least 4k; needs --detach")
	l.logFiles = 3
	flags.Var(countFlag{value: &l.logFiles, least: 1, most: 10_000}, "log-files", "number of files of the log that are kept, 1 to 10000; needs --detach")
}

// check finds combinations that make no sense.
func (l *lifecycleFlags) check() error {
	if l.name != "" {
		if err := instance.CheckName(l.name); err != nil {
			return err
		}
	}
	switch {
	case !l.detach && l.restart.When != instance.RestartNo:
		return errors.New("--restart is for detached instances: add --detach")
	case !l.detach && l.tty:
		return errors.New("--tty is for detached instances: others have the caller's terminal")
	case l.remove && l.restart.When != instance.RestartNo && l.restart.When != instance.RestartOnFailure:
		return fmt.Errorf("--rm does not go with --restart %s", &l.restart)
	case l.logSize < 4096:
		return errors.New("--log-size must be 4k at least")
	}
	return nil
}

// record describes an instance that runs spec.
func (l *lifecycleFlags) record(spec *supervisor.Spec) (instance.Record, error) {
	var failure error
	absolute := func(path string) instance.Text {
		if path == "" {
			return ""
		}
		full, err := filepath.Abs(path)
		if err != nil && failure == nil {
			failure = err
		}
		return instance.Text(full)
	}
	boot, err := instance.BootID()
	if err != nil {
		return instance.Record{}, err
	}
	dir := spec.Dir
	if dir == "" {
		dir = "."
		if _, err := os.Getwd(); errors.Is(err, os.ErrNotExist) {
			// It has been removed. The kernel tells where it was.
			if was, err := os.Readlink("/proc/self/cwd"); err == nil {
				dir = was
			}
		}
	}
	inherited := supervisor.InheritedNow()
	umask := unix.Umask(0)
	unix.Umask(umask)
	helper := spec.Helper
	if helper == "" && l.detach {
		// The monitor runs from /proc/self/exe, which may be a link.
		if self, err := os.Executable(); err == nil {
			beside := filepath.Join(filepath.Dir(self), supervisor.HelperName)
			if _, err := os.Stat(beside); err == nil {
				helper = beside
			}
		}
	}
	r := instance.Record{
		Name:    l.name,
		Created: time.Now(),
		BootID:  boot,
		Options: instance.Options{
			Detached:    l.detach,
			Remove:      l.remove,
			Terminal:    l.tty,
			Restart:     l.restart,
			StopSignal:  int(l.stopSignal),
			StopTimeout: time.Duration(l.stopTimeout),
			PidFile:     absolute(l.pidFile),
			LogSize:     int64(l.logSize),
			LogFiles:    l.logFiles,
		},
		Command: instance.Command{
			Argv0:   instance.Text(cmp.Or(spec.Argv0, spec.Module)),
			Path:    absolute(spec.Module),
			Args:    instance.Texts(spec.Args),
			Env:     instance.Texts(spec.Env),
			Dir:     absolute(dir),
			Helper:  absolute(helper),
			Files:   spec.Files,
			Ignored: inherited.Ignored,
			Mask:    inherited.Mask,
			NoFile:  inherited.NoFile,
			Umask:   umask,

			Isolation: spec.Isolation,
		},
		State: instance.State{Phase: instance.Starting},
	}
	if l.tty {
		r.Command.Rows, r.Command.Columns = 24, 80
		if size, err := term.GetWinsize(uintptr(unix.Stdout)); err == nil && size.Height > 0 && size.Width > 0 {
			r.Command.Rows, r.Command.Columns = size.Height, size.Width
		}
	}
	if err := r.Command.SetBoot(&spec.Boot); err != nil {
		return r, err
	}
	return r, failure
}

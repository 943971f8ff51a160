//go:build linux && amd64

package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"walisup/supervisor"
	"walisup/supervisor/control"
	"walisup/supervisor/instance"
	"walisup/supervisor/pidfile"
	"walisup/supervisor/procfs"
)

// registration makes a foreground guest known to other commands, for as long as it
// runs. What need not be done before the guest starts is done while its helper
// loads it.
type registration struct {
	flags *startFlags
	spec  *supervisor.Spec
	inst  *instance.Instance

	pidPath string // absolute; empty if there is to be no pid file
	pidFile *pidfile.File
}

// prepare does what may fail: it reserves the name and makes sure of the pid file, if
// they were asked for.
func (r *registration) prepare() (err error) {
	if path := r.flags.lifecycle.pidFile; path != "" {
		if r.pidPath, err = filepath.Abs(path); err != nil {
			return fmt.Errorf("pid file %s: %w", path, err)
		}
		if r.pidFile, err = pidfile.Prepare(r.pidPath); err != nil {
			return err
		}
	}
	if r.flags.lifecycle.name == "" {
		return nil
	}
	if err := r.create(); err != nil {
		r.pidFile.Abandon()
		return err
	}
	return nil
}

func (r *registration) create() error {
	store, err := r.flags.state.open()
	if err != nil {
		return err
	}
	record, err := r.flags.lifecycle.record(r.spec)
	if err != nil {
		return err
	}
	if r.inst, err = store.Create(record); err != nil {
		r.inst = nil
	}
	return err
}

// abandon undoes prepare.
func (r *registration) abandon() {
	r.pidFile.Abandon()
	if r.inst != nil {
		r.inst.Discard()
	}
}

// enter writes the record and the pid file. A guest that runs is not stopped because
// its record cannot be written, which nobody has asked for; an error says that it
// is to be stopped because its pid file cannot.
func (r *registration) enter(guest *supervisor.Guest) error {
	if err := r.pidFile.Publish(guest.Pid()); err != nil {
		return err
	}
	if err := r.tryEnter(guest); err != nil {
		r.abandon()
		r.inst = nil
		warn(fmt.Errorf("the instance is not registered, other commands do not see it: %w", err))
	}
	return nil
}

func (r *registration) tryEnter(guest *supervisor.Guest) error {
	if r.inst == nil {
		if err := r.create(); err != nil {
			return err
		}
	}
	var err error
	s := &r.inst.State
	if s.Monitor, err = procfs.Self(); err != nil {
		return err
	}
	// Not waited for yet, so it is there.
	if s.Main, err = procfs.Of(guest.Pid()); err != nil {
		return err
	}
	s.Phase, s.Started, s.Cgroups = instance.Running, time.Now(), guest.Cgroups().Directories()
	return r.inst.Register()
}

// leave removes pid file and record at the guest's end.
func (r *registration) leave(pid int, ws unix.WaitStatus) {
	if err := pidfile.Remove(r.pidPath, pid); err != nil {
		warn(err)
	}
	if r.inst == nil {
		return
	}
	if err := control.Leave(r.inst, ws); err != nil && !errors.Is(err, instance.ErrNotFound) {
		warn(err)
	}
}

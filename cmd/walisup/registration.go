//go:build linux && amd64

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"walisup/supervisor"
	"walisup/supervisor/instance"
	"walisup/supervisor/monitor"
	"walisup/supervisor/proctree"
)

// registration makes a foreground guest known to other commands, for as long as it
// runs. What need not be done before the guest starts is done while its helper
// loads it.
type registration struct {
	flags *startFlags
	spec  *supervisor.Spec
	inst  *instance.Instance
}

// prepare reserves the name, if one was asked for: that may fail.
func (r *registration) prepare() error {
	if r.flags.lifecycle.name == "" {
		return nil
	}
	return r.create()
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
	if r.inst != nil {
		r.inst.Discard()
	}
}

// enter writes the record. A guest that runs is not stopped because its record
// cannot be written.
func (r *registration) enter(pid int) {
	err := r.tryEnter(pid)
	if err == nil {
		return
	}
	r.abandon()
	r.inst = nil
	warn(fmt.Errorf("the instance is not registered, other commands do not see it: %w", err))
}

func (r *registration) tryEnter(pid int) error {
	if r.inst == nil {
		if err := r.create(); err != nil {
			return err
		}
	}
	var err error
	s := &r.inst.State
	if s.Monitor, err = proctree.Self(); err != nil {
		return err
	}
	// Not waited for yet, so it is there.
	if s.Main, err = proctree.Of(pid); err != nil {
		return err
	}
	s.Phase, s.Started = instance.Running, time.Now()
	if path := string(r.inst.Options.PidFile); path != "" {
		if err := os.WriteFile(path, []byte(strconv.Itoa(pid)+"\n"), 0o644); err != nil {
			return fmt.Errorf("pid file: %w", err)
		}
	}
	return r.inst.Register()
}

// leave removes the record at the guest's end.
func (r *registration) leave(status int) {
	if path := r.flags.lifecycle.pidFile; path != "" {
		if path, err := filepath.Abs(path); err == nil {
			os.Remove(path)
		}
	}
	if r.inst == nil {
		return
	}
	if err := monitor.Leave(r.inst, status); err != nil && !errors.Is(err, instance.ErrNotFound) {
		warn(err)
	}
}

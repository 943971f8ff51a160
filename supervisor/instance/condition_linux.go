package instance

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"walisup/supervisor/isolation"
	"walisup/supervisor/procfs"
)

// Condition is what is true of an instance now.
type Condition struct {
	Phase      Phase
	Supervised bool // its monitor, or the walisup that it runs under, is there
}

// Active reports whether the instance has a process or will have one.
func (c Condition) Active() bool { return c.Phase != Exited }

// Condition compares the record with the processes that it names. If those have ended
// since it was read, it reads the record again.
func (i *Instance) Condition() Condition {
	s := &i.State
	if s.Phase == Exited && !s.supervised() {
		return Condition{Phase: Exited}
	}
	if boot, err := BootID(); err == nil && boot != i.BootID {
		return Condition{Phase: Exited}
	}
	if s.supervised() {
		return Condition{Phase: s.Phase, Supervised: true}
	}
	if s.hasProcess() {
		return Condition{Phase: s.unsupervised()}
	}
	// What was read may be old: its monitor may have written how it ended, and gone, or
	// another may have taken over.
	if i.Reload() != nil || s.Phase == Exited {
		return Condition{Phase: Exited}
	}
	switch {
	case s.supervised():
		return Condition{Phase: s.Phase, Supervised: true}
	case s.hasProcess():
		return Condition{Phase: s.unsupervised()}
	case s.Phase == Restarting && !s.Stopped:
		return Condition{Phase: Restarting} // another monitor goes on from there
	}
	return Condition{Phase: Exited}
}

// Orphaned reports whether an instance has lost its monitor and can have another.
func (i *Instance) Orphaned() bool {
	c := i.Condition()
	return i.Options.Detached && c.Active() && !c.Supervised
}

func (s *State) supervised() bool { return s.Monitor.Running() || s.Starter.Running() }

// unsupervised is the phase of an instance that has processes and no monitor.
func (s *State) unsupervised() Phase {
	if s.Phase == Paused {
		return Paused
	}
	return Running
}

// hasProcess reports whether one of the first processes is there.
func (s *State) hasProcess() bool {
	return slices.ContainsFunc(s.Roots(), procfs.Identity.Running)
}

// incompleteAge is how long a directory may be without a record. Making one takes
// less than a millisecond.
const incompleteAge = time.Minute

// Sweep brings the state directory into line with what is true, and returns all instances
// that are left, the oldest first: it removes what is left of foreground instances that
// ended unseen and of commands that were killed halfway, and records the end of detached
// instances whose monitor is gone. The list is good even if there is an error.
func (s *Store) Sweep() ([]*Instance, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("examine state directory: %w", err)
	}
	var failures []error
	for _, entry := range entries {
		name := entry.Name()
		switch {
		case strings.HasPrefix(name, gonePrefix):
			os.RemoveAll(s.path(name))
		case isID(name):
			if i, err := s.Load(name); errors.Is(err, ErrNotFound) {
				s.sweepIncomplete(i)
			}
		}
	}
	all, err := s.List()
	if err != nil {
		failures = append(failures, err)
	}
	left := all[:0]
	for _, i := range all {
		err := i.Refresh()
		switch {
		case err == nil:
			left = append(left, i)
		case !errors.Is(err, ErrNotFound):
			failures = append(failures, err)
		}
	}
	return left, errors.Join(failures...)
}

// Refresh brings the record of one instance into line with what is true, see
// [Store.Sweep]. The error wraps ErrNotFound if nothing is left of it.
func (i *Instance) Refresh() error {
	kept := i.Options.Detached && !i.Options.Remove
	switch {
	case i.Condition().Active():
		return nil
	case i.State.Phase == Exited && (kept || i.State.Monitor.Running()):
		return nil // as it should be, or about to be removed
	case kept:
		return i.recordLoss()
	}
	err := i.Remove(func(i *Instance) error {
		if i.Condition().Active() {
			return errActive
		}
		i.removeCgroups()
		return nil
	})
	switch {
	case errors.Is(err, errActive):
		return nil
	case err == nil:
		return fmt.Errorf("%s: %w", i.Name, ErrNotFound)
	}
	return err
}

// errActive means that somebody has started an instance again.
var errActive = errors.New("is active")

// recordLoss records the end of an instance that nobody has seen.
func (i *Instance) recordLoss() error {
	err := i.Update(func(r *Record) error {
		if i.Condition().Active() || r.State.Phase == Exited {
			return errActive
		}
		problem, known := "its monitor and its processes ended unseen: the exit status is not known", false
		boot, err := BootID()
		switch {
		case err == nil && boot != r.BootID:
			problem = "the machine was restarted while it ran: the exit status is not known"
			r.BootID = boot
		case r.State.Phase == Restarting || r.State.Phase == Stopping:
			problem, known = "its monitor was killed after the last run had ended", r.State.StatusKnown
		}
		i.removeCgroups()
		r.State.Phase, r.State.StatusKnown, r.State.Cgroups = Exited, known, nil
		r.State.Problems = append(r.State.Problems, problem)
		return nil
	})
	if errors.Is(err, errActive) {
		return nil
	}
	return err
}

// removeCgroups removes the cgroups of an instance that nobody looks after.
// Whoever may not, or finds that processes do not end, has at least tried.
func (i *Instance) removeCgroups() {
	if boot, err := BootID(); err == nil && boot == i.BootID {
		isolation.RemoveDirectories(i.State.Cgroups)
	}
}

// sweepIncomplete removes a directory that never got a record.
func (s *Store) sweepIncomplete(i *Instance) error {
	var st unix.Stat_t
	if err := unix.Lstat(i.dir, &st); err != nil || time.Since(time.Unix(st.Mtim.Unix())) < incompleteAge {
		return err
	}
	return i.discard()
}

package instance

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
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
	if s.Phase == Exited && !s.Monitor.Running() {
		return Condition{Phase: Exited}
	}
	if boot, err := BootID(); err == nil && boot != i.BootID {
		return Condition{Phase: Exited}
	}
	c := Condition{Phase: s.Phase, Supervised: s.Monitor.Running()}
	if c.Supervised {
		return c
	}
	if !s.Main.Running() && !anyRunning(s) {
		c.Phase = Exited
		if s.Phase != Exited {
			// Its monitor may just have written how it ended, and gone.
			i.Reload()
		}
	} else if c.Phase != Paused {
		c.Phase = Running
	}
	return c
}

func anyRunning(s *State) bool {
	for _, id := range s.Others {
		if id.Running() {
			return true
		}
	}
	return false
}

// incompleteAge is how long a folder may be without a record. Making one takes
// less than a millisecond.
const incompleteAge = time.Minute

// Sweep brings the state folder into line with what is true: it removes what is
// left of foreground instances that ended unseen and of commands that were killed
// halfway, and records the end of detached instances whose monitor is gone.
func (s *Store) Sweep() error {
	dir, err := os.ReadDir(s.dir)
	if err != nil {
		return fmt.Errorf("examine state folder: %w", err)
	}
	var failures []error
	for _, entry := range dir {
		name := entry.Name()
		switch {
		case strings.HasPrefix(name, gonePrefix):
			os.RemoveAll(s.path(name))
		case isID(name):
			if err := s.sweepOne(name); err != nil && !errors.Is(err, ErrNotFound) {
				failures = append(failures, err)
			}
		}
	}
	return errors.Join(failures...)
}

func (s *Store) sweepOne(id string) error {
	i, err := s.Load(id)
	if errors.Is(err, ErrNotFound) {
		return s.sweepIncomplete(i)
	}
	if err != nil {
		return err
	}
	if i.State.Phase == Exited && i.Options.Detached && !i.Options.Remove || i.Condition().Active() {
		return nil
	}
	if i.State.Phase == Exited && i.State.Monitor.Running() {
		return nil // which will remove it
	}
	if !i.Options.Detached || i.Options.Remove {
		return i.Remove(func(i *Instance) error {
			if i.Condition().Active() {
				return ErrNotFound
			}
			return nil
		})
	}
	return i.Update(func(r *Record) error {
		if i.Condition().Active() || r.State.Phase == Exited {
			return ErrNotFound
		}
		problem := "its monitor and its processes ended unseen: the exit status is not known"
		boot, err := BootID()
		if err == nil && boot != r.BootID {
			problem = "the machine was restarted while it ran: the exit status is not known"
			r.BootID = boot
		}
		r.State.Phase, r.State.StatusKnown = Exited, false
		r.State.Problems = append(r.State.Problems, problem)
		return nil
	})
}

// sweepIncomplete removes a folder that never got a record.
func (s *Store) sweepIncomplete(i *Instance) error {
	var st unix.Stat_t
	if err := unix.Lstat(i.dir, &st); err != nil || time.Since(time.Unix(st.Mtim.Unix())) < incompleteAge {
		return err
	}
	return i.discard()
}

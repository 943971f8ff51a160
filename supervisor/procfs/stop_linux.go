package procfs

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// Finder returns the processes of a tree that are there now.
type Finder func() ([]Stat, error)

// rounds bounds how often a tree is looked at while new processes appear in it.
const rounds = 1000

// Freeze stops every process of the tree with SIGSTOP, and returns when no new
// ones have appeared and all have come to their stop. A stopped process cannot
// fork, so that is the whole tree.
//
// It fails if processes are still appearing after a thousand looks at the tree, or
// with the first signal that could not be sent, having stopped the others.
func Freeze(find Finder) error {
	var failure error
	for range rounds {
		tree, err := find()
		if err != nil {
			return err
		}
		moving := false
		for _, p := range tree {
			if p.Ended() || p.State == 'T' || p.State == 't' {
				continue
			}
			// One in uninterruptible sleep, as a vfork's parent, stops later and
			// cannot fork until then.
			if p.State != 'D' {
				moving = true
			}
			if err := p.Signal(unix.SIGSTOP); err != nil && !errors.Is(err, ErrGone) && failure == nil {
				failure = err
			}
		}
		if !moving || failure != nil {
			return failure
		}
		pause()
	}
	return errors.New("processes appear faster than they can be stopped")
}

// Continue sends SIGCONT to every process of the tree.
func Continue(find Finder) error {
	tree, err := find()
	if err != nil {
		return err
	}
	return SignalAll(tree, unix.SIGCONT)
}

// Kill ends every process of the tree with SIGKILL, and returns when none of
// them runs any more. Those that have lost their parent in the meantime count too.
func Kill(find Finder) error {
	tree, err := find()
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(tree, func(p Stat) bool { return !p.Ended() }) {
		return nil
	}
	// If this fails, those that could not be stopped are killed as they are found.
	Freeze(find)
	known := map[Identity]bool{}
	for range rounds {
		tree, err := find()
		if err != nil {
			return err
		}
		for _, p := range tree {
			known[p.Identity] = true
		}
		for id := range known {
			if !id.Running() {
				delete(known, id)
			} else if err := id.Signal(unix.SIGKILL); err != nil && !errors.Is(err, ErrGone) {
				return err
			}
		}
		if len(known) == 0 {
			return nil
		}
		pause()
	}
	for id := range known {
		p, _ := ReadStat(id.Pid)
		return fmt.Errorf("process %d (%s) does not end; the kernel shows it in state %c", id.Pid, p.Name, p.State)
	}
	return nil
}

// SignalAll sends a signal to those of the processes that run. It tries all of them and
// returns the first failure.
func SignalAll(tree []Stat, sig unix.Signal) error {
	var failure error
	for _, p := range tree {
		if p.Ended() {
			continue
		}
		if err := p.Signal(sig); err != nil && !errors.Is(err, ErrGone) && failure == nil {
			failure = err
		}
	}
	return failure
}

// pause lets the processes get on. There is nothing to wait for: the kernel does
// not tell when a process that is no child has stopped.
func pause() { time.Sleep(5 * time.Millisecond) }

package proctree

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"walisup/supervisor/procfs"
)

// Finder returns the processes that belong together and are there now.
type Finder func() ([]procfs.Stat, error)

const (
	// mostLooks bounds how often processes are looked at while new ones appear.
	mostLooks = 1000

	// endTimeout is how long killed processes may take to end.
	endTimeout = 5 * time.Second
)

// errFast means that processes are made faster than they can be stopped.
var errFast = errors.New("processes appear faster than they can be stopped")

// stop sends SIGSTOP to all processes until a look finds no new one, and returns those
// that were there at the last look. A process to which the signal was sent cannot fork,
// so these are all. failure is the first signal that could not be sent; err says that
// not all were found.
func stop(find Finder) (all []procfs.Stat, failure, err error) {
	told := map[procfs.Identity]bool{}
	for range mostLooks {
		if all, err = find(); err != nil {
			return nil, failure, err
		}
		found := false
		for _, p := range all {
			if p.Ended() || p.Stopped() || told[p.Identity] {
				continue
			}
			found, told[p.Identity] = true, true
			if err := p.Signal(unix.SIGSTOP); err != nil && !errors.Is(err, procfs.ErrGone) && failure == nil {
				failure = err
			}
		}
		if !found {
			return all, failure, nil
		}
	}
	return all, failure, errFast
}

// Freeze stops all processes with SIGSTOP, and returns when they have come to their stop.
//
// It fails with the first signal that could not be sent, having stopped the others, or if
// new processes appear without end.
func Freeze(find Finder) error {
	for range mostLooks {
		all, failure, err := stop(find)
		if err := errors.Join(err, failure); err != nil {
			return err
		}
		// One in uninterruptible sleep, as a vfork's parent, stops later and cannot
		// fork until then.
		moving := slices.ContainsFunc(all, func(p procfs.Stat) bool { return !p.Ended() && !p.Stopped() && p.State != 'D' })
		if !moving {
			return nil
		}
		pause()
	}
	return errFast
}

// SignalAll sends a signal to those of the processes that run. It tries all of them and
// returns the first failure.
func SignalAll(all []procfs.Stat, sig unix.Signal) error {
	var failure error
	for _, p := range all {
		if p.Ended() {
			continue
		}
		if err := p.Signal(sig); err != nil && !errors.Is(err, procfs.ErrGone) && failure == nil {
			failure = err
		}
	}
	return failure
}

// Kill ends all processes with SIGKILL, and returns when none of them runs any more.
// Those that have lost their parent in the meantime count too. It fails at once if it may
// not signal one of them.
func Kill(find Finder) error {
	return kill(find, endTimeout, func(failure error) error {
		if failure == nil {
			pause()
		}
		return failure
	})
}

// kill is Kill with a timeout. idle lets time pass before the next look; it is told of a
// signal that could not be sent, and its error ends kill.
func kill(find Finder, timeout time.Duration, idle func(failure error) error) error {
	known := map[procfs.Identity]bool{}
	for deadline := time.Now().Add(timeout); ; {
		// Stopped processes make no further ones behind our back. If they cannot be
		// stopped they are killed as they are found.
		all, _, err := stop(find)
		if err != nil && !errors.Is(err, errFast) {
			return err
		}
		for _, p := range all {
			if !p.Ended() {
				known[p.Identity] = true
			}
		}
		var failure error
		for id := range known {
			if !id.Running() {
				delete(known, id)
			} else if err := id.Signal(unix.SIGKILL); err != nil && !errors.Is(err, procfs.ErrGone) {
				failure = err
			}
		}
		if len(known) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return errors.Join(failure, leftover(known))
		}
		if err := idle(failure); err != nil {
			return err
		}
	}
}

// leftover names a process that does not end.
func leftover(known map[procfs.Identity]bool) error {
	for id := range known {
		if p, err := procfs.ReadStat(id.Pid); err == nil {
			return fmt.Errorf("process %d (%s) does not end; the kernel shows it in state %c", id.Pid, p.Name, p.State)
		}
	}
	return nil
}

// pause lets the processes get on. There is nothing to wait for: the kernel does
// not tell when a process that is no child has stopped.
func pause() { time.Sleep(5 * time.Millisecond) }

package monitor

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"walisup/supervisor/instance"
	"walisup/supervisor/proctree"
)

// afterKill is how long a monitor may take to write the last lines of the log and
// the last record once all processes have been killed.
const afterKill = 30 * time.Second

// Stop stops an instance: the stop signal goes to its main process, and after
// timeout all its processes are killed. When it returns without an error nothing
// of the instance runs, and nothing starts it again. Its record then says how it
// ended, unless it was removed.
func Stop(i *instance.Instance, timeout time.Duration) error {
	err := i.Update(func(r *instance.Record) error {
		r.State.Stopped = true
		return nil
	})
	switch {
	case errors.Is(err, unix.ENOSPC):
		// A restart policy may start it again, all else works.
	case err != nil:
		return err
	}
	if !i.Condition().Active() {
		return nil
	}
	// Without a monitor, those that have lost their parent are found no more.
	known, err := finder(i)()
	if err != nil {
		return err
	}
	if i.Options.Detached && i.State.Monitor.Running() {
		i.State.Monitor.Signal(unix.SIGUSR1) // look at the record
	}
	if timeout > 0 {
		// Whoever is stopped or paused would not take notice.
		if err := Resume(i); err != nil {
			return err
		}
		if err := i.State.Main.Signal(unix.Signal(i.Options.StopSignal)); err != nil && !errors.Is(err, proctree.ErrGone) {
			return err
		}
		err = AwaitExit(i, timeout)
	}
	if timeout <= 0 || errors.Is(err, ErrTime) {
		if err := Kill(i); err != nil {
			return fmt.Errorf("instance %s: %w", i.Name, err)
		}
		err = AwaitExit(i, afterKill)
	}
	if err != nil && !errors.Is(err, instance.ErrNotFound) {
		return fmt.Errorf("instance %s: %w", i.Name, err)
	}
	return proctree.Kill(func() ([]proctree.Process, error) {
		var left []proctree.Process
		for _, p := range known {
			if p.Running() {
				left = append(left, p)
			}
		}
		return left, nil
	})
}

// Signal sends a signal to the main process of an instance, or to all of its
// processes. After SIGKILL to all none is left when it returns.
func Signal(i *instance.Instance, sig unix.Signal, all bool) error {
	if !all {
		return i.State.Main.Signal(sig)
	}
	if sig == unix.SIGKILL {
		return Kill(i)
	}
	tree, err := finder(i)()
	if err != nil {
		return err
	}
	return proctree.SignalAll(tree, sig)
}

// Pause stops all processes of an instance, with SIGSTOP, until [Resume].
func Pause(i *instance.Instance) error {
	err := i.Update(func(r *instance.Record) error {
		if c := i.Condition(); c.Phase != instance.Running {
			return fmt.Errorf("instance %s is not running (%s)", i.Name, c.Phase)
		}
		r.State.Phase = instance.Paused
		return nil
	})
	if err != nil {
		return err
	}
	if err := proctree.Freeze(finder(i)); err != nil {
		return errors.Join(fmt.Errorf("pause instance %s: %w", i.Name, err), Resume(i))
	}
	return nil
}

// Resume lets the processes of an instance go on that were paused, or stopped by a
// signal.
func Resume(i *instance.Instance) error {
	err := i.Update(func(r *instance.Record) error {
		if r.State.Phase == instance.Paused {
			r.State.Phase = instance.Running
		}
		return nil
	})
	if err != nil && !errors.Is(err, unix.ENOSPC) {
		return err
	}
	found, err := finder(i)()
	if err != nil {
		return err
	}
	if err := proctree.SignalAll(found, unix.SIGCONT); err != nil {
		return fmt.Errorf("resume instance %s: %w", i.Name, err)
	}
	wakeStandIns(i, false)
	return nil
}

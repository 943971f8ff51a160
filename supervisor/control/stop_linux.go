package control

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"walisup/supervisor/instance"
	"walisup/supervisor/procfs"
	"walisup/supervisor/proctree"
)

// afterKill is how long a monitor may take to write the last lines of the log and
// the last record once all processes have been killed.
const afterKill = 30 * time.Second

// Stop stops an instance: the stop signal goes to its main process, and after
// timeout all its processes are killed. When it returns without an error nothing
// of the instance runs, and nothing starts it again. Its record then says how it
// ended, unless it was removed.
//
// A main process that is not in the record when the request gets there is the
// monitor's to end, see package lifecycle.
func Stop(i *instance.Instance, timeout time.Duration) error {
	err := i.Update(func(r *instance.Record) error {
		r.State.Stopped = true
		if r.State.Phase == instance.Paused {
			r.State.Phase = instance.Running
		}
		return nil
	})
	if errors.Is(err, instance.ErrNotFound) {
		return err
	}
	if !i.Condition().Active() {
		return nil
	}
	// Without a monitor, those that have lost their parent are found no more.
	known, finding := finder(i)()
	if finding != nil {
		return finding
	}
	await := AwaitExit
	if i.Options.Detached {
		notify := unix.SIGUSR1 // look at the record
		if err != nil {
			// Which cannot be written: the monitor keeps it in mind, and its end is all
			// that tells of the instance's.
			notify, await = unix.SIGTERM, awaitMonitor
		}
		i.State.Monitor.Signal(notify)
		i.State.Monitor.Signal(unix.SIGCONT)
	} else if err != nil && !errors.Is(err, unix.ENOSPC) {
		return err
	}
	if timeout > 0 {
		if i.State.Main.Pid != 0 {
			// Whoever is stopped or paused would not take notice.
			if err := Continue(i); err != nil {
				return err
			}
			if err := i.State.Main.Signal(unix.Signal(i.Options.StopSignal)); err != nil && !errors.Is(err, procfs.ErrGone) {
				return err
			}
		}
		err = await(i, timeout)
	}
	if timeout <= 0 || errors.Is(err, ErrTime) {
		if err := Kill(i); err != nil {
			return fmt.Errorf("instance %s: %w", i.Name, err)
		}
		err = await(i, afterKill)
	}
	if err == nil {
		// If the monitor was killed meanwhile, nobody has written how it ended.
		err = i.Refresh()
	}
	if err != nil && !errors.Is(err, instance.ErrNotFound) {
		return fmt.Errorf("instance %s: %w", i.Name, err)
	}
	return proctree.Kill(func() ([]procfs.Stat, error) {
		var left []procfs.Stat
		for _, p := range known {
			if p.Running() {
				left = append(left, p)
			}
		}
		return left, nil
	})
}

// Signal sends a signal to the main process of an instance, or with tree to all of its
// processes. After SIGKILL to all none is left when it returns. An instance that
// waits for its next run has no process.
func Signal(i *instance.Instance, sig unix.Signal, tree bool) error {
	if err := awaitMain(i); err != nil {
		return err
	}
	if !tree {
		return i.State.Main.Signal(sig)
	}
	if sig == unix.SIGKILL {
		return Kill(i)
	}
	all, err := finder(i)()
	if err != nil {
		return err
	}
	return proctree.SignalAll(all, sig)
}

// awaitMain waits for the main process of an instance that is just being started.
func awaitMain(i *instance.Instance) error {
	w := NewWatch(i)
	defer w.Close()
	for end := time.Now().Add(startTime); ; w.Next(time.Until(end)) {
		switch c := i.Condition(); {
		case !c.Active() || c.Phase == instance.Restarting:
			return fmt.Errorf("instance %s is not running (%s): it has no process", i.Name, c.Phase)
		case i.State.Main.Pid != 0:
			return nil
		case time.Now().After(end):
			return fmt.Errorf("instance %s has no process yet", i.Name)
		}
		if err := i.Reload(); err != nil {
			return err
		}
	}
}

// startTime is how long a monitor may take to make a main process.
const startTime = 10 * time.Second

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
	return Continue(i)
}

// Continue sends SIGCONT to the processes of an instance and to those who stand in
// for them.
func Continue(i *instance.Instance) error {
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

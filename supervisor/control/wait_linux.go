package control

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"walisup/supervisor"
	"walisup/supervisor/instance"
	"walisup/supervisor/procfs"
)

// A monitor that removes its instance leaves those who wait for its end the time to
// read how it ended: each holds a shared lock on waitersFile.
const (
	waitersFile = "waiters"
	waitersTime = 2 * time.Second
)

// AwaitWaiters gives those who wait for the end of an instance, which is about to be
// removed, some time to read how it ended.
func AwaitWaiters(i *instance.Instance) {
	fd, err := unix.Open(i.File(waitersFile), unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return // nobody has ever waited
	}
	defer unix.Close(fd)
	for end := time.Now().Add(waitersTime); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) == nil {
			return
		}
	}
}

// Watch tells when the record of an instance may have changed.
type Watch struct {
	inst    *instance.Instance
	notify  int // inotify, -1 if there is none to be had
	pidfd   int // of the monitor, -1 if it is not there
	waiters int
}

// NewWatch begins to watch an instance. It keeps the instance's last record
// readable, for a short time, until it is closed.
func NewWatch(i *instance.Instance) *Watch {
	w := &Watch{inst: i, notify: -1, pidfd: -1}
	var err error
	w.waiters, err = unix.Open(i.File(waitersFile), unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
	if err == nil {
		unix.Flock(w.waiters, unix.LOCK_SH|unix.LOCK_NB)
	}
	// Without either one, Next looks again after a short time.
	if fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK); err == nil {
		w.notify = fd
		unix.InotifyAddWatch(fd, filepath.Dir(i.File("x")), unix.IN_MOVED_TO|unix.IN_MODIFY|unix.IN_CREATE|unix.IN_DELETE_SELF|unix.IN_MOVE_SELF)
	}
	w.reopen()
	return w
}

// reopen opens the process whose end changes the instance's condition.
func (w *Watch) reopen() {
	if w.pidfd >= 0 {
		unix.Close(w.pidfd)
	}
	var err error
	if w.pidfd, err = w.inst.State.Monitor.Open(); err != nil {
		w.pidfd, err = w.inst.State.Main.Open()
		if err != nil {
			w.pidfd = -1
		}
	}
}

// Close ends the watch.
func (w *Watch) Close() {
	for _, fd := range []int{w.notify, w.pidfd, w.waiters} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

// Next waits until something has changed in the instance's directory, its monitor has
// ended or the time is over.
func (w *Watch) Next(timeout time.Duration) {
	if w.notify < 0 {
		timeout = min(timeout, 50*time.Millisecond)
	}
	poll := []unix.PollFd{{Fd: int32(w.notify), Events: unix.POLLIN}, {Fd: int32(w.pidfd), Events: unix.POLLIN}}
	unix.Poll(poll, int(timeout.Milliseconds())+1)
	if poll[0].Revents != 0 {
		var buffer [4096]byte
		unix.Read(w.notify, buffer[:])
	}
	if poll[1].Revents != 0 {
		// Its end has been seen. What comes now may be another one.
		unix.Close(w.pidfd)
		w.pidfd = -1
		if w.inst.Reload() == nil {
			w.reopen()
		}
	}
}

// ErrTime means that an instance has not ended in time.
var ErrTime = errors.New("has not ended in time")

// AwaitExit waits until the instance has ended, for at most timeout if that is not
// negative; afterwards its record says how. The error wraps instance.ErrNotFound if
// it has been removed before, and ErrTime if the time is over.
func AwaitExit(i *instance.Instance, timeout time.Duration) error {
	return awaitExit(i, timeout, func() {})
}

// AwaitEnd is AwaitExit without a timeout for callers that look after the instance
// meanwhile: orphaned is called when it has lost its monitor.
func AwaitEnd(i *instance.Instance, orphaned func()) error { return awaitExit(i, -1, orphaned) }

func awaitExit(i *instance.Instance, timeout time.Duration, orphaned func()) error {
	w := NewWatch(i)
	defer w.Close()
	deadline := time.Now().Add(timeout)
	for {
		last := i.Record
		if err := i.Reload(); err != nil {
			i.Record = last
			return err
		}
		if i.State.Phase == instance.Exited || !i.Condition().Active() {
			return nil
		}
		step := time.Second
		if timeout >= 0 {
			step = min(step, time.Until(deadline))
			if step <= 0 {
				return ErrTime
			}
		}
		if i.Orphaned() {
			orphaned()
		}
		w.Next(step)
	}
}

// awaitMonitor waits until the instance's monitor has ended. The error is ErrTime if
// the time is over.
func awaitMonitor(i *instance.Instance, timeout time.Duration) error {
	pidfd, err := i.State.Monitor.Open()
	if errors.Is(err, procfs.ErrGone) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(pidfd)
	for deadline := time.Now().Add(timeout); ; {
		poll := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
		step := min(time.Until(deadline), time.Minute)
		switch n, err := unix.Poll(poll, int(max(step, 0).Milliseconds())+1); {
		case err != nil && err != unix.EINTR:
			return os.NewSyscallError("poll", err)
		case n > 0:
			return nil
		case step <= 0:
			return ErrTime
		}
	}
}

// Leave removes a foreground instance whose main process has ended as ws says. If
// other commands wait for its end they can read that first.
func Leave(i *instance.Instance, ws unix.WaitStatus) error {
	if err := unix.Access(i.File(waitersFile), unix.F_OK); err == nil {
		err := i.Update(func(r *instance.Record) error {
			s, end := &r.State, supervisor.EndOf(ws)
			s.Phase, s.Status, s.StatusKnown, s.Finished = instance.Exited, end.Status, true, time.Now()
			s.Signal, s.Cgroups = int(end.Signal), nil
			return nil
		})
		if err == nil {
			AwaitWaiters(i)
		}
	}
	return i.Discard()
}

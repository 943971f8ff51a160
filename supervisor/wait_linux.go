package supervisor

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Wait waits for the guest's end and returns the status to exit with: the
// guest's own, or 128 plus the number of the signal that ended it. When the
// guest stops, so does the calling process, by the same signal.
//
// Precondition: called once, by the goroutine that called [Start].
func (p *Process) Wait() (status int, err error) {
	// Once the guest has ended, signals shall have their effect on us again.
	defer RestoreSignals()
	for {
		var ws unix.WaitStatus
		_, err := unix.Wait4(p.pid, &ws, unix.WUNTRACED, nil)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return 0, failed(ExitOwn, "wait for process %d: %w", p.pid, err)
		case ws.Exited():
			return ws.ExitStatus(), nil
		case ws.Signaled():
			return ExitSignal + int(ws.Signal()), nil
		case ws.Stopped():
			if err := stopSelf(ws.StopSignal()); err != nil {
				return 0, failed(ExitOwn, "stop with process %d: %w", p.pid, err)
			}
		}
	}
}

// stopSelf stops this process and returns when it has been continued. It takes
// the guest's own stop signal, because a shell shows which one it was.
//
// Precondition: the goroutine is locked to its thread.
func stopSelf(sig unix.Signal) error {
	var set, old unix.Sigset_t
	set.Val[0] = signalBit(sig)
	if err := unix.PthreadSigmask(unix.SIG_UNBLOCK, &set, &old); err != nil {
		return fmt.Errorf("unblock signal %d: %w", sig, err)
	}
	// Go's runtime has no handler for the stop signals, so this one has its
	// default effect before the call returns, or none at all if we inherited it
	// as ignored.
	if err := unix.Tgkill(unix.Getpid(), unix.Gettid(), sig); err != nil {
		return fmt.Errorf("raise signal %d: %w", sig, err)
	}
	return unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil)
}

package supervisor

import (
	"golang.org/x/sys/unix"
)

// Wait waits for the guest's end and returns the status to exit with: the
// guest's own, or 128 plus the number of the signal that ended it. When the
// guest stops, so does the calling process, by the same signal.
//
// Precondition: called once.
func (p *Process) Wait() (status int, err error) {
	for {
		var ws unix.WaitStatus
		_, err := unix.Wait4(p.pid, &ws, unix.WUNTRACED, nil)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return 0, failed(ExitOwn, "wait for process %d: %w", p.pid, err)
		case ws.Exited():
			p.signals.end()
			return ws.ExitStatus(), nil
		case ws.Signaled():
			p.signals.end()
			return ExitSignal + int(ws.Signal()), nil
		case ws.Stopped():
			if err := p.signals.stopSelf(ws.StopSignal()); err != nil {
				return 0, failed(ExitOwn, "stop with process %d: %w", p.pid, err)
			}
		}
	}
}

package supervisor

import (
	"time"
)

// killTimeout is how long the end of a killed process is waited for. Longer than
// that takes only what hangs in the kernel.
const killTimeout = 10 * time.Second

// Wait waits for the guest's end and returns the status to exit with: the
// guest's own, or 128 plus the number of the signal that ended it. When the
// guest stops, so does the calling process, by the same signal.
//
// What the guest's first process leaves behind is killed, see [Spec]. If that
// cannot be done the error says so; the status is valid all the same.
//
// Precondition: called once.
func (p *Process) Wait() (status int, err error) {
	for {
		ws, err := p.tree.Wait(p.pid)
		switch {
		case err != nil:
			return 0, failed(ExitOwn, "%w", err)
		case ws.Exited():
			return ws.ExitStatus(), p.end()
		case ws.Signaled():
			return ExitSignal + int(ws.Signal()), p.end()
		case ws.Stopped():
			if err := p.signals.stopSelf(ws.StopSignal()); err != nil {
				return 0, failed(ExitOwn, "stop with process %d: %w", p.pid, err)
			}
		}
	}
}

// end gives up what Start has made.
func (p *Process) end() error {
	p.signals.end()
	if p.shared {
		return p.place.Remove()
	}
	var err error
	if !p.keep {
		err = p.tree.Kill(killTimeout)
		// The groups would kill what is left in them.
		if removal := p.place.Remove(); err == nil {
			err = removal
		}
	}
	p.tree.Close()
	if err != nil {
		return failed(ExitOwn, "end of the instance: %w", err)
	}
	return nil
}

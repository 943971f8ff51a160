package supervisor

import (
	"time"

	"golang.org/x/sys/unix"
)

// killTimeout is how long the end of a killed process is waited for. Longer than
// that takes only what hangs in the kernel.
const killTimeout = 10 * time.Second

// Wait waits for the guest's end and returns how it ended, see [EndOf] and
// [Die]. When the guest stops, so does the calling process, by the same signal.
//
// What the guest's first process leaves behind is killed, see [Spec]. If that
// cannot be done the error says so; the status is valid all the same.
//
// Signals have no effect afterwards either, so that a second ^C does not keep the
// caller from putting things in order, until [Process.Release]; see [Process.Missed].
//
// Precondition: called once.
func (p *Process) Wait() (unix.WaitStatus, error) {
	for {
		ws, err := p.tree.Wait(p.pid)
		switch {
		case err != nil:
			return 0, failed(ExitOwn, "%w", err)
		case ws.Exited() || ws.Signaled():
			return ws, p.end()
		case ws.Stopped():
			if err := p.signals.stopSelf(ws.StopSignal()); err != nil {
				return 0, failed(ExitOwn, "stop with process %d: %w", p.pid, err)
			}
		}
	}
}

// Missed returns a signal with which the terminal has asked for the end of the calling
// process when the guest had ended already, 0 if it has not: the caller, having put
// things in order, is to die of it. Precondition: Wait has returned.
func (p *Process) Missed() unix.Signal { return p.signals.missed() }

// Release lets signals have their effect on the calling process again, and the next guest
// be started. Precondition: Wait has returned.
func (p *Process) Release() { p.signals.release() }

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

package supervisor

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"

	"walisup/ipc/stagezero"
	"walisup/supervisor/procfs"
	"walisup/supervisor/sigcatch"
)

// relayed returns the signals that are the guest's when they are sent to
// walisup: all but those that mean walisup itself, which are faults of its own
// code, its child's changes of state, its runtime's own, and what cannot be
// caught.
func relayed() []unix.Signal {
	var signals []unix.Signal
	for sig := unix.Signal(1); sig <= 64; sig++ {
		switch sig {
		case unix.SIGKILL, unix.SIGSTOP, unix.SIGCHLD,
			unix.SIGSEGV, unix.SIGBUS, unix.SIGFPE, unix.SIGILL, unix.SIGTRAP, unix.SIGSYS, unix.SIGSTKFLT,
			unix.SIGPROF, unix.SIGURG,
			32, 33: // the C library's
		default:
			signals = append(signals, sig)
		}
	}
	return signals
}

// RestoreSignals gives the calling thread the signal mask that walisup was
// started with. The entry point blocks all signals, so that a helper is executed
// with them blocked; one thread that does not is enough for them to arrive.
//
// Precondition: called in the main thread, which never ends.
func RestoreSignals() error {
	if !stagezero.Active() {
		return nil
	}
	var set unix.Sigset_t
	set.Val[0] = stagezero.Mask()
	return unix.PthreadSigmask(unix.SIG_SETMASK, &set, nil)
}

// signalRelay passes on to the guest what others send to walisup.
type signalRelay struct {
	catcher *sigcatch.Catcher
	done    chan struct{} // closed when run returns
}

// newSignalRelay begins to catch signals; run relays them.
func newSignalRelay() (*signalRelay, error) {
	catcher, err := sigcatch.Catch(relayed())
	if err != nil {
		return nil, err
	}
	return &signalRelay{catcher: catcher, done: make(chan struct{})}, nil
}

// abandon gives up a relay whose run is never called.
func (r *signalRelay) abandon() { r.catcher.Close() }

// end waits until nothing is relayed any more.
func (r *signalRelay) end() { <-r.done }

// release lets signals have their effect on walisup again.
func (r *signalRelay) release() { r.catcher.Close() }

// stopSelf stops this process and returns when it has been continued. It takes
// the guest's own stop signal, because a shell shows which one it was.
func (r *signalRelay) stopSelf(sig unix.Signal) error {
	if sig == unix.SIGSTOP {
		return unix.Kill(unix.Getpid(), sig)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return r.catcher.WithDefault(sig, func() error {
		var set, old unix.Sigset_t
		set.Val[0] = 1 << (sig - 1)
		if err := unix.PthreadSigmask(unix.SIG_UNBLOCK, &set, &old); err != nil {
			return fmt.Errorf("unblock signal %d: %w", sig, err)
		}
		// This stops the whole process before it returns.
		if err := unix.Tgkill(unix.Getpid(), unix.Gettid(), sig); err != nil {
			return fmt.Errorf("raise signal %d: %w", sig, err)
		}
		return unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil)
	})
}

// early relays what came before the guest was there to get it, also from the terminal.
// A guest that was just in time for it has it pending, and so has it once.
func (r *signalRelay) early(pidfd int) {
	for info, err := r.catcher.Read(); err == nil; info, err = r.catcher.Read() {
		// The guest may run already, and have signalled its own group: see shouldRelay.
		fromGuest := info.Code <= 0 && procfs.Descends(info.Pid, unix.Getpid())
		if info.Signal != unix.SIGCONT && !fromGuest {
			unix.PidfdSendSignal(pidfd, info.Signal, nil, 0)
		}
	}
}

// missed returns a signal with which the terminal has asked for our end when the guest
// had ended already; 0 if there is none.
//
// Precondition: end has returned.
func (r *signalRelay) missed() unix.Signal {
	for info, err := r.catcher.Read(); err == nil; info, err = r.catcher.Read() {
		switch info.Signal {
		case unix.SIGINT, unix.SIGQUIT, unix.SIGHUP:
			if info.Code > 0 && stagezero.Ignored()&(1<<(info.Signal-1)) == 0 {
				return info.Signal
			}
		}
	}
	return 0
}

// run relays until the guest has ended, which pidfd tells. It closes pidfd, so
// that no signal can go to another process.
func (r *signalRelay) run(pid, pidfd int) {
	defer close(r.done)
	defer unix.Close(pidfd)
	poll := []unix.PollFd{{Fd: int32(r.catcher.FD()), Events: unix.POLLIN}, {Fd: int32(pidfd), Events: unix.POLLIN}}
	for {
		if _, err := unix.Poll(poll, -1); err != nil && err != unix.EINTR {
			return
		}
		if poll[1].Revents != 0 {
			// What is there by now was the guest's too.
			for _, err := r.catcher.Read(); err == nil; _, err = r.catcher.Read() {
			}
			return
		}
		info, err := r.catcher.Read()
		if err != nil {
			continue
		}
		if shouldRelay(info, pid) {
			// It can only fail because the guest has ended or runs as another
			// user; there is nobody to tell.
			unix.PidfdSendSignal(pidfd, info.Signal, nil, 0)
		}
	}
}

// shouldRelay reports whether the guest, whose first process is pid, has not
// got the signal by itself and is meant to have it.
func shouldRelay(info sigcatch.Info, pid int) bool {
	if info.Signal == unix.SIGCONT {
		// Shells continue a whole process group.
		return isStopped(pid)
	}
	if info.Code > 0 {
		return relayFromKernel(info.Signal)
	}
	// A guest may signal its whole process group, or its parent. Whoever has lost
	// its parent is our child.
	return !procfs.Descends(info.Pid, unix.Getpid())
}

// relayFromKernel decides about signals that no process sent.
func relayFromKernel(sig unix.Signal) bool {
	switch sig {
	case unix.SIGINT, unix.SIGQUIT, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU, unix.SIGWINCH:
		// The terminal sends them to a process group: to the guest too, unless
		// it has left ours, and then they are not for it.
		return false
	case unix.SIGHUP:
		// When a terminal hangs up, the session leader alone gets it, and walisup
		// may be that in the guest's place. When a session leader ends, the
		// foreground process group does.
		session, err := unix.Getsid(0)
		return err == nil && session == unix.Getpid()
	case unix.SIGPIPE:
		return false // our own broken standard error
	default:
		// A timer or limit that was set before walisup was executed.
		return true
	}
}

// isStopped reports whether process pid is stopped by a signal.
func isStopped(pid int) bool {
	p, err := procfs.ReadStat(pid)
	return err == nil && p.State == 'T'
}

package supervisor

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"walisup/helper/stagezero"
)

// notRelayed are the signals that mean walisup itself: faults of its own code,
// its child's changes of state, and what cannot be caught.
var notRelayed = []unix.Signal{
	unix.SIGKILL, unix.SIGSTOP, unix.SIGCHLD,
	unix.SIGSEGV, unix.SIGBUS, unix.SIGFPE, unix.SIGILL, unix.SIGTRAP, unix.SIGSYS, unix.SIGSTKFLT,
	unix.SIGPROF, unix.SIGURG,
}

// RestoreSignals gives the calling thread the signal mask that walisup was
// started with. The entry point has blocked all signals in all threads; one
// thread that does not is enough for ^C to work until a guest runs.
//
// Precondition: the goroutine is locked to its thread.
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
	fd int // signalfd
}

// newSignalRelay blocks all signals in the calling thread, the last that had
// them open, so that from here on they wait in a signalfd: os/signal would not
// tell who sent them.
func newSignalRelay() (*signalRelay, error) {
	var set unix.Sigset_t
	for sig := unix.Signal(1); sig <= 64; sig++ {
		if !slices.Contains(notRelayed, sig) {
			set.Val[0] |= signalBit(sig)
		}
	}
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &set, nil); err != nil {
		return nil, fmt.Errorf("block signals: %w", err)
	}
	fd, err := unix.Signalfd(-1, &set, unix.SFD_CLOEXEC|unix.SFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("open signalfd: %w", err)
	}
	return &signalRelay{fd: fd}, nil
}

// abandon gives up a relay whose run is never called.
func (r *signalRelay) abandon() { unix.Close(r.fd) }

// run relays until the guest has ended, which pidfd tells. It closes pidfd, so
// that no signal can go to another process.
func (r *signalRelay) run(pid, pidfd int) {
	defer unix.Close(r.fd)
	defer unix.Close(pidfd)
	poll := []unix.PollFd{{Fd: int32(r.fd), Events: unix.POLLIN}, {Fd: int32(pidfd), Events: unix.POLLIN}}
	for {
		if _, err := unix.Poll(poll, -1); err != nil && err != unix.EINTR {
			return
		}
		if poll[1].Revents != 0 {
			return
		}
		info, err := readSignal(r.fd)
		if err != nil {
			continue
		}
		if shouldRelay(info, pid) {
			// It can only fail because the guest has ended or runs as another
			// user; there is nobody to tell.
			unix.PidfdSendSignal(pidfd, unix.Signal(info.Signo), nil, 0)
		}
	}
}

// shouldRelay reports whether the guest, whose first process is pid, has not
// got the signal by itself and is meant to have it.
func shouldRelay(info unix.SignalfdSiginfo, pid int) bool {
	sig := unix.Signal(info.Signo)
	if sig == unix.SIGCONT {
		// Shells continue a whole process group.
		return isStopped(pid)
	}
	if info.Code > 0 {
		return relayFromKernel(sig, pid)
	}
	// A guest may signal its whole process group, or its parent.
	return !descendsFrom(int(info.Pid), pid)
}

// relayFromKernel decides about signals that no process sent.
func relayFromKernel(sig unix.Signal, pid int) bool {
	switch sig {
	case unix.SIGINT, unix.SIGQUIT, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU, unix.SIGWINCH:
		// The terminal sends them to a process group: to the guest too, unless
		// it has left ours, and then they are not for it.
		return false
	case unix.SIGHUP:
		// When a terminal hangs up, the session leader gets this one too, and
		// walisup may be that in the guest's place.
		group, err := unix.Getpgid(pid)
		return err == nil && group != unix.Getpgrp()
	case unix.SIGPIPE:
		return false // our own broken standard error
	default:
		// A timer or limit that was set before walisup was executed.
		return true
	}
}

// isStopped reports whether process pid is stopped.
func isStopped(pid int) bool {
	state, _ := processStat(pid)
	return state == 'T'
}

// descendsFrom reports whether process pid is ancestor or one of its living
// descendants. A process whose parent has ended is nobody's descendant.
func descendsFrom(pid, ancestor int) bool {
	// A chain of parents that changes while we follow it could lead in a circle.
	for range 1 << 10 {
		if pid == ancestor {
			return true
		}
		if pid <= 1 {
			return false
		}
		_, pid = processStat(pid)
	}
	return false
}

// processStat reads the state and the parent of a process, both 0 if it does
// not exist: proc(5), /proc/pid/stat.
func processStat(pid int) (state byte, parent int) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, 0
	}
	// The name in parentheses may itself hold any character.
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	if len(fields) < 2 {
		return 0, 0
	}
	parent, err = strconv.Atoi(fields[1])
	if err != nil {
		return 0, 0
	}
	return fields[0][0], parent
}

func signalBit(sig unix.Signal) uint64 { return 1 << (sig - 1) }

package supervisor

import (
	"golang.org/x/sys/unix"

	"walisup/supervisor/sigcatch"
)

// Die ends the calling process by the signal that has ended its guest, so that
// whoever waits for it sees what it would see of the guest itself: a shell that
// runs a loop ends it after ^C. It returns if that cannot be: the caller then exits
// with 128 plus the signal's number.
//
// The guest has had its core dump; this process makes none.
//
// Precondition: the calling goroutine is locked to its thread.
func Die(sig unix.Signal) {
	if sig <= 0 || sig > 64 {
		return
	}
	// Either one would do for a core file; what a pipe gets (core_pattern) is subject
	// to the first alone.
	unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	if sig != unix.SIGKILL {
		if sigcatch.Default(sig) != nil {
			return
		}
		var set unix.Sigset_t
		set.Val[0] = 1 << (sig - 1)
		if unix.PthreadSigmask(unix.SIG_UNBLOCK, &set, nil) != nil {
			return
		}
	}
	// Such a signal takes effect before the call returns. The first process of a pid
	// namespace is spared those that it does not handle.
	unix.Tgkill(unix.Getpid(), unix.Gettid(), sig)
}

package kernel

import "golang.org/x/sys/unix"

// ReservedSignal is the signal by which the helper stops its own threads. The
// guest may use it nevertheless: the helper tells its own by their siginfo.
const ReservedSignal = unix.SIGSTKFLT

// Unblockable are signals that the kernel never blocks in a helper, whatever
// the guest's mask is, bit n-1 for signal n: those that a faulting instruction raises, since
// the kernel kills a process that faults while they are blocked; SIGTRAP, by which
// the raw handler steps out of the engine; and the reserved signal.
const Unblockable = 1<<(unix.SIGILL-1) | 1<<(unix.SIGTRAP-1) | 1<<(unix.SIGBUS-1) |
	1<<(unix.SIGFPE-1) | 1<<(unix.SIGSEGV-1) | 1<<(ReservedSignal-1)

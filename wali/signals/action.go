package signals

import (
	"sync"

	"golang.org/x/sys/unix"

	"walisup/wali/kernel"
	"walisup/wali/kernel/abi"
)

// Unblockable are signals that the kernel never blocks in a helper, see package kernel.
// Where the guest blocks one of them, Thread holds it back.
const Unblockable = kernel.Unblockable

// All are the signals that are blocked in the kernel where "all signals" are.
const All = ^uint64(Unblockable)

// NeverBlocked are the signals that no mask contains; sigprocmask(2).
const NeverBlocked = 1<<(unix.SIGKILL-1) | 1<<(unix.SIGSTOP-1)

// faultSignals are those that a faulting instruction raises.
const faultSignals = Unblockable &^ (1<<(kernel.ReservedSignal-1) | 1<<(unix.SIGTRAP-1))

// Last is the number of the last signal.
const Last = 64

// Handlers of an action that are none; WALI ABI. The flags are the kernel's.
const (
	HandlerDefault = 0
	HandlerIgnore  = 0xfffffffe // SIG_IGN is -2: 1 is a valid table index
)

// Action is what the guest wants done with a signal; sigaction(2).
type Action struct {
	Handler  uint32 // index in the guest's table, or one of the constants
	Flags    uint64 // SA_*, as the kernel has them
	Restorer uint32 // kept for the guest, and not used
	Mask     uint64 // bit n-1 for signal n
}

// Caught reports whether the action is a function of the guest.
func (a *Action) Caught() bool { return a.Handler != HandlerDefault && a.Handler != HandlerIgnore }

// HasInfo reports whether the handler takes siginfo and context.
func (a *Action) HasInfo() bool { return a.Flags&abi.SASiginfo != 0 }

// Fate is what becomes of a signal that has been caught.
type Fate uint8

const (
	Discard Fate = iota // nothing happens
	Hold                // it waits until the guest unblocks it
	Die                 // the process ends by it
	Handle              // the guest's handler runs
)

// Decide returns the fate of a caught signal with the action act. fault says that an
// instruction of the guest has raised it, and blocked that it is one of Unblockable that the
// guest blocks. A fault cannot be ignored or put off: signal(7), kernel/signal.c:
// force_sig_info_to_task.
func Decide(act *Action, sig int, fault, blocked bool) Fate {
	switch {
	case fault:
		if blocked || !act.Caught() {
			return Die
		}
		return Handle
	case blocked:
		return Hold
	case act.Handler == HandlerIgnore:
		return Discard
	case act.Handler == HandlerDefault:
		if harmlessByDefault(sig) {
			return Discard
		}
		return Die
	}
	return Handle
}

// harmlessByDefault reports whether a signal's default action does nothing, or stops or
// continues the process, which the kernel does without us; signal(7).
func harmlessByDefault(sig int) bool {
	switch unix.Signal(sig) {
	case unix.SIGCHLD, unix.SIGURG, unix.SIGWINCH, unix.SIGCONT, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU:
		return true
	}
	return false
}

// Table holds a process's actions. Its zero value has the default action for all signals.
type Table struct {
	// Catch and Return are the addresses of the raw signal handler and of its return
	// code; 0 where signals are not caught, as in tests. They do not change once there
	// is a thread.
	Catch, Return uintptr

	mu      sync.Mutex
	actions [Last + 1]Action
}

// Action returns a signal's action.
func (t *Table) Action(sig int) Action {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.actions[sig]
}

// Replace gives a signal another action, here and in the kernel, and returns the old one.
func (t *Table) Replace(sig int, act *Action) (old Action, e unix.Errno) {
	t.mu.Lock()
	defer t.mu.Unlock()
	old = t.actions[sig]
	if e := t.install(sig, act); e != 0 {
		return old, e
	}
	t.actions[sig] = *act
	return old, 0
}

// InheritIgnored records the signals that were ignored when the process began.
func (t *Table) InheritIgnored(set uint64) {
	for sig := 1; sig <= Last; sig++ {
		if set&bit(sig) != 0 {
			t.actions[sig].Handler = HandlerIgnore
		}
	}
}

// Ignored returns the set of signals that the guest ignores, which exec keeps.
func (t *Table) Ignored() (set uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for sig := 1; sig <= Last; sig++ {
		if t.actions[sig].Handler == HandlerIgnore {
			set |= bit(sig)
		}
	}
	return set
}

// Clear gives every signal that is not ignored its default action, as the kernel does for
// CLONE_CLEAR_SIGHAND; clone3(2). Of an action only that remains.
//
// Preconditions: the thread is the only one, and signals are blocked.
func (t *Table) Clear() {
	for sig := 1; sig <= Last; sig++ {
		old := &t.actions[sig]
		if *old == (Action{}) {
			continue
		}
		next := Action{}
		if old.Handler == HandlerIgnore {
			next.Handler = HandlerIgnore
		}
		t.install(sig, &next)
		*old = next
	}
}

// reset is SA_RESETHAND: the kernel has reset its side when it caught the signal.
func (t *Table) reset(sig int) {
	t.mu.Lock()
	t.actions[sig].Handler = HandlerDefault
	t.mu.Unlock()
}

// install makes the kernel act as the guest wants.
func (t *Table) install(sig int, act *Action) unix.Errno {
	if t.Catch == 0 || Unblockable&bit(sig) != 0 {
		return 0 // the raw handler is always there, and asks the table
	}
	k := t.forKernel(act)
	return abi.SetAction(unix.Signal(sig), &k, nil)
}

// forKernel returns the disposition that the kernel needs for an action of the guest.
func (t *Table) forKernel(act *Action) abi.Sigaction {
	const children = abi.SANocldstop | abi.SANocldwait
	switch act.Handler {
	case HandlerDefault:
		return abi.Sigaction{Handler: abi.SigDefault, Flags: act.Flags & children}
	case HandlerIgnore:
		return abi.Sigaction{Handler: abi.SigIgnore, Flags: act.Flags & children}
	}
	return abi.Sigaction{Handler: t.Catch, Restorer: t.Return, Mask: All,
		Flags: abi.SASiginfo | abi.SAOnstack | abi.SARestorer | act.Flags&(children|abi.SARestart|abi.SAResethand)}
}

func bit(sig int) uint64 { return 1 << (sig - 1) }

package signals

import (
	"math/bits"
	"unsafe"

	"golang.org/x/sys/unix"

	"walisup/wali/kernel"
	"walisup/wali/kernel/abi"
)

// Siginfo is siginfo_t as the kernel writes it; sigaction(2).
type Siginfo = abi.Siginfo

// Helper is what delivery needs of the rest of the process.
type Helper interface {
	// Take copies out the signal that the raw handler has caught, with the mask that was
	// in force, and clears Gate.Pending. All signals but Unblockable are blocked then.
	Take(info *Siginfo) (mask uint64)
	// PendingMask and SetPendingMask are the mask that was in force when the pending
	// signal was caught, and to which the thread goes back.
	PendingMask() uint64
	SetPendingMask(mask uint64)
	// CallHandler runs a guest's handler. *mask is the guest's mask to go back to, which
	// the handler may change. jumped says that it left by a longjmp to the wasm call that
	// is now running; if by one to a call further out, that call ends as soon as the host
	// function has returned.
	CallHandler(act *Action, sig int, info *Siginfo, mask *uint64) (jumped bool)
	// Die ends the process by a signal.
	Die(sig int)
	// ShowSignal shows the tracer a signal that a handler is about to get.
	ShowSignal(info *Siginfo)
	// StackPointer reads the thread's shadow stack pointer; ok is false if the module
	// has none.
	StackPointer() (sp uint32, ok bool)
}

// Thread is the signal state of a guest thread that the kernel does not have. Init comes
// first.
type Thread struct {
	helper Helper
	gate   *kernel.Gate
	table  *Table

	blocked uint64             // of Unblockable: what the guest's mask says
	held    uint64             // of Unblockable: pending while blocked
	heldBy  [Last + 1]*Siginfo // what came with them
	jumped  bool               // a handler has jumped out of the host function under way
	wait    waitMask           // of the blocking call under way

	alt AltStack

	kernelMask uint64 // for the kernel to read and write
}

// waitMask is the mask of a call that waits with a mask of its own, such as sigsuspend(2).
type waitMask struct {
	next    bool // the next blocking call has one
	inForce bool // such a call was interrupted: handlers begin with the mask
	mask    uint64
}

// Init prepares the state for a thread.
func (t *Thread) Init(h Helper, gate *kernel.Gate, table *Table) {
	t.helper, t.gate, t.table = h, gate, table
}

// Begin makes the state that of a new thread: nothing is blocked, held or set. It keeps
// what it has allocated.
func (t *Thread) Begin() {
	*t = Thread{helper: t.helper, gate: t.gate, table: t.table, heldBy: t.heldBy}
}

// Forked makes the state that of the only thread of a new process: nothing is pending.
func (t *Thread) Forked() { t.held = 0 }

// Run runs the guest's handlers for all caught signals that wait. It reports whether one
// of them has jumped out of the present host function.
func (t *Thread) Run() (jumped bool) {
	if t.jumped {
		return true
	}
	for t.gate.Pending != 0 {
		var info Siginfo
		mask := t.helper.Take(&info)
		if t.deliver(&info, &mask) {
			t.jumped = true
			return true
		}
		t.SetKernelMask(mask)
	}
	return false
}

// Return ends a host function: signals that were caught meanwhile get their handlers. It
// reports false if one of these has jumped out of the function, whose result must then not
// be stored. Signals that the jump let in get theirs where it leads.
//
// A signal that comes later finds InHost clear, and the raw handler itself sees to it that
// the guest's handler runs as soon as wasm does.
func (t *Thread) Return() (normal bool) {
	normal = true
	for {
		t.gate.InHost = 0
		if t.gate.Pending == 0 && !t.jumped {
			if !kernel.StopRequested() {
				return normal
			}
			t.gate.InHost = 1
			t.gate.Rest()
			continue
		}
		t.gate.InHost = 1
		if t.Run() {
			t.jumped = false
			normal = false
		}
	}
}

// Interrupted delivers a signal that interrupted compiled code, and all others that wait by
// then. mask is the mask at the interruption, and becomes the one to go back to. On return
// all signals are blocked, unless a handler has jumped and thereby set the mask.
func (t *Thread) Interrupted(info *Siginfo, mask *uint64) (jumped bool) {
	t.gate.InHost = 1
	jumped = t.deliver(info, mask)
	for !jumped {
		if t.gate.Pending == 0 {
			t.gate.InHost = 0
			if t.gate.Pending == 0 { // or one of those that cannot be blocked
				return false
			}
			t.gate.InHost = 1
		}
		var next Siginfo
		*mask = t.helper.Take(&next)
		jumped = t.deliver(&next, mask)
	}
	t.jumped = false
	t.Return()
	return true
}

// Raise delivers a signal that the present instruction raises, such as a trap, for as long
// as the guest has a handler for it that returns: going back to the instruction raises it
// anew. It reports true if a handler has jumped, and false if there is none. address is
// that of a fault, in the host.
func (t *Thread) Raise(sig, code int, address uintptr) (jumped bool) {
	for {
		act := t.table.Action(sig)
		if Decide(&act, sig, true, t.blocked&bit(sig) != 0) != Handle {
			return false
		}
		var info Siginfo
		info.Fault(sig, code, address)
		mask, pending := t.Block()
		if !pending {
			if t.Interrupted(&info, &mask) {
				return true
			}
			t.SetKernelMask(mask)
		} else if t.Run() {
			t.jumped = false
			t.Return()
			return true
		}
	}
}

// deliver does with a caught signal what its action says. All signals are blocked. mask is
// the mask to go back to, which the handler may change; if it does not jump, all signals
// are blocked again afterwards.
func (t *Thread) deliver(info *Siginfo, mask *uint64) (jumped bool) {
	sig := info.Signo()
	if sig < 1 || sig > Last {
		return false
	}
	act := t.table.Action(sig)
	fault := info.Code() > 0 && bit(sig)&faultSignals != 0
	switch Decide(&act, sig, fault, t.blocked&bit(sig) != 0) {
	case Discard:
		return false
	case Hold:
		t.hold(sig, info)
		return false
	case Die:
		t.helper.Die(sig)
	}
	if act.Flags&abi.SAResethand != 0 {
		t.table.reset(sig)
	}
	t.helper.ShowSignal(info)
	guestMask := t.join(*mask)
	during := *mask
	if t.wait.inForce {
		during = t.wait.mask
		t.blocked = during & Unblockable
		t.wait.inForce = false
	}
	added := act.Mask
	if act.Flags&abi.SANodefer == 0 {
		added |= bit(sig)
	}
	t.blocked |= added & Unblockable
	t.SetKernelMask(during | added)
	// Signals that the new mask admits come on top of this one, before its handler has
	// begun, as the kernel stacks them.
	if t.gate.Pending != 0 && t.Run() {
		return true
	}
	if t.helper.CallHandler(&act, sig, info, &guestMask) {
		return true
	}
	t.BlockAll()
	*mask = guestMask &^ Unblockable
	t.blocked = guestMask & Unblockable
	if t.gate.Pending != 0 {
		// Caught on the handler's way in or out, under its mask. The handler is over: what
		// comes after it goes back to where it would have gone.
		t.helper.SetPendingMask(*mask)
	}
	t.releaseHeld()
	return false
}

// hold keeps one of Unblockable until the guest unblocks it.
func (t *Thread) hold(sig int, info *Siginfo) {
	if t.held&bit(sig) != 0 {
		return // standard signals merge
	}
	if t.heldBy[sig] == nil {
		t.heldBy[sig] = new(Siginfo)
	}
	*t.heldBy[sig] = *info
	t.held |= bit(sig)
}

// releaseHeld sends the held signals that are no longer blocked to the thread again; they
// arrive as soon as signals are unblocked.
func (t *Thread) releaseHeld() {
	for free := t.held &^ t.blocked; free != 0; free &= free - 1 {
		sig := bits.TrailingZeros64(free) + 1
		t.held &^= bit(sig)
		kernel.Syscall(unix.SYS_RT_TGSIGQUEUEINFO, uintptr(unix.Getpid()), uintptr(unix.Gettid()), uintptr(sig),
			uintptr(unsafe.Pointer(t.heldBy[sig])), 0, 0)
	}
}

// Held returns the signals that are pending here and not in the kernel.
func (t *Thread) Held() uint64 { return t.held }

// TakeHeld takes a held signal of the set, the lowest first, and copies what came with it;
// sigtimedwait(2). It returns 0 if there is none.
func (t *Thread) TakeHeld(set uint64, info *Siginfo) (sig int) {
	held := t.held & set
	if held == 0 {
		return 0
	}
	sig = bits.TrailingZeros64(held) + 1
	t.held &^= bit(sig)
	*info = *t.heldBy[sig]
	return sig
}

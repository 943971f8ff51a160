package signals

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"walisup/wali/kernel"
	"walisup/wali/kernel/abi"
)

// Mask returns the guest's signal mask, bit n-1 for signal n.
func (t *Thread) Mask() uint64 {
	mask, pending := t.Block()
	if !pending {
		t.SetKernelMask(mask)
	}
	return t.join(mask)
}

// SetMask sets the guest's signal mask and returns the old one.
func (t *Thread) SetMask(mask uint64) (old uint64) {
	return t.ChangeMask(unix.SIG_SETMASK, mask)
}

// ChangeMask changes the guest's mask by a set, as how says: SIG_BLOCK, SIG_UNBLOCK or
// SIG_SETMASK. It returns the old mask.
func (t *Thread) ChangeMask(how int, set uint64) (old uint64) {
	mask, pending := t.Block()
	old = t.join(mask)
	mask = Changed(old, how, set)
	t.blocked = mask & Unblockable
	if pending {
		t.helper.SetPendingMask(mask &^ Unblockable)
	} else {
		t.SetKernelMask(mask)
	}
	if t.held&^t.blocked != 0 {
		t.releaseHeld()
	}
	return old
}

// Changed returns what sigprocmask(2) makes of a mask.
func Changed(mask uint64, how int, set uint64) uint64 {
	switch how {
	case unix.SIG_BLOCK:
		mask |= set
	case unix.SIG_UNBLOCK:
		mask &^= set
	default:
		mask = set
	}
	return mask &^ NeverBlocked
}

// join returns the guest's mask where the kernel's is mask.
func (t *Thread) join(mask uint64) uint64 { return mask&^Unblockable | t.blocked }

// Guest returns the guest's mask where Block has returned mask.
func (t *Thread) Guest(mask uint64) uint64 { return t.join(mask) }

// Block blocks all signals and returns the kernel's mask of before, without what the guest
// believes about Unblockable. If a signal is pending they are blocked already, and the mask
// is the one that was in force when it was caught. SetKernelMask undoes it.
func (t *Thread) Block() (mask uint64, pending bool) {
	for {
		if t.gate.Pending != 0 {
			return t.helper.PendingMask(), true
		}
		t.kernelMask = All
		p := uintptr(unsafe.Pointer(&t.kernelMask))
		if kernel.Unless(t.gate, unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, p, p, 8, 0, 0) != -kernel.ERESTARTSYS {
			return t.kernelMask, false
		}
	}
}

// BlockForGood blocks all signals in a thread that ends. One that was caught before is
// lost: Linux would run its handler before the end or never, and this is never.
func (t *Thread) BlockForGood() {
	for {
		if _, pending := t.Block(); !pending {
			return
		}
		var info Siginfo
		t.helper.Take(&info)
	}
}

// SetKernelMask sets the thread's mask in the kernel.
func (t *Thread) SetKernelMask(mask uint64) {
	t.kernelMask = mask &^ Unblockable
	kernel.Syscall(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&t.kernelMask)), 0, 8, 0, 0)
}

// BlockAll blocks all signals but Unblockable in the kernel.
func (t *Thread) BlockAll() { t.SetKernelMask(All) }

// Drop takes pending signals of the set away.
//
// Preconditions: they are blocked.
func (t *Thread) Drop(set uint64) {
	var now unix.Timespec
	t.kernelMask = set
	kernel.Syscall(unix.SYS_RT_SIGTIMEDWAIT, uintptr(unsafe.Pointer(&t.kernelMask)), 0, uintptr(unsafe.Pointer(&now)), 8, 0, 0)
}

// WaitWith announces that the next blocking call has a mask of its own, as that of
// sigsuspend(2) and ppoll(2), and returns the mask that the kernel is to be given.
// Handlers that the call is interrupted by run with that mask.
func (t *Thread) WaitWith(mask uint64) (forKernel uint64) {
	t.wait.next, t.wait.mask = true, mask
	return mask &^ Unblockable
}

// Waited is called after every blocking call that was made. interrupted says that it
// returned EINTR.
func (t *Thread) Waited(interrupted bool) {
	if t.wait.next {
		t.wait.next = false
		t.wait.inForce = interrupted && t.gate.Pending != 0
	}
}

// AltStack returns the alternate signal stack.
func (t *Thread) AltStack() AltStack { return t.alt }

// SetAltStack sets the alternate signal stack.
func (t *Thread) SetAltStack(s AltStack) { t.alt = s }

// OnAltStack reports whether the guest runs on its alternate signal stack.
func (t *Thread) OnAltStack() bool {
	if t.alt.Size == 0 {
		return false
	}
	sp, ok := t.helper.StackPointer()
	return ok && t.alt.Contains(sp)
}

// HandledOnAltStack reports whether the guest has a handler of a signal that would start on
// the alternate signal stack.
func (t *Thread) HandledOnAltStack(sig int) bool {
	act := t.table.Action(sig)
	return act.Caught() && act.Flags&abi.SAOnstack != 0 && t.alt.Size != 0 && !t.OnAltStack()
}

package wali

import (
	"encoding/binary"
	"math/bits"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"walisup/wali/kernel"
	"walisup/wali/kernel/abi"
)

// Unblockable are signals that the kernel never blocks in a helper, see package kernel.
// Where the guest blocks one of them, this package holds it back.
const Unblockable = kernel.Unblockable

// Handlers of a guest's action that are none; WALI ABI. The flags are the kernel's.
const (
	handlerDefault = 0
	handlerIgnore  = 0xfffffffe // SIG_IGN is -2: 1 is a valid table index
)

// Action is what the guest wants done with a signal.
type Action struct {
	Handler  uint32
	Flags    uint64
	Restorer uint32
	Mask     uint64
}

// Caught reports whether the action is a function of the guest.
func (a *Action) Caught() bool { return a.Handler != handlerDefault && a.Handler != handlerIgnore }

// signalTable holds a process's actions.
type signalTable struct {
	mu      sync.Mutex
	actions [65]Action
}

// threadSignals is the signal state of a thread that the kernel does not have.
type threadSignals struct {
	blocked uint64       // of Unblockable: what the guest's mask says
	held    uint64       // of Unblockable: pending while blocked
	heldBy  [65]*Siginfo // what came with them
	jumped  bool

	waiting     bool   // the next blocking call has a mask of its own
	suspended   bool   // such a call was interrupted
	suspendMask uint64 // that mask

	altSP, altSize uint32 // sigaltstack(2)
	altFlags       int32

	kernelMask uint64 // for the kernel to read and write
}

const allSignals = ^uint64(Unblockable)

// Action returns a signal's action.
func (p *Process) Action(sig int) Action {
	p.signalTable.mu.Lock()
	defer p.signalTable.mu.Unlock()
	return p.signalTable.actions[sig]
}

// InheritIgnored records the signals that were ignored when the process began.
func (p *Process) InheritIgnored(set uint64) {
	for sig := 1; sig <= 64; sig++ {
		if set&(1<<(sig-1)) != 0 {
			p.signalTable.actions[sig].Handler = handlerIgnore
		}
	}
}

// Ignored returns the set of signals that the guest ignores, which exec keeps.
func (p *Process) Ignored() (set uint64) {
	for sig := 1; sig <= 64; sig++ {
		if a := p.Action(sig); a.Handler == handlerIgnore {
			set |= 1 << (sig - 1)
		}
	}
	return set
}

// runHandlers runs the guest's handlers for all caught signals that wait. It
// reports whether one of them has jumped out of the present host function.
func (t *Thread) runHandlers() (jumped bool) {
	if t.InLayer() {
		t.mayRestart = true
		return true
	}
	if t.signals.jumped {
		return true
	}
	for t.Gate.Pending != 0 {
		var info Siginfo
		mask := t.Helper.Take(&info)
		if t.deliver(&info, &mask) {
			t.signals.jumped = true
			return true
		}
		t.setKernelMask(mask)
	}
	return false
}

// Interrupted delivers a signal that interrupted compiled code, and all others
// that wait by then. mask is the mask at the interruption, and becomes the one
// to go back to. On return all signals are blocked, unless a handler has jumped
// and thereby set the mask.
func (t *Thread) Interrupted(info *Siginfo, mask *uint64) (jumped bool) {
	t.Gate.InHost = 1
	jumped = t.deliver(info, mask)
	for !jumped {
		if t.Gate.Pending == 0 {
			t.Gate.InHost = 0
			if t.Gate.Pending == 0 { // or one of those that cannot be blocked
				return false
			}
			t.Gate.InHost = 1
		}
		var next Siginfo
		*mask = t.Helper.Take(&next)
		jumped = t.deliver(&next, mask)
	}
	t.signals.jumped = false
	t.Return()
	return true
}

// Trap is what the engine calls when compiled code traps. It reports true if a
// handler of the guest has jumped out; otherwise it does not return, or lets the
// engine end the call with err.
func (t *Thread) Trap(err error) (resume bool) {
	return t.Helper.Trap(err)
}

// Raise delivers a signal that the present instruction raises, such as a trap,
// for as long as the guest has a handler for it that returns: going back to the
// instruction raises it anew. It reports true if a handler has jumped, and false
// if there is none. A fault has a host address.
func (t *Thread) Raise(sig, code int, address uintptr) (jumped bool) {
	bit := uint64(1) << (sig - 1)
	for {
		if act := t.Action(sig); !act.Caught() || t.signals.blocked&bit != 0 {
			return false
		}
		var info Siginfo
		info.Fault(sig, code, address)
		mask, pending := t.stopSignals()
		if !pending {
			if t.Interrupted(&info, &mask) {
				return true
			}
			t.setKernelMask(mask)
		} else if t.runHandlers() {
			t.signals.jumped = false
			t.Return()
			return true
		}
	}
}

// deliver does with a caught signal what its action says. All signals are
// blocked. mask is the mask to go back to, which the handler may change; if it
// does not jump, all signals are blocked again afterwards.
func (t *Thread) deliver(info *Siginfo, mask *uint64) (jumped bool) {
	sig := info.Signo()
	bit := uint64(1) << (sig - 1)
	if sig < 1 || sig > 64 {
		return false
	}
	act := t.Action(sig)
	fault := info.Code() > 0 && bit&faultSignals != 0
	if t.signals.blocked&bit != 0 && !fault {
		t.hold(sig, info)
		return false
	}
	switch {
	case !act.Caught() && fault, t.signals.blocked&bit != 0, act.Handler == handlerDefault:
		if act.Handler == handlerDefault && !fault && ignoredByDefault(sig) {
			return false
		}
		t.Helper.Die(sig)
	case act.Handler == handlerIgnore:
		return false
	}
	if act.Flags&abi.SAResethand != 0 {
		t.resetAction(sig)
	}
	t.ShowSignal(info)
	during := *mask
	oldBlocked := t.signals.blocked
	if t.signals.suspended {
		during = t.signals.suspendMask
		t.signals.blocked = during & Unblockable
		t.signals.suspended = false
	}
	during |= act.Mask
	t.signals.blocked |= act.Mask & Unblockable
	if act.Flags&abi.SANodefer == 0 {
		during |= bit
		t.signals.blocked |= bit & Unblockable
	}
	guestMask := *mask&^Unblockable | oldBlocked
	t.setKernelMask(during)
	// Signals that the new mask admits come on top of this one, before its
	// handler has begun, as the kernel stacks them.
	if t.Gate.Pending != 0 && t.runHandlers() {
		return true
	}
	if t.Helper.CallHandler(&act, sig, info, &guestMask) {
		return true
	}
	t.blockAll()
	*mask = guestMask &^ Unblockable
	t.signals.blocked = guestMask & Unblockable
	if t.Gate.Pending != 0 {
		// Caught on the handler's way in or out, under its mask. The handler is
		// over: what comes after it goes back to where it would have gone.
		t.Helper.SetPendingMask(*mask)
	}
	t.releaseHeld()
	return false
}

// faultSignals are those that a faulting instruction raises.
const faultSignals = Unblockable &^ (1<<(kernel.ReservedSignal-1) | 1<<(unix.SIGTRAP-1))

// ignoredByDefault are the signals whose default action does nothing, or stops
// or continues the process, which the kernel does without us; signal(7).
func ignoredByDefault(sig int) bool {
	switch unix.Signal(sig) {
	case unix.SIGCHLD, unix.SIGURG, unix.SIGWINCH, unix.SIGCONT, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU:
		return true
	}
	return false
}

// hold keeps one of the Unblockable until the guest unblocks it.
func (t *Thread) hold(sig int, info *Siginfo) {
	if t.signals.held&(1<<(sig-1)) != 0 {
		return // standard signals merge
	}
	if t.signals.heldBy[sig] == nil {
		t.signals.heldBy[sig] = new(Siginfo)
	}
	*t.signals.heldBy[sig] = *info
	t.signals.held |= 1 << (sig - 1)
}

// releaseHeld sends the held signals that are no longer blocked to the thread
// again; they arrive as soon as signals are unblocked.
func (t *Thread) releaseHeld() {
	free := t.signals.held &^ t.signals.blocked
	for sig := 1; free != 0; sig++ {
		if free&(1<<(sig-1)) == 0 {
			continue
		}
		free &^= 1 << (sig - 1)
		t.signals.held &^= 1 << (sig - 1)
		t.call(unix.SYS_RT_TGSIGQUEUEINFO, uintptr(unix.Getpid()), uintptr(unix.Gettid()), uintptr(sig),
			uintptr(unsafe.Pointer(t.signals.heldBy[sig])), 0, 0)
	}
}

// SignalMask returns the guest's signal mask, bit n-1 for signal n.
func (t *Thread) SignalMask() uint64 {
	mask, pending := t.stopSignals()
	if !pending {
		t.setKernelMask(mask)
	}
	return mask&^Unblockable | t.signals.blocked
}

// SetSignalMask sets the guest's signal mask.
func (t *Thread) SetSignalMask(mask uint64) {
	t.changeMask(func(uint64) uint64 { return mask })
}

// changeMask replaces the guest's mask by what f makes of it, and returns the
// old one.
func (t *Thread) changeMask(f func(old uint64) uint64) (old uint64) {
	mask, pending := t.stopSignals()
	old = mask&^Unblockable | t.signals.blocked
	mask = f(old) &^ (1<<(unix.SIGKILL-1) | 1<<(unix.SIGSTOP-1))
	t.signals.blocked = mask & Unblockable
	if pending {
		t.Helper.SetPendingMask(mask &^ Unblockable)
	} else {
		t.setKernelMask(mask)
	}
	if t.signals.held&^t.signals.blocked != 0 {
		t.releaseHeld()
	}
	return old
}

// stopSignals blocks all signals and returns the kernel's mask of before. If a
// signal is pending they are blocked already, and the mask is the one that was
// in force when it was caught.
func (t *Thread) stopSignals() (mask uint64, pending bool) {
	for {
		if t.Gate.Pending != 0 {
			return t.Helper.PendingMask(), true
		}
		s := &t.signals
		s.kernelMask = allSignals
		p := uintptr(unsafe.Pointer(&s.kernelMask))
		if kernel.Unless(&t.Gate, unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, p, p, 8, 0, 0) != -kernel.ERESTARTSYS {
			return s.kernelMask, false
		}
	}
}

// setKernelMask sets the thread's mask in the kernel.
func (t *Thread) setKernelMask(mask uint64) {
	t.signals.kernelMask = mask &^ Unblockable
	t.call(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&t.signals.kernelMask)), 0, 8, 0, 0)
}

func (t *Thread) blockAll() { t.setKernelMask(allSignals) }

// sysSigaction is rt_sigaction(2) with WALI's packed struct of 24 bytes: handler
// u32, flags u64, restorer u32, mask u64.
func sysSigaction(t *Thread, a Args) int64 {
	sig, act, old := a.Int(0), a.Ptr(1), a.Ptr(2)
	if a.Uint(3) != 8 || sig < 1 || sig > 64 {
		return errno(unix.EINVAL)
	}
	var in [24]byte
	if act != 0 {
		if unix.Signal(sig) == unix.SIGKILL || unix.Signal(sig) == unix.SIGSTOP {
			return errno(unix.EINVAL)
		}
		if e := t.Memory.Read(act, in[:]); e != 0 {
			return errno(e)
		}
	}
	s := &t.Process.signalTable
	s.mu.Lock()
	previous := s.actions[sig]
	if act != 0 {
		le := binary.LittleEndian
		next := Action{Handler: le.Uint32(in[0:]), Flags: le.Uint64(in[4:]), Restorer: le.Uint32(in[12:]),
			Mask: le.Uint64(in[16:]) &^ (1<<(unix.SIGKILL-1) | 1<<(unix.SIGSTOP-1))}
		if e := t.installAction(int(sig), &next); e != 0 {
			s.mu.Unlock()
			return errno(e)
		}
		s.actions[sig] = next
	}
	s.mu.Unlock()
	if old != 0 {
		var out [24]byte
		le := binary.LittleEndian
		le.PutUint32(out[0:], previous.Handler)
		le.PutUint64(out[4:], previous.Flags)
		le.PutUint32(out[12:], previous.Restorer)
		le.PutUint64(out[16:], previous.Mask)
		if e := t.Memory.Write(old, out[:]); e != 0 {
			return errno(e)
		}
	}
	return 0
}

// resetAction is SA_RESETHAND: the kernel has reset its side when it caught the
// signal.
func (t *Thread) resetAction(sig int) {
	s := &t.Process.signalTable
	s.mu.Lock()
	s.actions[sig].Handler = handlerDefault
	s.mu.Unlock()
}

// clearHandlers gives every signal that is not ignored its default action, as the
// kernel does for CLONE_CLEAR_SIGHAND. Of an action only that remains.
//
// Preconditions: the thread is the only one, and signals are blocked.
func (t *Thread) clearHandlers() {
	for sig := 1; sig <= 64; sig++ {
		old := &t.Process.signalTable.actions[sig]
		if *old == (Action{}) {
			continue
		}
		next := Action{}
		if old.Handler == handlerIgnore {
			next.Handler = handlerIgnore
		}
		mark := t.scratchUsed
		t.installAction(sig, &next)
		t.scratchUsed = mark
		*old = next
	}
}

// installAction makes the kernel act as the guest wants.
func (t *Thread) installAction(sig int, act *Action) unix.Errno {
	if t.Process.CatchSignal == 0 || Unblockable&(1<<(sig-1)) != 0 {
		return 0 // the raw handler is always there, and asks the table
	}
	b := t.alloc(int(unsafe.Sizeof(abi.Sigaction{})))
	k := (*abi.Sigaction)(unsafe.Pointer(&b[0]))
	switch act.Handler {
	case handlerDefault:
		k.Handler = abi.SigDefault
		k.Flags = act.Flags & (abi.SANocldstop | abi.SANocldwait)
	case handlerIgnore:
		k.Handler = abi.SigIgnore
		k.Flags = act.Flags & (abi.SANocldstop | abi.SANocldwait)
	default:
		k.Handler, k.Restorer, k.Mask = t.Process.CatchSignal, t.Process.SignalReturn, allSignals
		k.Flags = abi.SASiginfo | abi.SAOnstack | abi.SARestorer |
			act.Flags&(abi.SANocldstop|abi.SANocldwait|abi.SARestart|abi.SAResethand)
	}
	return unix.Errno(-t.call(unix.SYS_RT_SIGACTION, uintptr(sig), address(b), 0, 8, 0, 0))
}

// sysSigprocmask is rt_sigprocmask(2).
func sysSigprocmask(t *Thread, a Args) int64 {
	how, set, old := a.Int(0), a.Ptr(1), a.Ptr(2)
	if a.Uint(3) != 8 {
		return errno(unix.EINVAL)
	}
	var change uint64
	if set != 0 {
		var e unix.Errno
		if change, e = t.Memory.Load64(set); e != 0 {
			return errno(e)
		}
		if how < unix.SIG_BLOCK || how > unix.SIG_SETMASK {
			return errno(unix.EINVAL)
		}
	}
	var previous uint64
	if set == 0 {
		previous = t.SignalMask()
	} else {
		previous = t.changeMask(func(mask uint64) uint64 {
			switch how {
			case unix.SIG_BLOCK:
				return mask | change
			case unix.SIG_UNBLOCK:
				return mask &^ change
			}
			return change
		})
	}
	if old != 0 {
		if e := t.Memory.Store64(old, previous); e != 0 {
			return errno(e)
		}
	}
	return 0
}

// sysSigpending is rt_sigpending(2): the kernel's pending signals and those that
// are held back.
func sysSigpending(t *Thread, a Args) int64 {
	size := a.Uint(1)
	if size > 8 {
		return errno(unix.EINVAL)
	}
	b := t.alloc(8)
	if r := t.call(unix.SYS_RT_SIGPENDING, address(b), 8, 0, 0, 0, 0); r < 0 {
		return r
	}
	binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)|t.signals.held)
	return errno(t.Memory.Write(a.Ptr(0), b[:size]))
}

// sysSigsuspend is rt_sigsuspend(2).
func sysSigsuspend(t *Thread, a Args) int64 {
	if a.Uint(1) != 8 {
		return errno(unix.EINVAL)
	}
	mask, e := t.Memory.Load64(a.Ptr(0))
	if e != 0 {
		return errno(e)
	}
	if held := t.signals.held &^ mask; held != 0 { // one that only we hold back
		old := t.changeMask(func(uint64) uint64 { return mask })
		if !t.runHandlers() {
			t.changeMask(func(uint64) uint64 { return old })
		}
		return errno(unix.EINTR)
	}
	return t.block(unix.SYS_RT_SIGSUSPEND, t.waitMask(mask), 8, 0, 0, 0, 0)
}

// waitMask returns the address of a signal mask for the kernel to put in force
// while the next blocking call waits. Handlers that the call is interrupted by
// run with that mask.
func (t *Thread) waitMask(mask uint64) uintptr {
	t.signals.waiting, t.signals.suspendMask = true, mask
	b := t.alloc(8)
	binary.LittleEndian.PutUint64(b, mask&^Unblockable)
	return address(b)
}

// sysSigtimedwait is rt_sigtimedwait(2). A signal that only we hold back counts
// as pending.
func sysSigtimedwait(t *Thread, a Args) int64 {
	if a.Uint(3) != 8 {
		return errno(unix.EINVAL)
	}
	set, e := t.Memory.Load64(a.Ptr(0))
	if e != 0 {
		return errno(e)
	}
	b := t.alloc(8 + siginfoSize)
	info := (*Siginfo)(b[8:])
	sig := int64(0)
	if held := t.signals.held & set; held != 0 {
		sig = int64(bits.TrailingZeros64(held) + 1)
		t.signals.held &^= 1 << (sig - 1)
		*info = *t.signals.heldBy[sig]
	} else {
		binary.LittleEndian.PutUint64(b, set&^Unblockable)
		sig = t.block(unix.SYS_RT_SIGTIMEDWAIT, address(b), address(b[8:]), t.Memory.Host(a.Ptr(2)), 8, 0, 0)
	}
	if sig > 0 && a.Ptr(1) != 0 {
		toGuest(info, t.Memory)
		if e := t.Memory.Write(a.Ptr(1), info[:]); e != 0 {
			return errno(e)
		}
	}
	return sig
}

// sysSigqueueinfo is rt_sigqueueinfo(2), rt_tgsigqueueinfo(2) and
// pidfd_send_signal(2): the argument with the given number is a siginfo.
func sysSigqueueinfo(number Number, info int) Func {
	return func(t *Thread, a Args) int64 {
		var host [6]uintptr
		for i := range host {
			host[i] = uintptr(a[i])
		}
		if p := a.Ptr(info); p == 0 {
			host[info] = 0
		} else {
			b := t.alloc(siginfoSize)
			if e := t.Memory.Read(p, b); e != 0 {
				return errno(e)
			}
			toHost((*Siginfo)(b), t.Memory)
			host[info] = address(b)
		}
		return t.call(number.host(), host[0], host[1], host[2], host[3], host[4], host[5])
	}
}

// sysSigaltstack is sigaltstack(2). The stack is the guest's business and mine:
// the kernel's alternate stack is the Go runtime's.
func sysSigaltstack(t *Thread, a Args) int64 {
	const (
		onStack    = 1
		disable    = 2
		autoDisarm = -0x80000000
		minSize    = 2048
	)
	next, old := a.Ptr(0), a.Ptr(1)
	s := &t.signals
	on := t.onAltStack()
	var in [12]byte
	if next != 0 {
		if e := t.Memory.Read(next, in[:]); e != 0 {
			return errno(e)
		}
	}
	oldSP, oldFlags, oldSize := s.altSP, s.altFlags, s.altSize
	if next != 0 {
		sp, flags, size := binary.LittleEndian.Uint32(in[0:]), int32(binary.LittleEndian.Uint32(in[4:])), binary.LittleEndian.Uint32(in[8:])
		mode := flags &^ autoDisarm
		switch {
		case on:
			return errno(unix.EPERM)
		case mode != 0 && mode != onStack && mode != disable:
			return errno(unix.EINVAL)
		case mode == disable:
			sp, size = 0, 0
		case size < minSize:
			return errno(unix.ENOMEM)
		}
		s.altSP, s.altSize, s.altFlags = sp, size, flags&autoDisarm
	}
	if old != 0 {
		var out [12]byte
		flags := oldFlags
		switch {
		case oldSize == 0:
			flags |= disable
		case on:
			flags |= onStack
		}
		binary.LittleEndian.PutUint32(out[0:], oldSP)
		binary.LittleEndian.PutUint32(out[4:], uint32(flags))
		binary.LittleEndian.PutUint32(out[8:], oldSize)
		return errno(t.Memory.Write(old, out[:]))
	}
	return 0
}

// onAltStack reports whether the guest runs on its alternate signal stack.
func (t *Thread) onAltStack() bool {
	if t.signals.altSize == 0 {
		return false
	}
	sp, ok := t.Helper.StackPointer()
	return ok && t.OnAltStack(sp)
}

// OnAltStack reports whether a stack pointer lies on the alternate signal
// stack.
func (t *Thread) OnAltStack(sp uint32) bool {
	return sp-t.signals.altSP-1 < t.signals.altSize
}

// HandlerStack returns the stack pointer that a handler starts with, given the
// one at the interruption; sigaction(2), SA_ONSTACK.
func (t *Thread) HandlerStack(act *Action, sp uint32) uint32 {
	if act.Flags&abi.SAOnstack != 0 && t.signals.altSize != 0 && !t.OnAltStack(sp) {
		return (t.signals.altSP + t.signals.altSize) &^ 15
	}
	return (sp - RedZone) &^ 15
}

// RedZone is how many bytes below the stack pointer LLVM's leaf functions use.
const RedZone = 128

// HandledOnAltStack reports whether the guest has a handler of a signal that would
// start on the alternate signal stack.
func (t *Thread) HandledOnAltStack(sig int) bool {
	act := t.Action(sig)
	return act.Caught() && act.Flags&abi.SAOnstack != 0 && t.signals.altSize != 0 && !t.onAltStack()
}

// AltStack returns the alternate signal stack in the guest's stack_t form.
func (t *Thread) AltStack() (sp uint32, flags int32, size uint32) {
	return t.signals.altSP, t.signals.altFlags, t.signals.altSize
}

// HasInfo reports whether the handler takes siginfo and context.
func (a *Action) HasInfo() bool { return a.Flags&abi.SASiginfo != 0 }

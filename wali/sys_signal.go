package wali

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"walisup/wali/signals"
)

// runHandlers runs the guest's handlers for all caught signals that wait. It
// reports whether one of them has jumped out of the present host function. In a layer none
// runs, and the layer's call ends as if one had jumped.
func (t *Thread) runHandlers() (jumped bool) {
	if t.InLayer() {
		t.mayRestart = true
		return true
	}
	return t.Signals.Run()
}

// Trap is what the engine calls when compiled code traps. It reports true if a
// handler of the guest has jumped out; otherwise it does not return, or lets the
// engine end the call with err.
func (t *Thread) Trap(err error) (resume bool) {
	return t.Helper.Trap(err)
}

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
	var previous signals.Action
	if act == 0 {
		previous = t.Actions.Action(int(sig))
	} else {
		le := binary.LittleEndian
		next := signals.Action{Handler: le.Uint32(in[0:]), Flags: le.Uint64(in[4:]), Restorer: le.Uint32(in[12:]),
			Mask: le.Uint64(in[16:]) &^ signals.NeverBlocked}
		var e unix.Errno
		if previous, e = t.Actions.Replace(int(sig), &next); e != 0 {
			return errno(e)
		}
	}
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
		previous = t.Signals.Mask()
	} else {
		previous = t.Signals.ChangeMask(int(how), change)
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
	binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)|t.Signals.Held())
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
	if t.Signals.Held()&^mask != 0 { // one that only we hold back
		old := t.Signals.SetMask(mask)
		if !t.runHandlers() {
			t.Signals.SetMask(old)
		}
		return errno(unix.EINTR)
	}
	return t.block(unix.SYS_RT_SIGSUSPEND, t.waitMask(mask), 8, 0, 0, 0, 0)
}

// waitMask returns the address of a signal mask for the kernel to put in force
// while the next blocking call waits. Handlers that the call is interrupted by
// run with that mask.
func (t *Thread) waitMask(mask uint64) uintptr {
	b := t.alloc(8)
	binary.LittleEndian.PutUint64(b, t.Signals.WaitWith(mask))
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
	sig := int64(t.Signals.TakeHeld(set, info))
	if sig == 0 {
		binary.LittleEndian.PutUint64(b, set&^signals.Unblockable)
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

// sysSigaltstack is sigaltstack(2).
func sysSigaltstack(t *Thread, a Args) int64 {
	next, old := a.Ptr(0), a.Ptr(1)
	on, previous := t.Signals.OnAltStack(), t.Signals.AltStack()
	var in [12]byte
	if next != 0 {
		if e := t.Memory.Read(next, in[:]); e != 0 {
			return errno(e)
		}
		le := binary.LittleEndian
		stack, e := previous.Replacement(le.Uint32(in[0:]), int32(le.Uint32(in[4:])), le.Uint32(in[8:]), on)
		if e != 0 {
			return errno(e)
		}
		t.Signals.SetAltStack(stack)
	}
	if old != 0 {
		var out [12]byte
		binary.LittleEndian.PutUint32(out[0:], previous.SP)
		binary.LittleEndian.PutUint32(out[4:], uint32(previous.State(on)))
		binary.LittleEndian.PutUint32(out[8:], previous.Size)
		return errno(t.Memory.Write(old, out[:]))
	}
	return 0
}

package wali

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// Clone is a system call that makes a child process without a stack of its own:
// clone3 if Args is set, otherwise clone.
type Clone struct {
	Flags               uintptr // of clone(2), with the exit signal
	ParentTID, ChildTID uintptr // host addresses or 0
	Args, ArgsSize      uintptr // struct clone_args: host address and size

	clearHandlers bool // CLONE_CLEAR_SIGHAND, which the kernel is not told
}

// sysFork is fork(2).
func sysFork(t *Thread, _ Args) int64 {
	return t.fork(Clone{Flags: uintptr(unix.SIGCHLD)})
}

// sysVfork is vfork(2). The child gets memory of its own: one that shared the
// parent's would run the parent's own instance of the module. The parent waits
// all the same.
func sysVfork(t *Thread, _ Args) int64 {
	return t.fork(Clone{Flags: unix.CLONE_VFORK | uintptr(unix.SIGCHLD)})
}

// Flags of clone(2) that are about what parent and child share in memory, or
// about the registers of a native thread.
const (
	cloneMemory  = unix.CLONE_VM | unix.CLONE_SIGHAND | unix.CLONE_SYSVSEM
	cloneNative  = unix.CLONE_SETTLS
	cloneDropped = cloneMemory | cloneNative

	// cloneClearSighand is CLONE_CLEAR_SIGHAND of clone3(2). The helper's handlers have
	// to stay, and the kernel would take them away with the guest's.
	cloneClearSighand = 1 << 32
)

// cloneFlags takes out of the flags of clone(2) what a copy of the process cannot
// have or needs not.
func cloneFlags(flags uint64) (uint64, unix.Errno) {
	switch {
	case flags&unix.CLONE_SIGHAND != 0 && flags&unix.CLONE_VM == 0,
		flags&unix.CLONE_THREAD != 0 && flags&unix.CLONE_SIGHAND == 0:
		return 0, unix.EINVAL // as the kernel says
	case flags&unix.CLONE_THREAD != 0:
		return 0, unix.ENOSYS // threads have a call of their own
	case flags&(unix.CLONE_VM|unix.CLONE_VFORK) == unix.CLONE_VM:
		// Two processes that run on one memory. With CLONE_VFORK only one of
		// them runs at a time, and a copy serves as well.
		return 0, unix.ENOSYS
	}
	if flags&unix.CLONE_VM == 0 {
		return flags &^ cloneNative, 0
	}
	return flags &^ cloneDropped, 0
}

// sysClone is clone(2) with the order of arguments of x86-64, for processes. The
// child goes on where the parent does, on a copy of its stack, whatever the stack
// argument says.
func sysClone(t *Thread, a Args) int64 {
	flags, e := cloneFlags(a[0])
	if e != 0 {
		return errno(e)
	}
	return t.fork(Clone{
		Flags:     uintptr(flags),
		ParentTID: t.Memory.Host(a.Ptr(2)),
		ChildTID:  t.Memory.Host(a.Ptr(3)),
	})
}

// Layout of struct clone_args, all u64; clone3(2), include/uapi/linux/sched.h.
const (
	cloneArgsFlags     = 0
	cloneArgsPidfd     = 8
	cloneArgsChildTID  = 16
	cloneArgsParentTID = 24
	cloneArgsStack     = 40
	cloneArgsStackSize = 48
	cloneArgsTLS       = 56
	cloneArgsSetTID    = 64

	cloneArgsMin = 64 // CLONE_ARGS_SIZE_VER0
	cloneArgsMax = 4096
)

// sysClone3 is clone3(2), for processes.
func sysClone3(t *Thread, a Args) int64 {
	size := a.Uint(1)
	switch {
	case size > cloneArgsMax:
		return errno(unix.E2BIG)
	case size < cloneArgsMin:
		return errno(unix.EINVAL)
	}
	b := t.alloc(int(size))
	if e := t.Memory.Read(a.Ptr(0), b); e != 0 {
		return errno(e)
	}
	le := binary.LittleEndian
	flags := le.Uint64(b[cloneArgsFlags:])
	if flags&cloneClearSighand != 0 && flags&unix.CLONE_SIGHAND != 0 {
		return errno(unix.EINVAL)
	}
	flags, e := cloneFlags(flags)
	if e != 0 {
		return errno(e)
	}
	le.PutUint64(b[cloneArgsFlags:], flags&^cloneClearSighand)
	if (le.Uint64(b[cloneArgsStack:]) == 0) != (le.Uint64(b[cloneArgsStackSize:]) == 0) {
		return errno(unix.EINVAL)
	}
	for _, offset := range []int{cloneArgsStack, cloneArgsStackSize, cloneArgsTLS} {
		le.PutUint64(b[offset:], 0)
	}
	for _, offset := range []int{cloneArgsPidfd, cloneArgsChildTID, cloneArgsParentTID, cloneArgsSetTID} {
		if offset+8 > len(b) {
			continue
		}
		p := le.Uint64(b[offset:])
		if p > 1<<32-1 {
			return errno(unix.EFAULT)
		}
		le.PutUint64(b[offset:], uint64(t.Memory.Host(uint32(p))))
	}
	return t.fork(Clone{Flags: uintptr(flags), Args: address(b), ArgsSize: uintptr(size),
		clearHandlers: flags&cloneClearSighand != 0})
}

// vforks is about vfork in two parts, as our C library makes it: prctlVfork.
type vforks struct {
	next   bool  // the next fork is to be one
	result int64 // of that, until it is waited for
}

// setVfork is an option of prctl: see prctlVfork.
func (t *Thread) setVfork(next uint32) int64 {
	switch next {
	case 0:
		if r := t.vforks.result; r != 0 {
			t.vforks.result = 0
			t.Helper.AwaitVfork(r)
		}
		return 0
	case 1:
		t.vforks.next = true
		return 0
	}
	return errno(unix.EINVAL)
}

// fork makes a child process.
//
// A signal that was caught before belongs to the parent alone, so its handler
// runs first, as it would have natively. One that is caught after the kernel has
// made the child waits until the child, or the parent, is through here.
func (t *Thread) fork(c Clone) int64 {
	mask, ok := t.quietSignals()
	if !ok {
		return errno(unix.EINTR) // nobody will see it
	}
	shared := c.Flags&unix.CLONE_FILES != 0
	if shared {
		t.files.ShareTable()
	}
	later := t.vforks.next && c.Args == 0
	if later {
		c.Flags |= unix.CLONE_VFORK
	}
	t.vforks = vforks{}
	stopped := t.Helper.StopOthers()
	t.Process.Memory.Lock()
	r := t.Helper.Fork(c)
	t.Process.Memory.Unlock()
	if r == 0 {
		t.forkedChild()
		if c.clearHandlers {
			t.Actions.Clear()
		}
		t.guard().Forked(shared)
	}
	if stopped {
		t.Helper.ResumeOthers()
	}
	switch {
	case r == 0 || c.Flags&unix.CLONE_VFORK == 0:
	case later && r > 0:
		t.vforks.result = r
	default:
		t.Helper.AwaitVfork(r)
	}
	t.Signals.SetKernelMask(mask)
	if r == 0 {
		t.ShowStart()
		t.Helper.Forked()
	}
	return r
}

// forkedChild makes the thread what the only thread of a new process is, where
// that is not the kernel's doing: nothing is pending, and what memory does not
// inherit is gone.
func (t *Thread) forkedChild() {
	t.Signals.Forked()
	t.forkedThread()
	t.Process.Memory.ForkedChild()
}

package wali

import (
	"golang.org/x/sys/unix"

	"walisup/wali/signals"
)

// Helper is what the process that runs a guest thread does for it: all that this package
// wants done and cannot do itself, because it needs the engine, the Go runtime's threads,
// the start of programs or the connection to the supervisor. There is one for each thread.
// Its methods are called in that thread.
//
// Two things go the other way by data and not by calls: Thread.Gate, through which the raw
// signal handler and the thread speak, and what Process describes.
type Helper interface {
	// Collect is called now and then between system calls, when the thread holds no
	// lock, to see whether the Go heap should be collected.
	Collect()

	// MoveReserved moves the helper's descriptors from ReservedFD to SpareFD, with
	// all other threads stopped, and sets ReservedFD. The soft limit admits both
	// places.
	MoveReserved() unix.Errno

	signalHelper
	forkHelper
	execHelper
	layerHelper
	threadHelper
	endHelper
}

// signalHelper is what signals need of the engine.
type signalHelper interface {
	signals.Helper
	// Trap turns an engine's trap into a signal, see Thread.Trap.
	Trap(err error) (resume bool)
}

// forkHelper is what a thread needs for the guest to fork.
type forkHelper interface {
	// Fork makes a copy of the process in which only the calling thread goes
	// on. It returns as fork(2) does: a process id, 0 in the child, or a
	// negative errno. All signals but Unblockable are blocked, and the memory's
	// page map is locked.
	Fork(c Clone) int64
	// Forked is called in a child before it goes on.
	Forked()
	// StopOthers returns when all other guest threads stand still outside of
	// the guest's code, with no lock held, and keeps them there until
	// ResumeOthers, which a child calls too.
	StopOthers() (stopped bool)
	ResumeOthers()
	// AwaitVfork completes a Fork with CLONE_VFORK, whose result it gets, in the
	// parent: it returns when the child has executed another program or has ended.
	// Other threads go on meanwhile.
	AwaitVfork(result int64)
	// LetVforkGo makes the parent of a child of vfork go on early. The child calls it
	// before it gives the kernel a robust list, which it has only one of.
	LetVforkGo()
	// BeAlone ends threads of the helper's own if the calling thread is the guest's
	// only one, so that the process has one thread.
	BeAlone()
	// HasIdleThreads reports whether BeAlone may have something to do.
	HasIdleThreads() bool
}

// execHelper executes programs.
type execHelper interface {
	// Exec replaces the process by one that runs a module. It returns only if
	// that cannot be done.
	Exec(x *Exec) unix.Errno
	// NativeExec reports whether native programs may be started.
	NativeExec() bool
}

// layerHelper knows about layers.
type layerHelper interface {
	// LayerName is what messages call the layer whose call is under way, "" if it is none's.
	LayerName() string
}

// threadHelper is for threads that end by themselves, and for calls that concern all
// threads.
type threadHelper interface {
	// ExitThread ends the calling thread: the host function then returns at
	// once, and nothing of the guest runs in the thread any more. For the last
	// thread it ends the process. status is what exit(2) was given.
	ExitThread(status int32)
	// Peer returns the guest thread with the given id, nil if there is none.
	Peer(tid int32) *Thread
	// Peers stops all other guest threads for good, and calls f for each.
	Peers(f func(tid uint32, other *Thread))
	// EveryThread issues a call in every thread of the process, the helper's own
	// included, so that new ones inherit what it does. The result is that in the
	// calling thread, which goes first: if it fails there the others do nothing.
	EveryThread(nr, a0, a1, a2 uintptr) int64
}

// endHelper hears how processes end. Its methods do not block.
type endHelper interface {
	// Exiting is called before the process ends with the status of exit_group.
	Exiting(status int32)
	// Reaped is called when a wait has returned the end of a child, with its
	// wait status.
	Reaped(pid int32, status uint32)
}

// noHelper is the Helper of a thread that is its process's only one, runs no compiled code
// and catches no signals: of one that has not begun, and of those of tests. What it cannot
// do fails as if the kernel did not know it.
type noHelper struct{ t *Thread }

func (noHelper) StackPointer() (uint32, bool) { return 0, false }
func (noHelper) Collect()                     {}
func (noHelper) MoveReserved() unix.Errno     { return unix.EBADF }

// Take has no signal to give.
func (n noHelper) Take(*Siginfo) (mask uint64) {
	n.t.Gate.Pending = 0
	mask, _ = n.t.Signals.Block()
	return mask
}
func (noHelper) PendingMask() uint64                                               { return signals.All }
func (noHelper) SetPendingMask(uint64)                                             {}
func (noHelper) CallHandler(*signals.Action, int, *Siginfo, *uint64) (jumped bool) { return false }
func (n noHelper) Die(sig int) {
	n.t.call(unix.SYS_TGKILL, uintptr(unix.Getpid()), uintptr(unix.Gettid()), uintptr(sig), 0, 0, 0)
}
func (n noHelper) ShowSignal(info *Siginfo)                 { n.t.ShowSignal(info) }
func (noHelper) Trap(error) (resume bool)                   { return false }
func (noHelper) Fork(Clone) int64                           { return errno(enosys) }
func (noHelper) Forked()                                    {}
func (noHelper) StopOthers() (stopped bool)                 { return false }
func (noHelper) ResumeOthers()                              {}
func (noHelper) AwaitVfork(int64)                           {}
func (noHelper) LetVforkGo()                                {}
func (noHelper) BeAlone()                                   {}
func (noHelper) HasIdleThreads() bool                       { return false }
func (noHelper) Exec(*Exec) unix.Errno                      { return enosys }
func (noHelper) NativeExec() bool                           { return false }
func (noHelper) LayerName() string                          { return "" }
func (n noHelper) ExitThread(status int32)                  { sysExitGroup(n.t, Args{uint64(uint32(status))}) }
func (noHelper) Peer(int32) *Thread                         { return nil }
func (noHelper) Peers(func(uint32, *Thread))                {}
func (n noHelper) EveryThread(nr, a0, a1, a2 uintptr) int64 { return n.t.call(nr, a0, a1, a2, 0, 0, 0) }
func (noHelper) Exiting(int32)                              {}
func (noHelper) Reaped(int32, uint32)                       {}

package supervisor

import (
	"time"

	"golang.org/x/sys/unix"

	"walisup/ipc/channel"
	"walisup/supervisor/isolation"
	"walisup/supervisor/proctree"
)

// Guest is a running guest: its first process, and what was made for all of them.
type Guest struct {
	pid     int
	tree    *proctree.Tree
	slot    channel.Ref        // of the first process
	objects *isolation.Objects // its cgroups and network
	ready   int                // see Ready; -1 in the foreground
	signals *signalRelay       // nil unless in the foreground

	foreground  bool // in the caller's session
	keepOrphans bool
	madeTree    bool // the tree was made by Start
	claimed     bool // slot is the tree's to give back
}

// Pid returns the process id of the guest's first process.
func (g *Guest) Pid() int { return g.pid }

// Tree is what the guest's processes belong to. In a session of its own it outlives the
// first process, and is the caller's to end and close.
func (g *Guest) Tree() *proctree.Tree { return g.tree }

// Cgroups are the cgroups that were made for the guest. In a session of its own they
// are the caller's to remove.
func (g *Guest) Cgroups() isolation.Cgroups { return g.objects.Cgroups() }

// Ready waits until the guest itself runs. False means that its helper has ended before
// that.
//
// Precondition: called once, for a guest in a session of its own.
func (g *Guest) Ready() bool {
	defer unix.Close(g.ready)
	var one [1]byte
	for {
		n, err := unix.Read(g.ready, one[:])
		if err != unix.EINTR {
			return n == 1
		}
	}
}

// CloseReady is for who does not call Ready.
func (g *Guest) CloseReady() { unix.Close(g.ready) }

// abandon gives up what was made for a guest that has not started.
func (g *Guest) abandon() {
	if g.signals != nil {
		g.signals.abandon()
	}
	if g.ready >= 0 {
		unix.Close(g.ready)
	}
	if !g.claimed {
		return
	}
	g.objects.Remove()
	g.tree.Abandon(g.slot)
	if g.madeTree {
		g.tree.Close()
	}
}

// killTimeout is how long the end of a killed process is waited for. Longer than
// that takes only what hangs in the kernel.
const killTimeout = 10 * time.Second

// Wait waits for the end of the guest's first process and returns how that ended, see
// [EndOf] and [Die].
//
// In the foreground, the calling process stops when the guest does, by the same signal.
// What the first process leaves behind in a tree that Start has made is killed, see
// [Spec], and its cgroups are removed. If that cannot be done the error says so; the
// status is valid all the same. Signals have no effect afterwards either, so that a
// second ^C does not keep the caller from putting things in order, until
// [Guest.Release]; see [Guest.Missed].
//
// Precondition: called once.
func (g *Guest) Wait() (unix.WaitStatus, error) {
	for {
		ws, err := g.tree.Wait(g.pid)
		switch {
		case err != nil:
			return 0, failed(ExitOwn, "%w", err)
		case (ws.Exited() || ws.Signaled()) && g.foreground:
			return ws, g.end()
		case ws.Exited() || ws.Signaled():
			return ws, nil
		case ws.Stopped() && g.foreground:
			if err := g.signals.stopSelf(ws.StopSignal()); err != nil {
				return 0, failed(ExitOwn, "stop with process %d: %w", g.pid, err)
			}
		}
	}
}

// Missed returns a signal with which the terminal has asked for the end of the calling
// process when the guest had ended already, 0 if it has not: the caller, having put
// things in order, is to die of it. Preconditions: Wait has returned, and the guest was
// in the foreground.
func (g *Guest) Missed() unix.Signal { return g.signals.missed() }

// Release lets signals have their effect on the calling process again, and the next guest
// be started. Preconditions: as for [Guest.Missed].
func (g *Guest) Release() { g.signals.release() }

// end clears away what is left of a guest in the foreground.
func (g *Guest) end() error {
	g.signals.end()
	if !g.madeTree {
		return g.objects.Remove()
	}
	var err error
	if !g.keepOrphans {
		err = g.tree.Kill(killTimeout)
		// Removing the cgroups would kill what is left in them.
		if removal := g.objects.Remove(); err == nil {
			err = removal
		}
	}
	g.tree.Close()
	if err != nil {
		return failed(ExitOwn, "end of the instance: %w", err)
	}
	return nil
}

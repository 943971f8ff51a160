package helper

import (
	"fmt"

	"golang.org/x/sys/unix"

	"walisup/ipc"
	"walisup/ipc/channel"
)

// registered is a process's place in the channel to the supervisor. What is told there
// is for people to look at: nothing in the process depends on it, and without a
// channel, or without a slot in it, all of this does nothing.
//
// Each thread has a copy of its own. A child of fork writes to its thread in any
// case: what it need not write to elsewhere spares it a copied page.
type registered struct {
	ref channel.Ref
	pid int
}

// openChannel maps the channel if the boot record says that there is one.
func (b *bootstrap) openChannel() error {
	if !b.Boot.Channel {
		return nil
	}
	c, err := channel.Map(b.first + ipc.ChannelOffset)
	if err != nil {
		return fmt.Errorf("open the channel to walisup: %w", err)
	}
	b.channel = c
	return nil
}

// begin says that the guest's program is about to start.
func (t *thread) begin() {
	b := t.boot
	if b.channel == nil {
		return
	}
	t.registered = registered{ref: channel.Ref{Slot: b.Slot, Generation: b.Generation}, pid: unix.Getpid()}
	b.channel.Adopt(t.ref, t.pid)
	b.channel.Report(t.ref, t.pid)
	b.channel.Begin(t.ref, t.pid, b.Module)
}

// hasForked is the parent's part after a fork: result is a pid or a negative errno.
func (t *thread) hasForked(child channel.Ref, result int64) {
	c := t.boot.channel
	if result < 0 {
		c.Abandon(child, t.pid)
		return
	}
	c.Adopt(child, int(result))
	c.Report(child, int(result))
	c.Forked(t.ref)
}

// becomeChild is the child's part.
func (t *thread) becomeChild(child channel.Ref, pid int) {
	if t.boot.channel == nil {
		return
	}
	t.registered = registered{ref: child, pid: pid}
	t.boot.channel.Adopt(child, pid)
}

// exiting says how the process is about to end.
func (t *thread) exiting(status unix.WaitStatus) {
	t.boot.channel.Exiting(t.ref, t.pid, uint32(status))
}

// exitStatus is the wait status of a process that exits.
func exitStatus(status int) unix.WaitStatus { return unix.WaitStatus(status&0xff) << 8 }

// Exiting implements wali.Helper.
func (t *thread) Exiting(status int32) { t.exiting(exitStatus(int(status))) }

// Reaped implements wali.Helper.
func (t *thread) Reaped(pid int32, status uint32) { t.boot.channel.Reaped(int(pid), status) }

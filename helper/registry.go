package helper

import (
	"fmt"

	"golang.org/x/sys/unix"

	"walisup/ipc"
	"walisup/ipc/channel"
	"walisup/wali"
)

// registry is the process's part of the channel to the supervisor. What it tells
// is for people to look at: nothing in the process depends on it, and without a
// channel, or without a slot in it, all methods do nothing.
type registry struct {
	channel *channel.Channel
	ref     channel.Ref
	pid     int
}

// openChannel maps the channel if the boot record says that there is one.
func (b *bootstrap) openChannel() error {
	b.pid = unix.Getpid()
	if !b.Boot.Channel {
		return nil
	}
	c, err := channel.Map(b.first + ipc.ChannelOffset)
	if err != nil {
		return fmt.Errorf("open the channel to walisup: %w", err)
	}
	b.channel, b.ref = c, channel.Ref{Slot: b.Slot, Generation: b.Generation}
	return nil
}

// begin says that the guest's program is about to start.
func (b *bootstrap) begin() error {
	if b.channel == nil {
		return nil
	}
	// Native programs do not get it, and modules only by Exec.
	if _, err := unix.FcntlInt(uintptr(b.first+ipc.ChannelOffset), unix.F_SETFD, unix.FD_CLOEXEC); err != nil {
		return fmt.Errorf("hide the channel: %w", err)
	}
	b.channel.Adopt(b.ref, b.pid)
	b.channel.Begin(b.ref, b.pid, b.Module)
	return nil
}

// showChannel keeps the channel's descriptor open over an execve, or not.
func (b *bootstrap) showChannel(show bool) {
	if b.channel == nil {
		return
	}
	flags := unix.FD_CLOEXEC
	if show {
		flags = 0
	}
	unix.FcntlInt(uintptr(b.first+ipc.ChannelOffset), unix.F_SETFD, flags)
}

// forking takes a slot for a child.
func (b *bootstrap) forking() channel.Ref { return b.channel.Claim(b.pid, b.Module) }

// forked is the parent's part after a fork: result is a pid or a negative errno.
func (r *registry) forked(child channel.Ref, result int64) {
	if result < 0 {
		r.channel.Abandon(child, r.pid)
		return
	}
	r.channel.Adopt(child, int(result))
	r.channel.Forked(r.ref)
}

// became is the child's part.
func (r *registry) became(child channel.Ref) {
	r.pid, r.ref = unix.Getpid(), child
	r.channel.Adopt(child, r.pid)
}

// exiting says how the process is about to end.
func (r *registry) exiting(status unix.WaitStatus) {
	r.channel.Exiting(r.ref, r.pid, uint32(status))
}

// exitStatus is the wait status of a process that exits.
func exitStatus(status int) unix.WaitStatus { return unix.WaitStatus(status&0xff) << 8 }

// Exiting implements wali.Reporter.
func (t *thread) Exiting(status int32) { t.boot.exiting(exitStatus(int(status))) }

// Reaped implements wali.Reporter.
func (t *thread) Reaped(pid int32, status uint32) { t.boot.channel.Reaped(int(pid), status) }

var _ wali.Reporter = (*thread)(nil)

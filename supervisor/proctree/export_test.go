package proctree

import (
	"golang.org/x/sys/unix"

	"walisup/ipc/channel"
)

// Sources is sources with the lock held.
func (t *Tree) Sources() []Mechanism {
	t.lock.Lock()
	defer t.lock.Unlock()
	return t.sources()
}

// Channel is the tree's channel, nil if it has none, and Problem why it has none.
func (t *Tree) Channel() *channel.Channel { return t.channel }
func (t *Tree) Problem() error            { return t.problem }

// Snapshot is TakeSnapshot with what the supervisor has found out last.
func (t *Tree) Snapshot() Snapshot {
	t.update()
	return TakeSnapshot(t.channel, unix.Getpid())
}

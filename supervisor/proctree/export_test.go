package proctree

import "golang.org/x/sys/unix"

// Sources is sources with the lock held.
func (t *Tree) Sources() []Mechanism {
	t.lock.Lock()
	defer t.lock.Unlock()
	return t.sources()
}

// Problem is why the tree has no channel.
func (t *Tree) Problem() error { return t.problem }

// Snapshot is TakeSnapshot with what the supervisor has found out last.
func (t *Tree) Snapshot() Snapshot {
	t.update()
	return TakeSnapshot(t.channel, unix.Getpid())
}

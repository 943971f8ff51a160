package proctree

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"walisup/supervisor/procfs"
)

// killPause is how long killed processes get to end before the next look.
const killPause = 10 * time.Millisecond

// Kill kills all processes of the tree, however they have daemonised, and returns
// when they are gone. It stops them all first, so that none is made behind its
// back, and tells helpers to make no more. What is left after the timeout cannot be
// killed (it is another user's, or hangs in the kernel); the error names it.
//
// Processes that somebody waits for with [Tree.Wait] are killed too, and Wait says
// so.
func (t *Tree) Kill(timeout time.Duration) error {
	if !t.anyChild() {
		return nil
	}
	if t.channel != nil {
		t.channel.SetStop(true)
		defer t.channel.SetStop(false)
	}
	self, err := procfs.Self()
	if err != nil {
		return err
	}
	descendants := func() ([]procfs.Stat, error) {
		all := procfs.Below(self)
		return all[min(1, len(all)):], nil
	}
	for deadline := time.Now().Add(timeout); ; {
		// Whoever may not be signalled may still end by itself.
		err := kill(descendants, time.Until(deadline), func(error) error { t.reapFor(killPause); return nil })
		if err != nil {
			return err
		}
		if !t.anyChild() {
			t.settle()
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("children of walisup do not end in %v", timeout)
		}
		t.reapFor(killPause)
	}
}

// settle says in the table of all processes that they have ended, when none is left.
func (t *Tree) settle() {
	t.update()
	t.lock.Lock()
	defer t.lock.Unlock()
	if t.cursor != nil {
		t.sweep(true)
	}
}

// anyChild reports whether the supervisor has children, zombies not counted that
// can be waited for now.
func (t *Tree) anyChild() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for {
		if t.reaping {
			return true // by somebody else, who has not been told that there are none
		}
		err := t.reap(unix.WNOHANG)
		if err != nil {
			return !errors.Is(err, unix.ECHILD)
		}
	}
}

// reapFor waits for children as they end, for a time.
func (t *Tree) reapFor(d time.Duration) {
	deadline := time.Now().Add(d)
	pause := d / 64
	for t.anyChild() && time.Now().Before(deadline) {
		time.Sleep(pause)
		pause = min(2*pause, d/4)
	}
}

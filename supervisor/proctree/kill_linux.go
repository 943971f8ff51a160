package proctree

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"walisup/supervisor/procfs"
)

// killRounds is how often all processes are stopped before they are killed even
// though new ones still appear.
const killRounds = 100

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
	deadline := time.Now().Add(timeout)
	for {
		left := t.stopAll()
		for _, pid := range left {
			signal(pid, unix.SIGKILL)
		}
		if len(left) == 0 && !t.anyChild() {
			t.settle()
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("processes %v could not be killed in %v", left, timeout)
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

// stopAll stops all descendants and returns them, when no further one is found.
// Zombies do not count.
func (t *Tree) stopAll() []int {
	stopped := map[int]bool{}
	var list []int
	for range killRounds {
		found := false
		for _, pid := range descendants(unix.Getpid()) {
			if !stopped[pid] {
				stopped[pid], found = true, true
				list = append(list, pid)
				signal(pid, unix.SIGSTOP)
			}
		}
		if !found {
			break
		}
	}
	return list
}

// descendants returns the living processes below pid.
func descendants(pid int) []int {
	list := []int{pid}
	known := map[int]bool{pid: true}
	for i := 0; i < len(list) && i < maxProcesses; i++ {
		for _, child := range procfs.Children(list[i]) {
			if !known[child] {
				known[child] = true
				list = append(list, child)
			}
		}
	}
	alive := list[:0]
	for _, p := range list[1:] {
		if st, err := procfs.ReadStat(p); err == nil && !st.Ended() {
			alive = append(alive, p)
		}
	}
	return alive
}

// signal sends a signal to a descendant. Whether the pid is still that process's is
// made sure with a pidfd: all of the tree are descendants.
func signal(pid int, sig unix.Signal) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if !descendsFrom(pid, unix.Getpid()) {
		return unix.ESRCH
	}
	return unix.PidfdSendSignal(fd, sig, nil, 0)
}

// maxDepth bounds a chain of parents that changes while it is followed, and could
// lead in a circle.
const maxDepth = 1 << 12

// descendsFrom reports whether process pid is a living descendant of ancestor.
func descendsFrom(pid, ancestor int) bool {
	for range maxDepth {
		st, err := procfs.ReadStat(pid)
		if err != nil || st.Parent == 0 {
			return false
		}
		if st.Parent == ancestor {
			return true
		}
		pid = st.Parent
	}
	return false
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

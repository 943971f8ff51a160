package control

import (
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"walisup/ipc/channel"
	"walisup/supervisor/instance"
	"walisup/supervisor/procfs"
	"walisup/supervisor/proctree"
)

// Snapshot returns the processes of an instance: those that are there and, as far as the
// channel tells, those that have ended.
func Snapshot(i *instance.Instance) proctree.Snapshot {
	c := openChannel(i)
	defer c.Close()
	supervisor := 0
	if i.State.Monitor.Running() {
		supervisor = i.State.Monitor.Pid
	}
	return proctree.TakeSnapshot(c, supervisor)
}

// openChannel opens the channel of an instance; nil if there is none.
func openChannel(i *instance.Instance) *channel.Channel {
	fd, err := FindChannel(i)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	c, err := channel.Map(fd)
	if err != nil {
		return nil
	}
	return c
}

// finder finds the living processes of an instance. Besides those that the
// channel tells of, they are the descendants of the first ones.
func finder(i *instance.Instance) proctree.Finder {
	return func() ([]procfs.Stat, error) {
		found := procfs.Below(i.State.Roots()...)
		known := map[procfs.Identity]bool{}
		for _, p := range found {
			known[p.Identity] = true
		}
		for _, p := range Snapshot(i).Processes {
			id := procfs.Identity{Pid: p.PID, Start: p.Start}
			if p.Alive() && !known[id] {
				found = append(found, procfs.Stat{Identity: id, State: p.State, Parent: p.Parent, Name: p.Name})
			}
		}
		return found, nil
	}
}

// Kill kills all processes of an instance and returns when none is left.
func Kill(i *instance.Instance) error {
	err := proctree.Kill(finder(i))
	wakeStandIns(i, true)
	return err
}

// wakeStandIns continues the walisups that have stopped because a process that they
// stand in for did. If that has ended they are given the time to see it: they may just
// be about to stop.
func wakeStandIns(i *instance.Instance, ending bool) {
	var list []procfs.Identity
	if !i.Options.Detached {
		list = append(list, i.State.Monitor)
	}
	for _, other := range i.State.Others {
		list = append(list, other.StandIn)
	}
	for end := time.Now().Add(standInTime); len(list) > 0; time.Sleep(5 * time.Millisecond) {
		list = slices.DeleteFunc(list, func(id procfs.Identity) bool {
			p, err := procfs.ReadStat(id.Pid)
			if err != nil || p.Start != id.Start || p.Ended() {
				return true
			}
			if p.State == 'T' {
				p.Signal(unix.SIGCONT)
			}
			return false
		})
		if !ending || time.Now().After(end) {
			return
		}
	}
}

// standInTime is how long a walisup may take to see that its guest has been killed.
const standInTime = 5 * time.Second

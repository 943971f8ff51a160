package tree

import "fmt"

// Facility is one way by which a tree learns what happens to its processes.
type Facility struct {
	Name   string // channel, subreaper, pidfd, connector
	InUse  bool
	Detail string // what it gives, or why it is not in use
}

// Sources returns what the tree uses, for people to see how much it can know.
func (t *Tree) Sources() []Facility {
	list := []Facility{{Name: "channel", InUse: true, Detail: "processes register by themselves"}}
	if t.problem != nil {
		list[0] = Facility{Name: "channel", Detail: t.problem.Error()}
	}
	list = append(list, Facility{Name: "subreaper", InUse: t.subreaper, Detail: "orphans become the supervisor's children"})
	if !t.subreaper {
		list[1].Detail = "the supervisor did not start these processes"
	}
	pidfd := Facility{Name: "pidfd", InUse: t.channel != nil}
	if pidfdTellsExit() {
		pidfd.Detail = "with exit status (PIDFD_GET_INFO)"
	} else {
		pidfd.Detail = "the exit status is read from zombies (PIDFD_GET_INFO gives it since Linux 6.15)"
	}
	t.lock.Lock()
	if t.missed > 0 {
		pidfd.Detail += fmt.Sprintf("; %d processes without", t.missed)
	}
	t.lock.Unlock()
	return append(list, pidfd)
}

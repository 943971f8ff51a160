package proctree

import (
	"fmt"
	"strings"

	"walisup/ipc/channel"
	"walisup/supervisor/procfs"
)

// Mechanism is one way by which a tree learns what happens to its processes.
type Mechanism struct {
	Name   string `json:"name"` // channel, subreaper, pidfd, connector
	InUse  bool   `json:"in_use"`
	Detail string `json:"detail"` // what it gives, or why it is not in use
}

// sources returns what the tree uses, for people to see how much it can know.
//
// Precondition: the lock is held.
func (t *Tree) sources() []Mechanism {
	list := []Mechanism{{Name: "channel", InUse: true, Detail: "processes register by themselves"}}
	if t.problem != nil {
		list[0] = Mechanism{Name: "channel", Detail: t.problem.Error()}
	}
	list = append(list, Mechanism{Name: "subreaper", InUse: t.subreaper, Detail: "orphans become the supervisor's children"})
	if !t.subreaper {
		list[1].Detail = "the supervisor did not start these processes"
	}
	pidfd := Mechanism{Name: "pidfd", InUse: t.channel != nil}
	if procfs.TellsStatus() {
		pidfd.Detail = "with exit status (PIDFD_GET_INFO)"
	} else {
		pidfd.Detail = "the exit status is read from zombies (PIDFD_GET_INFO gives it since Linux 6.15)"
	}
	if t.missed > 0 {
		pidfd.Detail += fmt.Sprintf("; %d processes without", t.missed)
	}
	connector := Mechanism{Name: "connector", InUse: t.connector != nil, Detail: "ends of processes that had no pidfd"}
	switch {
	case t.connectorProblem != nil:
		connector.Detail = t.connectorProblem.Error()
	case t.connector == nil:
		connector.Detail = "not tried yet"
	case t.connector.lost:
		connector.Detail += "; the kernel has dropped some"
	}
	return append(list, pidfd, connector)
}

// noteSources writes what is in use into the channel, for other processes.
func (t *Tree) noteSources() {
	var b strings.Builder
	for _, f := range t.sources() {
		use := "-"
		if f.InUse {
			use = "+"
		}
		fmt.Fprintf(&b, "%s%s %s\n", use, f.Name, f.Detail)
	}
	t.channel.SetNotes(b.String())
}

// notedSources reads what noteSources has written.
func notedSources(c *channel.Channel) (list []Mechanism) {
	for _, line := range c.Notes() {
		if len(line) < 2 {
			continue
		}
		name, detail, _ := strings.Cut(line[1:], " ")
		list = append(list, Mechanism{Name: name, InUse: line[0] == '+', Detail: detail})
	}
	return list
}

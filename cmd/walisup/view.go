//go:build linux && amd64

package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/docker/go-units"
	"golang.org/x/sys/unix"

	"walisup/supervisor/instance"
	"walisup/supervisor/signalname"
)

// view is an instance as ps and inspect show it, in tables, JSON and templates.
type view struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Status     string     `json:"status"` // a Phase of package instance
	Pid        int        `json:"pid"`    // of the main process, 0 if there is none
	Monitor    int        `json:"monitor"`
	Supervised bool       `json:"supervised"` // its monitor, or the walisup that it runs under, is there
	Detached   bool       `json:"detached"`
	Module     string     `json:"module"`
	Command    []string   `json:"command"`
	Created    time.Time  `json:"created"`
	Started    *time.Time `json:"started"`
	Finished   *time.Time `json:"finished"`
	ExitStatus *int       `json:"exit_status"` // null while it runs, or if nobody knows
	ExitSignal string     `json:"exit_signal"` // that ended it, if one did
	Restarts   int        `json:"restarts"`
	Restart    string     `json:"restart"`
	Problems   []string   `json:"problems"`

	inst *instance.Instance
}

func newView(i *instance.Instance) view {
	c := i.Condition()
	v := view{
		ID: i.ID, Name: i.Name, Status: string(c.Phase), Supervised: c.Supervised, Detached: i.Options.Detached,
		Module:   string(i.Command.Path),
		Command:  append([]string{string(i.Command.Argv0)}, instance.Strings(i.Command.Args)...),
		Created:  i.Created,
		Started:  optionalTime(i.State.Started),
		Finished: optionalTime(i.State.Finished),
		Restarts: i.State.Restarts,
		Restart:  i.Options.Restart.String(),
		Problems: append([]string{}, i.State.Problems...),
		inst:     i,
	}
	if c.Supervised {
		v.Monitor = i.State.Monitor.Pid
	}
	if i.State.Main.Running() && c.Active() {
		v.Pid = i.State.Main.Pid
	}
	if i.State.StatusKnown {
		status := i.State.Status
		v.ExitStatus = &status
		if sig := i.State.Signal; sig != 0 {
			v.ExitSignal = signalname.Of(unix.Signal(sig))
		}
	}
	return v
}

func optionalTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// status is how a table shows the condition.
func (v view) status() string {
	switch instance.Phase(v.Status) {
	case instance.Exited:
		if v.ExitStatus == nil {
			return "exited (unknown)"
		}
		return fmt.Sprintf("exited (%d)", *v.ExitStatus)
	case instance.Running, instance.Paused:
		if !v.Supervised {
			return v.Status + " (unsupervised)"
		}
	}
	return v.Status
}

func (v view) shortID() string { return v.ID[:instance.ShortID] }

// since is when its present condition began, for people.
func (v view) since(now time.Time) string {
	t := v.Created
	switch {
	case v.Finished != nil:
		t = *v.Finished
	case v.Started != nil:
		t = *v.Started
	}
	return units.HumanDuration(now.Sub(t)) + " ago"
}

// commandLine writes the command as one would type it.
func (v view) commandLine() string {
	words := make([]string, len(v.Command))
	for n, word := range v.Command {
		words[n] = quote(word)
	}
	return strings.Join(words, " ")
}

func quote(word string) string {
	if word != "" && !strings.ContainsAny(word, " \t\n'\"\\$`*?[]#~&;()<>|{}!") {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

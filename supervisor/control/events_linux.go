package control

import (
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"walisup/ipc/channel"
	"walisup/supervisor"
	"walisup/supervisor/instance"
	"walisup/supervisor/signalname"
)

// Event is something that a process of an instance did, or that happened to it.
type Event struct {
	Time time.Time `json:"time"`
	Kind string    `json:"kind"` // see channel.Kind
	Pid  int       `json:"pid"`

	// Other is the parent for fork, the thread for thread-start and thread-end,
	// otherwise 0.
	Other int `json:"other,omitempty"`

	// Module is the file name of the module that the process runs, if that is still
	// known.
	Module string `json:"module,omitempty"`

	// Status is the exit status as a shell writes it, for exit, and Source who says
	// so; Signal the signal, for signal.
	Status *int   `json:"status,omitempty"`
	Source string `json:"source,omitempty"`
	Signal string `json:"signal,omitempty"`
}

// EventReader reads what happens in an instance, as its processes and its supervisor
// tell it in the channel. That keeps the last few thousand events.
type EventReader struct {
	inst    *instance.Instance
	channel *channel.Channel
	cursor  *channel.Cursor
}

// NewEventReader returns a reader of what an instance's channel still holds and of
// what comes; with latest only of what comes.
func NewEventReader(i *instance.Instance, latest bool) (*EventReader, error) {
	fd, err := FindChannel(i)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	c, err := channel.Map(fd)
	if err != nil {
		return nil, err
	}
	return &EventReader{inst: i, channel: c, cursor: c.Events(latest)}, nil
}

// Close closes the channel.
//
// Precondition: no other method is being called.
func (r *EventReader) Close() { r.channel.Close() }

// Lost is how many events were overwritten before they were read.
func (r *EventReader) Lost() uint64 { return r.cursor.Lost() }

// Next returns the next event; ok is false if there is none.
func (r *EventReader) Next() (e Event, ok bool) {
	raw, ok := r.cursor.Next()
	if !ok {
		return Event{}, false
	}
	return r.describe(&raw), true
}

// Await is Next, but waits for an event until the instance has ended or enough, which
// is asked several times a second, reports true.
func (r *EventReader) Await(enough func() bool) (e Event, ok bool) {
	for {
		bell := r.channel.Bell()
		if raw, ok := r.cursor.Next(); ok {
			return r.describe(&raw), true
		}
		if enough() {
			return Event{}, false
		}
		if r.inst.Reload() != nil || !r.inst.Condition().Active() {
			return r.Next()
		}
		r.channel.Await(bell, time.Second/4)
	}
}

func (r *EventReader) describe(raw *channel.Event) Event {
	e := Event{Time: raw.Time, Kind: raw.Kind.String(), Pid: raw.PID, Other: raw.Other}
	if s, ok, _ := r.channel.Slot(raw.Ref); ok && s.PID == raw.PID && s.Module != "" {
		e.Module = filepath.Base(s.Module)
	}
	switch raw.Kind {
	case channel.Exit:
		if raw.Source != channel.Nobody {
			status := supervisor.EndOf(unix.WaitStatus(raw.Value)).Status
			e.Status, e.Source = &status, raw.Source.String()
		}
	case channel.Signal:
		e.Signal = signalname.Of(unix.Signal(raw.Value))
	}
	return e
}

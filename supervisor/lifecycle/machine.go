// Package lifecycle decides what a monitor does: what happens and the time go in,
// what is to be done comes out. It knows no processes, files or clocks, so each
// decision can be tested by itself.
//
//	           Launched, Ready                Ended
//	▶ Launching ─────────────▶ Running ─────────────────┐
//	   ▲    │                                           ▼
//	   │    └────────── Failed, Ended ────────────▶ Clearing ─── Cleared ──▶ Over
//	   │ the time is over                               │                     ▲
//	   └───────────────────────── Pausing ◀─────────────┘ the policy says so  │
//	                                 └────────────────────────────────────────┘
//	                                                 a stop was asked for
//
// # A stop that meets a start
//
// Whoever wants an instance to end writes that into its record, under the record's
// lock, and sends the stop signal to the main process that the record names. The
// monitor writes a new main process there under the same lock. So one of the two
// sees the other: either the command finds the process, or the monitor finds
// the request when it writes. For that, whoever runs a [Machine] gives it
// [Asked] whenever a record that it has read or written holds a request.
package lifecycle

import "time"

// Phase is where a Machine stands.
type Phase int

// The phases of a Machine.
const (
	Launching Phase = iota // a run begins: its main process is being made, or loads the module
	Running                // the guest itself runs
	Clearing               // the main process has ended; what is left of the run is being ended
	Pausing                // until the next run
	Over                   // for good
)

// Kind says what has happened.
type Kind int

// What can happen.
const (
	Launched   Kind = iota // the main process is there and loads the module
	Ready                  // the guest itself runs
	Failed                 // the run could not be begun; Status says how
	Ended                  // the main process has ended, with Status if that is Known
	Cleared                // nothing is left of the run
	Asked                  // the record holds a request to stop, see the package comment
	Terminated             // the monitor itself was told to end the instance
	Tick                   // nothing else: time has passed
)

// Event is something that has happened. The zero values of Status and Known are for
// kinds that have none.
type Event struct {
	Kind   Kind
	Status int // as a shell writes it
	Known  bool
}

// Action is something to be done.
type Action int

// What can be to do. They are done in the order in which they are given; what
// happens meanwhile is given to the Machine afterwards.
const (
	Launch        Action = iota // begin a run: Launched or Failed is to follow
	RecordRun                   // the guest runs
	Announce                    // tell whoever started the instance that it runs
	RecordRequest               // that somebody has asked for the instance's end
	SendStop                    // send the stop signal to the main process
	KillAll                     // kill all processes of the instance
	RecordEnd                   // how the main process has ended
	Clear                       // end what is left of the run: Cleared is to follow
	RecordFailure               // why a run could not be begun
	RecordPause                 // the instance waits for its next run
	GiveUp                      // the first run could not be begun: tell why and remove the instance
	Leave                       // write the last record and end the monitor
)

const (
	pauseFirst = 100 * time.Millisecond
	pauseMost  = time.Minute

	// SeriesEnd is how long a run lasts whose failure is no longer one of a series:
	// the pauses begin again, and so does the count of restarts in a row.
	SeriesEnd = 10 * time.Second
)

// Pause returns how long to wait for the next run after so many restarts in a row.
func Pause(restarts int) time.Duration {
	const doublings = 10 // and it is more than pauseMost
	return min(pauseFirst<<min(max(restarts, 0), doublings), pauseMost)
}

// Config is what does not change in an instance's life.
type Config struct {
	// Again reports whether there is to be another run after one that ended with
	// status, and after so many restarts in a row.
	Again func(status, restarts int) bool

	// StopTimeout is how long a stop signal of the monitor's own has to take effect.
	StopTimeout time.Duration
}

// Machine decides for one instance. All times are spans since any fixed point of a
// clock that is never set.
type Machine struct {
	config   Config
	phase    Phase
	first    bool // no run has been ready yet
	launched bool // the main process is there
	ready    bool // this run has been
	stopping bool
	status   int
	begun    time.Duration // when the guest of this run began
	ran      time.Duration // how long
	restarts int           // in a row

	deadline time.Duration
	timed    bool // deadline counts
}

// New returns a Machine for an instance that is to be started, and what is to be
// done first.
func New(config Config) (*Machine, []Action) {
	return &Machine{config: config, phase: Launching, first: true}, []Action{Launch}
}

// Past is what the record says of an instance whose monitor was killed.
type Past struct {
	Ran      time.Duration // how long its main process has run
	Restarts int           // in a row
	Stopping bool          // a stop was asked for
}

// Adopt returns a Machine for an instance whose main process runs, or has ended
// unseen; then [Ended] is to follow.
func Adopt(config Config, now time.Duration, past Past) *Machine {
	return &Machine{config: config, phase: Running, launched: true, ready: true,
		begun: now - max(past.Ran, 0), restarts: past.Restarts, stopping: past.Stopping}
}

// AdoptPausing returns a Machine for an instance whose monitor was killed between two
// runs, and what is to be done first.
func AdoptPausing(config Config, now time.Duration, past Past) (*Machine, []Action) {
	m := &Machine{config: config, phase: Pausing, restarts: past.Restarts, stopping: past.Stopping}
	if m.stopping {
		return m, m.leave(Leave)
	}
	m.wait(now + Pause(m.restarts-1))
	return m, nil
}

// Phase is where the Machine stands.
func (m *Machine) Phase() Phase { return m.phase }

// Restarts is how many restarts there were in a row. That of a pause counts already.
func (m *Machine) Restarts() int { return m.restarts }

// Began reports whether the guest of the present run, or of the last one, has run.
func (m *Machine) Began() bool { return m.ready }

// Stopping reports whether somebody has asked for the instance's end.
func (m *Machine) Stopping() bool { return m.stopping }

// Deadline is when a Tick is due, if nothing else happens before.
func (m *Machine) Deadline() (at time.Duration, ok bool) { return m.deadline, m.timed }

func (m *Machine) wait(until time.Duration) { m.deadline, m.timed = until, true }

func (m *Machine) leave(last Action) []Action {
	m.phase, m.timed = Over, false
	return []Action{last}
}

// Handle takes in what has happened by now and returns what is to be done.
func (m *Machine) Handle(now time.Duration, e Event) []Action {
	switch e.Kind {
	case Asked, Terminated:
		return m.stop(now, e.Kind == Terminated)
	}
	switch m.phase {
	case Launching:
		return m.launching(now, e)
	case Running:
		switch {
		case e.Kind == Ended:
			m.ran, m.status = now-m.begun, e.Status
			m.clear()
			return []Action{RecordEnd, Clear}
		case m.due(now):
			return []Action{KillAll}
		}
	case Clearing:
		if e.Kind == Cleared {
			return m.cleared(now)
		}
	case Pausing:
		if m.due(now) {
			m.phase, m.launched, m.ready = Launching, false, false
			return []Action{Launch}
		}
	}
	return nil
}

// due reports, once, whether the deadline has passed.
func (m *Machine) due(now time.Duration) bool {
	if !m.timed || now < m.deadline {
		return false
	}
	m.timed = false
	return true
}

func (m *Machine) clear() { m.phase, m.timed = Clearing, false }

func (m *Machine) launching(now time.Duration, e Event) []Action {
	switch e.Kind {
	case Launched:
		m.launched = true
		if m.stopping {
			return []Action{KillAll}
		}
	case Ready:
		if m.stopping {
			return nil // it has been killed
		}
		m.phase, m.ready, m.begun = Running, true, now
		if m.first {
			m.first = false
			return []Action{RecordRun, Announce}
		}
		return []Action{RecordRun}
	case Failed, Ended:
		m.ran, m.status = 0, e.Status
		m.clear()
		return []Action{Clear}
	}
	return nil
}

// cleared decides what comes after a run.
func (m *Machine) cleared(now time.Duration) []Action {
	var actions []Action
	if !m.ready {
		if m.first {
			return m.leave(GiveUp)
		}
		if !m.stopping { // otherwise it is the stop that kept it from beginning
			actions = append(actions, RecordFailure)
		}
	}
	if m.ran >= SeriesEnd {
		m.restarts = 0
	}
	if m.stopping || !m.config.Again(m.status, m.restarts) {
		return append(actions, m.leave(Leave)...)
	}
	m.phase = Pausing
	m.wait(now + Pause(m.restarts))
	m.restarts++
	return append(actions, RecordPause)
}

// stop takes in a request to end the instance. One in the record comes with a stop
// signal from whoever wrote it, and with his patience; one to the monitor does not.
func (m *Machine) stop(now time.Duration, own bool) (actions []Action) {
	if m.phase == Over {
		return nil
	}
	again := m.stopping
	m.stopping = true
	if own {
		actions = append(actions, RecordRequest)
	}
	switch m.phase {
	case Launching:
		// The guest has done nothing yet that it would have to bring to an end.
		if m.launched && !again {
			actions = append(actions, KillAll)
		}
	case Running:
		if own {
			actions = append(actions, SendStop)
			if !m.timed {
				m.wait(now + m.config.StopTimeout)
			}
		}
	case Pausing:
		actions = append(actions, m.leave(Leave)...)
	}
	return actions
}

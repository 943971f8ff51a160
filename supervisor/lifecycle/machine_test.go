package lifecycle

import (
	"slices"
	"testing"
	"time"
)

// step is something that happens after a time, and what is to be done then.
type step struct {
	after time.Duration
	event Event
	want  []Action
}

func ended(status int) Event { return Event{Kind: Ended, Status: status, Known: true} }

var (
	tick    = Event{Kind: Tick}
	asked   = Event{Kind: Asked}
	told    = Event{Kind: Terminated}
	cleared = Event{Kind: Cleared}
	ready   = Event{Kind: Ready}
)

// Steps that many lives have in common.
var (
	launch     = step{event: Event{Kind: Launched}}
	firstReady = step{event: ready, want: []Action{RecordRun, Announce}}
	nextReady  = step{event: ready, want: []Action{RecordRun}}
	clearLast  = step{event: cleared, want: []Action{Leave}}
	clearPause = step{event: cleared, want: []Action{RecordPause}}
)

func fails(after time.Duration) step {
	return step{after, ended(1), []Action{RecordEnd, Clear}}
}

func next(pause time.Duration) step { return step{pause, tick, []Action{Launch}} }

const second = time.Second

func TestLives(t *testing.T) {
	t.Parallel()
	never := func(int, int) bool { return false }
	onFailure := func(most int) func(int, int) bool {
		return func(status, restarts int) bool { return status != 0 && (most == 0 || restarts < most) }
	}
	cases := []struct {
		name  string
		again func(status, restarts int) bool
		steps []step
		phase Phase
	}{
		{"runs and ends", never, []step{
			launch, firstReady,
			{second, ended(0), []Action{RecordEnd, Clear}}, clearLast,
		}, Over},
		{"does not end by itself", never, []step{launch, firstReady, {time.Hour, tick, nil}}, Running},
		{"cannot be started", onFailure(0), []step{
			{0, Event{Kind: Failed, Status: 127, Known: true}, []Action{Clear}},
			{0, cleared, []Action{GiveUp}},
		}, Over},
		{"ends before it is ready", onFailure(0), []step{
			launch, {0, ended(126), []Action{Clear}}, {0, cleared, []Action{GiveUp}},
		}, Over},

		{"fails twice, and is well", onFailure(0), []step{
			launch, firstReady, fails(0), clearPause, next(100 * time.Millisecond),
			launch, nextReady, fails(0), clearPause,
			{199 * time.Millisecond, tick, nil}, next(time.Millisecond),
			launch, nextReady, {second, ended(0), []Action{RecordEnd, Clear}}, clearLast,
		}, Over},
		{"fails too often in a row", onFailure(2), []step{
			launch, firstReady, fails(0), clearPause, next(second),
			launch, nextReady, fails(second), clearPause, next(second),
			launch, nextReady, fails(SeriesEnd - 1), clearLast,
		}, Over},
		{"a long run ends the series", onFailure(2), []step{
			launch, firstReady, fails(0), clearPause, next(second),
			launch, nextReady, fails(0), clearPause, next(second),
			launch, nextReady, fails(SeriesEnd), clearPause, next(100 * time.Millisecond),
			launch, nextReady, fails(0), clearPause, next(200 * time.Millisecond),
			launch, nextReady, fails(0), clearLast,
		}, Over},
		{"every run is long", onFailure(1), []step{
			launch, firstReady, fails(SeriesEnd), clearPause, next(100 * time.Millisecond),
			launch, nextReady, fails(SeriesEnd), clearPause, next(100 * time.Millisecond),
			launch, nextReady, fails(time.Hour), clearPause,
		}, Pausing},
		{"its module is replaced meanwhile", onFailure(0), []step{
			launch, firstReady, fails(0), clearPause, next(second),
			{0, Event{Kind: Failed, Status: 127}, []Action{Clear}},
			{0, cleared, []Action{RecordFailure, RecordPause}}, next(200 * time.Millisecond),
			launch, {0, ended(126), []Action{Clear}},
			{0, cleared, []Action{RecordFailure, RecordPause}}, next(400 * time.Millisecond),
			launch, nextReady,
		}, Running},
		{"a start that fails counts", onFailure(1), []step{
			launch, firstReady, fails(0), clearPause, next(second),
			{0, Event{Kind: Failed, Status: 127}, []Action{Clear}},
			{0, cleared, []Action{RecordFailure, Leave}},
		}, Over},

		{"stopped while it runs", onFailure(0), []step{
			launch, firstReady, {0, asked, nil}, {0, asked, nil},
			{second, ended(143), []Action{RecordEnd, Clear}}, clearLast,
		}, Over},
		{"stopped before it is there", onFailure(0), []step{
			{0, asked, nil}, {0, Event{Kind: Launched}, []Action{KillAll}},
			{0, ended(137), []Action{Clear}}, {0, cleared, []Action{GiveUp}},
		}, Over},
		{"stopped while it loads", onFailure(0), []step{
			launch, {0, asked, []Action{KillAll}}, {0, asked, nil}, {0, ready, nil},
			{0, ended(137), []Action{Clear}}, {0, cleared, []Action{GiveUp}},
		}, Over},
		{"stopped before its restart is there", onFailure(0), []step{
			launch, firstReady, fails(0), clearPause, next(second),
			{0, asked, nil}, {0, Event{Kind: Launched}, []Action{KillAll}}, {0, ready, nil},
			{0, ended(137), []Action{Clear}}, clearLast,
		}, Over},
		{"stopped while its restart loads", onFailure(0), []step{
			launch, firstReady, fails(0), clearPause, next(second),
			launch, {0, asked, []Action{KillAll}},
			{0, ended(137), []Action{Clear}}, clearLast,
		}, Over},
		{"stopped when its restart is refused", onFailure(0), []step{
			launch, firstReady, fails(0), clearPause, next(second),
			{0, asked, nil}, {0, Event{Kind: Failed}, []Action{Clear}}, clearLast,
		}, Over},
		{"stopped in the pause", onFailure(0), []step{
			launch, firstReady, fails(0), clearPause, {0, asked, []Action{Leave}}, {0, asked, nil}, {time.Hour, tick, nil},
		}, Over},
		{"stopped while it is cleared away", onFailure(0), []step{
			launch, firstReady, fails(0), {0, asked, nil}, clearLast,
		}, Over},

		{"its monitor is told to end", never, []step{
			launch, firstReady, {0, told, []Action{RecordRequest, SendStop}},
			{9 * second, tick, nil}, {0, told, []Action{RecordRequest, SendStop}},
			{second, tick, []Action{KillAll}}, {second, tick, nil},
			{0, ended(137), []Action{RecordEnd, Clear}}, clearLast,
		}, Over},
		{"its monitor is told in the pause", onFailure(0), []step{
			launch, firstReady, fails(0), clearPause, {0, told, []Action{RecordRequest, Leave}},
		}, Over},
		{"its monitor is told while it loads", never, []step{
			launch, {0, told, []Action{RecordRequest, KillAll}}, {0, ended(137), []Action{Clear}}, {0, cleared, []Action{GiveUp}},
		}, Over},
		{"its monitor is told while it is cleared away", onFailure(0), []step{
			launch, firstReady, fails(0), {0, told, []Action{RecordRequest}}, clearLast,
		}, Over},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m, first := New(Config{Again: c.again, StopTimeout: 10 * second})
			if !slices.Equal(first, []Action{Launch}) {
				t.Fatalf("begins with %v", first)
			}
			now := 5 * time.Minute // any point
			for n, s := range c.steps {
				now += s.after
				if got := m.Handle(now, s.event); !slices.Equal(got, s.want) {
					t.Fatalf("step %d, %+v: actions %v, want %v", n, s.event, got, s.want)
				}
			}
			if m.Phase() != c.phase {
				t.Errorf("phase %v at the end, want %v", m.Phase(), c.phase)
			}
			if _, timed := m.Deadline(); timed != (c.phase == Pausing) {
				t.Errorf("deadline: %v", timed)
			}
		})
	}
}

// TestAdoption goes on where another monitor was killed.
func TestAdoption(t *testing.T) {
	t.Parallel()
	config := Config{Again: func(status, restarts int) bool { return restarts < 2 }, StopTimeout: second}
	const now = time.Hour
	// A run that was long when its end is seen, and one that was not.
	for ran, want := range map[time.Duration]Action{SeriesEnd: RecordPause, SeriesEnd - 1: Leave, -time.Hour: Leave} {
		m := Adopt(config, now, Past{Ran: ran, Restarts: 2})
		m.Handle(now, ended(1))
		if got := m.Handle(now, cleared); !slices.Equal(got, []Action{want}) {
			t.Errorf("after a run of %v: %v, want %v", ran, got, want)
		}
	}
	m := Adopt(config, now, Past{Stopping: true})
	m.Handle(now, ended(1))
	if got := m.Handle(now, cleared); !slices.Equal(got, []Action{Leave}) {
		t.Errorf("a stop that was asked for is forgotten: %v", got)
	}
	m, actions := AdoptPausing(config, now, Past{Restarts: 2})
	if at, ok := m.Deadline(); len(actions) != 0 || !ok || at != now+200*time.Millisecond {
		t.Errorf("in the pause: %v, until %v", actions, at)
	}
	if got := m.Handle(now+200*time.Millisecond, tick); !slices.Equal(got, []Action{Launch}) || m.Restarts() != 2 {
		t.Errorf("after the pause: %v, %d restarts in a row", got, m.Restarts())
	}
	if m, actions := AdoptPausing(config, now, Past{Restarts: 1, Stopping: true}); m.Phase() != Over || !slices.Equal(actions, []Action{Leave}) {
		t.Errorf("stopped in the pause: %v", actions)
	}
}

func TestPause(t *testing.T) {
	t.Parallel()
	for restarts, want := range map[int]time.Duration{
		-1: 100 * time.Millisecond, 0: 100 * time.Millisecond, 1: 200 * time.Millisecond, 9: 51200 * time.Millisecond,
		10: time.Minute, 63: time.Minute, 1 << 30: time.Minute,
	} {
		if got := Pause(restarts); got != want {
			t.Errorf("pause after %d restarts: %v, want %v", restarts, got, want)
		}
	}
}

// TestNothingIsLaunchedAfterAStop gives all events in all orders of a length, and
// looks whether a stop is ever followed by a launch, or the end by anything.
func TestNothingIsLaunchedAfterAStop(t *testing.T) {
	t.Parallel()
	const length = 6
	kinds := []Kind{Launched, Ready, Failed, Ended, Cleared, Asked, Terminated, Tick}
	total := 1
	for range length {
		total *= len(kinds)
	}
	for n := range total {
		m, _ := New(Config{Again: func(int, int) bool { return true }})
		now, stopped, over := time.Duration(0), false, false
		for rest, k := n, 0; k < length; rest, k = rest/len(kinds), k+1 {
			kind := kinds[rest%len(kinds)]
			now += time.Minute
			actions := m.Handle(now, Event{Kind: kind})
			stopped = stopped || kind == Asked || kind == Terminated
			if stopped && slices.Contains(actions, Launch) || over && len(actions) > 0 {
				t.Fatalf("order %d, event %d: %v", n, k, actions)
			}
			over = m.Phase() == Over
		}
	}
}

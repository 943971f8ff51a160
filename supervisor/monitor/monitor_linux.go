package monitor

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"

	"walisup/supervisor"
	"walisup/supervisor/control"
	"walisup/supervisor/instance"
	"walisup/supervisor/isolation"
	"walisup/supervisor/lifecycle"
	"walisup/supervisor/pidfile"
	"walisup/supervisor/procfs"
	"walisup/supervisor/proctree"
	"walisup/supervisor/terminal"
)

// monitor looks after one instance. What it does is decided by a [lifecycle.Machine].
type monitor struct {
	inst    *instance.Instance
	machine *lifecycle.Machine
	begun   time.Time         // what the machine's times are spans since
	queue   []lifecycle.Event // that the machine has not been told of
	signals chan os.Signal
	events  chan runEvent // of the present run
	report  *os.File      // nil once reported

	logs      *collector
	terminal  *terminal.Server // nil without --tty
	hungUp    <-chan struct{}  // closed when the run's pseudoterminal is
	processes *proctree.Tree   // nil before the first start

	cgroups isolation.Cgroups // of the present run
	main    procfs.Identity
	end     runEvent // how the last main process ended
	failure error    // why the run could not be begun

	unsaved []func(r *instance.Record) // changes of the record that could not be written
}

// runEvent is something that happened to the main process.
type runEvent struct {
	lifecycle.Event
	signal unix.Signal // that ended it
}

// Main is what a walisup does whose first argument is [Command], with the other
// arguments. It returns the status to exit with.
//
// Precondition: called from the main goroutine, locked to the main thread.
func Main(args []string) int {
	report := os.NewFile(reportFD, "report")
	unix.CloseOnExec(reportFD)
	if len(args) != 3 {
		fmt.Fprintln(os.Stderr, "walisup: monitor: is started by walisup start --detach, not by hand")
		return supervisor.ExitOwn
	}
	m := &monitor{report: report, begun: time.Now(), signals: make(chan os.Signal, 64), events: make(chan runEvent, 4)}
	if err := m.run(args[0], args[1], args[2]); err != nil {
		return m.tell(err)
	}
	return 0
}

// tell reports a failure, or success if err is nil, to whoever started the
// monitor, once.
func (m *monitor) tell(err error) (status int) {
	var message startReport
	if err != nil {
		message = startReport{Status: supervisor.ExitOwn, Message: err.Error()}
		if failure, ok := errors.AsType[*supervisor.Error](err); ok {
			message.Status = failure.Status
		}
	}
	if m.report != nil {
		json.NewEncoder(m.report).Encode(message)
		m.report.Close()
		m.report = nil
	}
	return message.Status
}

func (m *monitor) run(state, id, order string) error {
	var none unix.Sigset_t
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &none, nil); err != nil {
		return os.NewSyscallError("rt_sigprocmask", err)
	}
	signal.Notify(m.signals, unix.SIGTERM, unix.SIGINT, unix.SIGUSR1)
	// Not ignored, which the guest would inherit.
	signal.Notify(make(chan os.Signal, 1), unix.SIGHUP, unix.SIGPIPE, unix.SIGQUIT, unix.SIGUSR2)
	store, err := instance.Open(state)
	if err != nil {
		return err
	}
	m.inst, err = store.Load(id)
	if err != nil {
		return err
	}
	if order == orderAdopt {
		return m.adopt()
	}
	var actions []lifecycle.Action
	m.machine, actions = lifecycle.New(m.config())
	return m.live(actions)
}

func (m *monitor) config() lifecycle.Config {
	return lifecycle.Config{Again: m.inst.Options.Restart.Again, StopTimeout: m.inst.Options.StopTimeout}
}

// live does what the machine says until the instance's life is over. The error says
// why it could not even begin.
func (m *monitor) live(actions []lifecycle.Action) error {
	for _, action := range actions {
		m.perform(action)
	}
	for m.machine.Phase() != lifecycle.Over {
		e := m.next()
		for _, action := range m.machine.Handle(time.Since(m.begun), e) {
			m.perform(action)
		}
	}
	return m.failure
}

// next waits for something that the machine has to know.
func (m *monitor) next() lifecycle.Event {
	var due <-chan time.Time
	if at, ok := m.machine.Deadline(); ok {
		timer := time.NewTimer(at - time.Since(m.begun))
		defer timer.Stop()
		due = timer.C
	}
	for len(m.queue) == 0 {
		select {
		case sig := <-m.signals:
			if sig != unix.SIGUSR1 {
				return lifecycle.Event{Kind: lifecycle.Terminated}
			}
			m.reload()
		case e := <-m.events:
			if e.Kind == lifecycle.Ended {
				m.end = e
			}
			return e.Event
		case <-due:
			return lifecycle.Event{Kind: lifecycle.Tick}
		}
	}
	e := m.queue[0]
	m.queue = m.queue[1:]
	return e
}

// happened is for what happens while an action is performed.
func (m *monitor) happened(e lifecycle.Event) { m.queue = append(m.queue, e) }

func (m *monitor) perform(action lifecycle.Action) {
	switch action {
	case lifecycle.Launch:
		m.failure = nil
		if err := m.launch(); err != nil {
			m.failure = err
			m.happened(lifecycle.Event{Kind: lifecycle.Failed, Status: statusOf(err), Known: true})
		}
	case lifecycle.RecordRun:
		m.update(func(r *instance.Record) {
			s := &r.State
			if m.report == nil {
				s.Restarts++
			}
			s.Phase, s.Started = instance.Running, time.Now()
			s.Finished, s.StatusKnown, s.Status, s.Signal = time.Time{}, false, 0, 0
		})
	case lifecycle.Announce:
		m.tell(nil)
	case lifecycle.RecordRequest:
		m.update(func(r *instance.Record) { r.State.Stopped = true })
	case lifecycle.SendStop:
		m.update(func(r *instance.Record) {
			if r.State.Phase == instance.Paused {
				r.State.Phase = instance.Running
			}
		})
		control.Continue(m.inst) // whoever is stopped would not take notice
		m.main.Signal(unix.Signal(m.inst.Options.StopSignal))
	case lifecycle.KillAll:
		if err := m.killAll(); err != nil {
			m.problem("not all processes have ended: %v", err)
		}
	case lifecycle.RecordEnd:
		e, now := m.end, time.Now()
		m.update(func(r *instance.Record) {
			s := &r.State
			s.Phase, s.Status, s.StatusKnown, s.Signal, s.Finished = instance.Stopping, e.Status, e.Known, int(e.signal), now
		})
	case lifecycle.Clear:
		m.clear()
		m.happened(lifecycle.Event{Kind: lifecycle.Cleared})
	case lifecycle.RecordFailure:
		if m.logs != nil {
			m.logs.remark("start failed: %v", m.failure)
		}
		failure, now := m.failure, time.Now()
		m.update(func(r *instance.Record) {
			s := &r.State
			s.Phase, s.Status, s.StatusKnown, s.Signal, s.Finished = instance.Stopping, statusOf(failure), true, 0, now
			addProblem(s, failure.Error())
		})
		m.failure = nil
	case lifecycle.RecordPause:
		inARow := m.machine.Restarts()
		m.update(func(r *instance.Record) { r.State.Phase, r.State.InARow = instance.Restarting, inARow })
	case lifecycle.GiveUp:
		m.giveUp()
	case lifecycle.Leave:
		m.leave()
	}
}

func statusOf(err error) int {
	if failure, ok := errors.AsType[*supervisor.Error](err); ok {
		return failure.Status
	}
	return supervisor.ExitOwn
}

// killAll ends all processes of the instance.
func (m *monitor) killAll() error {
	// It knows its own descendants best. There are others: those of exec, and those
	// of a main process that another monitor started.
	var err error
	if m.processes != nil {
		err = m.processes.Kill(killTimeout)
	}
	if other := control.Kill(m.inst); err == nil {
		err = other
	}
	return err
}

// killTimeout is how long killed processes get to end. Longer than that takes only
// what hangs in the kernel.
const killTimeout = 10 * time.Second

// clear ends what is left of a run.
func (m *monitor) clear() {
	if err := m.killAll(); err != nil {
		m.problem("not all processes have ended: %v", err)
	}
	if m.hungUp != nil {
		select {
		case <-m.hungUp:
		case <-time.After(killTimeout): // a process that could not be killed
		}
		m.hungUp = nil
	}
	if !m.machine.Began() && m.failure == nil {
		m.failure = m.failedStart()
	}
	if err := pidfile.Remove(string(m.inst.Options.PidFile), m.main.Pid); err != nil {
		m.problem("%v", err)
	}
	// Those of a run that another monitor began are known from the record alone.
	if err := errors.Join(m.cgroups.Remove(), isolation.RemoveDirectories(m.inst.State.Cgroups)); err != nil {
		m.problem("%v", err)
	}
	m.cgroups = nil
}

// giveUp removes an instance whose first run could not be begun.
func (m *monitor) giveUp() {
	if m.machine.Stopping() {
		m.failure = errStopped
	}
	m.close()
	m.inst.Remove(func(*instance.Instance) error { return nil })
}

// errStopped is why an instance does not run that was stopped at once.
var errStopped = errors.New("the instance was stopped before it ran")

// close lets go of what is kept over all runs.
func (m *monitor) close() {
	if m.logs != nil {
		if lost, cause := m.logs.finish(); lost > 0 {
			m.problem("%d lines of the log were lost: %v", lost, cause)
		}
	}
	if m.processes != nil {
		m.processes.Close()
	}
	if m.terminal != nil {
		m.terminal.Close()
	}
}

// leave writes the last record.
func (m *monitor) leave() {
	m.failure = nil
	m.close()
	m.update(func(r *instance.Record) { r.State.Phase, r.State.Cgroups = instance.Exited, nil })
	if m.inst.Options.Remove {
		control.AwaitWaiters(m.inst)
		m.inst.Remove(func(*instance.Instance) error { return nil })
	}
}

// update changes the record. That it cannot be written keeps nothing from going on:
// the change is made again with the next one.
func (m *monitor) update(change func(r *instance.Record)) {
	m.unsaved = append(m.unsaved, change)
	applied := false
	err := m.inst.Update(func(r *instance.Record) error {
		m.apply(r)
		applied = true
		return nil
	})
	if err == nil {
		m.unsaved = nil
	} else {
		if !applied {
			m.apply(&m.inst.Record)
		}
		fmt.Fprintf(os.Stderr, "walisup: monitor of %s: %v\n", m.inst.ID, err)
	}
	m.look(err)
}

// apply makes the changes that are not in the record's file.
func (m *monitor) apply(r *instance.Record) {
	for _, change := range m.unsaved {
		change(r)
	}
}

// reload reads the record, which somebody else has changed.
func (m *monitor) reload() {
	err := m.inst.Reload()
	if err == nil {
		m.apply(&m.inst.Record)
	}
	m.look(err)
}

// look passes on what the record asks for. One that is gone was removed by force, and
// whoever did that does not want another run.
func (m *monitor) look(err error) {
	if m.machine == nil || m.machine.Stopping() {
		return
	}
	switch {
	case m.inst.State.Stopped && len(m.unsaved) > 0:
		// Others do not know the main process.
		m.happened(lifecycle.Event{Kind: lifecycle.Terminated})
	case m.inst.State.Stopped || errors.Is(err, instance.ErrNotFound):
		m.happened(lifecycle.Event{Kind: lifecycle.Asked})
	}
}

func (m *monitor) problem(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	m.update(func(r *instance.Record) { addProblem(&r.State, text) })
}

// mostProblems is how many a record holds: the first ones and the last.
const mostProblems = 40

func addProblem(s *instance.State, text string) {
	n := len(s.Problems)
	switch {
	case n > 0 && s.Problems[n-1] == text:
		return
	case n >= mostProblems:
		s.Problems = append(s.Problems[:mostProblems/2], s.Problems[mostProblems/2+1:]...)
	}
	s.Problems = append(s.Problems, text)
}

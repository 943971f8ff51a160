package monitor

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"walisup/supervisor"
	"walisup/supervisor/instance"
	"walisup/supervisor/isolation"
	"walisup/supervisor/proctree"
	"walisup/supervisor/tree"
)

// monitor looks after one instance.
type monitor struct {
	inst    *instance.Instance
	logs    *collector
	signals chan os.Signal
	report  *os.File // nil once reported
	backoff backoff

	terminal  *terminal       // nil without --tty
	hungUp    <-chan struct{} // closed when the run's pseudoterminal is
	processes *tree.Tree      // nil before the first start
	groups    isolation.Groups
	mainEnd   chan end // of the main process
	inARow    int      // restarts

	unsaved []func(r *instance.Record) // changes of the record that could not be written
}

// end is how a main process ended.
type end struct {
	status int
	known  bool
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
	m := &monitor{report: report, signals: make(chan os.Signal, 64)}
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
	if err := m.start(); err != nil {
		m.inst.Remove(func(*instance.Instance) error { return nil })
		return err
	}
	return m.supervise()
}

// supervise waits for the instance's end, restarts included.
func (m *monitor) supervise() error {
	for {
		begun := m.inst.State.Started
		ended := m.awaitMain()
		again := m.finish(ended)
		if !again || !m.pauseBeforeRestart(time.Since(begun)) {
			break
		}
		m.inARow++
		if time.Since(begun) >= backoffReset {
			m.inARow = 1
		}
		for m.start() != nil {
			// The module was replaced or is gone: that may pass.
			if !m.inst.Options.Restart.Again(supervisor.ExitNotFound, m.inARow) || !m.pauseBeforeRestart(0) {
				return m.leave()
			}
			m.inARow++
		}
	}
	return m.leave()
}

// start starts the guest and returns when it runs. The error is nil or the reason
// why it does not; the record and the journal tell it as well.
func (m *monitor) start() error {
	err := m.startGuest()
	if err == nil {
		m.tell(nil)
		return nil
	}
	if m.report == nil && m.logs != nil {
		m.logs.remark("start failed: %v", err)
	}
	status := supervisor.ExitOwn
	if failure, ok := errors.AsType[*supervisor.Error](err); ok {
		status = failure.Status
	}
	m.update(func(r *instance.Record) {
		s := &r.State
		s.Phase, s.Status, s.StatusKnown, s.Finished = instance.Stopping, status, true, time.Now()
		s.Problems = append(s.Problems, err.Error())
	})
	return err
}

func (m *monitor) startGuest() error {
	if m.logs == nil {
		var err error
		if m.logs, err = collect(m.inst); err != nil {
			m.logs = nil
			return err
		}
	}
	if m.inst.Options.Terminal && m.terminal == nil {
		var err error
		if m.terminal, err = newTerminal(m.inst, m.logs); err != nil {
			return err
		}
	}
	streams, err := m.streams()
	if err != nil {
		closeAll(streams)
		return err
	}
	spec := Spec(&m.inst.Command)
	spec.Name, spec.Tree = m.inst.Name, m.processes
	pid, processes, ready, err := supervisor.StartDetached(spec, supervisor.Detached{Streams: streams, Terminal: m.terminal != nil})
	closeAll(streams)
	if err != nil {
		return err
	}
	m.processes = processes
	main, err := proctree.Of(pid) // not waited for yet, so it is there
	m.groups = isolation.Of(pid, &m.inst.Command.Isolation)
	m.mainEnd = make(chan end, 1)
	go m.awaitChild(pid, m.mainEnd)
	if err != nil {
		return err
	}
	self, err := proctree.Self()
	if err != nil {
		return err
	}
	m.update(func(r *instance.Record) {
		s := &r.State
		if m.report == nil {
			s.Restarts++
		}
		s.Phase, s.Monitor, s.Main, s.Started = instance.Running, self, main, time.Now()
		s.Finished, s.StatusKnown, s.Status = time.Time{}, false, 0
	})
	var one [1]byte
	n, err := unix.Read(ready, one[:])
	for err == unix.EINTR {
		n, err = unix.Read(ready, one[:])
	}
	unix.Close(ready)
	if n != 1 {
		return m.failedStart()
	}
	m.writePidFile(pid)
	return nil
}

// streams opens what becomes the guest's standard descriptors.
func (m *monitor) streams() (fds [3]int, err error) {
	fds = [3]int{-1, -1, -1}
	if m.terminal != nil {
		if fds[0], m.hungUp, err = m.terminal.open(); err != nil {
			return fds, err
		}
		for n := range fds[1:] {
			fds[n+1], err = unix.FcntlInt(uintptr(fds[0]), unix.F_DUPFD_CLOEXEC, 0)
			if err != nil {
				return fds, os.NewSyscallError("fcntl", err)
			}
		}
		return fds, nil
	}
	fds[0], err = unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return fds, fmt.Errorf("open %s: %w", os.DevNull, err)
	}
	for n, name := range []string{instance.StdoutFile, instance.StderrFile} {
		fds[n+1], err = openFIFO(m.inst.File(name), 0)
		if err != nil {
			return fds, err
		}
	}
	return fds, nil
}

func closeAll(fds [3]int) {
	for _, fd := range fds {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

// removeGroups removes the control groups of a run that has ended.
func (m *monitor) removeGroups() {
	if err := m.groups.Remove(); err != nil {
		m.problem("%v", err)
	}
	m.groups = isolation.Groups{}
}

// failedStart makes an error out of what the helper said before it gave up.
func (m *monitor) failedStart() error {
	e := <-m.mainEnd
	if m.terminal != nil {
		<-m.hungUp
		m.terminal.close()
		m.terminal = nil
	}
	last, _, _ := m.logs.finish()
	m.logs = nil
	text := strings.TrimPrefix(strings.TrimSpace(strings.ReplaceAll(last, "\r", "")), "walisup: ")
	if text == "" {
		text = fmt.Sprintf("%s: the helper has ended (status %d)", m.inst.Command.Argv0, e.status)
	}
	return &supervisor.Error{Status: e.status, Err: errors.New(text)}
}

// awaitChild waits for the end of the main process, and for all children that end
// meanwhile.
func (m *monitor) awaitChild(pid int, ended chan<- end) {
	for {
		ws, err := m.processes.Wait(pid)
		switch {
		case err != nil:
			ended <- end{}
			return
		case !ws.Stopped():
			ended <- end{status: exitStatus(ws), known: true}
			return
		}
	}
}

func exitStatus(ws unix.WaitStatus) int {
	if ws.Signaled() {
		return supervisor.ExitSignal + int(ws.Signal())
	}
	return ws.ExitStatus()
}

// awaitMain waits for the end of the main process. Meanwhile it does what signals
// ask for.
func (m *monitor) awaitMain() end {
	var timeout <-chan time.Time
	for {
		select {
		case sig := <-m.signals:
			switch sig {
			case unix.SIGUSR1: // the record has changed
				m.inst.Reload()
			default:
				m.update(func(r *instance.Record) { r.State.Stopped = true })
				m.inst.State.Main.Signal(unix.Signal(m.inst.Options.StopSignal))
				if timeout == nil {
					timeout = time.After(m.inst.Options.StopTimeout)
				}
			}
		case <-timeout:
			m.killAll()
		case e := <-m.mainEnd:
			return e
		}
	}
}

// killAll ends all processes of the instance.
func (m *monitor) killAll() error {
	// It knows its own descendants best. There are others: those of exec, and those
	// of a main process that another monitor started.
	var err error
	if m.processes != nil {
		err = m.processes.Kill(killTimeout)
	}
	if other := Kill(m.inst); err == nil {
		err = other
	}
	return err
}

// killTimeout is how long killed processes get to end. Longer than that takes only
// what hangs in the kernel.
const killTimeout = 10 * time.Second

// finish brings a run to its end and reports whether another is to follow.
func (m *monitor) finish(e end) (again bool) {
	now := time.Now()
	var stopped bool
	m.update(func(r *instance.Record) {
		s := &r.State
		stopped = s.Stopped
		s.Phase, s.Status, s.StatusKnown, s.Finished = instance.Stopping, e.status, e.known, now
	})
	if err := m.killAll(); err != nil {
		m.problem("not all processes have ended: %v", err)
	}
	if m.hungUp != nil {
		select {
		case <-m.hungUp:
		case <-time.After(killTimeout): // a process that could not be killed
		}
	}
	m.removeGroups()
	m.removePidFile()
	return !stopped && m.inst.Options.Restart.Again(e.status, m.inARow)
}

// pauseBeforeRestart waits for the time that is due, and reports whether nobody
// has asked for the instance's end by then.
func (m *monitor) pauseBeforeRestart(ran time.Duration) bool {
	m.update(func(r *instance.Record) { r.State.Phase = instance.Restarting })
	timer := time.NewTimer(m.backoff.delay(ran))
	defer timer.Stop()
	for {
		// The record counts, whichever signal came and whether it came in time.
		if m.inst.Reload() != nil || m.inst.State.Stopped {
			return false
		}
		select {
		case sig := <-m.signals:
			switch sig {
			case unix.SIGTERM, unix.SIGINT:
				m.update(func(r *instance.Record) { r.State.Stopped = true })
			}
		case <-timer.C:
			return true
		}
	}
}

// leave writes the last record and ends the monitor.
func (m *monitor) leave() error {
	if m.logs != nil {
		if _, lost, cause := m.logs.finish(); lost > 0 {
			m.problem("%d lines of the log were lost: %v", lost, cause)
		}
	}
	if m.processes != nil {
		m.processes.Close()
	}
	if m.terminal != nil {
		m.terminal.close()
	}
	m.update(func(r *instance.Record) { r.State.Phase = instance.Exited })
	if m.inst.Options.Remove {
		awaitWaiters(m.inst)
		m.inst.Remove(func(*instance.Instance) error { return nil })
	}
	return nil
}

// update changes the record. That it cannot be written keeps nothing from going on:
// the change is made again with the next one.
func (m *monitor) update(change func(r *instance.Record)) {
	m.unsaved = append(m.unsaved, change)
	all := func(r *instance.Record) {
		for _, change := range m.unsaved {
			change(r)
		}
	}
	err := m.inst.Update(func(r *instance.Record) error { all(r); return nil })
	if err == nil {
		m.unsaved = nil
		return
	}
	all(&m.inst.Record)
	fmt.Fprintf(os.Stderr, "walisup: monitor of %s: %v\n", m.inst.ID, err)
}

func (m *monitor) problem(format string, args ...any) {
	m.update(func(r *instance.Record) {
		r.State.Problems = append(r.State.Problems, fmt.Sprintf(format, args...))
	})
}

func (m *monitor) writePidFile(pid int) {
	path := string(m.inst.Options.PidFile)
	if path == "" {
		return
	}
	temp := path + ".new"
	err := os.WriteFile(temp, []byte(strconv.Itoa(pid)+"\n"), 0o644)
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		os.Remove(temp)
		m.problem("pid file: %v", err)
	}
}

func (m *monitor) removePidFile() {
	if path := string(m.inst.Options.PidFile); path != "" {
		os.Remove(path)
	}
}

package monitor

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"walisup/supervisor/control"
	"walisup/supervisor/instance"
	"walisup/supervisor/isolation"
	"walisup/supervisor/lifecycle"
	"walisup/supervisor/procfs"
	"walisup/supervisor/proctree"
)

// errSupervised means that the instance has a monitor, or needs none.
var errSupervised = errors.New("needs no monitor")

// adopt goes on where another monitor was killed.
func (m *monitor) adopt() error {
	self, err := procfs.Self()
	if err != nil {
		return err
	}
	// Before anything else: if it ends meanwhile, this tells how.
	main := m.inst.State.Main
	pidfd, gone := main.Open()
	// Whoever writes itself into the record first is the monitor.
	err = m.inst.Update(func(r *instance.Record) error {
		ended := gone == nil && r.State.Main == main && r.State.Phase != instance.Exited // since then
		if c := m.inst.Condition(); c.Supervised || !r.Options.Detached || !c.Active() && !ended {
			return errSupervised
		}
		r.State.Monitor = self
		addProblem(&r.State, fmt.Sprintf(
			"the monitor was killed; another took over on %s: processes that have daemonised by then may be missing",
			time.Now().Format(time.DateTime)))
		return nil
	})
	if (err != nil || m.inst.State.Main != main) && gone == nil {
		unix.Close(pidfd)
		gone = procfs.ErrGone
	}
	if errors.Is(err, errSupervised) {
		m.tell(nil)
		return nil
	}
	if err != nil {
		return err
	}
	s := &m.inst.State
	past := lifecycle.Past{Ran: time.Since(s.Started), Restarts: s.InARow, Stopping: s.Stopped}
	pausing := s.Phase == instance.Restarting
	var actions []lifecycle.Action
	if now := time.Since(m.begun); pausing {
		m.machine, actions = lifecycle.AdoptPausing(m.config(), now, past)
	} else {
		m.machine = lifecycle.Adopt(m.config(), now, past)
	}
	m.logs, err = collect(m.inst)
	if err != nil {
		m.logs = nil
		m.problem("the log ends here: %v", err)
	} else {
		m.logs.remark("the monitor was killed; another took over")
		if m.inst.Options.Terminal {
			m.problem("the terminal was lost with the monitor, and the guest was told so by SIGHUP")
		}
	}
	if !pausing {
		m.adoptMain(pidfd, gone)
	} else if gone == nil {
		unix.Close(pidfd)
	}
	m.tell(nil)
	return m.live(actions)
}

// adoptMain takes over the main process, of which pidfd is one unless it is gone.
func (m *monitor) adoptMain(pidfd int, gone error) {
	m.main = m.inst.State.Main
	if err := m.adoptTree(); err != nil {
		m.problem("processes that daemonise from now on are not seen: %v", err)
	}
	if gone == nil {
		go m.watch(m.main, pidfd)
		return
	}
	// It has ended. Perhaps the other monitor has seen how.
	var e runEvent
	e.Kind = lifecycle.Ended
	if s := &m.inst.State; s.Phase == instance.Stopping {
		e.Status, e.Known, e.signal = s.Status, s.StatusKnown, unix.Signal(s.Signal)
	}
	m.events <- e
}

// adoptTree takes over the channel, which the processes of the instance still write
// to.
func (m *monitor) adoptTree() error {
	m.cgroups = isolation.Of(m.main.Pid, &m.inst.Command.Isolation)
	fd, err := control.FindChannel(m.inst)
	if err != nil {
		return err
	}
	m.processes, err = proctree.Adopt(fd)
	if err != nil {
		unix.Close(fd)
	}
	return err
}

// watch waits for the end of the main process, which is no child. Init waits for it
// as well, and until then or since Linux 6.15 the kernel tells how it ended.
func (m *monitor) watch(main procfs.Identity, pidfd int) {
	defer unix.Close(pidfd)
	unknown := runEvent{Event: lifecycle.Event{Kind: lifecycle.Ended}}
	if err := procfs.AwaitEnd(pidfd); err != nil {
		m.events <- unknown
		return
	}
	for range 100 {
		if ws, ok := main.EndStatus(pidfd); ok {
			m.events <- endedBy(ws)
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	m.events <- unknown
}

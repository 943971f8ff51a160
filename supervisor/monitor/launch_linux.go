package monitor

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"walisup/supervisor"
	"walisup/supervisor/control"
	"walisup/supervisor/instance"
	"walisup/supervisor/journal"
	"walisup/supervisor/lifecycle"
	"walisup/supervisor/pidfile"
	"walisup/supervisor/procfs"
	"walisup/supervisor/terminal"
)

// launch begins a run. The record says so before the main process is there: from
// then on either the monitor sees that somebody asks for the instance's end, or he
// sees the main process.
func (m *monitor) launch() error {
	self, err := procfs.Self()
	if err != nil {
		return err
	}
	m.main = procfs.Identity{}
	m.update(func(r *instance.Record) {
		s := &r.State
		s.Phase, s.Monitor, s.Main, s.Starter, s.Cgroups = instance.Starting, self, m.main, procfs.Identity{}, nil
	})
	if m.inst.State.Stopped {
		return errStopped
	}
	if m.logs == nil {
		logs, err := collect(m.inst)
		if err != nil {
			return err
		}
		m.logs = logs
	}
	m.logs.forget()
	if m.inst.Options.Terminal && m.terminal == nil {
		size := unix.Winsize{Row: m.inst.Command.Rows, Col: m.inst.Command.Columns}
		output := func(data []byte) { m.logs.write(journal.Stdout, data) }
		if m.terminal, err = terminal.NewServer(m.inst.File(""), instance.TerminalFile, size, output); err != nil {
			return err
		}
	}
	pidFile, err := pidfile.Prepare(string(m.inst.Options.PidFile))
	if err != nil {
		return err
	}
	defer pidFile.Abandon()
	streams, err := m.streams()
	if err != nil {
		closeAll(streams)
		return err
	}
	spec, err := control.SpecOf(&m.inst.Command)
	if err != nil {
		closeAll(streams)
		return err
	}
	spec.Name, spec.Tree = m.inst.Name, m.processes
	spec.Session = &supervisor.Session{Streams: streams, Terminal: m.terminal != nil}
	guest, err := supervisor.Start(spec)
	closeAll(streams)
	if err != nil {
		return err
	}
	m.processes, m.cgroups = guest.Tree(), guest.Cgroups()
	if m.main, err = procfs.Of(guest.Pid()); err == nil { // not waited for yet, so it is there
		err = pidFile.Publish(guest.Pid())
	}
	if err != nil {
		guest.CloseReady()
		return err // what has been started is killed when the run is cleared away
	}
	go m.follow(guest)
	m.happened(lifecycle.Event{Kind: lifecycle.Launched})
	m.update(func(r *instance.Record) {
		r.State.Main, r.State.Cgroups = m.main, m.cgroups.Directories()
	})
	// Somebody may have changed the limits while the cgroups were being made.
	if limits := m.inst.Command.Isolation; limits != spec.Isolation {
		if err := m.cgroups.Update(&limits); err != nil {
			m.problem("%v", err)
		}
	}
	return nil
}

// streams opens what becomes the guest's standard descriptors.
func (m *monitor) streams() (fds [3]int, err error) {
	fds = [3]int{-1, -1, -1}
	if m.terminal != nil {
		if fds[0], m.hungUp, err = m.terminal.Open(); err != nil {
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

// follow tells of the guest's beginning and of its end, in this order.
func (m *monitor) follow(guest *supervisor.Guest) {
	known := make(chan struct{}) // whether the guest itself has run
	go func() {
		defer close(known)
		if guest.Ready() {
			m.events <- runEvent{Event: lifecycle.Event{Kind: lifecycle.Ready}}
		}
	}()
	ws, err := guest.Wait()
	<-known
	if err != nil {
		m.events <- runEvent{Event: lifecycle.Event{Kind: lifecycle.Ended}}
	} else {
		m.events <- endedBy(ws)
	}
}

func endedBy(ws unix.WaitStatus) runEvent {
	end := supervisor.EndOf(ws)
	return runEvent{Event: lifecycle.Event{Kind: lifecycle.Ended, Status: end.Status, Known: true}, signal: end.Signal}
}

// failedStart makes an error out of what the helper said before it gave up.
// Precondition: the run's processes have ended.
func (m *monitor) failedStart() error {
	text := strings.TrimPrefix(strings.TrimSpace(strings.ReplaceAll(m.logs.settle(), "\r", "")), "walisup: ")
	if text == "" {
		text = fmt.Sprintf("%s: the helper has ended (status %d)", m.inst.Command.Argv0, m.end.Status)
	}
	// A helper that ends well without having run anything is none of ours.
	return &supervisor.Error{Status: cmp.Or(m.end.Status, supervisor.ExitOwn), Err: errors.New(text)}
}

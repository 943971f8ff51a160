package monitor

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"walisup/ipc/channel"
	"walisup/supervisor/instance"
	"walisup/supervisor/isolation"
	"walisup/supervisor/proctree"
	"walisup/supervisor/tree"
)

// errSupervised means that the instance has a monitor, or needs none.
var errSupervised = errors.New("needs no monitor")

// Orphaned reports whether an instance has lost its monitor and can have another.
func Orphaned(i *instance.Instance) bool {
	c := i.Condition()
	return i.Options.Detached && c.Active() && !c.Supervised
}

// adopt goes on where another monitor was killed.
func (m *monitor) adopt() error {
	self, err := proctree.Self()
	if err != nil {
		return err
	}
	// Whoever writes itself into the record first is the monitor.
	err = m.inst.Update(func(r *instance.Record) error {
		if !Orphaned(m.inst) {
			return errSupervised
		}
		r.State.Monitor = self
		r.State.Problems = append(r.State.Problems, fmt.Sprintf(
			"the monitor was killed; another took over on %s: processes that have daemonised by then may be missing",
			time.Now().Format(time.DateTime)))
		return nil
	})
	if errors.Is(err, errSupervised) {
		m.tell(nil)
		return nil
	}
	if err != nil {
		return err
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
	if err := m.adoptTree(); err != nil {
		m.problem("processes that daemonise from now on are not seen: %v", err)
	}
	m.mainEnd = make(chan end, 1)
	pidfd, err := m.inst.State.Main.Open()
	if err != nil {
		m.mainEnd <- end{} // it has just ended
	} else {
		go m.watch(m.inst.State.Main, pidfd)
	}
	m.tell(nil)
	return m.supervise()
}

// adoptTree takes over the channel, which the processes of the instance still write
// to.
func (m *monitor) adoptTree() error {
	m.groups = isolation.Of(m.inst.State.Main.Pid, &m.inst.Command.Isolation)
	fd, err := channel.Find(m.inst.State.Main.Pid)
	if err != nil {
		return err
	}
	m.processes, err = tree.Adopt(fd)
	if err != nil {
		unix.Close(fd)
	}
	return err
}

// watch waits for the end of the main process, which is no child. Init waits for it
// as well, and until then or since Linux 6.15 the kernel tells how it ended.
func (m *monitor) watch(main proctree.Identity, pidfd int) {
	defer unix.Close(pidfd)
	if err := proctree.AwaitEnd(pidfd); err != nil {
		m.mainEnd <- end{}
		return
	}
	for range 100 {
		if ws, ok := main.EndStatus(pidfd); ok {
			m.mainEnd <- end{status: exitStatus(ws), known: true}
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	m.mainEnd <- end{}
}

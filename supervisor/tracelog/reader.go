package tracelog

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"walisup/ipc"
	"walisup/supervisor/procfs"
)

// NewPipe makes the pipe for records: guest is for the guest's processes, reader
// for a [Reader].
func NewPipe() (reader, guest int, err error) {
	var fds [2]int
	// In packet mode one read gives one write.
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_DIRECT); err != nil {
		return -1, -1, fmt.Errorf("make the pipe for the trace: %w", err)
	}
	if err := claim(fds[0]); err != nil {
		unix.Close(fds[0])
		unix.Close(fds[1])
		return -1, -1, err
	}
	return fds[0], fds[1], nil
}

// ErrTraced says that somebody else traces an instance already.
var ErrTraced = errors.New("the instance is being traced already")

// claim makes the caller the only reader of a pipe, until it closes it.
func claim(pipe int) error {
	if err := unix.Flock(pipe, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if err == unix.EWOULDBLOCK {
			return ErrTraced
		}
		return fmt.Errorf("lock the pipe for the trace: %w", err)
	}
	// A record takes a page of the pipe. If there is no more than the usual
	// sixteen, the guest waits more often.
	unix.FcntlInt(uintptr(pipe), unix.F_SETPIPE_SZ, pipeSize)
	return nil
}

const pipeSize = 1 << 20

// Reader writes what comes through a pipe.
type Reader struct {
	pipe    int
	printer *Printer
	live    bool              // somebody watches: write lines as they come
	alive   map[uint32]*child // processes that have reported something
	ends    int16             // what poll is asked of them
	stop    [2]int            // a pipe; closing its writing end stops Run
	done    chan struct{}
}

// child is a process of the guest.
type child struct {
	pidfd    int // -1 if it cannot be had
	identity procfs.Identity
	ended    bool // it has said so itself
	gone     bool // it had ended when its first record was read
}

// Start begins to read from pipe, which the reader closes when it is stopped.
func Start(pipe int, printer *Printer) (*Reader, error) {
	return start(pipe, printer, procfs.TellsStatus())
}

// start begins to read on a kernel that tells how processes ended after they have been waited
// for, or on one that does not.
func start(pipe int, printer *Printer, tells bool) (*Reader, error) {
	r := &Reader{pipe: pipe, printer: printer, alive: map[uint32]*child{}, done: make(chan struct{})}
	if !tells {
		r.ends = unix.POLLIN
	}
	if err := unix.Pipe2(r.stop[:], unix.O_CLOEXEC); err != nil {
		return nil, fmt.Errorf("make a pipe: %w", err)
	}
	go r.run()
	return r, nil
}

// Stop writes what the guest has reported so far, and ends. Processes that go on
// are not traced any more.
func (r *Reader) Stop() error {
	unix.Close(r.stop[1])
	<-r.done
	unix.Close(r.stop[0])
	return r.printer.Close()
}

// Done is closed when the last traced process has ended, or after Stop.
func (r *Reader) Done() <-chan struct{} { return r.done }

// run reads until all processes have ended.
func (r *Reader) run() {
	defer close(r.done)
	defer unix.Close(r.pipe)
	defer func() {
		for _, c := range r.alive {
			unix.Close(c.pidfd)
		}
	}()
	unix.SetNonblock(r.pipe, true)
	for {
		more := r.drain()
		r.bury()
		r.printer.Flush()
		if !more {
			r.reap(0)
			return
		}
		poll, pids := r.watched()
		if _, err := unix.Poll(poll, -1); err != nil && err != unix.EINTR {
			return
		}
		if poll[1].Revents != 0 {
			r.drain()
			r.bury()
			r.reapFor(poll[2:], pids)
			return
		}
		if poll[0].Revents&unix.POLLIN == 0 {
			r.reapFor(poll[2:], pids)
		}
	}
}

// watched is what run waits for: the pipe, the stop, and ends of processes. Those poll
// reports as POLLHUP when they have been waited for, and can say how they ended (Linux 6.15).
// Of an older kernel one learns it, if at all, before they are waited for.
func (r *Reader) watched() (poll []unix.PollFd, pids []uint32) {
	poll = []unix.PollFd{{Fd: int32(r.pipe), Events: unix.POLLIN}, {Fd: int32(r.stop[0]), Events: unix.POLLIN}}
	for pid, c := range r.alive {
		if c.pidfd >= 0 {
			poll = append(poll, unix.PollFd{Fd: int32(c.pidfd), Events: r.ends})
			pids = append(pids, pid)
		}
	}
	return poll, pids
}

// drain writes the records that are there. It reports false when no process can
// send any more.
func (r *Reader) drain() (more bool) {
	var b [ipc.MaxTraceRecord]byte
	for {
		n, err := unix.Read(r.pipe, b[:])
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return err == unix.EAGAIN
		case n == 0:
			return false
		}
		record, err := ipc.ParseTraceRecord(b[:n])
		if err != nil {
			r.printer.Say(0, err.Error())
			continue
		}
		r.note(&record)
		r.printer.Add(&record)
	}
}

// note keeps track of which processes there are.
func (r *Reader) note(record *ipc.TraceRecord) {
	c := r.alive[record.PID]
	if c == nil {
		if len(r.alive) >= maxWatched {
			return
		}
		c = &child{pidfd: -1}
		fd, err := unix.PidfdOpen(int(record.PID), 0)
		if err == nil {
			c.pidfd = fd
			if p, err := procfs.ReadStat(int(record.PID)); err == nil {
				c.identity = p.Identity
			}
		}
		c.gone = err == unix.ESRCH
		r.alive[record.PID] = c
	}
	c.ended = record.Kind == ipc.TraceExit
}

// maxWatched bounds what a hostile guest can make us hold open.
const maxWatched = 4096

// bury says goodbye to processes whose last record has been read, without knowing
// how they ended.
func (r *Reader) bury() {
	for id, c := range r.alive {
		if c.gone {
			if !c.ended {
				r.printer.Say(id, "ended")
			}
			delete(r.alive, id)
		}
	}
}

// reapFor writes how processes have ended that poll has found gone.
func (r *Reader) reapFor(poll []unix.PollFd, pids []uint32) {
	for i, pid := range pids {
		if poll[i].Revents != 0 {
			r.reap(pid)
		}
	}
}

// reap writes how a process has ended that did not say so itself, or all if pid is
// 0.
func (r *Reader) reap(pid uint32) {
	for id, c := range r.alive {
		if pid != 0 && id != pid {
			continue
		}
		switch status, ok := c.identity.EndStatus(c.pidfd); {
		case c.ended: // and has said how
		case ok:
			r.printer.Say(id, describe(status))
		case hasEnded(c.pidfd):
			r.printer.Say(id, "ended")
		}
		unix.Close(c.pidfd)
		delete(r.alive, id)
	}
}

// hasEnded reports whether the process of a pidfd is known to have ended.
func hasEnded(pidfd int) bool {
	poll := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
	n, err := unix.Poll(poll, 0)
	return err == nil && n == 1 && poll[0].Revents&unix.POLLIN != 0
}

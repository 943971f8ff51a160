package tracelog

import (
	"errors"

	"golang.org/x/sys/unix"

	"walisup/ipc"
	"walisup/ipc/channel"
	"walisup/supervisor/proctree"
)

// Session is the tracing of an instance that runs.
type Session struct {
	*Reader
	channel *channel.Channel
}

// Attach traces the instance that the given processes belong to, its helpers, until
// Stop is called or the last of them has ended. What they do now is shown from
// their next calls on.
//
// The error is [ErrTraced] if somebody traces it already.
func Attach(pids []int, config *ipc.TraceConfig, printer *Printer) (*Session, error) {
	text, err := config.MarshalText()
	if err != nil {
		return nil, err
	}
	err = unix.ESRCH
	for _, pid := range pids {
		var s *Session
		if s, err = attach(pid, text, printer); err == nil || errors.Is(err, ErrTraced) {
			return s, err
		}
	}
	return nil, err
}

func attach(pid int, settings []byte, printer *Printer) (*Session, error) {
	fd, err := channel.Find(pid)
	if err != nil {
		return nil, err
	}
	c, err := channel.Map(fd)
	unix.Close(fd)
	if err != nil {
		return nil, err
	}
	pipe, err := proctree.OpenTracePipe(c, pid, unix.O_RDONLY|unix.O_NONBLOCK)
	if err != nil {
		c.Close()
		return nil, err
	}
	if err := claim(pipe); err != nil {
		unix.Close(pipe)
		c.Close()
		return nil, err
	}
	// What the last tracer left behind.
	var b [ipc.MaxTraceRecord]byte
	for {
		if n, err := unix.Read(pipe, b[:]); n <= 0 && err != unix.EINTR {
			break
		}
	}
	reader, err := Start(pipe, printer)
	if err != nil {
		unix.Close(pipe)
		c.Close()
		return nil, err
	}
	c.SetTrace(true, settings)
	return &Session{reader, c}, nil
}

// Stop ends the tracing; the processes go on.
func (s *Session) Stop() error {
	s.channel.SetTrace(false, nil)
	s.channel.Close()
	return s.Reader.Stop()
}

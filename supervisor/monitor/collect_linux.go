package monitor

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"walisup/supervisor/instance"
	"walisup/supervisor/journal"
)

// collector moves what the guest writes from its FIFOs to its journal. One that has a
// terminal has no FIFOs.
type collector struct {
	fds     [2]int // of the FIFOs, for reading; they have writers as long as we are there
	streams [2]journal.Stream
	wake    int // eventfd
	done    chan struct{}

	mu       sync.Mutex
	journal  *journal.Writer
	last     []byte          // the end of what the guest has written
	settling []chan struct{} // closed when all is moved that is there now
	ending   bool
}

// keepLast is how much of it is kept for the report of a failed start.
const keepLast = 4 << 10

// collect makes the FIFOs, if they are not there, and begins to read them.
func collect(i *instance.Instance) (*collector, error) {
	c := &collector{
		fds:     [2]int{-1, -1},
		streams: [2]journal.Stream{journal.Stdout, journal.Stderr},
		done:    make(chan struct{}),
	}
	var err error
	c.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("eventfd", err)
	}
	for n, name := range []string{instance.StdoutFile, instance.StderrFile} {
		if i.Options.Terminal {
			break
		}
		c.fds[n], err = openFIFO(i.File(name), unix.O_NONBLOCK)
		if err != nil {
			c.closeFDs()
			return nil, err
		}
	}
	c.journal = journal.Create(i.File(instance.LogFile), i.Options.LogSize, i.Options.LogFiles)
	go c.run()
	return c, nil
}

// openFIFO opens a FIFO for reading and writing, and makes it first if it is
// missing.
func openFIFO(path string, flags int) (fd int, err error) {
	if err := unix.Mkfifo(path, 0o600); err != nil && !errors.Is(err, unix.EEXIST) {
		return -1, fmt.Errorf("make %s: %w", path, err)
	}
	fd, err = unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NOFOLLOW|flags, 0)
	if err != nil {
		return -1, fmt.Errorf("open %s: %w", path, err)
	}
	return fd, nil
}

func (c *collector) closeFDs() {
	for _, fd := range append(c.fds[:], c.wake) {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

func (c *collector) run() {
	defer close(c.done)
	buffer := make([]byte, 64<<10)
	poll := []unix.PollFd{
		{Fd: int32(c.fds[0]), Events: unix.POLLIN},
		{Fd: int32(c.fds[1]), Events: unix.POLLIN},
		{Fd: int32(c.wake), Events: unix.POLLIN},
	}
	for {
		if _, err := unix.Poll(poll, -1); err != nil && err != unix.EINTR {
			return
		}
		if poll[2].Revents == 0 {
			for n := range c.fds {
				c.move(n, buffer)
			}
			continue
		}
		var count [8]byte
		unix.Read(c.wake, count[:])
		c.mu.Lock()
		settling, ending := c.settling, c.ending
		c.settling = nil
		c.mu.Unlock()
		for n := range c.fds {
			for left := mostLeft; left > 0 && c.move(n, buffer); left-- {
			}
		}
		for _, done := range settling {
			close(done)
		}
		if ending {
			return
		}
	}
}

// mostLeft is how many reads empty a FIFO whose writers have ended: one holds 1 MiB at
// most. A process that could not be killed may go on writing.
const mostLeft = 64

// settle moves what is left and returns the end of what the guest has written.
//
// Precondition: the guest's processes have ended.
func (c *collector) settle() string {
	done := make(chan struct{})
	c.mu.Lock()
	c.settling = append(c.settling, done)
	c.mu.Unlock()
	c.signal()
	<-done
	c.mu.Lock()
	defer c.mu.Unlock()
	return string(c.last)
}

// forget begins anew with what settle returns.
func (c *collector) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = nil
}

func (c *collector) signal() { unix.Write(c.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}) }

// move moves once what there is; false if there was nothing.
func (c *collector) move(n int, buffer []byte) bool {
	count, err := unix.Read(c.fds[n], buffer)
	if err != nil || count <= 0 {
		return false
	}
	c.write(c.streams[n], buffer[:count])
	return true
}

// write adds what the guest has written.
func (c *collector) write(stream journal.Stream, data []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.journal.Write(time.Now(), stream, data)
	c.last = append(c.last, data...)
	if over := len(c.last) - keepLast; over > 0 {
		c.last = c.last[over:]
	}
}

// remark adds a line of ours to the journal.
func (c *collector) remark(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.journal.Remark(time.Now(), format, args...)
}

// finish moves what is left, ends the journal and returns how many lines of it were
// lost, if any.
//
// Precondition: the guest's processes have ended.
func (c *collector) finish() (lost int, cause error) {
	c.mu.Lock()
	c.ending = true
	c.mu.Unlock()
	c.signal()
	<-c.done
	c.closeFDs()
	c.journal.End(time.Now())
	lost, cause = c.journal.Lost()
	c.journal.Close()
	return lost, cause
}

package proctree

import (
	"fmt"

	"golang.org/x/sys/unix"

	"walisup/ipc"
	"walisup/ipc/channel"
	"walisup/supervisor/procfs"
)

// TracePipe returns the writing end of the pipe for trace records, which all
// processes of the instance have from their start. It is the Tree's. Nobody reads
// from it until a tracer opens it by way of one of them, see [OpenTracePipe].
func (t *Tree) TracePipe() (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.pipe >= 0 {
		return t.pipe, nil
	}
	if fd := t.existingPipe(); fd >= 0 {
		t.pipe = fd
		return fd, nil
	}
	var fds [2]int
	// In packet mode one read gives one record.
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_DIRECT); err != nil {
		return -1, fmt.Errorf("make the pipe for traces: %w", err)
	}
	unix.Close(fds[0])
	t.pipe = fds[1]
	return t.pipe, nil
}

// existingPipe opens the pipe of an instance that was started by somebody else; -1
// if there is none.
func (t *Tree) existingPipe() int {
	slots, _ := t.channel.Slots(nil)
	for _, s := range slots {
		if s.State != channel.Live {
			continue
		}
		// A pipe without readers can be opened for writing only if one is both
		// for a moment.
		both, err := OpenTracePipe(t.channel, s.PID, unix.O_RDWR)
		if err != nil {
			continue
		}
		fd, err := OpenTracePipe(t.channel, s.PID, unix.O_WRONLY)
		unix.Close(both)
		if err != nil {
			continue
		}
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFL, unix.O_DIRECT); err == nil {
			return fd
		}
		unix.Close(fd)
	}
	return -1
}

// OpenTracePipe opens the pipe for trace records that process pid of the channel's
// instance has. flags are open(2)'s.
func OpenTracePipe(c *channel.Channel, pid, flags int) (int, error) {
	dev, ino := c.File()
	usual := c.Helper().FD
	fd, ok := procfs.FindFD(pid, usual, dev, ino) // it may have moved its private descriptors
	if !ok {
		fd = usual
	}
	number := fd - ipc.ChannelOffset + ipc.TraceOffset
	// What is there may be anything, if the process has been taken over: some
	// devices act on being opened.
	handle, err := unix.Open(fmt.Sprintf("/proc/%d/fd/%d", pid, number), unix.O_PATH|unix.O_CLOEXEC, 0)
	if err == unix.ENOENT {
		err = unix.ESRCH
	}
	if err != nil {
		return -1, fmt.Errorf("open the trace of process %d: %w", pid, err)
	}
	defer unix.Close(handle)
	var st unix.Stat_t
	if err := unix.Fstat(handle, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFIFO {
		return -1, fmt.Errorf("process %d has no pipe for a trace", pid)
	}
	fd, err = unix.Open(fmt.Sprintf("/proc/self/fd/%d", handle), flags|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open the trace of process %d: %w", pid, err)
	}
	return fd, nil
}

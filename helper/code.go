package helper

import (
	"time"

	"golang.org/x/sys/unix"

	"walisup/ipc"
)

// errNoAnswer is no error of the kernel's: the code service is gone, stopped or busy.
const errNoAnswer unix.Errno = 1 << 16

// codePatience is how long the code service may be silent; it gives a sign of life
// several times as often.
const codePatience = 2 * time.Second

// askForCode has the code service compile the module in file fd, or find it, and
// returns the compiled module; see package supervisor/codeservice. The error is
// execve's, or errNoAnswer.
func (b *bootstrap) askForCode(fd int) (int, unix.Errno) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, errNoAnswer
	}
	defer unix.Close(pair[0])
	err = ipc.SendCode(b.first+ipc.CodeOffset, ipc.CodeMessage{Kind: ipc.CodeAsk, Role: b.Role}, fd, pair[1])
	unix.Close(pair[1])
	for err == nil {
		if !readable(pair[0], codePatience) {
			break
		}
		var m ipc.CodeMessage
		var rights []int
		m, rights, err = ipc.ReceiveCode(pair[0])
		switch {
		case err != nil:
		case m.Kind == ipc.CodeReady:
			return rights[0], 0
		case m.Kind == ipc.CodeRefused:
			return -1, m.Errno
		case m.Kind != ipc.CodeWorking:
			for _, right := range rights {
				unix.Close(right)
			}
			return -1, errNoAnswer
		}
	}
	return -1, errNoAnswer
}

// readable waits until there is something to read from fd, its end included.
//
// Preconditions: all signals are blocked, so nothing interrupts the wait.
func readable(fd int, patience time.Duration) bool {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, int(patience.Milliseconds()))
	return err == nil && n > 0
}

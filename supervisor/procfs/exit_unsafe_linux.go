package procfs

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// AwaitEnd waits until the process of a pidfd has ended, which need not be a
// child of the caller.
func AwaitEnd(pidfd int) error {
	poll := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(poll, -1)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return fmt.Errorf("wait for process: %w", err)
		}
		if n > 0 {
			return nil
		}
	}
}

// pidfdInfo is struct pidfd_info of include/uapi/linux/pidfd.h in its first
// version.
type pidfdInfo struct {
	mask     uint64
	cgroup   uint64
	ids      [11]uint32
	exitCode int32
}

const (
	pidfdGetInfo  = 0xc040ff0b // _IOWR(PIDFS_IOCTL_MAGIC, 11, 64 bytes)
	pidfdInfoExit = 1 << 3
)

// EndStatus returns how the process, of which pidfd is one, ended. False means that
// it has not, or that the kernel does not tell: before it was waited for it tells
// its owner and root (/proc/PID/stat, field 52), and afterwards since Linux 6.15.
func (id Identity) EndStatus(pidfd int) (unix.WaitStatus, bool) {
	// In this order: it may be waited for between the two.
	if p, err := ReadStat(id.Pid); err == nil && p.Start == id.Start {
		if status, ok := p.ExitStatus(); ok {
			return status, true
		}
	}
	info := pidfdInfo{mask: pidfdInfoExit}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(pidfd), pidfdGetInfo, uintptr(unsafe.Pointer(&info)))
	if errno != 0 || info.mask&pidfdInfoExit == 0 {
		return 0, false
	}
	return unix.WaitStatus(info.exitCode), true
}

// ExitStatus returns how a process ended that was not waited for when it was read.
// False means that it had not ended, or that the kernel does not tell the caller.
func (p *Stat) ExitStatus() (unix.WaitStatus, bool) {
	if !p.Ended() || !p.mayKnowExit() {
		return 0, false
	}
	return unix.WaitStatus(p.exit), true
}

// TellsStatus reports whether the kernel has what [EndStatus] asks for.
func TellsStatus() bool {
	fd, err := unix.PidfdOpen(unix.Getpid(), 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	// Of a living process, a kernel that knows the question says everything else,
	// and so does one that knows only the call (Linux 6.13 and 6.14).
	var info pidfdInfo
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), pidfdGetInfo, uintptr(unsafe.Pointer(&info)))
	return errno == 0 && kernelAtLeast(6, 15)
}

func kernelAtLeast(major, minor int) bool {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return false
	}
	var have [2]int
	n, err := fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &have[0], &have[1])
	return n == 2 && err == nil && (have[0] > major || have[0] == major && have[1] >= minor)
}

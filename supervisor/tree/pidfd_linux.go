package tree

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// pidfdInfo is struct pidfd_info in its first version; include/uapi/linux/pidfd.h of
// Linux 6.13, exit code since 6.15.
type pidfdInfo struct {
	mask     uint64
	cgroup   uint64
	pid      uint32
	tgid     uint32
	ppid     uint32
	ids      [8]uint32
	exitCode int32
}

const (
	pidfdGetInfo  = 0xc040ff0b // _IOWR(0xff, 11, struct pidfd_info of 64 bytes)
	pidfdInfoExit = 1 << 3     // PIDFD_INFO_EXIT
)

// exitOf returns the wait status of a process that has ended and been waited for.
// ok is false if it has not, or the kernel does not tell.
func exitOf(pidfd int) (status uint32, ok bool) {
	info := pidfdInfo{mask: pidfdInfoExit}
	_, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(pidfd), pidfdGetInfo, uintptr(unsafe.Pointer(&info)))
	return uint32(info.exitCode), e == 0 && info.mask&pidfdInfoExit != 0
}

// pidfdTellsExit finds out whether the kernel has PIDFD_GET_INFO with exit status:
// it refuses to say of a living process what it knows of ended ones, where an older
// kernel does not know the bit and says the rest.
func pidfdTellsExit() bool {
	fd, err := unix.PidfdOpen(unix.Getpid(), 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	var info pidfdInfo
	_, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), pidfdGetInfo, uintptr(unsafe.Pointer(&info)))
	if e != 0 {
		return false
	}
	return kernelAtLeast(6, 15)
}

func kernelAtLeast(major, minor int) bool {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return false
	}
	var v [2]int
	i := 0
	for _, c := range u.Release {
		switch {
		case c >= '0' && c <= '9':
			v[i] = v[i]*10 + int(c-'0')
		case c == '.' && i == 0:
			i = 1
		default:
			return v[0] > major || v[0] == major && v[1] >= minor
		}
	}
	return v[0] > major || v[0] == major && v[1] >= minor
}

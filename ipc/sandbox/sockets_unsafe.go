package sandbox

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// socket is what the kernel says of a socket.
type socket struct {
	domain, kind, protocol int

	bound bool // it is connected, or listens: it has its place for good
}

// harmless reports whether an inherited socket can be used only for what its giver has set
// it up for. Others could be used to reach whatever there is on the machine: no filter and
// no rule judges what a datagram is addressed to. Landlock judges where TCP sockets connect
// and listen.
func (s socket) harmless(net bool) bool {
	switch s.domain {
	case unix.AF_INET, unix.AF_INET6:
		return net || s.kind == unix.SOCK_STREAM && s.protocol == unix.IPPROTO_TCP
	case unix.AF_UNIX:
		return s.kind != unix.SOCK_DGRAM && s.bound
	}
	return false
}

// pollBatch is how many descriptors one call looks at.
const pollBatch = 1024

// checkSockets finds sockets among the descriptors below end that a sandbox would not
// hold.
func checkSockets(end int, net bool) error {
	var batch [pollBatch]unix.PollFd
	for start := 0; start < end; start += len(batch) {
		n := min(end-start, len(batch))
		for i := range n {
			batch[i] = unix.PollFd{Fd: int32(start + i)}
		}
		// Which of them are open, in one call. RLIMIT_NOFILE limits how many it takes.
		open := batch[:n]
		timeout := unix.Timespec{}
		if _, err := unix.Ppoll(open, &timeout, nil); err != nil && err != unix.EINVAL {
			return fmt.Errorf("look at the inherited descriptors: %w", err)
		} else if err == unix.EINVAL {
			for i := range open {
				open[i].Revents = 0
			}
		}
		for _, p := range open {
			if p.Revents&unix.POLLNVAL != 0 {
				continue
			}
			if err := checkSocket(int(p.Fd), net); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkSocket(fd int, net bool) error {
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return nil
	}
	var s socket
	for _, q := range []struct {
		option int
		value  *int
	}{{unix.SO_DOMAIN, &s.domain}, {unix.SO_TYPE, &s.kind}, {unix.SO_PROTOCOL, &s.protocol}} {
		value, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, q.option)
		if err != nil {
			return fmt.Errorf("descriptor %d: %w", fd, err)
		}
		*q.value = value
	}
	if listens, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err == nil && listens != 0 {
		s.bound = true
	} else {
		s.bound = connected(fd)
	}
	if !s.harmless(net) {
		return fmt.Errorf("--sandbox: descriptor %d, which is inherited, is a socket (family %d, type %d) by which the module could reach others; "+
			"close it, or connect it first", fd, s.domain, s.kind)
	}
	return nil
}

// connected reports whether a socket has a peer. The name of one is not always known.
func connected(fd int) bool {
	var name [128]byte
	size := uint32(len(name))
	_, _, e := unix.RawSyscall(unix.SYS_GETPEERNAME, uintptr(fd), uintptr(unsafe.Pointer(&name)), uintptr(unsafe.Pointer(&size)))
	return e == 0
}

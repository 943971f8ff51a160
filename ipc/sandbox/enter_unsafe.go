package sandbox

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"walisup/ipc"
)

// alonePause is how long the threads of the process get to leave the kernel, and
// aloneTries how often they do.
const (
	alonePause = 50_000 // ns
	aloneTries = 20_000
)

// Enter shuts the process in: first by s, unless that is nil, then by the filters, in their
// order. executable is a descriptor of the only file that it may then execute, of those
// that are not in memory. Descriptors from inherited on are the caller's own and not
// looked at.
//
// If Enter fails the process may be half shut in, and is to end.
//
// Preconditions: the process has one thread, or others that are ending. The calling
// goroutine is locked to it.
func Enter(s *ipc.Sandbox, filters [][]byte, executable, inherited int) error {
	if s == nil && len(filters) == 0 {
		return nil
	}
	if err := awaitAlone(); err != nil {
		return err
	}
	if s != nil {
		if err := checkSockets(inherited, s.Net); err != nil {
			return err
		}
		fd, err := ruleset(s, executable)
		if err != nil {
			return fmt.Errorf("--sandbox: %w", err)
		}
		defer unix.Close(fd)
		if err := dropCapabilities(Kept(s)); err != nil {
			return fmt.Errorf("--sandbox: give up capabilities: %w", err)
		}
		if err := noNewPrivileges(); err != nil {
			return err
		}
		if e := restrict(fd); e != 0 {
			return fmt.Errorf("--sandbox: enter the Landlock domain: %w", e)
		}
	}
	if err := noNewPrivileges(); err != nil {
		return err
	}
	for _, filter := range filters {
		// This does nothing to a process with one thread, and fails if it is wrong that
		// there is one and it has a filter of its own.
		if err := addFilter(filter, unix.SECCOMP_FILTER_FLAG_TSYNC); err != nil {
			return err
		}
	}
	return nil
}

// awaitAlone returns when the process has one thread. The kernel says so by what it
// answers to a request to unshare what cannot be unshared.
func awaitAlone() error {
	for range aloneTries {
		if unix.Unshare(unix.CLONE_THREAD) == nil {
			return nil
		}
		pause := unix.Timespec{Nsec: alonePause}
		unix.Nanosleep(&pause, nil)
	}
	return errors.New("the process has further threads, which would stay outside of the sandbox; start it again")
}

func noNewPrivileges() error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("give up new privileges: %w", err)
	}
	return nil
}

// CheckSeccomp says what the kernel lacks that filters need.
func CheckSeccomp() error {
	action := uint32(unix.SECCOMP_RET_ERRNO)
	_, _, e := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_GET_ACTION_AVAIL, 0, uintptr(unsafe.Pointer(&action)))
	switch e {
	case 0:
		return nil
	case unix.ENOSYS, unix.EINVAL:
		return errors.New("the kernel has no seccomp filters: they need Linux 4.14, built with CONFIG_SECCOMP_FILTER")
	}
	return fmt.Errorf("ask for seccomp: %w", e)
}

// addFilter makes every further system call of the calling thread pass a filter.
func addFilter(filter []byte, flags uintptr) error {
	n := len(filter) / ipc.FilterInstruction
	if n == 0 || n > ipc.MaxFilter {
		return fmt.Errorf("seccomp: %d bytes are no filter", len(filter))
	}
	program := unix.SockFprog{Len: uint16(n), Filter: (*unix.SockFilter)(unsafe.Pointer(unsafe.SliceData(filter)))}
	r, _, e := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&program)))
	switch {
	case e == unix.EINVAL || e == unix.ENOSYS:
		if err := CheckSeccomp(); err != nil {
			return err
		}
		return fmt.Errorf("seccomp: the kernel refuses the filter: %w", e)
	case e != 0:
		return fmt.Errorf("seccomp: set the filter: %w", e)
	case r != 0:
		return fmt.Errorf("seccomp: thread %d cannot take the filter", r)
	}
	return nil
}

// Kept are the capabilities that a guest of root keeps, as bits. They act on what it can
// reach anyway. Those that are not here administer the machine, reach other processes or
// go around Landlock.
func Kept(s *ipc.Sandbox) uint64 {
	const (
		files    = 1<<unix.CAP_CHOWN | 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_FOWNER | 1<<unix.CAP_FSETID
		identity = 1<<unix.CAP_SETUID | 1<<unix.CAP_SETGID | 1<<unix.CAP_KILL
	)
	keep := uint64(files | identity | 1<<unix.CAP_NET_BIND_SERVICE)
	if s.Net {
		keep |= 1 << unix.CAP_NET_RAW // ping
	}
	return keep
}

// dropCapabilities gives up all capabilities but those in keep.
func dropCapabilities(keep uint64) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return err
	}
	if data[0].Effective&(1<<unix.CAP_SETPCAP) != 0 {
		// The kernel may know more of them than we do.
		for c := uintptr(0); ; c++ {
			if c < 64 && keep>>c&1 != 0 {
				continue
			}
			if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err == unix.EINVAL {
				break
			} else if err != nil {
				return err
			}
		}
	}
	for n := range data {
		mask := uint32(keep >> (32 * n))
		data[n].Effective &= mask
		data[n].Permitted &= mask
		data[n].Inheritable = 0
	}
	// Ambient ones go with what they are inherited from.
	return unix.Capset(&header, &data[0])
}

package sandbox

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"walisup/ipc"
)

// Rights on files and directories.
const (
	rightsOnFile = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_READ_FILE |
		unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV

	rightsRead = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR

	// Neither devices, which root could make for any disk, nor sockets, which a sandbox
	// has none of.
	rightsWrite = rightsRead | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE |
		unix.LANDLOCK_ACCESS_FS_REMOVE_DIR | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE | unix.LANDLOCK_ACCESS_FS_MAKE_DIR |
		unix.LANDLOCK_ACCESS_FS_MAKE_REG | unix.LANDLOCK_ACCESS_FS_MAKE_FIFO | unix.LANDLOCK_ACCESS_FS_MAKE_SYM |
		unix.LANDLOCK_ACCESS_FS_REFER | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV

	// handled is every right that Landlock knows as of neededABI. What is not handled
	// is not restricted.
	handled = rightsOnFile | rightsWrite | unix.LANDLOCK_ACCESS_FS_MAKE_CHAR | unix.LANDLOCK_ACCESS_FS_MAKE_BLOCK |
		unix.LANDLOCK_ACCESS_FS_MAKE_SOCK

	handledNet = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
	scopes     = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
)

// neededABI is the version of Landlock that a sandbox needs: the first that keeps signals
// from processes outside.
const neededABI = 6

const ruleNetPort = 2 // LANDLOCK_RULE_NET_PORT

// netPort is struct landlock_net_port_attr.
type netPort struct{ access, port uint64 }

// CheckLandlock says what the kernel lacks that a sandbox needs.
func CheckLandlock() error {
	abi, _, e := unix.RawSyscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	return judgeABI(int(abi), e)
}

func judgeABI(abi int, e unix.Errno) error {
	switch {
	case e == unix.ENOSYS:
		return fmt.Errorf("the kernel has no Landlock: a sandbox needs Linux 6.12, built with CONFIG_SECURITY_LANDLOCK (Landlock %d)", neededABI)
	case e == unix.EOPNOTSUPP:
		return errors.New("Landlock is not enabled: a sandbox needs Linux 6.12 with landlock in the kernel's parameter lsm=")
	case e != 0:
		return fmt.Errorf("ask for the version of Landlock: %w", e)
	case abi < neededABI:
		return fmt.Errorf("the kernel has Landlock %d, which does not keep signals inside: a sandbox needs Landlock %d, which is Linux 6.12", abi, neededABI)
	}
	return nil
}

// ruleset makes the rules of s and returns a descriptor of them. executable is what the
// process may execute besides.
func ruleset(s *ipc.Sandbox, executable int) (fd int, err error) {
	attr := unix.LandlockRulesetAttr{Access_fs: handled, Scoped: scopes}
	if !s.Net {
		attr.Access_net = handledNet
	}
	r, _, e := unix.RawSyscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0)
	if e != 0 {
		if err := CheckLandlock(); err != nil {
			return -1, err
		}
		return -1, fmt.Errorf("make a Landlock ruleset: %w", e)
	}
	fd = int(r)
	if err := addRules(fd, s, executable); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func addRules(fd int, s *ipc.Sandbox, executable int) error {
	// The kernel opens what it executes, for reading. A sealed copy of the helper is a
	// memory file: no rule can name these (EBADFD), and Landlock leaves them alone.
	e := allowBeneath(fd, executable, unix.LANDLOCK_ACCESS_FS_EXECUTE|unix.LANDLOCK_ACCESS_FS_READ_FILE)
	if e != 0 && e != unix.EBADFD {
		return fmt.Errorf("allow the helper's executable: %w", e)
	}
	for _, list := range []struct {
		flag   string
		paths  []string
		rights uint64
	}{{"--allow-read", s.Read, rightsRead}, {"--allow-write", s.Write, rightsWrite}} {
		for _, path := range list.paths {
			if err := allowPath(fd, path, list.rights); err != nil {
				return fmt.Errorf("%s %s: %w", list.flag, path, err)
			}
		}
	}
	if s.Net {
		return nil
	}
	binds := s.Listen
	if len(s.Connect) > 0 && len(binds) == 0 {
		// Clients bind to a port that the kernel chooses, and the filter lets nobody listen.
		binds = []uint16{0}
	}
	for _, list := range []struct {
		flag   string
		ports  []uint16
		access uint64
	}{
		{"--allow-connect", s.Connect, unix.LANDLOCK_ACCESS_NET_CONNECT_TCP},
		{"--allow-listen", binds, unix.LANDLOCK_ACCESS_NET_BIND_TCP},
	} {
		for _, port := range list.ports {
			rule := netPort{list.access, uint64(port)}
			_, _, e := unix.RawSyscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(fd), ruleNetPort, uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
			if e != 0 {
				return fmt.Errorf("%s %d: %w", list.flag, port, e)
			}
		}
	}
	return nil
}

// allowPath grants rights on what a path names. walisup has resolved links when the
// instance was made: one that is there now may be the guest's, from an earlier run.
func allowPath(ruleset int, path string, rights uint64) error {
	fd, err := unix.Openat2(unix.AT_FDCWD, path, &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_SYMLINKS})
	if err == unix.ELOOP {
		return errors.New("a directory on the way has become a symbolic link")
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return allowFile(ruleset, fd, rights)
}

// allowFile grants those of the rights that there are for what a descriptor is open on.
func allowFile(ruleset, fd int, rights uint64) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		rights &= rightsOnFile
	}
	if e := allowBeneath(ruleset, fd, rights); e != 0 {
		return fmt.Errorf("not a file that Landlock can allow: %w", e)
	}
	return nil
}

func allowBeneath(ruleset, fd int, rights uint64) unix.Errno {
	rule := unix.LandlockPathBeneathAttr{Allowed_access: rights, Parent_fd: int32(fd)}
	_, _, e := unix.RawSyscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), unix.LANDLOCK_RULE_PATH_BENEATH,
		uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
	return e
}

func restrict(ruleset int) unix.Errno {
	_, _, e := unix.RawSyscall(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(ruleset), 0, 0)
	return e
}

package sandbox

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Renounce takes from the calling thread, and so from what it executes, new privileges, the
// network, if the caller may make a namespace for it, and all capabilities that a program of
// root would get but one.
//
// That one is CAP_SYS_CHROOT, which is of no use there and which no guest in another root
// has. Root may trace processes of root only if it has all that they have, so root there, were
// its helper taken over, could otherwise change what is compiled for others.
//
// Precondition: the caller is locked to its thread.
func Renounce() error {
	if err := noNewPrivileges(); err != nil {
		return err
	}
	// Landlock knows of TCP alone.
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil && err != unix.EPERM && err != unix.EINVAL {
		return os.NewSyscallError("unshare", err)
	}
	// A program that root executes has all capabilities of the bounding set.
	for capability := uintptr(0); capability <= unix.CAP_LAST_CAP; capability++ {
		if capability == unix.CAP_SYS_CHROOT {
			continue
		}
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, capability, 0, 0, 0); err != nil && err != unix.EPERM && err != unix.EINVAL {
			return os.NewSyscallError("prctl", err)
		}
	}
	return nil
}

// Limit is the most of a resource that a process may use; getrlimit(2).
type Limit struct {
	Resource int
	Most     uint64
}

// LimitProcess lowers resource limits of a child that has not been waited for. A limit that is
// lower already stays.
func LimitProcess(pid int, limits ...Limit) error {
	for _, l := range limits {
		var limit unix.Rlimit
		if err := unix.Prlimit(pid, l.Resource, nil, &limit); err != nil {
			return os.NewSyscallError("prlimit", err)
		}
		limit.Cur, limit.Max = min(limit.Cur, l.Most), min(limit.Max, l.Most)
		if err := unix.Prlimit(pid, l.Resource, &limit, nil); err != nil {
			return os.NewSyscallError("prlimit", err)
		}
	}
	return nil
}

// ToolOnly lets the calling thread, and so what it executes, read and execute what lies
// beneath some paths, and write beneath one directory, and forbids it all else that this
// kernel's Landlock knows. Paths that do not exist are left out. A kernel without Landlock
// is no error, as for ExecuteOnly. Landlock does not judge everything: the filter of system
// calls, if it is not empty, comes last.
//
// Precondition: the caller is locked to its thread, and has called Renounce.
func ToolOnly(programs []string, dir string, filter []byte) error {
	if err := toolFiles(programs, dir); err != nil || len(filter) == 0 {
		return err
	}
	return addFilter(filter, 0)
}

func toolFiles(programs []string, dir string) error {
	ruleset, known, e := nothing()
	if e != 0 || ruleset < 0 {
		return errorOf(e)
	}
	defer unix.Close(ruleset)
	const use = rightsRead | unix.LANDLOCK_ACCESS_FS_EXECUTE
	const write = rightsRead | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_MAKE_REG | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE
	for _, path := range programs {
		if err := allowTool(ruleset, path, use&known); err != nil && err != unix.ENOENT {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	if err := allowTool(ruleset, dir, write&known); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	return errorOf(restrict(ruleset))
}

func allowTool(ruleset int, path string, rights uint64) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return allowFile(ruleset, fd, rights)
}

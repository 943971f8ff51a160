package sandbox

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// ExecuteOnly lets the calling thread execute one program, of which program is a
// descriptor, and forbids it all else that this kernel's Landlock knows. A kernel without
// Landlock is no error: this is for callers to whom Landlock is one defence among others.
//
// Precondition: the caller is locked to its thread.
func ExecuteOnly(program int) error {
	ruleset, _, e := nothing()
	if e != 0 || ruleset < 0 {
		return errorOf(e)
	}
	defer unix.Close(ruleset)
	e = allowBeneath(ruleset, program, unix.LANDLOCK_ACCESS_FS_EXECUTE|unix.LANDLOCK_ACCESS_FS_READ_FILE)
	if e != 0 && e != unix.EBADFD { // memory files cannot be named, and need not be
		return e
	}
	if e := restrict(ruleset); e != 0 {
		return e
	}
	return nil
}

// ToolOnly lets the calling thread, and so what it executes, read and execute what lies
// beneath some paths, and write beneath one directory, and forbids it all else that this
// kernel's Landlock knows. Paths that do not exist are left out. A kernel without Landlock
// is no error, as above.
//
// Precondition: the caller is locked to its thread.
func ToolOnly(programs []string, dir string) error {
	ruleset, known, e := nothing()
	if e != 0 || ruleset < 0 {
		return errorOf(e)
	}
	defer unix.Close(ruleset)
	const use = rightsRead | unix.LANDLOCK_ACCESS_FS_EXECUTE
	const write = rightsRead | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_MAKE_REG | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE
	for _, path := range programs {
		if err := allowTool(ruleset, path, use&known); err != nil && err != unix.ENOENT {
			return err
		}
	}
	if err := allowTool(ruleset, dir, write&known); err != nil {
		return err
	}
	return errorOf(restrict(ruleset))
}

func allowTool(ruleset int, path string, rights uint64) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		rights &= rightsOnFile
	}
	return errorOf(allowBeneath(ruleset, fd, rights))
}

// nothing is a ruleset that forbids all that this kernel's Landlock knows, and those rights;
// it is -1 if the kernel has none.
func nothing() (ruleset int, known uint64, e unix.Errno) {
	version, _, e := unix.RawSyscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if e == unix.ENOSYS || e == unix.EOPNOTSUPP {
		return -1, 0, 0
	}
	if e != 0 {
		return -1, 0, e
	}
	// The kernel refuses rights that are newer than itself.
	attr := unix.LandlockRulesetAttr{Access_fs: unix.LANDLOCK_ACCESS_FS_MAKE_SYM<<1 - 1}
	size := unsafe.Offsetof(attr.Access_net)
	if version >= 2 {
		attr.Access_fs |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if version >= 3 {
		attr.Access_fs |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if version >= 4 {
		attr.Access_net = handledNet
		size = unsafe.Offsetof(attr.Scoped)
	}
	if version >= 5 {
		attr.Access_fs |= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	if version >= 6 {
		attr.Scoped = scopes
		size = unsafe.Sizeof(attr)
	}
	fd, _, e := unix.RawSyscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), size, 0)
	if e != 0 {
		return -1, 0, e
	}
	return int(fd), attr.Access_fs, 0
}

func errorOf(e unix.Errno) error {
	if e != 0 {
		return e
	}
	return nil
}

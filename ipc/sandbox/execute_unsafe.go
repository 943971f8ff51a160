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

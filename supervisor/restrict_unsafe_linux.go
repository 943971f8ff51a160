package supervisor

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// restrictThread takes from the calling thread, and so from what it executes, all
// rights that a compiling helper does not need: privileges, and by Landlock all files
// but the program itself, the network, and signals to others. Where the kernel has no
// Landlock, privileges are all that is taken; the helper's memory safety does not
// depend on either.
//
// One capability stays, which is of no use there and which no guest in another root
// has. Root may trace processes of root only if it has all that they have, so root
// there, were its helper taken over, could otherwise change what is compiled for others.
//
// Precondition: the caller is locked to its thread, which ends soon.
func restrictThread(program int) error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl", err)
	}
	// Landlock knows of TCP alone. Who may make no namespace goes without.
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil && err != unix.EPERM && err != unix.EINVAL {
		return os.NewSyscallError("unshare", err)
	}
	if err := landlock(program); err != nil {
		return os.NewSyscallError("landlock", err)
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

// rulesetAttr and pathAttr are the kernel's struct landlock_ruleset_attr and
// landlock_path_beneath_attr (linux/landlock.h).
type rulesetAttr struct {
	files, network, scope uint64
}

type pathAttr struct { // packed in the kernel: 12 bytes
	access uint64
	fd     int32
}

// landlock allows the calling thread to execute one program, and forbids it all else
// that this kernel's Landlock knows.
func landlock(program int) error {
	version, _, e := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if e == unix.ENOSYS || e == unix.EOPNOTSUPP {
		return nil
	}
	if e != 0 {
		return e
	}
	attr := rulesetAttr{files: unix.LANDLOCK_ACCESS_FS_MAKE_SYM<<1 - 1}
	size := unsafe.Offsetof(attr.network)
	if version >= 2 {
		attr.files |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if version >= 3 {
		attr.files |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if version >= 4 {
		attr.network = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
		size = unsafe.Offsetof(attr.scope)
	}
	if version >= 5 {
		attr.files |= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	if version >= 6 {
		attr.scope = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
		size = unsafe.Sizeof(attr)
	}
	ruleset, _, e := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), size, 0)
	if e != 0 {
		return e
	}
	defer unix.Close(int(ruleset))
	rule := pathAttr{access: unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE, fd: int32(program)}
	_, _, e = unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, ruleset, unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
	if e != 0 && e != unix.EBADFD { // memory files cannot be named, and need not be
		return e
	}
	if _, _, e := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, ruleset, 0, 0); e != 0 {
		return e
	}
	return nil
}

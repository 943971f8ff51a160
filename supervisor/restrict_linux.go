package supervisor

import (
	"os"

	"golang.org/x/sys/unix"

	"walisup/ipc/sandbox"
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
	if err := sandbox.ExecuteOnly(program); err != nil {
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

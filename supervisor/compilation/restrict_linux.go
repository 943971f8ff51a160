package compilation

import (
	"os"

	"walisup/ipc/sandbox"
)

// restrictThread takes from the calling thread, and so from what it executes, all
// rights that a compiling helper does not need: privileges, and by Landlock all files
// but the program itself, the network, and signals to others. Where the kernel has no
// Landlock, privileges are all that is taken; the helper's memory safety does not
// depend on either.
//
// Precondition: the caller is locked to its thread, which ends soon.
func restrictThread(program int) error {
	if err := sandbox.Renounce(); err != nil {
		return err
	}
	return os.NewSyscallError("landlock", sandbox.ExecuteOnly(program))
}

package binfmt

import "golang.org/x/sys/unix"

const (
	atFlags       = 8 // AT_FLAGS of getauxval(3)
	preserveArgv0 = 1 // AT_FLAGS_PRESERVE_ARGV0, since Linux 5.12
)

// Invoked reports whether the kernel has started this process as the interpreter
// of a registration with the flag P: its arguments are then the interpreter, the
// file's path, the file's argv[0] and its other arguments.
func Invoked() bool {
	vector, err := unix.Auxv()
	if err != nil {
		return false
	}
	for _, entry := range vector {
		if entry[0] == atFlags {
			return entry[1]&preserveArgv0 != 0
		}
	}
	return false
}

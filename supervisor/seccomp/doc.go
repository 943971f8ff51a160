// Package seccomp makes the kernel's filters of system calls from profiles: the one that
// walisup brings with it, and those that people have for other container runtimes.
//
// A profile is data: an action for each call, perhaps under conditions on the arguments,
// and one for all that it does not name. Compile makes the program of it that the kernel
// runs at every call of a process. For a call without conditions the kernel finds out once,
// when the filter is set, that the answer is always the same, and does not run the program
// for it (Linux 5.11); so a profile keeps conditions to calls that are rare.
//
// The program is built here and not by a library: of those in pure Go none has masked
// comparisons, which every OCI profile uses, and comparisons of the lower half of an
// argument, which is all that the kernel looks at where an argument is an int. The
// instructions are golang.org/x/net/bpf's, whose virtual machine the tests use.
package seccomp

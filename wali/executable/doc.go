// Package executable finds out what execve(2) is to run: it follows `#!` lines from script
// to interpreter, as the kernel does (fs/exec.c, fs/binfmt_script.c), to a module or a
// native program.
//
// # Trust
//
// The files and paths are the guest's, which may change them meanwhile: what is executed is
// the file that Find leaves open. That it may be executed is the kernel's to say, of each
// file on the way (execveat(2) with AT_EXECVE_CHECK, before Linux 6.14 and in a sandbox
// faccessat2(2)). What a guest must not open it does not open here either: all files go
// through package pathguard. A helper's own executable stands for the guest's module.
//
// A Search does not outlive the system call that it is for, and is its thread's alone. It
// allocates: execve is no hot call.
package executable

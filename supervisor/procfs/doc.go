// Package procfs reads processes and their kinship from /proc.
//
// A process id alone does not name a process, since the kernel uses it again.
// An [Identity] does: with it goes the time at which the process started.
package procfs

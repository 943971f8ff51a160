// Package sandbox shuts a process in by what the kernel offers: Landlock, seccomp,
// no_new_privs and capabilities. What it sets holds for the process and for all that
// come from it, until their end; nothing takes it back.
//
// # What rests on what
//
//	files        Landlock: opening, making, removing, renaming, executing below the paths
//	             that are named, and the executable of the caller, nothing else
//	TCP          Landlock: the ports that are named
//	signals      Landlock: only to processes in the same sandbox
//	tracing      Landlock: of processes in the same sandbox only
//	all else     the seccomp filter, which the caller brings: see package
//	             walisup/supervisor/policy
//	privileges   no_new_privs and an empty set of capabilities, but for those that act on
//	             what can be reached anyway
//
// Landlock does not judge who looks at, or changes, what belongs to a file and is not its
// content: mode, owner, times, attributes. Changing them is the filter's to refuse.
//
// # When
//
// Landlock restricts the calling thread, and a thread inherits from the one that made it.
// So the process must have one thread when it enters, which Enter makes sure of: there is
// no other whose children would be free.
package sandbox

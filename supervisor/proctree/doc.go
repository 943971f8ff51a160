// Package proctree keeps account of the processes of one instance: which there are,
// what made them, what they run, and how they ended.
//
// # Who knows what
//
// Helpers write to the channel (package ipc/channel) what they do: fork, exec, exit.
// They are not believed where the kernel can be asked:
//
//	exists, parent, times, memory    /proc/PID/stat; a slot counts only if the
//	                                 process was made when the slot says
//	what it runs                     /proc/PID/exe tells native programs from helpers,
//	                                 the slot tells which module
//	how it ended                     in this order: wait4, for children and the
//	                                 orphans that a subreaper adopts; a zombie's
//	                                 /proc/PID/stat; PIDFD_GET_INFO (Linux 6.15) of a
//	                                 pidfd opened when the process was made; the
//	                                 process connector; what the parent's wait got;
//	                                 what the process said before it ended
//
// [Snapshot] says which of these are in use. What the supervisor finds out it
// writes into the channel, so others ([TakeSnapshot]) see it too.
//
// # Ending
//
// The supervisor is a child subreaper: whoever loses its parent becomes its child,
// so nothing leaves the tree by daemonising, and when the supervisor has no children
// left nothing of the tree is left. [Tree.Kill] works towards that.
//
// # Waiting
//
// All children of the supervisor belong to its tree, and only [Tree.Wait] waits for
// children. A process that uses this package must not wait for others by pid.
package proctree

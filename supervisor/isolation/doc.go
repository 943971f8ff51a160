// Package isolation puts an instance into cgroups and a network namespace of
// its own.
//
// # How a process gets there
//
// The launcher starts a helper from a thread of its own, which ends afterwards
// (package supervisor). That thread enters the network namespace, and the control
// groups of version 1, where threads can be moved one by one; the helper inherits
// both. Of version 2, a process is born into its group (clone3, CLONE_INTO_CGROUP).
// So there is no moment at which a process of the guest is outside.
//
// # How it ends
//
// A network namespace ends with its last process, and takes its end of a veth pair,
// and so the pair, with it. Cgroups are found again by what /proc/PID/cgroup
// says of an instance's process, whoever made them, and are removed by whoever sees
// the instance's end.
package isolation

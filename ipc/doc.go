// Package ipc is what walisup and its helpers say to each other.
//
// There are two ways. The boot record is what a helper must know before it runs a
// module. The channel, package ipc/channel, is memory that all processes of an
// instance share with its supervisor for as long as they run.
//
// The packages below this one are what both programs need: the compile cache
// (ipc/cache), what runs before the Go runtime (ipc/stagezero), and what a guest is shut
// in by (ipc/sandbox).
//
// Arguments and environment of a helper process belong to the guest (ps and
// /proc/self/environ show them), so nothing of ours may travel there. Record and
// channel lie in sealed memory files, the record in a socket where there may be no such
// file, whose descriptor numbers both sides agree on.
//
// # Descriptors
//
// A helper keeps a small range of descriptors for itself, from N on. The guest gets
// EBADF for them. N is 1024 where that is possible; if a guest names one of the numbers
// for a descriptor of its own, all of them move to a place that was kept free for it,
// see [SpareReserved].
//
//	N     the helper's own executable (O_PATH), so that a guest's execve can
//	      start the next helper without searching for it
//	N+1   the boot record
//	N+2   the module
//	N+3   the channel to the supervisor, if there is one
//	N+4   the compiled module, if the helper is to start with that
//	N+5   a socket on which the helper says when the guest runs, if
//	      someone wants to know
//	N+6   the pipe for trace records
//	N+7   the layer that serves WASI modules
//	N+8   a socket of the code service, for a confined guest
//	N+9   where reports of crashes go
//	N+10  to N+15: reserved
//	N+16  to N+23: the layers
//
// None of them is close-on-exec when a helper starts: the helper executable is
// started as /proc/self/fd/N, and the kernel hands that very string to the new
// program in its auxiliary vector (AT_EXECFN), which is how a helper learns N.
//
// # Trust
//
// What a guest is confined by holds only if nothing in this range leads out of it: a
// descriptor has a name in /proc, and a helper may have been taken over by its guest.
// So a confined helper has no directory here, and no file that it could open for
// writing and that others trust. Its executable is on a mount of its own that is
// read-only, or a sealed copy; compiled code comes as sealed or read-only files.
//
// A boot record comes from walisup or from a helper, and a helper may have been
// taken over by its guest. Whoever reads a record trusts nothing in it:
// lengths are checked against what is there, and strings have an upper bound.
package ipc

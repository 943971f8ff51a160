//go:build linux && (amd64 || arm64)

// Package safecopy reads and writes memory that may fault, and reports the
// fault as a result instead of dying of it.
//
// Guest memory is mapped and unmapped by the guest. A page of it may be
// missing, read-only, or lie beyond the end of a mapped file, and another guest
// thread may make it so between a check and the access. There is therefore no
// check: the access is made, and if the kernel raises SIGSEGV or SIGBUS for it,
// a handler sends the program counter to an exit that says how far it came.
//
// # How it works
//
// Every instruction that may fault is the first of a function of its own, so
// that its address is the function's symbol and nothing depends on how the
// linker lays out code. The handler compares the interrupted program counter
// with these few addresses. On a match it changes the saved program counter to
// the exit function that belongs to the access (which has the same frame) and
// returns. On no match it jumps, with its argument registers untouched, to the
// next handler in the chain, which at first is the Go runtime's own: nil
// dereferences in Go code still panic, and crashes still print a traceback.
//
// The handler uses neither the Go stack nor g, takes no lock and changes
// nothing but the context that it was given, so it is safe on every thread and
// in every state of the runtime, also in a child after a raw clone.
//
// # What may be called when
//
// Call Install once, before any access to memory that may fault. The access
// functions may then be called anywhere, also where the runtime is stopped:
// they do not allocate, grow the stack, or block (other than in a page fault).
// The calling thread must not block SIGSEGV and SIGBUS: the kernel kills a
// process that faults with the signal blocked. The Go runtime keeps both
// unblocked on its threads; whoever sets a guest's signal mask must do so too.
//
// os/signal must not be asked for SIGSEGV or SIGBUS, since that would install
// the runtime's handler over ours.
//
// A SIGSEGV that somebody sent (kill, tgkill, sigqueue) is not a fault, even if
// it arrives while a copy is going on; it goes to the chain.
//
// # Races
//
// Load and Store of aligned words are single machine accesses, so a concurrent
// writer is seen wholly or not at all. CompareAndSwap32 is a full barrier. A
// copy promises nothing about the order or width of its accesses.
package safecopy

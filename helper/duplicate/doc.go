// Package duplicate is fork(2) for a Go process.
//
// The kernel copies only the thread that calls it. Those of the Go runtime
// (sysmon, idle ones, one for each goroutine in a system call) would be missing
// in the child, while the runtime there still believes in them. This package
// knows how to set a thread aside and how to bring it back, in the same
// process or in a child:
//
//	forking thread                       every other thread
//	  give it a slot, send SIGBUS ─────▶   handler: note the address of the
//	  wait until all have arrived          signal frame in the slot, and wait
//	  clone                                at the gate
//	  parent: open the gate ───────────▶   return, or end (Freeze)
//	  child: nothing, or Thaw
//
//	Thaw: for each slot clone a thread with the stack pointer at the signal
//	frame and the thread's own thread pointer. Its first instruction is rt_sigreturn,
//	which restores registers, floating-point state, alternate stack and signal
//	mask: it goes on exactly where the old one was.
//
// # Frozen
//
// Reviving threads takes the child longer than everything else in a fork, and
// most children never need them: their one thread runs compiled code and makes
// system calls. So threads stay set aside until somebody asks for them. A helper
// with one guest thread freezes itself before the guest starts, is then a
// single-threaded process, and forks, execs and exits like one.
//
// A thread may only be set aside for longer if nothing depends on it: it
// must hold no lock of the runtime and no P. That is so when it sleeps in the
// kernel, in a futex without timeout, or for a limited time if it is sysmon;
// such a thread is called quiescent here. A thread that waits for a lock sleeps
// in futex too, but then another one holds it, and that one is not quiescent.
// What wakes such a thread meanwhile changes its futex word first, so that it
// sees it when it is back.
//
// In a frozen process the goroutine that called Freeze must not be made to wait
// by the Go scheduler: no channel operation that blocks, no contended lock,
// no runtime.GC. Nobody would wake it. Starting goroutines is harmless; they run
// after Thaw. Freeze also sees to it that no request to yield is pending.
//
// # What may run while threads are stopped
//
// Between stop and release another thread may hold any lock of the runtime. The
// code there is nosplit, does not allocate, does not write pointers into the
// heap (no write barrier), calls nothing but itself and raw system calls, and
// the handler is assembly that uses no Go stack.
//
// # What must hold in the process
//
// SIGBUS is handled by package safecopy's handler, to which Install adds, and is
// never blocked for long: neither in a thread of the runtime nor by a guest. No
// signal is taken from the guest: a SIGBUS in a thread that is not wanted goes its
// usual way, as does one that says that it comes from somebody else. The runtime must
// not signal its threads by itself (GODEBUG asyncpreemptoff=1), as they may not exist.
// Threads are found by package mlist, which keeps their ids true. The runtime uses
// neither set_tid_address nor robust lists nor rseq, and so needs nothing else
// restored.
package duplicate

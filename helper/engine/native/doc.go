// Package native is the engine for modules that were compiled ahead of time by LLVM, see
// package compiler below it, which no helper links in. It runs images; it makes none.
//
// # How code and Go meet
//
// An image lies at a fixed address and is a mapping of its cache entry. Its code runs on a
// stack of the guest thread's own, outside of the Go heap, which does not move. The segment
// register GS, which the Go runtime does not use, points to the thread's context. To call a
// host function the code stores its number and arguments in the context and goes on in Go, on
// Go's stack, where enter had been called:
//
//	loop ── enter ──▶ code ── hostcall ──▶ enter returns ── loop calls the host function
//	  ▲                                                             │
//	  └─────────────────────────────────────────────────────────────┘
//
// A trap leaves in the same way. enter looks for a pending signal before it goes to the code,
// and all until the stack is the guest's may be begun again; so nothing is single-stepped.
// Interrupted code goes on in a stub that leaves as a host call does; the host function that
// runs then may call the code again, on the same stack, below what was interrupted.
//
// # Stacks
//
// Calls of one thread share a stack. Below it is a guard, larger than any frame, and below
// that a second, small stack for handlers that run when the first has overflown. Every
// function keeps a frame pointer, so that stacks can be followed.
//
// # Jumps
//
// setjmp's stub saves the registers that calls preserve. A jump puts them back, and the frame
// of setjmp's caller as it was, but only if all frames from there outwards are where they were
// and return to where they did; see jump_unsafe.go. Nothing of that is in guest memory.
//
// # Exceptions
//
// Code that throws leaves for Go, which follows the frames outwards. The index of the image
// says where each function keeps its caller's registers, and which calls have a landing pad.
// The code goes on there with the registers of that frame, or traps if there is none.
package native

// Package interrupt makes compiled wasm code call a host function at any
// instruction, because a signal arrived there or because the instruction
// faulted. The code itself carries nothing for it.
//
// # How
//
// A raw signal handler looks at the interrupted program counter. Inside the
// module's compiled code it copies the signal frame (registers, FPU state,
// mask) aside, points the context at a stub and returns, with every signal
// blocked. The stub does what compiled code does to call a Go host function:
// it fills in the engine's fields and leaves for the engine's dispatch loop. To
// the engine, and to the Go runtime, this is an ordinary host call. When the
// host function returns, a second stub puts the engine's fields back and makes
// the kernel restore the copied frame, so that every register is as it was.
//
//	compiled code ──signal──▶ handler: copy frame, redirect
//	                             │ sigreturn
//	                          enter stub ──▶ engine's loop ──▶ host function
//	                          leave stub ◀── engine's loop ◀──┘
//	                             │ sigreturn on the copy
//	compiled code ◀──────────────┘
//
// # What may be called when
//
// The handler runs on the thread's alternate signal stack with the wasm stack,
// the Go stack and every lock in an unknown state. It is assembly, makes no
// call, and writes only to the thread's State and to the signal frame. It finds
// the State in a word of thread-local storage that the Go runtime reserves and
// never uses on this system (the second of m.tls; Bind checks that it is zero).
// Threads that run no guest have zero there and are left to Go's own handler.
//
// The host function runs as any host function does. Until it has called
// State.Enter no further signal may be taken, and from State.Leave until the
// leave stub is through none either: all signals are blocked there.
package interrupt

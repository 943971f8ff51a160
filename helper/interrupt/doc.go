// Package interrupt makes compiled wasm code call a host function at any
// instruction, because a signal arrived there or because the instruction
// faulted. The code itself carries nothing for it.
//
// # How
//
// A raw signal handler looks at the interrupted program counter. Inside the
// module's compiled code it copies the signal frame (registers, FPU state,
// mask) aside, points the context at a stub of the engine's and returns, with every signal
// blocked. The stub does what compiled code does to call a Go host function. To
// the engine, and to the Go runtime, this is an ordinary host call. When the
// host function returns, the engine puts its own fields back and has this package make
// the kernel restore the copied frame, so that every register is as it was.
//
//	compiled code ──signal──▶ handler: copy frame, redirect
//	                             │ sigreturn
//	                          enter stub ──▶ engine ──▶ host function
//	                          leave stub ◀── engine ◀──┘
//	                             │ sigreturn on the copy
//	compiled code ◀──────────────┘
//
// # What is the engine's
//
// The handlers know of an engine where the stack of the call under way lies, and five
// addresses, see Hooks: the stub, and what to do with a signal that is caught on the way
// between compiled code and Go. An engine may ask for single steps there.
//
// # What may be called when
//
// The handler runs on the thread's alternate signal stack with the wasm stack,
// the Go stack and every lock in an unknown state. It is assembly, makes no
// call but of an engine's hooks, and writes only to the thread's State and to the signal frame. It finds
// the State in a word of thread-local storage that the Go runtime reserves and
// never uses on this system (the second of m.tls; Bind checks that it is zero).
// Threads that run no guest have zero there and are left to Go's own handler.
//
// The host function runs as any host function does. Until it has called
// State.Enter no further signal may be taken, and from State.Leave until the
// leave stub is through none either: all signals are blocked there.
package interrupt

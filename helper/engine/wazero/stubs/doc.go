// Package stubs is how wazero's compiled code is interrupted, and how calls of it end early:
// the engine's part of package interrupt.
//
// wazero leaves compiled code to call a host function by filling fields of the call's
// execution context and returning to its dispatch loop, which calls the function and goes
// back to an address in the context. So the enter stub fills in these fields where code
// was interrupted; to the engine, and to the Go runtime, this is an ordinary host call. The
// leave stub puts the fields back. Other stubs take the place of the address that the loop
// goes back to: one looks for signals a last time, one ends the call.
//
// # What may be called when
//
// divert and step run in raw signal handlers, with the rules of package interrupt. The
// stubs run on the wasm stack and on behalf of compiled code. All of them write only to the
// thread's State and to the execution context.
package stubs

// Package engine says what a helper needs of an engine, which compiles WebAssembly
// modules and runs them. Package wazero below it is one. Nothing outside of this
// directory knows which engine a program runs on.
//
// # Who does what
//
// Package module makes a module ready for any engine. It also knows what is in the
// function tables, which code cannot change. The helper owns threads, memory, signals
// and what a trap means to a process. Package interrupt owns the raw signal handlers. The
// engine owns machine code, the stacks that it runs on, and the way between such code and
// Go: host functions, calls of exports, traps, exceptions, setjmp and longjmp, and the
// stubs by which interrupted code calls a host function.
//
// # Values and not singletons
//
// One process may load several programs, each with a memory of its own, and have an
// [Instance] of each in every guest thread: an application, and layers below it. A
// [Thread] stands for the calls of one guest thread, whatever instances they are of. So a
// host function may call an export of another instance and return when that does.
// No package variable of an engine depends on a program.
//
// # What is in the process's memory
//
// What Load, NewThread and Instantiate make is private memory of the process and
// mappings of the artifact. They open no descriptor and make no kernel thread. So a fork
// copies a program as it is, and all of it can be saved and mapped again at the same
// addresses.
//
// # When the heap must not be touched
//
// The methods of [Thread] and [Function] run in a host function, or lead to one. They do
// not allocate, but for the stacks of reports and what SetJump keeps for the first time.
package engine

import (
	"context"

	"walisup/helper/interrupt"
	"walisup/helper/module"
)

// HostFunc is a function that compiled code calls. ctx is what the call of the export was
// given, unchanged: a type assertion finds the guest thread in it. stack holds the
// parameters, each in 64 bits whose upper part may be anything if the type is narrower,
// and then the results in their place. It is an alias, so that nothing stands between
// compiled code and the function.
type HostFunc = func(ctx context.Context, stack []uint64)

// Engine compiles and loads modules. It has no state.
type Engine interface {
	// Name is the engine's, as reports and documents have it.
	Name() string

	// Compile makes machine code of a prepared module. It takes long and fills the
	// heap, so it is called in a process that runs no guest. Its error says what is
	// wrong with the module, or with the engine.
	Compile(ctx context.Context, m *module.Module, o Options) (*Artifact, error)

	// Load links a compiled module to its host. Of m only what a cache keeps is
	// used: it has no Binary. The code in a must be mapped executable and stay so.
	// It takes no time that grows with the size of the code.
	Load(ctx context.Context, m *module.Module, a *Artifact, host *Host) (Program, error)

	// NewThread makes what the engine knows of a guest thread. s is that thread's.
	NewThread(s *interrupt.State) Thread

	// TrapOf returns which trap an error is that a call has ended with, NoTrap if it
	// is none.
	TrapOf(err error) Trap
}

// Options choose how a module is compiled.
type Options struct {
	Workers int  // goroutines
	Debug   bool // fill in Artifact.Sources, for a module with debug information

	// MemoryBase is the address that the linear memory will have, which may become
	// part of the code. Each program of a process has another. The module must be
	// prepared for it. An engine that cannot place a memory there says so.
	MemoryBase uintptr

	// Reserved says that the address space of a linear memory is reserved. An engine
	// that tries its code out before it compiles needs to know.
	Reserved bool
}

// ModuleError is an error of Compile or Load that concerns the module and not what runs it.
type ModuleError struct{ Err error }

func (e *ModuleError) Error() string { return e.Err.Error() }
func (e *ModuleError) Unwrap() error { return e.Err }

// Artifact is a compiled module in the parts that package cache keeps. What they hold is
// the engine's matter, but for Code, which holds the machine code of all the module's own
// functions. An engine leaves empty what it does not need.
type Artifact struct {
	Head, Tail, Index []byte // to be read
	Code, Glue        []byte // to be executed

	// Sources maps code to the module it was compiled from, by rising Code.
	Sources []Source
}

// Source says that the machine code from offset Code on comes from the instruction at
// Module, in bytes from the beginning of the code section's content.
type Source struct{ Code, Module uint64 }

// Host is what a program is linked to.
type Host struct {
	// Function returns what stands behind an import of the module's own, of whatever
	// namespace, Support what stands behind one of module.SupportModule. They are called once
	// for each, and the result is nil if there is none.
	Function, Support func(module.Import) HostFunc

	// Interrupted is called by code that package interrupt has interrupted, at that
	// place; see interrupt.State.Enter. Pending is called on the way back from the
	// host to compiled code if a signal has been caught on that way; it must call
	// Suspend first and Continue last. Neither has parameters.
	Interrupted, Pending HostFunc

	// Memory is the linear memory, all of the pages that the module imports, at the
	// address that the code was compiled for: Load refuses any other. The engine never
	// makes it larger; what is accessible in it is the page map's business.
	Memory []byte
}

// Program is a compiled module, linked and ready to be instantiated.
type Program interface {
	// Instantiate makes an instance for t, with globals of its own and the
	// program's memory. It runs nothing of the module.
	Instantiate(ctx context.Context, t Thread) (Instance, error)

	// Locate returns which of the module's own functions has the code at an address,
	// counted without imports, and the address's offset in Artifact.Code.
	Locate(pc uintptr) (function, offset uint32, ok bool)

	// EachFunction calls f for each of the module's own functions with the addresses
	// between which its code lies.
	EachFunction(f func(function uint32, lo, hi uintptr))
}

// Instance is an instance of a program, for one guest thread.
type Instance interface {
	// Function returns an exported function. Each result has a stack of its own and
	// is for one call at a time; who wants to call a function within itself, as for
	// a signal that interrupts a handler, gets another.
	Function(name string) Function

	// Global returns an exported global, nil if there is none.
	Global(name string) Global
}

// Global is a global of an instance. The value is in the low bits.
type Global interface {
	Get() uint64
	Set(value uint64) // for a mutable one
}

// Context is what calls are given and host functions find.
type Context interface {
	context.Context

	// Trap is called in the guest's thread when compiled code has trapped, with the
	// error that the call would end with. It may have made the code go on elsewhere,
	// by Jump, and then reports true.
	Trap(err error) (resume bool)
}

// Function is an exported function of an instance.
type Function interface {
	// Call runs the function to its end on the calling thread, which is the
	// instance's. The results of a function that has some take the place of its
	// arguments: args must have room for whichever are more. Stacks grow as needed up to a limit of the
	// engine's, beyond which it traps. The error is a trap, an exception that nobody
	// has caught, or what Leave was given. When Call returns, the signal state and
	// the records of SetJump are as they were before it.
	//
	// A signal that is pending when compiled code begins interrupts its first
	// instruction. Signals stay pending during a call for which
	// interrupt.State.InLayer holds.
	//
	// ctx is a Context. That is not its type here, since to turn one interface value
	// into another costs time at each call.
	Call(ctx context.Context, args ...uint64) error

	// Stack is where the last call, which has ended with a trap, had come to: see
	// Thread.HostStack.
	Stack(limit int) []uintptr

	// CallerStack is the stack of compiled code further out, up to its call of the host
	// function that has called this function, whose call is under way; see
	// Thread.HostStack. It is empty if that was not called by compiled code.
	CallerStack(limit int) []uintptr
}

// Thread is an engine's part of one guest thread: the calls that are under way in it, each
// in a host function that the next one out has called. Its methods are called on that
// thread, within a host function.
type Thread interface {
	// Leave makes the innermost call end, as soon as the present host function has
	// returned, with why for an error, nil for none. No frame of the call is looked
	// at. A jump that happens first undoes it.
	Leave(why error)

	// SetJump records the state in which the present host function returns, for
	// Jump. buffer tells several records in one frame apart. A record dies with the
	// frame of the host function's caller.
	SetJump(buffer uint32) Handle

	// Jump makes the present host function return value where the one did that had
	// called SetJump, and takes with it the exception handlers of the frames that it
	// leaves. outer says that this was in a call further out than the innermost:
	// nothing has happened then, and the caller goes on with Leave. The error is
	// ErrStale.
	Jump(h Handle, value uint64) (outer bool, err error)

	// HostStack is the stack of compiled code at the present host function's call:
	// addresses in functions, innermost first, at most limit. All but an innermost
	// one where code was interrupted or has trapped lie behind a call.
	HostStack(limit int) []uintptr

	// TrapStack is the stack at the trap for which Context.Trap was called.
	TrapStack(limit int) []uintptr

	// InterruptedStack is the stack at an interruption.
	InterruptedStack(at interrupt.Interruption, limit int) []uintptr

	// Undivert lets the present host function return to compiled code directly
	// though a signal was caught: its handler is about to run. Called before the
	// signal is taken.
	Undivert()

	// Suspend and Continue bracket Host.Pending: the handlers that it runs may be
	// interrupted in the same way.
	Suspend() Resume
	Continue(Resume)

	// Reset forgets all records, for a new guest thread in place of one that ended.
	Reset()
}

// Resume is the engine's own; see Thread.Suspend.
type Resume [3]uintptr

// Handle names a record of SetJump. It may be kept in the guest's memory: one that the
// guest has made up is found out, or names a record of this thread.
type Handle struct{ Index, Serial uint64 }

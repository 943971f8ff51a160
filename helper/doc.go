// Package helper runs one wasm process.
//
// # Start
//
//	walisup ─ clone, exec ─▶ helper: stagezero records mask and dispositions
//	                           Go runtime starts
//	                           read boot record, module, compile cache
//	                             (absent: run a second helper that compiles)
//	                           reserve memory, instantiate
//	                           undo what the runtime did: dispositions, limits
//	                           take the guest's signal mask, run _start
//
// From the last step on the process is the guest's: its descriptors, signals,
// limits, memory map and exit status are what the guest makes of them. The
// garbage collector is off. Nothing may open a descriptor by itself, so nothing
// of package os's files, net, or time's timers is used in a helper.
//
// # Threads
//
// A guest thread is a kernel thread with an instance of the module, see threads.go
// and package osthread. Go's scheduler never preempts compiled code, which
// therefore keeps its P: there is one for every guest thread, up to a limit beyond
// which those that are seen to run count. Fork, exec, the collector and a change of
// the number of Ps first make the other guest threads stand still (kernel.RequestStop):
// compiled code is interrupted by the reserved signal, a blocking system call goes on
// undisturbed and its thread waits when it returns. A child has the caller alone; the
// goroutines of the parent's other threads stay in it as garbage that never runs.
//
// # Layers
//
// A layer is a module of its own: with a runtime of the engine for itself, a memory at
// an address that depends on its place in the stack and is compiled into its code (the
// cache key has the place, as ipc.Role), and an instance for each guest thread. Host
// functions of the application that a layer provides call it on the same kernel thread,
// see layer.go and package wali's layer.go. The compiled form of each layer stays open in
// the private range, so that a helper which this one executes has the same stack.
package helper

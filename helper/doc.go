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
package helper

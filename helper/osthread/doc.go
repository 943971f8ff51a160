// Package osthread gives a goroutine one kernel thread after another.
//
// A guest thread must be a kernel thread of its own, new when it begins and gone
// when it ends: its id, name, priority, credentials, timers and pending signals are
// the kernel's. The Go runtime's threads can be that too, but making one fills the
// heap, is done by some other thread of the runtime than the one that asks, and a
// failure ends the process.
//
// So a goroutine that is locked to its thread stays when its guest thread has
// ended, and only the kernel's part goes:
//
//	Park:   enter what the runtime takes for a system call; note stack pointer and
//	        thread pointer; SYS_exit
//	Start:  clone, with that stack and thread pointer; the new thread returns from
//	        Park
//
// To the runtime the goroutine was in a long system call. Its record of the thread's
// id is kept true, see package mlist.
package osthread

// Package monitor looks after a detached instance: a process of its own, which is
// walisup again, starts the guest, keeps its log, waits for all its processes,
// starts it again if it is to be, and records how it ended.
//
//	walisup start -d          monitor                      guest
//	  │ make directory, record     │                            │
//	  ├─ fork, exec, setsid ───▶│                            │
//	  │                         ├─ fork, exec, setsid ──────▶│ helper loads the module
//	  │                         │◀───────────── "guest runs" ┤
//	  │◀── it runs, or why not ─┤                            │
//	  │ print id, exit          │◀═══ stdout, stderr (FIFOs) ╡
//	                            │                            │
//	walisup stop ── stop signal ┼───────────────────────────▶│
//	  │                         │◀──────────────── wait4 ────┘
//	  │                         │ kill what is left of the tree
//	  │                         │ last lines of the log, record, pid file
//	  │◀─ the record changes ───┤ exit
//
// The monitor is the subreaper of its guest: processes that lose their parent
// become its children, however they daemonised.
//
// # Losing the monitor
//
// Nothing ties the guest's life to the monitor's. The guest holds its FIFOs open for
// reading as well as for writing, so writing to them neither fails nor signals
// while nobody reads; what a FIFO can hold, 64 KiB, is kept, and then the writer
// waits. The next command that sees the instance starts another monitor ([Adopt]),
// which goes on with the log, waits for the end of the main process through a pidfd,
// and has its exit status from the kernel (Linux 6.15 or newer).
//
// Processes that daemonised have become init's children by then. What was lost is
// written into the record's list of problems.
package monitor

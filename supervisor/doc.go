// Package supervisor starts the first helper of an instance and stands in for
// it: whoever started walisup sees the guest's stops and its end, and what they
// send to walisup reaches the guest.
//
//	shell                     walisup                        helper
//	  │ fork, exec              │                              │
//	  ├────────────────────────▶│ open module, helper          │
//	  │                         │ boot record (sealed memory)  │
//	  │                         │ fork, exec ─────────────────▶│ runs the guest
//	  │ kill walisup ──────────▶│ pidfd_send_signal ──────────▶│
//	  │ ^C on the terminal ─────┼─────────────────────────────▶│ (same process group)
//	  │                         │◀──────────────────── stopped │
//	  │◀── stopped by the same ─│                              │
//	  │ SIGCONT ───────────────▶│ SIGCONT if still stopped ───▶│
//	  │                         │◀────────── exited or killed  │
//	  │◀─ status, or 128+signal │                              │
//
// The helper stays in the caller's session, process group and terminal. If walisup
// is killed, the guest goes on. If the guest's first process ends, what it leaves
// behind is killed, see package supervisor/proctree.
package supervisor

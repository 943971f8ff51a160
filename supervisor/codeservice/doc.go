// Package codeservice gives compiled modules to the helpers of an instance whose guest
// is confined.
//
// Compiled code is as trusted as the helper that runs it. A guest with another root or
// user must not reach the directory of compiled modules, or any other file that helpers
// take code from and that it could write to. So its helpers have no directory. Each has,
// as a private descriptor, one end of a socket, and this service in walisup has the
// other:
//
//	helper                              service, in walisup
//	  │ execve of a module                │
//	  ├─ CodeAsk: module, a socket ──────▶│ known file? else copy it, hash the copy;
//	  │                                   │ in memory? in the directory? else compile it
//	  │◀──────────────────── CodeWorking ─┤ at once, and again while that takes long
//	  │◀────────── CodeReady: the code ───┤
//	  │ map it, execute the next helper   │
//
// The socket for answers is the request's own, so no other process of the instance can
// take or forge the answer. When walisup ends, the kernel closes it, and the helper
// sees that. A helper that gets no sign of life for [Patience] (walisup may have been
// stopped from the terminal) compiles by itself, into memory that only it has.
//
// # Trust
//
// A request may come from a guest that has taken over its helper. What it could want,
// and what keeps it from that:
//
//   - Write to code that others run. What it gets is a sealed memory file, or a file of
//     the directory, open for reading, if its user can never be the directory's owner nor root
//     ([Config.Copy]).
//   - Have code of its own filed as another module's. The key is a hash of what was
//     compiled: of a sealed copy, which nobody can change. A file is only known again by
//     what nobody can counterfeit, see identity.
//   - Run code here. The module is hostile to the compiler, so that runs in a process
//     of its own ([Config.Compile]), which has no right to files or the network, and
//     whose result is only ever filed as this module's.
//   - Use up the machine. Only MaxRequests requests are looked at at a time, and one
//     module is compiled. What is kept, and what is stored, is bounded. The compiling
//     process is in the instance's cgroups.
//   - Block walisup. Each request has a goroutine of its own, nothing waits for a peer
//     (messages are dropped that it has no room for), and a file whose file system does
//     not answer keeps the request's goroutine waiting, and no other.
//   - Have walisup act on a descriptor in its place. Only regular files are read, and
//     only sockets without names are written to.
//
// All processes of the instance share the service, and one of them can keep it from
// the others: those then compile by themselves. It never gives a wrong module.
package codeservice

// Package trace shows the system calls of a guest as strace(1) shows those of a
// native program.
//
// It runs in the helper, in the thread that makes the call, and only in processes
// that are traced: package wali asks for it when the process's control word is not
// 0. What a call looks like comes from a table of specifications (calls.go), a word
// for each argument; the words are decoders, which are grouped by topic, and names
// of tables of constants (flags.go). Layouts are the guest's, with pointers of 32
// bits.
//
// # Records
//
// Every call becomes a record, which is written in one piece to a pipe in packet
// mode (see package ipc). A call that may sleep becomes two: its begin, with the
// arguments up to the first that the call fills in, and its end. Whoever reads the
// pipe joins them, and knows when another process has had something to say in
// between. If nobody reads any more the process goes on without being traced.
//
// # Trust
//
// Arguments are whatever the guest has made them. Memory is read by package
// memory's accessors alone, every length is bounded, and what does not fit into a
// record is left out. Text leaves this package as printable ASCII.
package trace

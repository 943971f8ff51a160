// Package tracelog is walisup's part of tracing: it says which calls a guest is to
// report (see [ParseFilter]), reads the records from the pipe that they come
// through, and writes them as strace(1) would.
//
// A record may come from a process that its guest has taken over. All lengths in it
// are checked, its text holds nothing that a terminal would take for a command, and
// one that makes no sense is reported and skipped.
package tracelog

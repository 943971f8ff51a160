// Package control is what commands do to instances, detached or not: stop them, signal,
// pause and resume them, execute another module in one, attach to its terminal, look at
// its processes and events, and wait for its end.
//
// A command finds an instance's processes by its record and by its channel, and acts on
// them directly. It needs no monitor: if that was killed, or there never was one, the
// command does the same. What a monitor has to know is in the record; a signal tells it
// to look there.
package control

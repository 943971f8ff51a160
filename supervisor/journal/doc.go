// Package journal keeps what a guest writes to its standard output and standard
// error, line by line and with the time.
//
// The newest lines are in the file given to [Create]; when that has reached its
// size it becomes FILE.1, that FILE.2 and so on, and the oldest is removed. A line
// has the form that container runtimes use (the CRI log format):
//
//	2026-03-01T12:00:00.123456789Z stdout F text
//
// The third word is P instead of F if the text goes on in the next line of that
// stream: the guest wrote no line feed for a while, or none within 16 KiB. Lines
// of the stream "walisup" are remarks of the writer.
package journal

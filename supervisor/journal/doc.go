// Package journal keeps what a guest writes to its standard output and standard
// error, line by line and with the time.
//
// A journal is a row of files: FILE.000001, FILE.000002 and so on. Lines are added to
// the last one. When that has reached its size the next one is begun, and the oldest
// is removed if there are too many. FILE itself is a symbolic link to the last one,
// for people and their tools. A line has the form that container runtimes use (the
// CRI log format):
//
//	2026-03-01T12:00:00.123456789Z stdout F text
//
// The third word is P instead of F if the text goes on in the next line of that
// stream: the guest wrote no line feed for a while, or none within 16 KiB. Lines
// of the stream "walisup" are remarks of the writer, and of the reader.
//
// # Reading while it is written
//
// A number is used once, and no file is renamed: whoever has read file n goes on with
// the next higher one, whatever has happened meanwhile, and knows from the numbers
// whether files are missing. Once there is a file n+1 nothing is added to file n. A
// complete line stays as it is; what is not complete may be taken back (the disk was
// full) or be ended by the next writer (the one before was killed). So a reader
// takes complete lines only, and keeps the place behind the last one.
package journal

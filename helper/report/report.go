// Package report writes what a helper must say to users: why it cannot run a module, and
// how its guest crashed. What it shows comes from the guest in part and is made fit for a
// terminal.
package report

import (
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// To is the descriptor that reports are written to; -1 is none. It is set before anything
// of a guest runs: a guest's own descriptor 2 may be any file.
var To = 2

const (
	// patience is how long a report may wait for a reader who is slow. Natively
	// nothing delays the end of a process that crashes.
	patience = time.Second

	// chunk is what a pipe takes without waiting if it takes anything: PIPE_BUF.
	chunk = 4096
)

// Write writes lines for users. It is for programs that end, or run nothing of the
// guest: a signal like SIGPIPE may come of it.
func Write(text string) {
	if To < 0 {
		return
	}
	rest := []byte(printable(text, true))
	for deadline := time.Now().Add(patience); len(rest) > 0; {
		ready := []unix.PollFd{{Fd: int32(To), Events: unix.POLLOUT}}
		left := unix.NsecToTimespec(int64(max(time.Until(deadline), 0)))
		n, err := unix.Ppoll(ready, &left, nil)
		if err == unix.EINTR && time.Now().Before(deadline) {
			continue
		}
		if err == nil && n == 0 {
			return
		}
		// Under a limit of 0 open files poll does not work, but write does.
		n, err = unix.Write(To, rest[:min(len(rest), chunk)])
		if err != nil && err != unix.EINTR && err != unix.EAGAIN {
			return
		}
		rest = rest[max(n, 0):]
	}
}

// maxName is how much is shown of a name that comes from the guest, in bytes.
const maxName = 1000

// Printable makes a text from the guest fit for one line of a terminal: names of modules,
// functions and source files may hold anything.
func Printable(text string) string {
	text = printable(text, false)
	if len(text) > maxName {
		return strings.ToValidUTF8(text[:maxName], "") + "..."
	}
	return text
}

// printable escapes what is not printable; lines leaves line feeds alone.
func printable(text string, lines bool) string {
	clean := true
	for _, r := range text {
		clean = clean && (strconv.IsPrint(r) || lines && r == '\n') && r != '\uFFFD'
	}
	if clean {
		return text
	}
	var b strings.Builder
	for i, r := range text {
		switch {
		case lines && r == '\n':
			b.WriteByte('\n')
		case r == '\uFFFD' && text[i] != 0xef: // no UTF-8
			b.WriteString(`\x` + strconv.FormatUint(uint64(text[i]), 16))
		case strconv.IsPrint(r):
			b.WriteRune(r)
		default:
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	return b.String()
}

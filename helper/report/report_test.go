package report

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestPrintable(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text  string
		lines bool
		want  string
	}{
		{"plain name", false, "plain name"},
		{"operator<<(std::ostream&) größe", false, "operator<<(std::ostream&) größe"},
		{"two\nlines", false, `two\nlines`},
		{"two\nlines\n", true, "two\nlines\n"},
		{"\x1b[2J\x1b]0;title\x07", true, `\x1b[2J\x1b]0;title\a`},
		{"\r\t\x00\x7f", true, `\r\t\x00\x7f`},
		{"\u009b31m", false, `\u009b31m`},
		{"right\u202eto left", false, `right\u202eto left`},
		{"\x9b31m\xff", false, `\x9b31m\xff`},
		{"\uFFFD", false, "\uFFFD"},
		{strings.Repeat("x", maxName), false, strings.Repeat("x", maxName)},
		{strings.Repeat("x", maxName+1), false, strings.Repeat("x", maxName) + "..."},
		{strings.Repeat("x", maxName-1) + "ö", false, strings.Repeat("x", maxName-1) + "..."},
	} {
		got := Printable(c.text)
		if c.lines {
			got = printable(c.text, true)
		}
		if got != c.want {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
}

// TestWriteDoesNotWaitForEver writes to a pipe that nobody empties, and to one that nobody
// can read.
func TestWriteDoesNotWaitForEver(t *testing.T) {
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	defer func() { To = 2 }()
	To = pipe[1]
	Write(strings.Repeat("line\n", 100_000))
	line := make([]byte, 5)
	if n, err := unix.Read(pipe[0], line); n != 5 || err != nil || string(line) != "line\n" {
		t.Errorf("read %q, %v", line[:max(n, 0)], err)
	}
	unix.Close(pipe[0])
	unix.Close(pipe[1])
	Write("to a descriptor that is closed\n")
	To = -1
	Write("to nobody\n")
}

package executable

import "bytes"

// scriptHead is how much of a file the kernel looks at, BINPRM_BUF_SIZE.
const scriptHead = 256

// interpreter is what the first line of a script names.
type interpreter struct {
	path string
	arg  string // the rest of the line, as one argument
	has  bool   // whether there is an argument
}

// parseScript reads a `#!` line as the kernel does (fs/binfmt_script.c). head is
// the beginning of the file; ok is false if it is no script that the kernel
// would run.
func parseScript(head []byte) (in interpreter, ok bool) {
	var buf [scriptHead]byte
	n := copy(buf[:], head)
	if n < 2 || buf[0] != '#' || buf[1] != '!' {
		return in, false
	}
	line := buf[2:]
	whole := false
	if end := bytes.IndexAny(line, "\n\x00"); end >= 0 && line[end] == '\n' {
		line, whole = line[:end], true
	} else {
		// No whole line. It serves if at least the interpreter's path is whole.
		line = line[:len(line)-1]
		start := bytes.TrimLeft(line, " \t")
		if len(start) == 0 || !bytes.ContainsAny(start, " \t\x00") {
			return in, false
		}
	}
	line = bytes.TrimLeft(bytes.TrimRight(line, " \t"), " \t")
	sep := bytes.IndexAny(line, " \t\x00")
	if sep < 0 {
		sep = len(line)
	}
	in.path = string(line[:sep])
	if sep < len(line) && line[sep] != 0 {
		arg := bytes.TrimLeft(line[sep:], " \t")
		if end := bytes.IndexByte(arg, 0); end >= 0 {
			arg = arg[:end]
		}
		in.arg, in.has = string(arg), len(arg) > 0
	}
	// A line without a name is no script, but a file that ends behind the `#!`
	// is one, with an empty name.
	return in, in.path != "" || !whole
}

// Kind says what a file is to execve.
type Kind uint8

const (
	Unknown Kind = iota
	Module
	Script
	Native
)

// KindOf tells a file's kind by its beginning.
func KindOf(head []byte) Kind {
	switch {
	case bytes.HasPrefix(head, []byte("\x00asm")):
		return Module
	case bytes.HasPrefix(head, []byte("#!")):
		return Script
	case bytes.HasPrefix(head, []byte("\x7fELF")):
		return Native
	}
	return Unknown
}

// maxInterpreters is how many `#!` lines may lead to each other; one more is
// ELOOP (fs/exec.c).
const maxInterpreters = 5

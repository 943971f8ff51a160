package module

import (
	"errors"
	"fmt"
)

// ErrNotWasm is wrapped by errors about files that are no WebAssembly binary at all, where execve on Linux would
// answer ENOEXEC.
var ErrNotWasm = errors.New("not a WebAssembly module")

// Error says why a binary cannot be prepared. Its text is one line.
type Error struct {
	// Section names the section at fault, or is empty if the fault is not inside one.
	Section string
	// Offset is the position of the fault in the file in bytes, or -1 where no single position is at fault.
	Offset int64
	// Reason is what is wrong, without the place.
	Reason string

	kind error
}

// Error implements the error interface.
func (e *Error) Error() string {
	switch {
	case e.Section != "" && e.Offset >= 0:
		return fmt.Sprintf("%s (%s section, offset %#x)", e.Reason, e.Section, e.Offset)
	case e.Section != "":
		return fmt.Sprintf("%s (%s section)", e.Reason, e.Section)
	case e.Offset >= 0:
		return fmt.Sprintf("%s (offset %#x)", e.Reason, e.Offset)
	}
	return e.Reason
}

// Unwrap returns [ErrNotWasm] if the file is no WebAssembly binary, else nil.
func (e *Error) Unwrap() error { return e.kind }

func errorf(section string, offset int, format string, args ...any) *Error {
	return &Error{Section: section, Offset: int64(offset), Reason: fmt.Sprintf(format, args...)}
}

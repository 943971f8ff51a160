package supervisor

import "fmt"

// Exit statuses of walisup that are not the guest's, as env(1), nohup(1) and
// container runtimes use them.
const (
	ExitOwn         = 125 // walisup itself failed, or was used wrongly
	ExitNotRunnable = 126 // the module was found and cannot be run
	ExitNotFound    = 127 // there is no such module

	// ExitSignal plus the number of the signal that ended a guest.
	ExitSignal = 128
)

// Error is a failure to start a guest and the status that walisup exits with
// because of it.
type Error struct {
	Status int
	Err    error
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

func failed(status int, format string, args ...any) *Error {
	return &Error{Status: status, Err: fmt.Errorf(format, args...)}
}

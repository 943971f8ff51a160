//go:build linux && amd64

package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"

	"golang.org/x/sys/unix"

	"walisup/ipc/stagezero"
)

// output is the standard output of all commands. It remembers that something could not
// be written, so no command can forget to say so. If nobody reads a pipe any more the
// process ends by SIGPIPE, as other programs do; where that is ignored it is an error
// like others.
type output struct {
	file   *os.File
	closed bool // by whoever started walisup; what is there now is not his

	mu    sync.Mutex
	wrote bool
	err   error // the first one
}

func newOutput() *output {
	if stagezero.Active() && stagezero.Ignored()&(1<<(unix.SIGPIPE-1)) != 0 {
		signal.Ignore(unix.SIGPIPE) // Go's runtime would end us by it
	}
	return &output{file: os.Stdout, closed: stagezero.Active() && stagezero.StandardClosed(unix.Stdout)}
}

// outputError is a failure to write to standard output.
type outputError struct{ err error }

func (e outputError) Error() string { return fmt.Sprintf("write to standard output: %v", e.err) }
func (e outputError) Unwrap() error { return e.err }

// Write implements [io.Writer].
func (o *output) Write(data []byte) (n int, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		err = unix.EBADF
	} else {
		n, err = o.file.Write(data)
	}
	o.wrote = true
	return n, o.failed(err)
}

// failed remembers an error.
func (o *output) failed(err error) error {
	if err == nil {
		return nil
	}
	if pathErr, ok := errors.AsType[*os.PathError](err); ok {
		err = pathErr.Err
	}
	err = outputError{err}
	if o.err == nil {
		o.err = err
	}
	return err
}

// end returns what is to be reported of a command that has ended with err. Some file
// systems tell only when a file is closed that they have no room.
func (o *output) end(err error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.wrote && !o.closed && o.err == nil {
		o.failed(o.file.Close())
	}
	if err == nil {
		return o.err
	}
	return err
}

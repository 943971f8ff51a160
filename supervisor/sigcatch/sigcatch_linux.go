//go:build amd64 || arm64

package sigcatch

import (
	"errors"
	"fmt"
	"math"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"walisup/wali/kernel/abi"
)

// Info is what a signal says of itself, siginfo_t of sigaction(2).
type Info struct {
	Signal unix.Signal
	Code   int // above 0 if the kernel sent it, otherwise who did
	Pid    int // the sender, if a process
}

// Catcher catches signals until it is closed.
type Catcher struct {
	fds [2]int // pipe: read end, write end
	old map[unix.Signal]abi.Sigaction
}

// ErrBusy is returned by [Catch] while another Catcher is open.
var ErrBusy = errors.New("signals are being caught already")

var busy atomic.Bool

// Catch begins to catch the given signals, whatever was to be done with them.
// At most 512 are kept until they are read, further ones are lost.
func Catch(signals []unix.Signal) (*Catcher, error) {
	if !busy.CompareAndSwap(false, true) {
		return nil, ErrBusy
	}
	c := &Catcher{old: make(map[unix.Signal]abi.Sigaction, len(signals))}
	if err := unix.Pipe2(c.fds[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		busy.Store(false)
		return nil, fmt.Errorf("catch signals: %w", err)
	}
	pipe = uintptr(c.fds[1])
	for _, sig := range signals {
		var old abi.Sigaction
		if errno := abi.SetAction(sig, caught(), &old); errno != 0 {
			c.Close()
			return nil, fmt.Errorf("catch signal %d: %w", sig, errno)
		}
		c.old[sig] = old
	}
	return c, nil
}

func caught() *abi.Sigaction {
	handler, restorer := entries()
	return &abi.Sigaction{
		Handler:  handler,
		Restorer: restorer,
		Flags:    abi.SASiginfo | abi.SARestorer | abi.SAOnstack | abi.SARestart,
		Mask:     math.MaxUint64,
	}
}

// FD returns a descriptor that is readable when a signal has been caught.
func (c *Catcher) FD() int { return c.fds[0] }

// Read returns the oldest signal that has been caught. It does not wait: if
// there is none, the error is EAGAIN.
func (c *Catcher) Read() (Info, error) {
	var data abi.Siginfo
	n, err := unix.Read(c.fds[0], data[:])
	if err != nil {
		return Info{}, err
	}
	if n != len(data) {
		return Info{}, fmt.Errorf("siginfo of %d bytes", n)
	}
	return Info{Signal: unix.Signal(data.Signo()), Code: data.Code(), Pid: data.PID()}, nil
}

// WithDefault runs f while a signal has its default effect.
func (c *Catcher) WithDefault(sig unix.Signal, f func() error) error {
	var old abi.Sigaction
	if errno := abi.SetAction(sig, new(abi.Sigaction), &old); errno != 0 {
		return fmt.Errorf("set default action of signal %d: %w", sig, errno)
	}
	err := f()
	if errno := abi.SetAction(sig, &old, nil); errno != 0 && err == nil {
		err = errno
	}
	return err
}

// Default gives a signal its default effect, for good and whatever Go's runtime or
// whoever started the process wanted of it.
func Default(sig unix.Signal) error {
	if errno := abi.SetAction(sig, new(abi.Sigaction), nil); errno != 0 {
		return errno
	}
	return nil
}

// Close lets the signals have the effect again that they had before.
func (c *Catcher) Close() {
	for sig, old := range c.old {
		abi.SetAction(sig, &old, nil)
	}
	// A handler may be running still: its write to a closed pipe fails, but it
	// must not go to a descriptor that is opened later under the same number.
	pipe = math.MaxUint64
	unix.Close(c.fds[0])
	unix.Close(c.fds[1])
	busy.Store(false)
}

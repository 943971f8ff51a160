package control

import (
	"errors"
	"fmt"

	"walisup/supervisor/instance"
	"walisup/supervisor/terminal"
)

// ErrNoTerminal means that an instance has no terminal to attach to.
var ErrNoTerminal = errors.New("has no terminal")

// Attach connects to the terminal of an instance.
func Attach(i *instance.Instance) (*terminal.Client, error) {
	if !i.Options.Terminal {
		return nil, fmt.Errorf("instance %s %w: it was not started with --detach --tty", i.Name, ErrNoTerminal)
	}
	client, err := terminal.Connect(i.File(""), instance.TerminalFile)
	if errors.Is(err, terminal.ErrNoServer) {
		return nil, fmt.Errorf("instance %s %w any more: that was lost with its monitor", i.Name, ErrNoTerminal)
	}
	if err != nil {
		return nil, fmt.Errorf("attach to instance %s: %w", i.Name, err)
	}
	return client, nil
}

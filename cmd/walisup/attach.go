//go:build linux && amd64

package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"

	"github.com/moby/term"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"walisup/supervisor"
	"walisup/supervisor/control"
	"walisup/supervisor/instance"
	"walisup/supervisor/terminal"
)

func newAttachCommand(state *stateFlag) *cobra.Command {
	keys := keysFlag{'p' & 0x1f, 'q' & 0x1f}
	cmd := &cobra.Command{
		Use:   "attach [flags] instance",
		Short: "Connect to the terminal of a detached instance",
		Long: `attach connects the caller's terminal to the terminal of an instance that was started
with --detach --tty. The detach keys end attach, and the instance continues. All other
keys go to the instance. If the instance ends, attach ends in the same way.`,
		Example: `  walisup start --detach --tty --name shell bash.wasm
  walisup attach shell`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: state.complete(1, func(i *instance.Instance) bool { return i.Options.Terminal && isActive(i) }),
		RunE: func(cmd *cobra.Command, args []string) error {
			i, err := state.find(args[0])
			if err != nil {
				return err
			}
			if !isActive(i) {
				return notActive(i)
			}
			client, err := control.Attach(i)
			if err != nil {
				return err
			}
			defer client.Close()
			detached, err := attach(client, keys)
			if err != nil || detached {
				return err
			}
			return exitOf(i)
		},
	}
	cmd.Flags().Var(&keys, "detach-keys", "`keys` that end attach: letters or ctrl- and a letter, separated by commas; empty for none")
	return cmd
}

// exitOf waits for the end of an instance whose terminal has closed.
func exitOf(i *instance.Instance) error {
	err := control.AwaitExit(i, -1)
	if err != nil && !errors.Is(err, instance.ErrNotFound) {
		return err
	}
	if i.State.Phase != instance.Exited || !i.State.StatusKnown {
		return &supervisor.Error{Status: supervisor.ExitOwn, Err: fmt.Errorf("instance %s has ended, and its exit status is not known", i.Name)}
	}
	if sig := i.State.Signal; sig != 0 {
		return guestSignal(sig)
	}
	return guestStatus(i.State.Status)
}

// attach passes on what is typed and written until the detach keys are typed or the
// instance's terminal closes.
func attach(t *terminal.Client, keys []byte) (detached bool, err error) {
	// First, so that none of them leaves the terminal raw.
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, unix.SIGWINCH, unix.SIGTERM, unix.SIGHUP, unix.SIGINT, unix.SIGQUIT)
	defer signal.Stop(signals)
	restore, err := makeRaw(unix.Stdin)
	if err != nil {
		return false, err
	}
	defer restore()
	resize(t)

	closed := make(chan error, 1)
	go func() { closed <- copyOutput(t) }()
	left := make(chan bool, 1)
	go func() {
		if copyInput(t, keys) {
			left <- true
		}
	}()
	for {
		select {
		case sig := <-signals:
			if sig == unix.SIGWINCH {
				resize(t)
				continue
			}
			return false, guestSignal(sig.(unix.Signal))
		case err := <-closed:
			return false, err
		case <-left:
			fmt.Fprint(os.Stderr, "\r\n")
			return true, nil
		}
	}
}

func resize(t *terminal.Client) {
	if size, err := term.GetWinsize(uintptr(unix.Stdin)); err == nil && size.Height > 0 && size.Width > 0 {
		t.Resize(size.Height, size.Width)
	}
}

// copyOutput returns when the terminal closes.
func copyOutput(t *terminal.Client) error {
	buffer := make([]byte, 64<<10)
	for {
		n, err := t.Read(buffer)
		if err != nil || n <= 0 {
			return nil
		}
		if _, err := os.Stdout.Write(buffer[:n]); err != nil {
			return err
		}
	}
}

// copyInput returns at the end of the input, or with true after the detach keys.
func copyInput(t *terminal.Client, keys []byte) (detach bool) {
	watch := keyWatch{keys: keys}
	buffer := make([]byte, 4096)
	for {
		n, err := unix.Read(unix.Stdin, buffer)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n <= 0 {
			return false
		}
		pass, detach := watch.typed(buffer[:n])
		if _, err := t.Write(pass); err != nil {
			return false
		}
		if detach {
			return true
		}
	}
}

// makeRaw lets a terminal pass on every key, see cfmakeraw(3), and returns what undoes
// that. Other files it leaves alone.
func makeRaw(fd int) (restore func(), err error) {
	if !isTerminal(fd) {
		return func() {}, nil
	}
	old, err := term.MakeRaw(uintptr(fd))
	if err != nil {
		return nil, fmt.Errorf("set up terminal: %w", err)
	}
	return func() { term.RestoreTerminal(uintptr(fd), old) }, nil
}

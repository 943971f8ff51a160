//go:build linux && amd64

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"

	"walisup/helper/engine/native/compiler"
	"walisup/ipc"
	"walisup/supervisor"
	"walisup/supervisor/nativecode"
)

// nativeCompiler is what compile --native makes native code with.
type nativeCompiler struct {
	tools *compiler.Tools
	order nativecode.Order
}

// newNativeCompiler finds what native code needs. boot becomes an order for code of the
// engine wazero, which comes first: it validates the module, and is there if native code is
// not wanted.
func newNativeCompiler(m *moduleFlags, boot *ipc.Boot) (*nativeCompiler, error) {
	switch {
	case m.keepDebug:
		return nil, errors.New("--native: reports of native code name no source lines, so --keep-debug is of no use")
	case boot.OnlyWazero:
		return nil, errors.New("--native and --engine wazero exclude each other")
	}
	boot.OnlyWazero, boot.NeedNative = true, false
	tools, err := nativecode.Tools()
	if err != nil {
		return nil, err
	}
	build, err := supervisor.HelperBuild(m.helper)
	if err != nil {
		return nil, err
	}
	return &nativeCompiler{tools, nativecode.Order{CacheDir: boot.CacheDir, Build: build, PlainTables: boot.PlainTables}}, nil
}

// compile makes native code of a module that is compiled already. It returns an exit status:
// a module that stays with the other engine is no failure. The error is the signal that is to
// end walisup: it takes LLVM's programs and the temporary files with it.
func (c *nativeCompiler) compile(path string) (status int, err error) {
	ctx, interrupted := context.WithCancelCause(context.Background())
	defer interrupted(nil)
	caught := make(chan os.Signal, 1)
	for _, sig := range []unix.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGHUP} {
		if !signal.Ignored(sig) {
			signal.Notify(caught, sig)
		}
	}
	defer signal.Stop(caught)
	go func() {
		select {
		case sig := <-caught:
			interrupted(guestSignal(sig.(unix.Signal)))
		case <-ctx.Done():
		}
	}()
	o := c.order
	o.Path = path
	shown := false
	o.Progress = func(done, all int) {
		if isTerminal(unix.Stderr) {
			fmt.Fprintf(os.Stderr, "\rwalisup: native code of %s: %d of %d parts", path, done, all)
			shown = true
		}
	}
	_, err = nativecode.Compile(ctx, c.tools, o)
	if shown {
		fmt.Fprintln(os.Stderr)
	}
	if sig, ok := errors.AsType[guestSignal](context.Cause(ctx)); ok {
		return 0, sig
	}
	var unsupported *compiler.Unsupported
	switch {
	case err == nil:
		return 0, nil
	case errors.As(err, &unsupported):
		fmt.Fprintf(os.Stderr, "walisup: %s: stays with wazero: %v\n", path, err)
		return 0, nil
	}
	return report(fmt.Errorf("%s: no native code: %w", path, err)), nil
}

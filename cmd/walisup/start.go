//go:build linux && amd64

package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"walisup/ipc"
	"walisup/supervisor"
	"walisup/supervisor/instance"
	"walisup/supervisor/monitor"
	"walisup/supervisor/procfs"
)

// startFlags are the flags of start.
type startFlags struct {
	state      *stateFlag
	module     moduleFlags
	env        environmentFlags
	layers     layerFlags
	lifecycle  lifecycleFlags
	trace      traceFlags
	isolation  isolationFlags
	workdir    string
	argv0      string
	nativeExec bool
	files      int
}

func newStartCommand(state *stateFlag) *cobra.Command {
	s := &startFlags{state: state}
	cmd := &cobra.Command{
		Use:   "start [flags] app.wasm [args...]",
		Short: "Run a module",
		Long: `start runs a module with the standard streams, the terminal, the file descriptors and
the environment of the caller. It ends as the module ends: with the same exit status or
by the same signal.

With --detach the module runs in the background, in a session of its own. It reads from
/dev/null and writes to a log. start prints the id of the instance and returns when the
module runs. If the module cannot be run, start prints why and exits as without
--detach.

Flags end at the module's name. What follows are arguments of the module.`,
		Annotations: readsEnvironment,
		Example: `  walisup start hello.wasm
  walisup start --env LANG=C --workdir /srv lua.wasm script.lua --verbose
  walisup start --detach --name cache --restart on-failure memcached.wasm -p 11211`,
		ValidArgsFunction: func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveDefault
			}
			return completeModules(cmd, args, word)
		},
		RunE: s.run,
	}
	s.register(cmd.Flags())
	cmd.RegisterFlagCompletionFunc("stop-signal", completeSignals)
	cmd.RegisterFlagCompletionFunc("restart", cobra.FixedCompletions(
		[]string{instance.RestartNo, instance.RestartOnFailure, instance.RestartAlways, instance.RestartUnlessStopped},
		cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (s *startFlags) register(flags *pflag.FlagSet) {
	flags.SetInterspersed(false)
	s.lifecycle.register(flags)
	s.module.register(flags)
	s.env.register(flags)
	s.layers.register(flags)
	s.trace.registerStart(flags)
	s.isolation.register(flags)
	flags.StringVarP(&s.workdir, "workdir", "w", "", "run the module in a `directory`, with --root one below that (default: the caller's)")
	flags.StringVar(&s.argv0, "argv0", "", "argv[0] of the module, a `name` (default: the module's path as given)")
	flags.Var(countFlag{value: &s.files, least: 1, most: ipc.MaxFiles}, "max-files",
		fmt.Sprintf("soft limit of open file descriptors, 1 to %d; a high limit makes fork slower (default: the caller's)", ipc.MaxFiles))
	flags.BoolVar(&s.nativeExec, "native-exec", false, "let the module execute native programs; not with --sandbox or --seccomp default")
}

// notEmpty refuses flags that were given an empty value: a variable of a script that
// was not set must not lead to a guest that is less isolated than was meant.
func notEmpty(flags *pflag.FlagSet) error {
	for _, name := range []string{"user", "group", "root", "net", "umask", "seccomp", "workdir", "pid-file", "cache", "helper"} {
		if f := flags.Lookup(name); f != nil && f.Changed && f.Value.String() == "" {
			return fmt.Errorf("--%s has an empty value", name)
		}
	}
	return nil
}

func (s *startFlags) run(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return errors.New("start: no module given; try walisup start --help")
	}
	if err := s.lifecycle.check(); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	if err := notEmpty(cmd.Flags()); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	if err := supervisor.CheckLimits(); err != nil {
		return err
	}
	boot, err := s.module.boot()
	if err != nil {
		return err
	}
	boot.NativeExec = s.nativeExec
	if boot.Layers, err = s.layers.forModule(args[0]); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	limits, err := s.isolation.config()
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	var dir string
	if boot.Confine, dir, err = s.isolation.confinement(s.workdir, s.nativeExec); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	environ, err := s.env.build(os.Environ(), s.workdir)
	if err != nil {
		return err
	}
	spec := supervisor.Spec{
		Module: args[0],
		Argv0:  s.argv0,
		Args:   args[1:],
		Env:    environ,
		Dir:    dir,
		Helper: s.module.helper,
		Files:  uint64(s.files),
		Name:   s.lifecycle.name,
		Boot:   boot,

		Isolation: limits,
		Preserved: int(s.isolation.preserve),
	}
	switch {
	case s.trace.asked && s.lifecycle.detach:
		return errors.New("start: a detached instance has nobody who would write its trace; start it, then use walisup trace")
	case s.isolation.preserve != 0 && s.lifecycle.detach:
		return errors.New("start: --preserve-fds: a detached instance inherits no descriptors")
	case s.lifecycle.detach:
		return s.detached(cmd, spec)
	case s.trace.asked:
		return s.traced(spec)
	}
	return s.foreground(spec)
}

// traced runs the guest in our place and writes its trace.
func (s *startFlags) traced(spec supervisor.Spec) error {
	config, err := s.trace.config()
	if err != nil {
		return err
	}
	reader, pipe, err := s.trace.begin()
	if err != nil {
		return err
	}
	spec.Trace, spec.TracePipe = &config, pipe
	err = s.foreground(spec)
	unix.Close(pipe)
	if traceErr := reader.Stop(); traceErr != nil {
		warn(fmt.Errorf("the trace is not complete: %w", traceErr))
	}
	return err
}

// detached starts a monitor, which starts the guest.
func (s *startFlags) detached(cmd *cobra.Command, spec supervisor.Spec) error {
	// Nobody would see these.
	spec.Boot.Progress = false
	store, err := s.state.open()
	if err != nil {
		return err
	}
	record, err := s.lifecycle.record(&spec)
	if err != nil {
		return err
	}
	if record.State.Starter, err = procfs.Self(); err != nil {
		return err
	}
	i, err := store.Create(record)
	if err != nil {
		return err
	}
	if err := i.Register(); err != nil {
		i.Discard()
		return err
	}
	if err := monitor.Spawn(i); err != nil {
		return err
	}
	if _, err = fmt.Fprintln(cmd.OutOrStdout(), i.ID); err != nil {
		return fmt.Errorf("instance %s runs, but its id could not be printed: %w", i.Name, err)
	}
	return nil
}

// foreground runs the guest in our place.
func (s *startFlags) foreground(spec supervisor.Spec) error {
	r := registration{flags: s, spec: &spec}
	if err := r.prepare(); err != nil {
		return err
	}
	guest, err := supervisor.Start(spec)
	if err != nil {
		r.abandon()
		return err
	}
	refused := r.enter(guest)
	if refused != nil {
		unix.Kill(guest.Pid(), unix.SIGKILL)
	}
	ws, err := guest.Wait()
	r.leave(guest.Pid(), ws)
	switch {
	case refused != nil:
		return refused
	case err != nil:
		return err
	}
	if sig := guest.Missed(); sig != 0 && !ws.Signaled() {
		return guestSignal(sig)
	}
	return guestEnd(ws)
}

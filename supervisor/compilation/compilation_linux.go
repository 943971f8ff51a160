// Package compilation compiles modules that nobody vouches for: each in a helper of its own
// that has rights to nothing but the module and the file for the result, and within limits.
//
// What is known of a result is that it comes from this module. A module that takes its
// compiler over can make it any code, so the result must be used as that of no other.
package compilation

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"walisup/ipc"
	"walisup/ipc/cache"
	"walisup/ipc/sandbox"
	"walisup/supervisor/forkexec"
)

// Limits of a compiling helper. 0 stands for what holds if nobody asks for less, which the
// largest ports take a tenth of.
type Limits struct {
	Seconds uint64 // of processor time
	Data    uint64 // bytes of its own
	Result  uint64 // bytes of the compiled module
}

const (
	defaultSeconds = 600
	defaultData    = 4 << 30
	defaultResult  = 1 << 30
)

func (l Limits) filled() Limits {
	return Limits{cmp.Or(l.Seconds, defaultSeconds), cmp.Or(l.Data, defaultData), cmp.Or(l.Result, defaultResult)}
}

// Compiler says how modules are compiled.
type Compiler struct {
	Helper  int           // the helper program; O_PATH
	First   int           // first descriptor of the helper's private range
	Context cache.Context // whose Build and Role are not looked at
	Limits  Limits

	// Enter says where the helper is to be, see [forkexec.Surroundings]; may be nil. It is not
	// for Run, whose thread stays.
	Enter func() (cgroup int, err error)
}

// ErrNotModule is the error of a file that is not a module, or not one that can be run.
var ErrNotModule = errors.New("not a module that can be run")

// Process is a compiling helper, a child of the caller that nobody has waited for.
type Process struct {
	PID     int
	limits  Limits
	problem error
}

// Start has a module compiled for a role, from one memory file into another, which is empty. The
// caller waits for the process and judges its end.
//
// Precondition: that of [forkexec.Start].
func (c *Compiler) Start(module, result int, role ipc.Role) (*Process, error) {
	null, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", os.DevNull, err)
	}
	defer unix.Close(null)
	return c.start(module, result, role, "", &forkexec.Surroundings{Streams: &[3]int{null, null, null}})
}

func (c *Compiler) start(module, result int, role ipc.Role, name string, around *forkexec.Surroundings) (*Process, error) {
	boot, err := ipc.WriteBoot(&ipc.Boot{
		Module: name, ModuleFD: c.First + ipc.ModuleOffset, CompileOnly: true,
		KeepDebug: c.Context.KeepDebug, PlainTables: c.Context.PlainTables, OnlyWazero: c.Context.OnlyWazero, Role: role,
	})
	if err != nil {
		return nil, err
	}
	defer unix.Close(boot)
	around.Session, around.Confined, around.Enter = true, true, c.Enter
	around.Restrict = func() error { return restrictThread(c.Helper) }
	pid, err := forkexec.Start(c.First, map[int]int{
		ipc.HelperOffset: c.Helper, ipc.BootOffset: boot, ipc.ModuleOffset: module, ipc.EntryOffset: result,
	}, []string{"walisup-helper"}, nil, "/", around)
	if err != nil {
		return nil, err
	}
	p := &Process{PID: pid, limits: c.Limits.filled()}
	// Before it has done much.
	p.problem = sandbox.LimitProcess(pid, sandbox.Limit{Resource: unix.RLIMIT_CPU, Most: p.limits.Seconds},
		sandbox.Limit{Resource: unix.RLIMIT_DATA, Most: p.limits.Data}, sandbox.Limit{Resource: unix.RLIMIT_FSIZE, Most: p.limits.Result},
		sandbox.Limit{Resource: unix.RLIMIT_CORE})
	if p.problem != nil {
		unix.Kill(pid, unix.SIGKILL)
	}
	return p, nil
}

// Judge says what the end of the process means.
func (p *Process) Judge(ws unix.WaitStatus) error {
	const notRunnable = 126 // see package supervisor
	switch {
	case p.problem != nil:
		return p.problem
	case ws.Exited() && ws.ExitStatus() == 0:
		return nil
	case ws.Exited() && ws.ExitStatus() == notRunnable:
		return ErrNotModule
	case ws.Exited():
		return fmt.Errorf("the compiling helper has ended with status %d", ws.ExitStatus())
	}
	return fmt.Errorf("the compiling helper was ended by signal %d (it may use %d s of processor time and %d MB)",
		ws.Signal(), p.limits.Seconds, p.limits.Data>>20)
}

// CostlyError is the error of an attempt that took long: another would most likely take as
// long, and fail too.
type CostlyError struct{ Err error }

func (e *CostlyError) Error() string { return e.Err.Error() }
func (e *CostlyError) Unwrap() error { return e.Err }

// costly is how much processor time an attempt takes that is not to be repeated.
const costly = time.Second / 2

// mostSaid is how many bytes of what a helper writes to its standard error are kept.
const mostSaid = 4096

// Run has a module compiled, to run alone, as Start does, for at most the time of patience, and waits for
// that. The helper ends with this process. name is the absolute path of the module, for
// messages. said is the beginning of what the helper has written to its standard error,
// which may be anything.
func (c *Compiler) Run(module, result int, name string, patience time.Duration) (said string, err error) {
	null, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", fmt.Errorf("open %s: %w", os.DevNull, err)
	}
	defer unix.Close(null)
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		return "", os.NewSyscallError("pipe2", err)
	}
	defer unix.Close(pipe[0])
	// Not the helper's end: in place of a standard descriptor that is non-blocking its runtime
	// would have to open the null device, see package stagezero.
	if err := unix.SetNonblock(pipe[0], true); err != nil {
		unix.Close(pipe[1])
		return "", os.NewSyscallError("fcntl", err)
	}
	ended := make(chan struct{})
	defer close(ended)
	p, err := c.start(module, result, ipc.RoleAlone, name, &forkexec.Surroundings{Streams: &[3]int{null, null, pipe[1]}, Until: ended})
	unix.Close(pipe[1])
	if err != nil {
		return "", err
	}
	text, late, err := p.watch(pipe[0], patience)
	if err != nil || late {
		unix.Kill(p.PID, unix.SIGKILL)
	}
	ws, use, failure := p.reap()
	switch {
	case failure != nil:
		return "", failure
	case err != nil:
		return "", err
	case late:
		return "", &CostlyError{fmt.Errorf("the compiling helper is not done after %s", patience)}
	}
	err = p.Judge(ws)
	spent := time.Duration(use.Utime.Nano() + use.Stime.Nano())
	if err != nil && !errors.Is(err, ErrNotModule) && spent >= costly {
		err = &CostlyError{err}
	}
	return string(text), err
}

// watch reads what the process writes until it ends. late says that it has not in time.
func (p *Process) watch(pipe int, patience time.Duration) (said []byte, late bool, err error) {
	pidfd, err := unix.PidfdOpen(p.PID, 0)
	if err != nil {
		return nil, false, fmt.Errorf("open pidfd: %w (walisup needs Linux 5.4 or newer)", err)
	}
	defer unix.Close(pidfd)
	buffer := make([]byte, mostSaid)
	files := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}, {Fd: int32(pipe), Events: unix.POLLIN}}
	for deadline := time.Now().Add(patience); ; {
		left := time.Until(deadline).Milliseconds() + 1
		if left <= 0 {
			return said, true, nil
		}
		if _, err := unix.Poll(files, int(min(left, math.MaxInt32))); err != nil && err != unix.EINTR {
			return nil, false, os.NewSyscallError("poll", err)
		}
		// First the end, so that what was written before it is not missed.
		over := files[0].Revents != 0
		n, err := unix.Read(pipe, buffer)
		if n > 0 {
			said = append(said, buffer[:min(n, mostSaid-len(said))]...)
		}
		if n == 0 && err == nil { // no process has the other end
			files[1].Fd = -1
		}
		if over {
			return said, false, nil
		}
	}
}

// reap waits for the process, which is at its end.
func (p *Process) reap() (ws unix.WaitStatus, use unix.Rusage, err error) {
	for {
		_, err = unix.Wait4(p.PID, &ws, 0, &use)
		if err != unix.EINTR {
			return ws, use, os.NewSyscallError("wait4", err)
		}
	}
}

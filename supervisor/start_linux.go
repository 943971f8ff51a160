package supervisor

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"walisup/ipc"
	"walisup/ipc/stagezero"
	"walisup/supervisor/forkexec"
	"walisup/supervisor/isolation"
	"walisup/supervisor/proctree"
)

// Spec says what to start and how.
type Spec struct {
	Module string   // path as the caller typed it
	Argv0  string   // the guest's argv[0]; empty for Module
	Args   []string // the guest's further arguments
	Env    []string // the guest's environment, NAME=VALUE

	// Dir is the guest's working directory, empty for the caller's. Module and
	// Helper are relative to the caller's.
	Dir string

	// Helper is the helper program; if empty it is looked for, see openHelper.
	Helper string

	// Files is how many descriptors the guest can have at first: its soft limit. If
	// it is 0, that is the caller's. The hard limit is the caller's in any case.
	Files uint64

	// Inherited is what the guest inherits; nil for what this process did, which is
	// known only if it was started through stagezero's entry point.
	Inherited *Inherited

	// Name is the name of the instance, for its channel; at most
	// channel.MaxName bytes.
	Name string

	// Tree is what the guest's processes belong to; if it is nil Start makes one.
	// KeepOrphans says that what the guest's first process leaves behind in such a
	// tree is not killed. See [Guest.Wait].
	Tree        *proctree.Tree
	KeepOrphans bool

	// Trace, if it is not nil, says what of the guest's system calls is reported
	// from its start, to TracePipe.
	Trace     *ipc.TraceConfig
	TracePipe int

	// Session makes the guest the leader of a new session; nil leaves it in the
	// caller's.
	Session *Session

	// Isolation is what the guest is kept from by cgroups and namespaces.
	Isolation isolation.Config

	// Preserved is how many of the caller's descriptors from 3 on a guest inherits that
	// is confined (ipc.Confinement.Isolates). Others inherit all.
	Preserved int

	// Boot is what the helper is told. Its Layers have paths as the caller typed them.
	// The functions of this package resolve these, and set Module, ModuleFD, Role, Ignored,
	// Mask, SetMask, NoFile, Spare, Trace, Ready, Report, Code, Channel, Slot and
	// Generation.
	Boot ipc.Boot
}

// Inherited is what a process inherits from the one that executed it and what
// Go's runtime changes when it starts.
type Inherited struct {
	Ignored uint64    // signals; bit n-1 stands for signal n
	Mask    uint64    // signals that are blocked
	NoFile  [2]uint64 // soft and hard RLIMIT_NOFILE
}

// InheritedNow returns what this process has inherited.
func InheritedNow() Inherited {
	soft, hard := stagezero.NoFile()
	return Inherited{Ignored: stagezero.Ignored(), Mask: stagezero.Mask(), NoFile: [2]uint64{soft, hard}}
}

// CheckLimits says whether the limits that this process has inherited leave too little
// for a module to run, of those that were not checked before it began, by stagezero.
func CheckLimits() error {
	if _, hard := stagezero.NoFile(); stagezero.Active() && hard < ipc.LeastFiles {
		return failed(ExitOwn, "the hard limit of open files (ulimit -n) is %d: walisup needs %d", hard, ipc.LeastFiles)
	}
	return nil
}

// Session is a new session for a guest.
type Session struct {
	// Streams become the guest's descriptors 0 to 2. Of the caller's other descriptors
	// the guest has those that are not close-on-exec.
	Streams [3]int

	// Terminal makes descriptor 0 the controlling terminal of the session.
	Terminal bool
}

// Start starts the guest.
//
// In the caller's session, the guest's standard streams, terminal, process group and
// every descriptor that is not close-on-exec are the caller's own, as for a program that
// the caller had executed itself. Until [Guest.Wait] has returned, signals to this
// process go to the guest. There can be one such guest at a time, until [Guest.Release].
//
// In a session of its own, the guest runs apart from the caller; see [Guest.Ready].
//
// Precondition: the main goroutine is locked to the main thread.
func Start(spec Spec) (*Guest, error) {
	g := &Guest{
		tree: spec.Tree, madeTree: spec.Tree == nil,
		foreground: spec.Session == nil, keepOrphans: spec.KeepOrphans, ready: -1,
	}
	var helperReady int
	var err error
	if g.foreground {
		g.signals, err = newSignalRelay()
	} else {
		g.ready, helperReady, err = readyPair()
		defer unix.Close(helperReady)
	}
	if err != nil {
		return nil, failed(ExitOwn, "%s: %w", spec.Module, err)
	}
	if err := g.launch(&spec, helperReady); err != nil {
		g.abandon()
		return nil, err
	}
	if !g.foreground {
		g.tree.Started(g.slot, g.pid)
		return g, nil
	}
	// The guest cannot be reaped before Wait, so this is no other process.
	pidfd, err := unix.PidfdOpen(g.pid, 0)
	if err != nil {
		unix.Kill(g.pid, unix.SIGKILL)
		unix.Wait4(g.pid, nil, 0, nil)
		g.abandon()
		return nil, failed(ExitOwn, "open pidfd: %w (walisup needs Linux 5.4 or newer)", err)
	}
	g.tree.Started(g.slot, g.pid)
	g.signals.early(pidfd)
	go g.signals.run(g.pid, pidfd)
	return g, nil
}

// readyPair returns the two ends of what a helper says by that its guest runs. Both are
// close-on-exec.
func readyPair() (ours, helpers int, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, -1, os.NewSyscallError("socketpair", err)
	}
	return fds[0], fds[1], nil
}

// confinementOf reads what the helper is to keep the guest from.
func confinementOf(boot *ipc.Boot) (*ipc.Confinement, error) {
	c := ipc.NoConfinement()
	if boot.Confine != "" {
		if err := c.UnmarshalText([]byte(boot.Confine)); err != nil {
			return nil, err
		}
	}
	return &c, nil
}

// checkInherited finds descriptors that would lead the guest out of its root.
func checkInherited(c *ipc.Confinement, around *forkexec.Surroundings) error {
	if c.Root == "" {
		return nil
	}
	for fd := range 3 + around.Preserved {
		if fd < 3 && around.Streams != nil {
			continue
		}
		var st unix.Stat_t
		if unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR {
			return fmt.Errorf("descriptor %d is a directory, which would lead the module out of --root: close it", fd)
		}
	}
	return nil
}

// startError tells the caller's mistakes from ours.
func startError(module string, err error) error {
	switch {
	case errors.Is(err, syscall.E2BIG):
		return failed(ExitNotRunnable, "%s: %w", module, err)
	case errors.Is(err, syscall.ENOENT):
		return failed(ExitOwn, "start helper for %s: %w (is /proc mounted?)", module, err)
	default:
		return failed(ExitOwn, "start helper for %s: %w", module, err)
	}
}

func checkDir(dir string) error {
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return failed(ExitOwn, "working directory %s: %w", dir, err)
	}
	defer unix.Close(fd)
	if err := unix.Faccessat(unix.AT_FDCWD, dir, unix.X_OK, unix.AT_EACCESS); err != nil {
		return failed(ExitOwn, "working directory %s: %w", dir, err)
	}
	return nil
}

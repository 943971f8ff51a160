package supervisor

import (
	"cmp"
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"

	"walisup/ipc"
	"walisup/ipc/channel"
	"walisup/ipc/stagezero"
	"walisup/supervisor/isolation"
	"walisup/supervisor/tree"
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

	// Inherited is what the guest inherits; nil for what this process did.
	Inherited *Inherited

	// Name is the name of the instance, for its channel; at most
	// channel.MaxName bytes.
	Name string

	// Tree is what the guest's processes belong to. Start makes one if it is nil,
	// and Wait ends that: it kills what is left of it, unless KeepOrphans is set,
	// and closes it.
	Tree        *tree.Tree
	KeepOrphans bool

	// Trace, if it is not nil, says what of the guest's system calls is reported
	// from its start, to TracePipe.
	Trace     *ipc.TraceConfig
	TracePipe int

	// Isolation is what the guest is kept from by control groups and namespaces. The
	// control groups that it takes are removed by Wait; those of StartDetached are
	// the caller's to remove.
	Isolation isolation.Spec

	// Preserved is how many of the caller's descriptors from 3 on a guest inherits that
	// is confined (ipc.Confinement.Isolates). Others inherit all.
	Preserved int

	// Boot is what the helper is told. The functions of this package set Module,
	// ModuleFD, Ignored, Mask, SetMask, NoFile, Spare, Trace, Ready, Report, Code, Channel, Slot
	// and Generation.
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

// Process is a running guest.
type Process struct {
	pid     int
	signals *signalRelay
	tree    *tree.Tree
	shared  bool // the tree is the caller's
	keep    bool // the rest of the tree may outlive the first process
	place   *isolation.Place
}

// Pid returns the process id of the guest's first process.
func (p *Process) Pid() int { return p.pid }

// Tree is the tree of the guest's processes, see [tree.Tree].
func (p *Process) Tree() *tree.Tree { return p.tree }

// Groups are the control groups that were made for the guest. Wait removes them.
func (p *Process) Groups() isolation.Groups { return p.place.Groups() }

// Start starts the guest. Standard streams, terminal, process group and every
// descriptor that is not close-on-exec are the caller's own, as for a program
// that the caller had executed itself.
//
// Until [Process.Wait] has returned, signals to this process go to the guest.
// There can be one guest at a time, until [Process.Release].
//
// Preconditions: the process was started through stagezero's entry point, and
// its main goroutine is locked to the main thread.
func Start(spec Spec) (*Process, error) {
	signals, err := newSignalRelay()
	if err != nil {
		return nil, failed(ExitOwn, "%s: %w", spec.Module, err)
	}
	started, err := launch(&spec, surroundings{}, -1)
	if err != nil {
		signals.abandon()
		return nil, err
	}
	// The guest cannot be reaped before Wait, so this is no other process.
	pidfd, err := unix.PidfdOpen(started.pid, 0)
	if err != nil {
		signals.abandon()
		unix.Kill(started.pid, unix.SIGKILL)
		unix.Wait4(started.pid, nil, 0, nil)
		started.abandon()
		return nil, failed(ExitOwn, "open pidfd: %w (walisup needs Linux 5.4 or newer)", err)
	}
	started.tree.Started(started.slot, started.pid)
	signals.early(pidfd)
	go signals.run(started.pid, pidfd)
	return &Process{pid: started.pid, signals: signals, tree: started.tree, shared: started.shared, keep: spec.KeepOrphans, place: started.place}, nil
}

// Detached is where a guest runs that is not in the caller's session.
type Detached struct {
	// Streams become the guest's descriptors 0 to 2.
	Streams [3]int

	// Terminal makes descriptor 0 the controlling terminal of the guest's
	// session.
	Terminal bool
}

// Background is a guest that StartDetached has started.
type Background struct {
	Pid int // of its first process

	// Tree is what its processes belong to: the Spec's, or a new one, which is the
	// caller's to wait with and to close.
	Tree *tree.Tree

	// Ready is a descriptor from which one byte can be read as soon as the guest itself
	// runs; its end without that means that the helper has failed. It is
	// close-on-exec, and the caller's to close.
	Ready int

	// Groups are the control groups that were made for it.
	Groups isolation.Groups
}

// StartDetached starts the guest as the leader of a new session. Of the caller's
// descriptors it has only the streams, if all others are close-on-exec.
//
// Preconditions: as for [Start].
func StartDetached(spec Spec, where Detached) (*Background, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, failed(ExitOwn, "%s: %w", spec.Module, err)
	}
	defer unix.Close(fds[1])
	started, err := launch(&spec, surroundings{session: true, terminal: where.Terminal, streams: &where.Streams}, fds[1])
	if err != nil {
		unix.Close(fds[0])
		return nil, err
	}
	started.tree.Started(started.slot, started.pid)
	return &Background{Pid: started.pid, Tree: started.tree, Ready: fds[0], Groups: started.place.Groups()}, nil
}

// launched is a helper that has just been started.
type launched struct {
	pid    int
	tree   *tree.Tree
	shared bool // the tree is the caller's
	slot   channel.Ref
	place  *isolation.Place
}

// abandon gives up what a helper that did not start was to have.
func (l *launched) abandon() {
	l.place.Remove()
	l.tree.Abandon(l.slot)
	if !l.shared {
		l.tree.Close()
	}
}

// launch starts the helper. It gets a copy of the socket ready, unless that is -1,
// and sends a byte and closes it when the guest runs.
func launch(spec *Spec, around surroundings, ready int) (*launched, error) {
	if !stagezero.Active() {
		return nil, failed(ExitOwn, "this walisup was linked without its entry point; build it with make")
	}
	moduleFD, resolved, err := openModule(spec.Module)
	if err != nil {
		return nil, err
	}
	defer unix.Close(moduleFD)
	helperFD, err := openHelper(spec.Helper)
	if err != nil {
		return nil, err
	}
	defer func() { unix.Close(helperFD) }()
	if spec.Dir != "" {
		if err := checkDir(spec.Dir); err != nil {
			return nil, err
		}
	}

	inherited := InheritedNow()
	if spec.Inherited != nil {
		inherited = *spec.Inherited
	}
	files := spec.Files
	if files == 0 {
		files = ipc.DefaultFiles
	}
	first := ipc.FirstReserved(files, inherited.NoFile[1])
	boot := spec.Boot
	confinement, err := confinementOf(&boot)
	if err != nil {
		return nil, failed(ExitOwn, "%s: %w", spec.Module, err)
	}
	isolated := confinement.Isolates(unix.Geteuid())
	if isolated {
		around.confined, around.preserved = true, spec.Preserved
		if err := checkInherited(confinement, &around); err != nil {
			return nil, failed(ExitOwn, "%w", err)
		}
		protected, err := protect(helperFD, confinement)
		if err != nil {
			return nil, failed(ExitOwn, "%w", err)
		}
		unix.Close(helperFD)
		helperFD = protected
	}
	boot.Module = resolved
	boot.ModuleFD = first + ipc.ModuleOffset
	boot.Ignored = inherited.Ignored
	boot.Mask, boot.SetMask = inherited.Mask, true
	boot.NoFile = inherited.NoFile[0]
	boot.Spare = ipc.SpareReserved(first, inherited.NoFile[1])
	if spec.Files != 0 {
		boot.NoFile = uint64(first)
	}
	boot.Ready = ready >= 0
	standardError := around.standardError()
	boot.Report = standardError >= 0
	if spec.Trace != nil {
		text, err := spec.Trace.MarshalText()
		if err != nil {
			return nil, failed(ExitOwn, "%s: %w", spec.Module, err)
		}
		boot.Trace = string(text)
	}
	started := &launched{tree: spec.Tree, shared: spec.Tree != nil}
	if started.tree == nil {
		started.tree = tree.New(spec.Name, helperFD, first+ipc.ChannelOffset)
	} else if spec.Isolation.Join == 0 {
		started.tree.SetHelper(helperFD, first+ipc.ChannelOffset) // a copy is another file each time
	}
	started.slot = started.tree.Claim(resolved)
	if started.place, err = isolation.Prepare(spec.Isolation); err != nil {
		started.abandon()
		return nil, failed(ExitOwn, "%w", err)
	}
	around.place = started.place
	code := -1
	if isolated {
		if code, err = startCode(confinement, &boot, helperFD, first, started); err != nil {
			started.abandon()
			return nil, failed(ExitOwn, "%s: %w", spec.Module, err)
		}
		defer unix.Close(code)
	}
	boot.Code = isolated
	boot.Channel = started.tree.FD() >= 0
	boot.Slot, boot.Generation = started.slot.Slot, started.slot.Generation
	bootFD, err := ipc.WriteBoot(&boot)
	if err != nil {
		started.abandon()
		return nil, failed(ExitOwn, "%s: %w", spec.Module, err)
	}
	defer unix.Close(bootFD)

	private := map[int]int{
		ipc.HelperOffset: helperFD,
		ipc.BootOffset:   bootFD,
		ipc.ModuleOffset: moduleFD,
	}
	if boot.Channel {
		private[ipc.ChannelOffset] = started.tree.FD()
	}
	if boot.Ready {
		private[ipc.ReadyOffset] = ready
	}
	if boot.Report {
		private[ipc.ReportOffset] = standardError
	}
	if boot.Code {
		private[ipc.CodeOffset] = code
	}
	if boot.Trace != "" {
		private[ipc.TraceOffset] = spec.TracePipe
	} else if boot.Channel {
		pipe, err := started.tree.TracePipe()
		if err != nil {
			started.abandon()
			return nil, failed(ExitOwn, "%s: %w", spec.Module, err)
		}
		private[ipc.TraceOffset] = pipe
	}
	started.pid, err = forkExec(first, private, append([]string{cmp.Or(spec.Argv0, spec.Module)}, spec.Args...), spec.Env, spec.Dir, around)
	started.place.Release()
	if err != nil {
		started.abandon()
		return nil, startError(spec.Module, err)
	}
	return started, nil
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
func checkInherited(c *ipc.Confinement, around *surroundings) error {
	if c.Root == "" {
		return nil
	}
	for fd := range 3 + around.preserved {
		if fd < 3 && around.streams != nil {
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

package supervisor

import (
	"cmp"
	"errors"
	"syscall"

	"golang.org/x/sys/unix"

	"walisup/helper/stagezero"
	"walisup/ipc"
	"walisup/supervisor/tree"
)

// Spec says what to start and how.
type Spec struct {
	Module string   // path as the caller typed it
	Argv0  string   // the guest's argv[0]; Module if it is empty
	Args   []string // the guest's further arguments
	Env    []string // the guest's environment, NAME=VALUE

	// Dir is the guest's working directory, empty for the caller's. Module and
	// Helper are relative to the caller's.
	Dir string

	// Helper is the helper program; if empty it is looked for, see openHelper.
	Helper string

	// Files is how many descriptors the guest can have. If it is 0, the soft
	// limit is the caller's and the hard one ipc.DefaultFiles; otherwise both
	// are Files. The caller's hard limit counts in any case.
	Files uint64

	// Name is the name of the instance, for its channel; at most
	// channel.MaxName bytes.
	Name string

	// Tree is what the guest's processes belong to. Start makes one if it is nil,
	// and Wait ends that: it kills what is left of it, unless KeepOrphans is set,
	// and closes it.
	Tree        *tree.Tree
	KeepOrphans bool

	// Boot is what the helper is told. Start sets Module, ModuleFD, Ignored,
	// Mask, SetMask, NoFile, Channel, Slot and Generation.
	Boot ipc.Boot
}

// Process is a running guest.
type Process struct {
	pid     int
	signals *signalRelay
	tree    *tree.Tree
	shared  bool // the tree is the caller's
	keep    bool // the rest of the tree may outlive the first process
}

// Pid returns the process id of the guest's first process.
func (p *Process) Pid() int { return p.pid }

// Tree is the tree of the guest's processes, see [tree.Tree].
func (p *Process) Tree() *tree.Tree { return p.tree }

// Start starts the guest. Standard streams, terminal, process group and every
// descriptor that is not close-on-exec are the caller's own, as for a program
// that the caller had executed itself.
//
// Until [Process.Wait] has returned, signals to this process go to the guest.
// Only one guest can be running at a time.
//
// Preconditions: the process was started through stagezero's entry point, and
// its main goroutine is locked to the main thread.
func Start(spec Spec) (*Process, error) {
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
	defer unix.Close(helperFD)
	if spec.Dir != "" {
		if err := checkDir(spec.Dir); err != nil {
			return nil, err
		}
	}

	softLimit, hardLimit := stagezero.NoFile()
	files := spec.Files
	if files == 0 {
		files = ipc.DefaultFiles
	}
	first := ipc.FirstReserved(files, hardLimit)
	boot := spec.Boot
	boot.Module = resolved
	boot.ModuleFD = first + ipc.ModuleOffset
	boot.Ignored = stagezero.Ignored()
	boot.Mask, boot.SetMask = stagezero.Mask(), true
	boot.NoFile = min(softLimit, uint64(first))
	if spec.Files != 0 {
		boot.NoFile = uint64(first)
	}
	processes := spec.Tree
	if processes == nil {
		processes = tree.New(spec.Name, helperFD, first+ipc.ChannelOffset)
	}
	slot := processes.Claim(resolved)
	abandon := func() {
		processes.Abandon(slot)
		if spec.Tree == nil {
			processes.Close()
		}
	}
	boot.Channel = processes.FD() >= 0
	boot.Slot, boot.Generation = slot.Slot, slot.Generation
	bootFD, err := ipc.WriteBoot(&boot)
	if err != nil {
		abandon()
		return nil, failed(ExitOwn, "%s: %w", spec.Module, err)
	}
	defer unix.Close(bootFD)

	signals, err := newSignalRelay()
	if err != nil {
		abandon()
		return nil, failed(ExitOwn, "%s: %w", spec.Module, err)
	}
	pid, err := forkExec(first, []int{
		ipc.HelperOffset:  helperFD,
		ipc.BootOffset:    bootFD,
		ipc.ModuleOffset:  moduleFD,
		ipc.ChannelOffset: processes.FD(),
	}, append([]string{cmp.Or(spec.Argv0, spec.Module)}, spec.Args...), spec.Env, spec.Dir)
	if err != nil {
		abandon()
		signals.abandon()
		return nil, startError(spec.Module, err)
	}
	// The guest cannot be reaped before Wait, so this is no other process.
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		signals.abandon()
		unix.Kill(pid, unix.SIGKILL)
		unix.Wait4(pid, nil, 0, nil)
		abandon()
		return nil, failed(ExitOwn, "open pidfd: %w (walisup needs Linux 5.4 or newer)", err)
	}
	processes.Started(slot, pid)
	go signals.run(pid, pidfd)
	return &Process{pid: pid, signals: signals, tree: processes, shared: spec.Tree != nil, keep: spec.KeepOrphans}, nil
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

package supervisor

import (
	"fmt"
	"math"
	"os"

	"golang.org/x/sys/unix"

	"walisup/ipc"
	"walisup/ipc/cache"
	"walisup/ipc/channel"
	"walisup/ipc/sandbox"
	"walisup/supervisor/codeservice"
	"walisup/supervisor/isolation"
	"walisup/supervisor/proctree"
)

// compiler runs compiling helpers for the code service of an instance.
type compiler struct {
	helper    int // the helper program; O_PATH
	context   cache.Context
	first     int // first descriptor of the private range
	processes *proctree.Tree
	objects   *isolation.Objects
}

// startCode starts the code service of a guest that is confined as c says, and returns
// the descriptor of its socket for helpers, which is close-on-exec and the caller's to
// close.
func startCode(c *ipc.Confinement, l *launch, g *Guest) (int, error) {
	own, err := unix.FcntlInt(uintptr(l.helper), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("fcntl", err)
	}
	compile := &compiler{
		helper: own, first: l.first, processes: g.tree, objects: g.objects,
		context: cache.Context{KeepDebug: l.boot.KeepDebug, PlainTables: l.boot.PlainTables, OnlyWazero: l.boot.OnlyWazero},
	}
	socket, err := codeservice.Start(codeservice.Config{
		Dir:     l.boot.CacheDir,
		Context: compile.keys,
		Copy:    c.UID <= 0 || c.UID == unix.Geteuid(),
		Compile: compile.run,
		Close:   func() { unix.Close(own) },
	})
	if err != nil {
		unix.Close(own)
	}
	return socket, err
}

// keys returns what the helper's cache keys depend on.
func (c *compiler) keys() (cache.Context, error) {
	context := c.context
	var err error
	context.Build, err = buildOf(c.helper)
	return context, err
}

// Limits of a compiling helper, which works on a module that nobody vouches for. The
// largest ports take a tenth of this.
const (
	compileSeconds = 600
	compileData    = 4 << 30 // bytes of its own
	compileResult  = 1 << 30 // bytes of the compiled module
)

// run compiles a module in a helper that has rights to nothing else, see
// codeservice.Config.
func (c *compiler) run(module, result int, role ipc.Role) error {
	null, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", os.DevNull, err)
	}
	defer unix.Close(null)
	boot, err := ipc.WriteBoot(&ipc.Boot{
		ModuleFD: c.first + ipc.ModuleOffset, CompileOnly: true,
		KeepDebug: c.context.KeepDebug, PlainTables: c.context.PlainTables, OnlyWazero: c.context.OnlyWazero, Role: role,
	})
	if err != nil {
		return err
	}
	defer unix.Close(boot)
	c.processes.Expect()
	pid, err := forkExec(c.first, map[int]int{
		ipc.HelperOffset: c.helper, ipc.BootOffset: boot, ipc.ModuleOffset: module, ipc.EntryOffset: result,
	}, []string{HelperName}, nil, "/", surroundings{
		session: true, streams: &[3]int{null, null, null}, objects: c.objects, confined: true,
		restrict: func() error { return restrictThread(c.helper) },
	})
	if err != nil {
		c.processes.Abandon(channel.Ref{})
		return err
	}
	// Before it has done much.
	err = sandbox.LimitProcess(pid, sandbox.Limit{Resource: unix.RLIMIT_CPU, Most: compileSeconds},
		sandbox.Limit{Resource: unix.RLIMIT_DATA, Most: compileData}, sandbox.Limit{Resource: unix.RLIMIT_FSIZE, Most: compileResult},
		sandbox.Limit{Resource: unix.RLIMIT_CORE})
	c.processes.Started(channel.Ref{}, pid)
	if err != nil {
		unix.Kill(pid, unix.SIGKILL)
	}
	for {
		ws, failure := c.processes.Wait(pid)
		switch {
		case failure != nil:
			return failure
		case ws.Stopped():
		case err != nil:
			return err
		case ws.Exited() && ws.ExitStatus() == 0:
			return nil
		case ws.Exited() && ws.ExitStatus() == ExitNotRunnable:
			return codeservice.ErrNotModule
		default:
			return fmt.Errorf("the compiling helper has ended (status %#x)", uint32(ws))
		}
	}
}

// protect returns a descriptor of the same program that leads a guest which is confined
// as c says to no file that it could write to: on a mount of its own that is read-only,
// or, where we may not make one, of a sealed copy, unless the guest has no right to the
// file. It is close-on-exec, O_PATH and the caller's to close.
func protect(program int, c *ipc.Confinement) (fd int, err error) {
	fd, err = onReadOnlyMount(program)
	if err == nil {
		return fd, nil
	}
	var st unix.Stat_t
	if failure := unix.Fstat(program, &st); failure != nil {
		return -1, os.NewSyscallError("fstat", failure)
	}
	uid := c.UID
	if uid < 0 {
		uid = unix.Geteuid()
	}
	if uid != 0 && uid != int(st.Uid) && st.Mode&0o022 == 0 {
		if fd, err = unix.FcntlInt(uintptr(program), unix.F_DUPFD_CLOEXEC, 0); err != nil {
			return -1, os.NewSyscallError("fcntl", err)
		}
		return fd, nil
	}
	fd, failure := sealedProgram(program)
	if failure != nil {
		return -1, fmt.Errorf("keep %s from a confined guest: %w, and %w", HelperName, err, failure)
	}
	return fd, nil
}

// onReadOnlyMount opens a file by a mount of it that is nowhere and read-only. Nobody
// can make it writable again: once the descriptor that made it is closed, no call
// takes it for a mount any more.
func onReadOnlyMount(file int) (fd int, err error) {
	mount, err := unix.OpenTree(file, "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH)
	if err != nil {
		return -1, os.NewSyscallError("open_tree", err)
	}
	defer unix.Close(mount)
	if err := unix.MountSetattr(mount, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}); err != nil {
		return -1, os.NewSyscallError("mount_setattr", err)
	}
	fd, err = unix.Open(fdPath(mount), unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("open", err)
	}
	return fd, nil
}

// sealedProgram copies a program to a sealed memory file.
func sealedProgram(program int) (fd int, err error) {
	from, err := unix.Open(fdPath(program), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("open", err)
	}
	defer unix.Close(from)
	var st unix.Stat_t
	if err := unix.Fstat(from, &st); err != nil {
		return -1, os.NewSyscallError("fstat", err)
	}
	const flags, mayExecute = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING, 0x10 // MFD_EXEC
	to, err := unix.MemfdCreate("walisup-helper", flags|mayExecute)
	if err == unix.EINVAL { // before Linux 6.3
		to, err = unix.MemfdCreate("walisup-helper", flags)
	}
	if err != nil {
		return -1, os.NewSyscallError("memfd_create", err)
	}
	defer unix.Close(to)
	for left := st.Size; left > 0; {
		n, err := unix.Sendfile(to, from, nil, int(min(left, math.MaxInt32)))
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			return -1, fmt.Errorf("copy %s: %w", HelperName, err)
		}
		left -= int64(n)
	}
	const seals = unix.F_SEAL_WRITE | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(uintptr(to), unix.F_ADD_SEALS, seals); err != nil {
		return -1, os.NewSyscallError("fcntl", err)
	}
	fd, err = unix.Open(fdPath(to), unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("open", err)
	}
	return fd, nil
}

package supervisor

import (
	"errors"
	"fmt"
	"math"
	"os"

	"golang.org/x/sys/unix"

	"walisup/ipc"
	"walisup/ipc/cache"
	"walisup/ipc/channel"
	"walisup/supervisor/codeservice"
	"walisup/supervisor/compilation"
	"walisup/supervisor/proctree"
)

// compiler runs compiling helpers for the code service of an instance.
type compiler struct {
	compilation.Compiler
	processes *proctree.Tree
}

// startCode starts the code service of a guest that is confined as c says, and returns
// the descriptor of its socket for helpers, which is close-on-exec and the caller's to
// close.
func startCode(c *ipc.Confinement, l *launch, g *Guest) (int, error) {
	own, err := unix.FcntlInt(uintptr(l.helper), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("fcntl", err)
	}
	compile := &compiler{processes: g.tree, Compiler: compilation.Compiler{
		Helper: own, First: l.first, Enter: g.objects.Enter,
		Context: cache.Context{KeepDebug: l.boot.KeepDebug, PlainTables: l.boot.PlainTables, OnlyWazero: l.boot.OnlyWazero},
	}}
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
	context := c.Context
	var err error
	context.Build, err = buildOf(c.Helper)
	return context, err
}

// run compiles a module in a helper that has rights to nothing else, see
// codeservice.Config.
func (c *compiler) run(module, result int, role ipc.Role) error {
	c.processes.Expect()
	p, err := c.Start(module, result, role)
	if err != nil {
		c.processes.Abandon(channel.Ref{})
		return err
	}
	c.processes.Started(channel.Ref{}, p.PID)
	for {
		ws, err := c.processes.Wait(p.PID)
		if err != nil {
			return err
		}
		if ws.Stopped() {
			continue
		}
		if err = p.Judge(ws); errors.Is(err, compilation.ErrNotModule) {
			return codeservice.ErrNotModule
		}
		return err
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

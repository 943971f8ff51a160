package supervisor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"walisup/ipc"
)

// openModule opens the module at path for reading and returns its descriptor
// and its absolute path with symbolic links resolved, as /proc/self/exe would
// show it for a native program.
func openModule(path string) (fd int, resolved string, err error) {
	// Non-blocking, so that a FIFO without a writer is refused, not waited for.
	fd, err = unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		status := ExitNotRunnable
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
			status = ExitNotFound
		}
		return -1, "", failed(status, "%s: %w", path, err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return -1, "", failed(ExitNotRunnable, "%s: %w", path, err)
	}
	if kind := st.Mode & unix.S_IFMT; kind != unix.S_IFREG {
		unix.Close(fd)
		return -1, "", failed(ExitNotRunnable, "%s: is %s, not a WebAssembly module", path, kindName(kind))
	}
	resolved, err = resolvedPath(fd, path)
	if err != nil {
		unix.Close(fd)
		return -1, "", failed(ExitNotRunnable, "%s: %w", path, err)
	}
	return fd, resolved, nil
}

// openLayers opens the modules of layers, whose paths are as the caller typed them. It
// returns the layers with absolute paths, and their descriptors.
func openLayers(typed []ipc.Layer) (layers []ipc.Layer, fds []int, err error) {
	for _, l := range typed {
		fd, resolved, err := openModule(l.Path)
		if err != nil {
			closeAll(fds)
			return nil, nil, layerError(err)
		}
		fds = append(fds, fd)
		layers = append(layers, ipc.Layer{Path: resolved, Args: l.Args})
	}
	return layers, fds, nil
}

// SuppliedLayer finds a layer that comes with walisup. It returns "" if there is none of that
// name.
func SuppliedLayer(name string) string {
	self, err := os.Executable()
	if err != nil {
		return ""
	}
	for _, dir := range ipc.LayerDirectories(filepath.Dir(self)) {
		path := filepath.Join(dir, name)
		if unix.Access(path, unix.F_OK) == nil {
			return path
		}
	}
	return ""
}

// layerError says that an error of opening a module is about a layer.
func layerError(err error) error {
	var e *Error
	if errors.As(err, &e) {
		return failed(e.Status, "layer %w", e.Err)
	}
	return fmt.Errorf("layer %w", err)
}

func closeAll(fds []int) {
	for _, fd := range fds {
		unix.Close(fd)
	}
}

func kindName(kind uint32) string {
	switch kind {
	case unix.S_IFDIR:
		return "a directory"
	case unix.S_IFIFO:
		return "a pipe"
	case unix.S_IFSOCK:
		return "a socket"
	default:
		return "a device"
	}
}

// resolvedPath asks the kernel, which is one call instead of one for each
// component and cannot race with a rename.
func resolvedPath(fd int, path string) (string, error) {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlink(fdPath(fd), buf)
	if err == nil {
		name := string(buf[:n])
		// A deleted or memory file has no path; the caller's is the best there is.
		if strings.HasPrefix(name, "/") && !strings.HasSuffix(name, " (deleted)") {
			return name, nil
		}
	}
	return filepath.Abs(path)
}

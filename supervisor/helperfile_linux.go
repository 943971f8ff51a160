package supervisor

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"walisup/ipc/cache"
)

// HelperName is the file name of the helper program.
const HelperName = "walisup-helper"

// FindHelper returns the absolute path of the helper program that a start without a path of
// its own would use.
func FindHelper() (string, error) {
	fd, path, err := findHelper()
	if err != nil {
		return "", err
	}
	return path, unix.Close(fd)
}

// HelperBuild is the build of the helper program: path if it is not empty, otherwise the one
// that a start without a path of its own would use. See cache.BuildID.
func HelperBuild(path string) (string, error) {
	helper, err := openHelper(path)
	if err != nil {
		return "", err
	}
	defer unix.Close(helper)
	return buildOf(helper)
}

// buildOf is the build of an open helper program.
func buildOf(helper int) (string, error) {
	fd, err := unix.Open(fdPath(helper), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", HelperName, err)
	}
	defer unix.Close(fd)
	head := make([]byte, cache.BuildIDHead)
	n, err := unix.Pread(fd, head, 0)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", HelperName, err)
	}
	return cache.BuildID(head[:n])
}

// openHelper opens the helper program: path if it is not empty, otherwise what
// findHelper finds.
func openHelper(path string) (fd int, err error) {
	if path == "" {
		if fd, _, err = findHelper(); err != nil {
			return -1, failed(ExitOwn, "%w; name it with --helper or WALISUP_HELPER", err)
		}
		return fd, nil
	}
	if fd, err = openProgram(path); err != nil {
		return -1, failed(ExitOwn, "helper %s: %w", path, err)
	}
	return fd, nil
}

// findHelper opens the helper program beside the running executable, otherwise the
// one that make install put into libexec, otherwise the first on PATH.
func findHelper() (fd int, path string, err error) {
	self, err := os.Executable()
	if err != nil {
		return -1, "", failed(ExitOwn, "find %s: %w (is /proc mounted?)", HelperName, err)
	}
	bin := filepath.Dir(self)
	dirs := []string{bin, filepath.Join(bin, "..", "libexec", "walisup")}
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		// A relative entry would let the current directory choose our helper.
		if filepath.IsAbs(dir) {
			dirs = append(dirs, dir)
		}
	}
	for _, dir := range dirs {
		path := filepath.Join(dir, HelperName)
		if fd, err := openProgram(path); err == nil {
			return fd, path, nil
		}
	}
	return -1, "", failed(ExitOwn, "%s is neither beside %s, nor in ../libexec/walisup, nor on PATH",
		HelperName, self)
}

func openProgram(path string) (fd int, err error) {
	fd, err = unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	var st unix.Stat_t
	err = unix.Fstat(fd, &st)
	if err == nil && st.Mode&unix.S_IFMT != unix.S_IFREG {
		err = fmt.Errorf("is %s, not a program", kindName(st.Mode&unix.S_IFMT))
	}
	if err == nil {
		err = unix.Faccessat(unix.AT_FDCWD, path, unix.X_OK, unix.AT_EACCESS)
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func fdPath(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

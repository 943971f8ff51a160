package supervisor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// DefaultCache returns the folder for compiled modules that XDG gives the
// caller, or an empty string if the environment names none.
func DefaultCache() string {
	if dir := os.Getenv("XDG_CACHE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "walisup")
	}
	if home := os.Getenv("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".cache", "walisup")
	}
	return ""
}

// PrepareCache makes dir if it does not exist and returns its absolute path. It
// fails if the folder belongs to another user, if others can write to it, or if
// the caller cannot: helpers run machine code out of it.
func PrepareCache(dir string) (string, error) {
	path, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("cache folder %s: %w", dir, err)
	}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err == unix.ENOENT {
		if err := os.MkdirAll(path, 0o700); err != nil {
			var pathErr *fs.PathError
			if errors.As(err, &pathErr) {
				return "", fmt.Errorf("cache folder %s: make %s: %w", dir, pathErr.Path, pathErr.Err)
			}
			return "", fmt.Errorf("cache folder %s: %w", dir, err)
		}
		fd, err = unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	}
	if err != nil {
		return "", fmt.Errorf("cache folder %s: %w", dir, err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return "", fmt.Errorf("cache folder %s: %w", dir, err)
	}
	if uid := os.Geteuid(); int(st.Uid) != uid {
		return "", fmt.Errorf("cache folder %s: belongs to user %d, not to you (%d)", dir, st.Uid, uid)
	}
	if st.Mode&0o022 != 0 {
		return "", fmt.Errorf("cache folder %s: others can write to it (mode %#o); chmod go-w it", dir, st.Mode&0o7777)
	}
	if err := unix.Faccessat(unix.AT_FDCWD, path, unix.W_OK|unix.X_OK, unix.AT_EACCESS); err != nil {
		return "", fmt.Errorf("cache folder %s: not writable: %w", dir, err)
	}
	return path, nil
}

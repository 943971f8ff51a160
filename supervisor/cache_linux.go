package supervisor

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"walisup/ipc/cache"
)

// DefaultCache returns the directory for compiled modules that XDG gives the
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
// fails if helpers would refuse the directory or could not write to it: they have
// nobody to tell once the guest runs.
func PrepareCache(dir string) (string, error) {
	path, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("compile cache %s: %w", dir, err)
	}
	opened, err := cache.Open(path)
	if err != nil {
		return "", err
	}
	opened.Close()
	if err := unix.Faccessat(unix.AT_FDCWD, path, unix.W_OK|unix.X_OK, unix.AT_EACCESS); err != nil {
		return "", fmt.Errorf("write compile cache %s: %w", dir, err)
	}
	return path, nil
}

package supervisor

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// The main goroutine alone runs inits, and is so kept in the main thread, as package
// main of walisup does it.
func init() { runtime.LockOSThread() }

// copyOfSelf returns an open program that is the test's to write to.
func copyOfSelf(t *testing.T) (path string, fd int) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "program")
	// By another process: what we had open for writing could not be executed.
	if out, err := exec.Command("cp", self, path).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v: %s", err, out)
	}
	fd, err = unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return path, fd
}

// TestProtectedPrograms shows that what protect makes of a program can be executed and
// not be changed, also by its owner and by root.
func TestProtectedPrograms(t *testing.T) {
	t.Parallel()
	for name, protect := range map[string]func(int) (int, error){"mount": onReadOnlyMount, "copy": sealedProgram} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path, program := copyOfSelf(t)
			before, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			fd, err := protect(program)
			if err != nil {
				t.Skipf("not possible here: %v", err)
			}
			defer unix.Close(fd)
			link := fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), fd)
			out, err := exec.Command(link, "-test.run=^$").CombinedOutput()
			if err != nil {
				t.Errorf("execute it: %v: %s", err, out)
			}
			if fd, err := unix.Open(link, unix.O_RDWR|unix.O_CLOEXEC, 0); err == nil {
				if _, err := unix.Pwrite(fd, []byte("x"), 0); err == nil {
					t.Error("it can be written to")
				}
				if err := unix.Ftruncate(fd, 0); err == nil {
					t.Error("it can be truncated")
				}
				unix.Close(fd)
			}
			if err := unix.Truncate(link, 0); err == nil {
				t.Error("it can be truncated by its path")
			}
			// Of a copy the rights are nobody's concern.
			changes := unix.Chmod(link, 0o777) == nil || unix.Chown(link, 1, 1) == nil || unix.Setxattr(link, "user.x", []byte("x"), 0) == nil
			if after, err := os.Stat(path); err != nil || after.Mode() != before.Mode() || changes && name == "mount" {
				t.Errorf("the original has changed to %v, %v", after, err)
			}
			if err := unix.Linkat(unix.AT_FDCWD, link, unix.AT_FDCWD, filepath.Join(t.TempDir(), "stolen"), unix.AT_SYMLINK_FOLLOW); err == nil {
				t.Error("it can be linked to another name")
			}
			// Nor can the mount be made writable again.
			if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_RDONLY}); err == nil {
				t.Error("the mount can be changed")
			}
			if again, err := unix.OpenTree(fd, "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH); err == nil {
				unix.Close(again)
				t.Error("the mount can be copied")
			}
		})
	}
}

package sandbox

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// A tool reads and executes what it is given, writes to its directory, and gets at nothing else.
func TestToolOnly(t *testing.T) {
	if CheckLandlock() != nil {
		t.Skip("the kernel has no Landlock that shows this")
	}
	dir, other := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "secret"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	tests := []struct {
		script string
		works  bool
	}{
		{"echo x > " + dir + "/a && mv " + dir + "/a " + dir + "/b && cat " + dir + "/b", true},
		{"echo x > " + other + "/a", false},
		{"cat " + other + "/secret", false},
		{"rm -f " + other + "/secret && exit 1; test -e " + other + "/secret", true},
		{"ls /proc/1", false},
	}
	for _, test := range tests {
		ended := make(chan error)
		go func() {
			runtime.LockOSThread() // and never unlocked: the thread ends shut in
			if err := Renounce(); err != nil {
				t.Error(err)
			}
			if err := ToolOnly([]string{"/usr", "/bin", "/lib", "/lib64", "/etc/ld.so.cache", "/nowhere"}, dir, nil); err != nil {
				t.Error(err)
			}
			cmd := exec.Command("/bin/sh", "-c", test.script)
			cmd.Stdin, cmd.Stdout, cmd.Stderr = null, null, null
			ended <- cmd.Run()
		}()
		if err := <-ended; (err == nil) != test.works {
			t.Errorf("%s: %v", test.script, err)
		}
	}
}

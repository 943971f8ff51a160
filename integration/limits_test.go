package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestSmallLimits starts a module under limits of the caller's shell. The guest has them,
// as natively, or one line says which is too small.
func TestSmallLimits(t *testing.T) {
	t.Parallel()
	program := buildC(t, "testdata/launcher/limits.c")
	// A first start under these limits would have to compile it.
	if got := program.runGuest(t, invocation{}); got.status != 0 {
		t.Fatalf("without limits: %d, %s", got.status, got.stderr)
	}
	limited := func(t *testing.T, limit string, command ...string) outcome {
		cmd := exec.Command("bash", append([]string{"-c", "ulimit " + limit + ` && exec "$@"`, "bash"}, command...)...)
		return run(t, cmd, invocation{})
	}
	for _, limit := range []string{"-S -v 500000", "-S -d 50000", "-S -v 500000 -d 50000", "-f 0", "-f 1", "-l 0", "-s 1024", "-c 0", "-S -n 20", "-t 60"} {
		t.Run(limit, func(t *testing.T) {
			t.Parallel()
			native := limited(t, limit, program.native)
			guest := limited(t, limit, walisupPath(), "start", program.module)
			guest.stderr = native.stderr // that the instance cannot be registered
			compare(t, native, guest)
		})
	}
	for limit, part := range map[string]string{
		"-n 0": "(ulimit -n) is 0: walisup needs 88", "-n 20": "(ulimit -n) is 20",
		"-d 80000": "(ulimit -d) is too small", "-v 500000": "(ulimit -v) is too small", "-v 2000000": "(ulimit -v) is too small",
	} {
		for _, flags := range [][]string{nil, {"--detach"}} {
			t.Run(strings.Join(append([]string{limit}, flags...), " "), func(t *testing.T) {
				t.Parallel()
				command := append(append([]string{walisupPath(), "start"}, flags...), program.module)
				cmd := exec.Command("bash", append([]string{"-c", "ulimit " + limit + ` && exec "$@"`, "bash"}, command...)...)
				got := run(t, cmd, invocation{env: []string{"WALISUP_STATE_DIR=" + t.TempDir()}})
				if got.status == 0 && strings.Contains(limit, "0000") && os.Getuid() == 0 {
					return // CAP_SYS_RESOURCE raises these
				}
				if got.status != 125 || got.stdout != "" || strings.Count(got.stderr, "\n") != 1 ||
					!strings.HasPrefix(got.stderr, "walisup: ") || !strings.Contains(got.stderr, part) {
					t.Errorf("status %d, output %q, errors: %s", got.status, got.stdout, shorten(got.stderr))
				}
			})
		}
	}
}

// TestFewProcesses is about a limit that root does not have.
func TestFewProcesses(t *testing.T) {
	t.Parallel()
	program := buildC(t, "testdata/launcher/limits.c")
	dir, err := os.MkdirTemp("", "walisup-processes")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{walisupPath(), walisupPath() + "-helper", program.module} {
		data, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(from)), data, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, limit := range []string{"0", "1", "3", "8", "12"} {
		cmd := exec.Command("bash", "-c", "ulimit -u "+limit+` && exec ./walisup start --no-cache "$0"`, filepath.Base(program.module))
		cmd.Dir = dir
		cmd.Env = append(baseEnv(), "WALISUP_STATE_DIR="+dir+"/state", "WALISUP_CACHE=")
		if os.Getuid() == 0 {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 31_000 + uint32(os.Getpid()%1000), Gid: 31_000}}
		}
		var stderr strings.Builder
		cmd.Stderr = &stderr
		status := runBounded(t, cmd)
		if got := stderr.String(); status != 125 || strings.Count(got, "\n") != 1 || !strings.Contains(got, "(ulimit -u)") {
			t.Errorf("%s: status %d, %s", limit, status, shorten(got))
		}
	}
}

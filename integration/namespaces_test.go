package integration

import (
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"
)

// TestStartInPIDNamespace starts walisup in a pid namespace whose /proc is another's.
func TestStartInPIDNamespace(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can make a pid namespace")
	}
	program := buildC(t, "testdata/c/thread_namespaces.c", "-pthread")
	started := func(path string, args ...string) outcome {
		cmd := exec.Command(path, args...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
		return run(t, cmd, invocation{})
	}
	native, guest := started(program.native, "root"), started(walisupPath(), "start", program.module, "root")
	guest.stderr = native.stderr
	compare(t, native, guest)
}

// TestStartWithoutQueuedSignals starts walisup where the kernel queues no or few
// signals, so that they arrive without what was sent with them.
func TestStartWithoutQueuedSignals(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("prlimit"); err != nil {
		t.Skip("needs prlimit of util-linux")
	}
	program := buildC(t, "testdata/c/thread_namespaces.c", "-pthread")
	for _, limit := range []string{"0", "1", "2", "3"} {
		limited := func(args ...string) outcome {
			return run(t, exec.Command("prlimit", slices.Concat([]string{"--sigpending=" + limit}, args, []string{"sigpending"})...), invocation{})
		}
		native, guest := limited(program.native), limited(walisupPath(), "start", program.module)
		guest.stderr = native.stderr
		compare(t, native, guest)
	}
}

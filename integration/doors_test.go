package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// hostileTime is for how long each attack is tried: WALISUP_HOSTILE=1m says for a minute.
func hostileTime(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("WALISUP_HOSTILE")
	if text == "" {
		return 50 * time.Millisecond
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("WALISUP_HOSTILE: %v", err)
	}
	return d
}

// TestDoors has eight threads, or processes that share a descriptor table, try to get
// at their own helper's memory by each spelling of the files that show it.
func TestDoors(t *testing.T) {
	t.Parallel()
	needWalisup(t)
	walicc := filepath.Join(root, "bin", "walicc")
	need(t, walicc, "run make build")
	program := pair{name: "doors", module: compileC(t, walicc, "testdata/isolation/doors.c", ".wasm", []string{"-pthread"})}
	seconds := strconv.FormatFloat(hostileTime(t).Seconds(), 'f', -1, 64)
	for _, spelling := range []string{
		"self", "thread-self", "dots", "slashes", "root", "map_files", "pagemap", "maps", "smaps", "pid", "task",
		"child", "child-maps", "link", "links", "swapped-link", "swapped-folder", "swapped-dirfd", "dirfd", "dirfd-path",
		"openat2", "held",
	} {
		for _, sharers := range []string{"threads", "processes"} {
			t.Run(spelling+"/"+sharers, func(t *testing.T) {
				got := program.runGuest(t, invocation{args: []string{spelling, sharers, seconds}})
				if got.status != 0 || !strings.Contains(got.stdout, ": nothing in ") || got.stderr != "" {
					t.Errorf("%+v", got)
				}
				t.Log(strings.TrimSpace(got.stdout))
			})
		}
	}
}

// TestProcessSeesItself compares what a program finds of itself in /proc with what it
// knows.
func TestProcessSeesItself(t *testing.T) {
	t.Parallel()
	needWalisup(t)
	walicc := filepath.Join(root, "bin", "walicc")
	need(t, walicc, "run make build")
	program := pair{name: "views", module: compileC(t, walicc, "testdata/isolation/views.c", ".wasm", []string{"-pthread"})}
	got := program.runGuest(t, invocation{env: []string{"MARK=of the test"}})
	if got.status != 0 || got.stdout != "" || got.stderr != "" {
		t.Errorf("%+v", got)
	}
	// Descriptors that the process is started with are judged, too.
	memory, err := os.OpenFile("/proc/self/mem", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer memory.Close()
	cmd := exec.Command(walisupPath(), "start", program.module, "0", "3")
	cmd.Stdin, cmd.ExtraFiles = memory, []*os.File{memory}
	if out, err := cmd.CombinedOutput(); err != nil || len(out) != 0 {
		t.Errorf("with descriptors of memory: %v\n%s", err, out)
	}
}

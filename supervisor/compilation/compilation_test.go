package compilation

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"walisup/ipc"
	"walisup/ipc/cache"
)

// The main goroutine alone runs inits, and is so kept in the main thread, as package
// main of walisup does it: otherwise that thread might be the one that is restricted.
func init() { runtime.LockOSThread() }

// first is the first descriptor of the private range.
const first = 100

// TestMain makes the test program a compiling helper, too, which does what the module says.
func TestMain(m *testing.M) {
	if os.Args[0] == "walisup-helper" {
		compile()
		return
	}
	os.Exit(m.Run())
}

var eaten [][]byte

func compile() {
	boot, err := ipc.ReadBoot(first + ipc.BootOffset)
	if err != nil || !boot.CompileOnly {
		fmt.Fprintln(os.Stderr, boot, err)
		os.Exit(125)
	}
	text := make([]byte, 100)
	n, _ := unix.Pread(boot.ModuleFD, text, 0)
	verb, argument, _ := strings.Cut(string(text[:n]), " ")
	switch verb {
	case "compile":
		unix.Write(first+ipc.EntryOffset, []byte("compiled "+argument))
	case "refuse":
		fmt.Fprint(os.Stderr, "walisup: "+boot.Module+": "+argument)
		os.Exit(126)
	case "chatter":
		for range 1000 {
			fmt.Fprint(os.Stderr, strings.Repeat("x", 1000))
		}
	case "fail":
		os.Exit(125)
	case "spin":
		for n := 0; ; n++ {
		}
	case "wait":
		for {
			unix.Pause()
		}
	case "eat":
		for {
			eaten = append(eaten, make([]byte, 1<<24))
		}
	case "write":
		for {
			if _, err := unix.Write(first+ipc.EntryOffset, make([]byte, 1<<20)); err != nil {
				os.Exit(125)
			}
		}
	}
}

// self is the open test program.
func self(t *testing.T) int {
	t.Helper()
	file, err := elf.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if libraries, err := file.ImportedLibraries(); err == nil && len(libraries) > 0 {
		t.Skip("the test program needs libraries, which it could not open: set CGO_ENABLED=0")
	}
	fd, err := unix.Open("/proc/self/exe", unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

// memory is a memory file of the test's.
func memory(t *testing.T, content string) int {
	t.Helper()
	fd, err := cache.NewMemory()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if _, err := unix.Write(fd, []byte(content)); err != nil {
		t.Fatal(err)
	}
	return fd
}

func TestRun(t *testing.T) {
	t.Parallel()
	compiler := Compiler{Helper: self(t), First: first, Limits: Limits{Seconds: 1, Data: 512 << 20, Result: 4 << 20}}
	tests := []struct {
		module   string
		patience time.Duration // 0 for enough
		err      string        // what it has, empty for none
		costly   bool
		said     string
		result   string
	}{
		{module: "compile x", result: "compiled x"},
		{module: "refuse \x1b[2J", err: "not a module", said: "walisup: /the/name: \x1b[2J"},
		{module: "chatter", said: strings.Repeat("x", mostSaid)},
		{module: "fail", err: "status 125"},
		{module: "spin", err: "signal 9 (it may use 1 s of processor time and 512 MB)", costly: true},
		{module: "wait", patience: 100 * time.Millisecond, err: "not done after 100ms", costly: true},
		{module: "eat", err: "status 2"},
		{module: "write", err: "the compiling helper"},
	}
	for _, test := range tests {
		t.Run(test.module, func(t *testing.T) {
			t.Parallel()
			result := memory(t, "")
			patience := test.patience
			if patience == 0 {
				patience = time.Minute
			}
			said, err := compiler.Run(memory(t, test.module), result, "/the/name", patience)
			var costly *CostlyError
			if (err != nil) != (test.err != "") || err != nil && !strings.Contains(err.Error(), test.err) || errors.As(err, &costly) != test.costly {
				t.Errorf("%v, costly %v", err, costly)
			}
			if errors.Is(err, ErrNotModule) != strings.HasPrefix(test.module, "refuse") {
				t.Errorf("%v", err)
			}
			if test.said != "" && said != test.said {
				t.Errorf("said %q", said)
			}
			got := make([]byte, 100)
			n, err := unix.Pread(result, got, 0)
			if test.result != "" && (err != nil || string(got[:n]) != test.result) {
				t.Errorf("the result is %q, %v", got[:n], err)
			}
		})
	}
}

// TestEndsWithItsCaller kills a process that waits for its compiling helper.
func TestEndsWithItsCaller(t *testing.T) {
	if os.Getenv("CALLER") != "" {
		compiler := Compiler{Helper: self(t), First: first}
		_, err := compiler.Run(memory(t, "wait"), memory(t, ""), "/the/name", time.Hour)
		t.Fatal(err)
	}
	t.Parallel()
	self(t)
	// The helper and its caller are children of this process in the end: it hears of both.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestEndsWithItsCaller$")
	cmd.Env = []string{"CALLER=1"}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	children := fmt.Sprintf("/proc/%d/task", cmd.Process.Pid)
	helper := 0
	for end := time.Now().Add(time.Minute); helper == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("no helper after a minute")
		}
		threads, _ := os.ReadDir(children)
		for _, thread := range threads {
			text, _ := os.ReadFile(children + "/" + thread.Name() + "/children")
			fmt.Sscan(string(text), &helper)
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the caller has succeeded")
	}
	var ws unix.WaitStatus
	if _, err := unix.Wait4(helper, &ws, 0, nil); err != nil || ws.Signal() != unix.SIGKILL {
		t.Errorf("the helper: %v, status %#x", err, uint32(ws))
	}
}

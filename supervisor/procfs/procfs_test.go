package procfs

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestParse(t *testing.T) {
	t.Parallel()
	line := "42 (a) b) (c) S 7 6 5 34816 99 4194304 1 2 3 4 250 50 0 0 20 0 3 0 12345 9999 100 18446744073709551615" + strings.Repeat(" 0", 26) + " 1792"
	p, err := parseStat([]byte(line))
	want := Stat{
		Identity: Identity{Pid: 42, Start: 12345}, Parent: 7, Group: 6, Session: 5, State: 'S', Name: "a) b) (c",
		Threads: 3, CPU: 3 * time.Second, RSS: 100 * int64(os.Getpagesize()), exit: 7 << 8,
	}
	if err != nil || p != want {
		t.Errorf("got %+v, %v, want %+v", p, err, want)
	}
	for _, bad := range []string{"", "42", "42 (x", "42 (x) S 1", strings.Replace(line, "12345", "x", 1)} {
		if p, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("%q: got %+v, want an error", bad, p)
		}
	}
}

func TestIdentityTellsProcessesApart(t *testing.T) {
	t.Parallel()
	self, err := Self()
	if err != nil || !self.Running() {
		t.Fatalf("this process: %v, %v, want it to run", self, err)
	}
	if (Identity{Pid: self.Pid, Start: self.Start + 1}).Running() {
		t.Error("another process that had this one's number runs")
	}
	if err := (Identity{Pid: self.Pid, Start: self.Start + 1}).Signal(0); !errors.Is(err, ErrGone) {
		t.Errorf("signal to it: %v, want ErrGone", err)
	}
	cmd := exec.Command("true")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	id, err := Of(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	pidfd, err := id.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pidfd)
	if err := AwaitEnd(pidfd); err != nil || id.Running() {
		t.Errorf("after its end, before it was waited for: running, %v", err)
	}
	cmd.Wait()
	if _, err := id.Open(); !errors.Is(err, ErrGone) {
		t.Errorf("after it was waited for: %v, want ErrGone", err)
	}
}

// shellTree starts a shell with a child and a grandchild that wait for ever.
func shellTree(t *testing.T) Identity {
	t.Helper()
	cmd := exec.Command("sh", "-c", `sh -c 'sleep 1000 & echo ready; wait' & wait`)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, p := range Below(Identity{Pid: cmd.Process.Pid, Start: start(t, cmd.Process.Pid)}) {
			p.Signal(unix.SIGKILL)
		}
		cmd.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("%q, %v", line, err)
	}
	id, err := Of(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func start(t *testing.T, pid int) uint64 {
	id, err := Of(pid)
	if err != nil {
		t.Error(err)
	}
	return id.Start
}

func TestBelowGoesFromParentToChild(t *testing.T) {
	t.Parallel()
	root := shellTree(t)
	tree := Below(root)
	if len(tree) != 3 {
		t.Fatalf("%d processes, want 3: %+v", len(tree), tree)
	}
	if tree[0].Identity != root || tree[1].Parent != tree[0].Pid || tree[2].Parent != tree[1].Pid {
		t.Errorf("not from parent to child: %+v", tree)
	}
	if got := Below(Identity{Pid: root.Pid, Start: root.Start + 1}); len(got) != 0 {
		t.Errorf("tree of a process that is gone: %+v", got)
	}
	for _, p := range tree {
		if !Descends(p.Pid, root.Pid) || !Descends(p.Pid, os.Getpid()) || p.Pid != root.Pid && Descends(root.Pid, p.Pid) {
			t.Errorf("process %d: not known as a descendant", p.Pid)
		}
	}
}

func TestSecurity(t *testing.T) {
	t.Parallel()
	got := parseSecurity("Name:\tx\nCapEff:\t00ff\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t3\n")
	if want := (Security{NoNewPrivileges: true, SeccompFilters: 3, Capabilities: "00ff"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if s, err := ReadSecurity(os.Getpid()); err != nil || len(s.Capabilities) != 16 {
		t.Errorf("of this process: %+v, %v", s, err)
	}
}

func TestFindFD(t *testing.T) {
	t.Parallel()
	file, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	for _, first := range []int{int(file.Fd()), 0, 1 << 20} {
		if fd, ok := FindFD(os.Getpid(), first, st.Dev, st.Ino); !ok || fd != int(file.Fd()) {
			t.Errorf("looking at %d first: %d, %v, want %d", first, fd, ok, file.Fd())
		}
	}
	if fd, ok := FindFD(os.Getpid(), 0, st.Dev, 0); ok {
		t.Errorf("a file that is not open: %d", fd)
	}
}

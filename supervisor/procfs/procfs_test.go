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
		cmd.Process.Kill()
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

func below(root Identity) Finder {
	return func() ([]Stat, error) { return Below(root), nil }
}

func TestBelowGoesFromParentToChild(t *testing.T) {
	t.Parallel()
	root := shellTree(t)
	tree, err := below(root)()
	if err != nil || len(tree) != 3 {
		t.Fatalf("%d processes, %v, want 3: %+v", len(tree), err, tree)
	}
	if tree[0].Identity != root || tree[1].Parent != tree[0].Pid || tree[2].Parent != tree[1].Pid {
		t.Errorf("not from parent to child: %+v", tree)
	}
	if got, _ := below(Identity{Pid: root.Pid, Start: root.Start + 1})(); len(got) != 0 {
		t.Errorf("tree of a process that is gone: %+v", got)
	}
	if err := Kill(below(root)); err != nil {
		t.Error(err)
	}
}

func TestFreezeContinueKill(t *testing.T) {
	t.Parallel()
	find := below(shellTree(t))
	states := func() string {
		tree, err := find()
		if err != nil {
			t.Fatal(err)
		}
		var all []byte
		for _, p := range tree {
			all = append(all, p.State)
		}
		return string(all)
	}
	if err := Freeze(find); err != nil || states() != "TTT" {
		t.Errorf("frozen: %q, %v, want TTT", states(), err)
	}
	if err := Continue(find); err != nil || strings.Contains(states(), "T") {
		t.Errorf("continued: %q, %v", states(), err)
	}
	whole, _ := find()
	if err := Kill(find); err != nil {
		t.Error(err)
	}
	for _, p := range whole {
		if p.Running() {
			t.Errorf("process %d has survived", p.Pid)
		}
	}
}

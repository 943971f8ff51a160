package proctree

import (
	"bufio"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"walisup/supervisor/procfs"
)

// shellTree starts a shell with a child and a grandchild that wait for ever.
func shellTree(t *testing.T) procfs.Identity {
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
	id, err := procfs.Of(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func below(root procfs.Identity) Finder {
	return func() ([]procfs.Stat, error) { return procfs.Below(root), nil }
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
	if err := continueAll(find); err != nil || strings.Contains(states(), "T") {
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

func continueAll(find Finder) error {
	all, err := find()
	if err != nil {
		return err
	}
	return SignalAll(all, unix.SIGCONT)
}

// TestKillFindsForks kills a process while it makes others.
func TestKillFindsForks(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("sh", "-c", `echo ready; n=0; while [ $n -lt 100 ]; do n=$((n+1)); sh -c 'sleep 1000 & sleep 1000' & done; wait`)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("%q, %v", line, err)
	}
	id, err := procfs.Of(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := Kill(below(id)); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("it has ended by itself: %v", err)
	}
}

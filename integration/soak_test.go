package integration

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestSoak lets eight guest threads do everything that threads do, for as long as
// WALISUP_SOAK says (a duration of package time), and looks at the helper's memory.
// A helper that keeps what a thread, a fork or a signal needed grows without end.
func TestSoak(t *testing.T) {
	value := os.Getenv("WALISUP_SOAK")
	if value == "" {
		t.Skip("takes as long as one likes; run make soak")
	}
	duration, err := time.ParseDuration(value)
	if err != nil {
		t.Fatalf("WALISUP_SOAK: %v", err)
	}
	const samples = 60
	program := buildC(t, "testdata/c/thread_hammer.c", "-pthread")
	cmd := exec.Command(walisupPath(), "start", program.module, "8", "1000000000")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	tick := time.NewTicker(duration / samples)
	defer tick.Stop()
	<-tick.C // the helper has long been started
	helper := onlyChild(t, cmd.Process.Pid)
	defer unix.Kill(helper, unix.SIGKILL)

	var memory [samples]int // KiB of anonymous memory
	for i := range memory {
		<-tick.C
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", helper))
		if err != nil {
			t.Fatalf("after %v: %v", duration*time.Duration(i)/samples, err)
		}
		_, rest, _ := strings.Cut(string(status), "RssAnon:")
		if _, err := fmt.Sscanf(rest, "%d", &memory[i]); err != nil {
			t.Fatalf("after %v the helper has ended", duration*time.Duration(i)/samples)
		}
	}
	t.Logf("anonymous memory in KiB, every %v: %v", duration/samples, memory)
	const third = samples / 3
	const margin = 8 << 10 // what may pile up before the heap is collected, in KiB
	middle, last := most(memory[third:2*third]), most(memory[2*third:])
	if last > middle+margin {
		t.Errorf("the helper's memory grows: %d KiB in the second third, %d in the last", middle, last)
	}
}

func most(values []int) int {
	m := values[0]
	for _, v := range values[1:] {
		m = max(m, v)
	}
	return m
}

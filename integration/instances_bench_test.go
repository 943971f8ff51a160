package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// BenchmarkInstances has 1, 10 and 200 detached instances of a program that sleeps, and
// measures what one takes to start, what ps takes to list them, what each monitor and
// helper holds in memory, and what it takes to stop all.
func BenchmarkInstances(b *testing.B) {
	busybox := port(b, "busybox", "busybox")
	for _, count := range []int{1, 10, 200} {
		b.Run(fmt.Sprintf("%d/walisup", count), func(b *testing.B) {
			state := filepath.Join(b.TempDir(), "state")
			walisup := func(args ...string) []byte {
				b.Helper()
				cmd := exec.Command(walisupPath(), args...)
				cmd.Env = append(baseEnv(), "WALISUP_STATE_DIR="+state)
				var stderr bytes.Buffer
				cmd.Stderr = &stderr
				out, err := cmd.Output()
				if err != nil {
					b.Fatalf("%s: %v: %s", strings.Join(cmd.Args, " "), err, &stderr)
				}
				return out
			}
			b.Cleanup(func() { walisup("rm", "--force", "--all") })
			milliseconds := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
			for b.Loop() {
				begun := time.Now()
				for range count {
					walisup("start", "--detach", busybox.module, "sleep", "1000")
				}
				b.ReportMetric(milliseconds(time.Since(begun))/float64(count), "ms/start")
				begun = time.Now()
				walisup("ps")
				b.ReportMetric(milliseconds(time.Since(begun)), "ms/ps")
				var list []struct{ Pid, Monitor int }
				if err := json.Unmarshal(walisup("ps", "--format", "json"), &list); err != nil || len(list) != count {
					b.Fatalf("%d instances, %v, want %d", len(list), err, count)
				}
				var monitors, helpers instanceMemory
				for _, i := range list {
					monitors.add(b, i.Monitor)
					helpers.add(b, i.Pid)
				}
				monitors.report(b, "monitor", count)
				helpers.report(b, "helper", count)
				begun = time.Now()
				walisup("stop", "--all", "--time", "0")
				b.ReportMetric(milliseconds(time.Since(begun)), "ms/stop-all")
				walisup("rm", "--all")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// instanceMemory is kilobytes of several processes.
type instanceMemory struct{ resident, private int }

func (m *instanceMemory) add(b *testing.B, pid int) {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) != 3 {
			continue
		}
		kilobytes, err := strconv.Atoi(fields[1])
		if err != nil {
			continue
		}
		switch fields[0] {
		case "Rss:":
			m.resident += kilobytes
		case "Private_Clean:", "Private_Dirty:":
			m.private += kilobytes
		}
	}
}

// report reports the means for so many processes.
func (m *instanceMemory) report(b *testing.B, name string, count int) {
	b.ReportMetric(float64(m.resident)/1024/float64(count), "MB/"+name)
	b.ReportMetric(float64(m.private)/1024/float64(count), "MB-private/"+name)
}

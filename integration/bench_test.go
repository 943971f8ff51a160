package integration

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Benchmarks come in groups whose last name is native, walisup or cold (walisup
// with an empty cache): benchtable puts those side by side.

// flavour is one way to run a program.
type flavour struct {
	name string
	cmd  func(b *testing.B, p pair, args ...string) *exec.Cmd
}

func nativeCommand(_ *testing.B, p pair, args ...string) *exec.Cmd {
	return exec.Command(p.native, args...)
}

func warmCommand(_ *testing.B, p pair, args ...string) *exec.Cmd {
	cmd := exec.Command(walisupPath(), append([]string{"start", p.module}, args...)...)
	cmd.Env = baseEnv()
	return cmd
}

// coldCommand uses a cache that nobody has used before.
func coldCommand(b *testing.B, p pair, args ...string) *exec.Cmd {
	cmd := warmCommand(b, p, args...)
	cmd.Env = append(cmd.Env, "WALISUP_CACHE="+b.TempDir())
	return cmd
}

var (
	bothFlavours = []flavour{{"native", nativeCommand}, {"walisup", warmCommand}}
	allFlavours  = append(bothFlavours, flavour{"cold", coldCommand})
)

// runOnce runs a command to its end and returns its standard output.
func runOnce(b *testing.B, cmd *exec.Cmd) string {
	b.Helper()
	out, err := cmd.Output()
	if err != nil {
		b.Fatalf("%s: %v", strings.Join(cmd.Args, " "), err)
	}
	return strings.TrimSpace(string(out))
}

// measure runs the program again and again in every flavour.
func measure(b *testing.B, flavours []flavour, p pair, args ...string) {
	b.Helper()
	for _, f := range flavours {
		b.Run(f.name, func(b *testing.B) {
			runOnce(b, f.cmd(b, p, args...)) // fills caches
			for b.Loop() {
				b.StopTimer()
				cmd := f.cmd(b, p, args...)
				b.StartTimer()
				runOnce(b, cmd)
			}
		})
	}
}

func BenchmarkStart(b *testing.B) {
	b.Run("empty", func(b *testing.B) { measure(b, allFlavours, buildC(b, "testdata/bench/empty.c")) })
	b.Run("lua", func(b *testing.B) { measure(b, allFlavours, port(b, "lua5.4", "lua"), "-e", "x = 1") })
	b.Run("sqlite3", func(b *testing.B) {
		measure(b, allFlavours, port(b, "sqlite3", "sqlite3"), ":memory:", "SELECT 1")
	})
}

func BenchmarkCall(b *testing.B) {
	program := buildC(b, "testdata/bench/calls.c")
	for _, call := range []string{"getpid", "read1", "write4k", "openclose"} {
		b.Run(call, func(b *testing.B) {
			for _, f := range bothFlavours {
				b.Run(f.name, func(b *testing.B) {
					best := 0.0
					for b.Loop() {
						ns, err := strconv.ParseFloat(runOnce(b, f.cmd(b, program, call, "500000")), 64)
						if err != nil {
							b.Fatal(err)
						}
						if best == 0 || ns < best {
							best = ns
						}
					}
					b.ReportMetric(0, "ns/op") // that would be the program's
					b.ReportMetric(best, "ns/call")
				})
			}
		})
	}
}

func BenchmarkLuaFib32(b *testing.B) {
	measure(b, bothFlavours, port(b, "lua5.4", "lua"), "testdata/bench/fib.lua")
}

func BenchmarkSQLiteSpeedtest(b *testing.B) {
	measure(b, bothFlavours, port(b, "sqlite3", "speedtest1"), "--size", "20")
}

// BenchmarkResident tells the memory of a program that waits, in kB: RSS counts
// what it shares with other processes in full, private not at all.
func BenchmarkResident(b *testing.B) {
	program := buildC(b, "testdata/bench/wait.c")
	b.Run("program/native", func(b *testing.B) {
		resident(b, nativeCommand(b, program), func(pid int) int { return pid })
	})
	b.Run("program/walisup", func(b *testing.B) {
		resident(b, warmCommand(b, program), func(pid int) int { return onlyChild(b, pid) })
	})
	b.Run("supervisor/walisup", func(b *testing.B) {
		resident(b, warmCommand(b, program), func(pid int) int { return pid })
	})
}

func resident(b *testing.B, cmd *exec.Cmd, which func(pid int) int) {
	b.Helper()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		b.Fatal(err)
	}
	rollup, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(which(cmd.Process.Pid)), "smaps_rollup"))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() { // the framework wants one
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(rollupField(b, string(rollup), "Rss"), "kB-rss")
	b.ReportMetric(rollupField(b, string(rollup), "Private_Dirty")+rollupField(b, string(rollup), "Private_Clean"), "kB-private")
	stdin.Close()
	if err := cmd.Wait(); err != nil {
		b.Fatal(err)
	}
}

func rollupField(b *testing.B, rollup, field string) float64 {
	b.Helper()
	for line := range strings.Lines(rollup) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			kilobytes, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
			if err != nil {
				b.Fatal(err)
			}
			return kilobytes
		}
	}
	b.Fatalf("no %s in smaps_rollup", field)
	return 0
}

// children returns the child processes of a process.
func children(t testing.TB, pid int) (pids []int) {
	t.Helper()
	lists, err := filepath.Glob(filepath.Join("/proc", strconv.Itoa(pid), "task", "*", "children"))
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			continue // a thread that has ended
		}
		for _, field := range strings.Fields(string(text)) {
			child, err := strconv.Atoi(field)
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, child)
		}
	}
	return pids
}

// onlyChild returns the one child of a process.
func onlyChild(t testing.TB, pid int) int {
	t.Helper()
	pids := children(t, pid)
	if len(pids) != 1 {
		t.Fatalf("process %d has children %v, want one", pid, pids)
	}
	return pids[0]
}

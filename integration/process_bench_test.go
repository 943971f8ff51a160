package integration

import (
	"fmt"
	"os/exec"
	"strconv"
	"testing"
)

// BenchmarkFork is fork, exit and wait of a program that has touched so many
// megabytes: the median of many.
func BenchmarkFork(b *testing.B) {
	program := buildC(b, "testdata/bench/processes.c")
	for _, megabytes := range []int{1, 64, 512} {
		count := 1000 / (1 + megabytes/32)
		b.Run(fmt.Sprintf("%dMB", megabytes), func(b *testing.B) {
			bestOf(b, bothFlavours, program, "us/fork", "fork", strconv.Itoa(count), strconv.Itoa(megabytes))
		})
	}
}

// BenchmarkExec is fork, exec, exit and wait of other programs.
func BenchmarkExec(b *testing.B) {
	program := buildC(b, "testdata/bench/processes.c")
	empty := buildC(b, "testdata/bench/empty.c")
	bash := port(b, "bash", "bash")
	for _, target := range []struct {
		name string
		pair
		args []string
	}{
		{"empty", empty, nil},
		{"bash", bash, []string{"-c", ":"}},
	} {
		b.Run(target.name, func(b *testing.B) {
			for _, f := range bothFlavours {
				path := target.native
				if f.name != "native" {
					path = target.module
				}
				bestOf(b, []flavour{f}, program, "us/exec", append([]string{"exec", "100", path}, target.args...)...)
			}
		})
	}
}

// BenchmarkShell is a loop of 1,000 subshells, and one of 300 commands.
func BenchmarkShell(b *testing.B) {
	empty := buildC(b, "testdata/bench/empty.c")
	for _, shell := range []string{"dash", "bash"} {
		program := port(b, shell, shell)
		b.Run(shell+"/subshells", func(b *testing.B) {
			measure(b, bothFlavours, program, "-c", "i=0; while [ $i -lt 1000 ]; do (:); i=$((i+1)); done")
		})
		b.Run(shell+"/commands", func(b *testing.B) {
			command := func(path string) func(b *testing.B, p pair, args ...string) *exec.Cmd {
				return func(b *testing.B, p pair, args ...string) *exec.Cmd {
					run := nativeCommand
					if path == empty.module {
						run = warmCommand
					}
					return run(b, p, "-c", "i=0; while [ $i -lt 300 ]; do "+path+"; i=$((i+1)); done")
				}
			}
			measure(b, []flavour{{"native", command(empty.native)}, {"walisup", command(empty.module)}}, program)
		})
	}
}

// bestOf reports the smallest number that a program prints.
func bestOf(b *testing.B, flavours []flavour, p pair, unit string, args ...string) {
	b.Helper()
	for _, f := range flavours {
		b.Run(f.name, func(b *testing.B) {
			best := 0.0
			for b.Loop() {
				value, err := strconv.ParseFloat(runOnce(b, f.cmd(b, p, args...)), 64)
				if err != nil {
					b.Fatal(err)
				}
				if best == 0 || value < best {
					best = value
				}
			}
			b.ReportMetric(0, "ns/op") // that would be the whole program's
			b.ReportMetric(best, unit)
		})
	}
}

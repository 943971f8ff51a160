package integration

import (
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// BenchmarkLibc measures functions of the C library in processor time: of the best of the
// runs, since other processes of the machine only ever add to it.
func BenchmarkLibc(b *testing.B) {
	program := buildC(b, "testdata/bench/libc.c", "-pthread")
	out := runOnce(b, exec.Command(program.native, "list"))
	for _, name := range strings.Fields(out) {
		b.Run(name, func(b *testing.B) {
			for _, f := range bothFlavours {
				b.Run(f.name, func(b *testing.B) {
					best := 0.0
					for b.Loop() {
						ns, err := strconv.ParseFloat(runOnce(b, f.cmd(b, program, name)), 64)
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

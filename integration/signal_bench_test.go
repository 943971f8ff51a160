package integration

import "testing"

// BenchmarkSignals is what signals cost. A loop's time is that of the processor,
// with a timer of so many signals a second; it is the same whether the module could
// be interrupted or not, as its code does not ask.
func BenchmarkSignals(b *testing.B) {
	program := buildC(b, "testdata/bench/signals.c")
	for _, run := range []struct {
		name, unit string
		args       []string
	}{
		{"loop/none", "ms", []string{"loop", "0"}},
		{"loop/ignored1kHz", "ms", []string{"ignore", "1000"}},
		{"loop/1kHz", "ms", []string{"loop", "1000"}},
		{"loop/20kHz", "ms", []string{"loop", "20000"}},
		{"latency/computing", "us", []string{"busy", "2000"}},
		{"latency/reading", "us", []string{"asleep", "2000"}},
		{"exchange", "us/signal", []string{"exchange", "20000"}},
	} {
		b.Run(run.name, func(b *testing.B) { bestOf(b, bothFlavours, program, run.unit, run.args...) })
	}
}

// BenchmarkThreads is what threads cost.
func BenchmarkThreads(b *testing.B) {
	program := buildC(b, "testdata/bench/threads.c", "-pthread")
	for _, run := range []struct {
		name, unit string
		args       []string
	}{
		{"createJoin", "ns/thread", []string{"create", "3000"}},
		{"mutex", "ns/lock", []string{"mutex", "10000000"}},
		{"mutexContended", "ns/lock", []string{"contended", "1000000"}},
		{"condition", "ns/turn", []string{"condition", "30000"}},
		{"sum/1", "ms", []string{"sum", "200", "1"}},
		{"sum/2", "ms", []string{"sum", "200", "2"}},
	} {
		b.Run(run.name, func(b *testing.B) { bestOf(b, bothFlavours, program, run.unit, run.args...) })
	}
}

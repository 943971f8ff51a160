package main

import (
	"strings"
	"testing"
)

func TestTabulate(t *testing.T) {
	t.Parallel()
	const input = `goos: linux
BenchmarkStart/lua
BenchmarkStart/lua/native-2   	     100	   2000000 ns/op
BenchmarkStart/lua/walisup-2  	      10	   9000000 ns/op
BenchmarkStart/lua/cold-2     	       1	 100000000 ns/op
BenchmarkCall/getpid/native   	       1	         0 ns/op	        50.00 ns/call
BenchmarkCall/getpid/walisup  	       1	         0 ns/op	       150.0 ns/call
ok  	walisup/integration	1.000s
`
	const want = `goos: linux
ok  	walisup/integration	1.000s
benchmark    unit     native  walisup  ratio  cold cache
Start/lua    ms       2.00    9.00     4.50   100.00
Call/getpid  ns/call  50.00   150.00   3.00   -
`
	var out strings.Builder
	failed, err := tabulate(strings.NewReader(input), &out)
	if failed || err != nil || out.String() != want {
		t.Errorf("failed %v, error %v, got\n%s\nwant\n%s", failed, err, out.String(), want)
	}
}

func TestTabulatePassesFailuresOn(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	failed, err := tabulate(strings.NewReader("--- FAIL: BenchmarkStart\n    no such file\nFAIL\n"), &out)
	if !failed || err != nil || !strings.Contains(out.String(), "no such file") {
		t.Errorf("failed %v, error %v, output %q", failed, err, out.String())
	}
}

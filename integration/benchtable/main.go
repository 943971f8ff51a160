// Command benchtable reads the output of `go test -bench` and prints the
// benchmarks whose last name is native, walisup or cold side by side.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
)

func main() {
	failed, err := tabulate(os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintf(os.Stderr, "benchtable: %v\n", err)
	}
	if err != nil || failed {
		os.Exit(1)
	}
}

// key is one row of the table.
type key struct{ benchmark, unit string }

// tabulate writes the table. What is no result, such as a failure, is passed
// on; failed says that go test has said so.
func tabulate(in io.Reader, out io.Writer) (failed bool, err error) {
	values := map[key]map[string]float64{}
	var order []key
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		line := lines.Text()
		name, results, ok := parse(line)
		if !ok {
			if !strings.HasPrefix(line, "Benchmark") {
				fmt.Fprintln(out, line)
			}
			failed = failed || strings.HasPrefix(line, "FAIL")
			continue
		}
		slash := strings.LastIndexByte(name, '/')
		for _, r := range results {
			k := key{name[:max(slash, 0)], r.unit}
			if values[k] == nil {
				values[k] = map[string]float64{}
				order = append(order, k)
			}
			values[k][name[slash+1:]] = r.value
		}
	}
	if err := lines.Err(); err != nil {
		return failed, err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "benchmark\tunit\tnative\twalisup\tratio\tcold cache")
	for _, k := range order {
		row := values[k]
		native, walisup := row["native"], row["walisup"]
		ratio := "-"
		if native != 0 && walisup != 0 {
			ratio = fmt.Sprintf("%.2f", walisup/native)
		}
		unit, scale := k.unit, 1.0
		if unit == "ns/op" {
			unit, scale = "ms", 1e-6
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", strings.TrimPrefix(k.benchmark, "Benchmark"), unit,
			cell(native*scale), cell(walisup*scale), ratio, cell(row["cold"]*scale))
	}
	return failed, table.Flush()
}

func cell(value float64) string {
	if value == 0 {
		return "-"
	}
	return strconv.FormatFloat(value, 'f', 2, 64)
}

// result is one measured value.
type result struct {
	value float64
	unit  string
}

// parse reads a line such as "BenchmarkStart/lua/native-2  100  123 ns/op".
// Values of 0 are what a benchmark has no use for.
func parse(line string) (name string, results []result, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
		return "", nil, false
	}
	name = fields[0]
	if dash := strings.LastIndexByte(name, '-'); dash > 0 {
		if _, err := strconv.Atoi(name[dash+1:]); err == nil {
			name = name[:dash] // GOMAXPROCS
		}
	}
	for i := 2; i+1 < len(fields); i += 2 {
		value, err := strconv.ParseFloat(fields[i], 64)
		if err != nil {
			return "", nil, false
		}
		if value != 0 {
			results = append(results, result{value, fields[i+1]})
		}
	}
	return name, results, true
}

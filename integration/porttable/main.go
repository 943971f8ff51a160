// Command porttable writes the table of ports in docs/ports.md: what each is, what tests were run
// with it, whether they gave what the native build gives, and its speed against that.
//
//	go run ./integration/porttable           prints the table
//	go run ./integration/porttable -w        replaces it in docs/ports.md
//	-bench FILE                              takes speeds from the output of
//	                                         go test -bench='Redis|Port|Lua|SQLite' ./integration
//
// Ports that are not built, and speeds that were not measured, show as a dash.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"walisup/docs/section"
)

const directory = "integration/ports"

func main() {
	write := flag.Bool("w", false, "replace the table in docs/ports.md")
	bench := flag.String("bench", "", "take speeds from this output of go test -bench")
	flag.Parse()
	if err := run(*write, *bench); err != nil {
		fmt.Fprintf(os.Stderr, "porttable: %v\n", err)
		os.Exit(1)
	}
}

// port is one row.
type port struct {
	name, about, version string
	tests                string // regular expression of test names
	benchmark            string
	what                 string // what the tests do, in words
}

func run(write bool, bench string) error {
	ports, err := readPorts()
	if err != nil {
		return err
	}
	outcomes, err := runTests(ports)
	if err != nil {
		return err
	}
	ratios := map[string]string{}
	if bench != "" {
		if ratios, err = readBenchmarks(bench); err != nil {
			return err
		}
	}
	var table bytes.Buffer
	table.WriteString("| Port | Version | Modules | What is run | As natively | Speed against native |\n|---|---|---|---|---|---|\n")
	for _, p := range ports {
		fmt.Fprintf(&table, "| %s, %s | %s | %s | %s | %s | %s |\n", p.name, p.about, p.version, size(p.name), p.what,
			result(p, outcomes), dash(ratios[p.benchmark]))
	}
	if !write {
		_, err := os.Stdout.Write(table.Bytes())
		return err
	}
	return section.ReplaceIn("docs/ports.md", "ports", table.String())
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

var setting = regexp.MustCompile(`(?m)^(about|version)="?([^"\n]*)"?$`)

// readPorts reads tests.tsv and the recipes that it names.
func readPorts() ([]port, error) {
	text, err := os.ReadFile(filepath.Join(directory, "tests.tsv"))
	if err != nil {
		return nil, err
	}
	var ports []port
	for i, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		fields := strings.Split(line, "\t")
		if len(fields) != 4 {
			return nil, fmt.Errorf("tests.tsv, line %d: %d fields, want 4", i+1, len(fields))
		}
		p := port{name: fields[0], tests: fields[1], benchmark: fields[2], what: fields[3]}
		recipe, err := os.ReadFile(filepath.Join(directory, "recipes", p.name+".sh"))
		if err != nil {
			return nil, err
		}
		for _, match := range setting.FindAllStringSubmatch(string(recipe), -1) {
			if match[1] == "about" {
				p.about = match[2]
			} else {
				p.version = match[2]
			}
		}
		ports = append(ports, p)
	}
	return ports, nil
}

// size tells the number of a port's modules and their size together.
func size(name string) string {
	modules, _ := filepath.Glob(filepath.Join(".cache", "ports", name, "wali", "*.wasm"))
	var bytes int64
	for _, module := range modules {
		if info, err := os.Stat(module); err == nil {
			bytes += info.Size()
		}
	}
	if len(modules) == 0 {
		return "-"
	}
	return fmt.Sprintf("%d, %d kB", len(modules), bytes/1000)
}

// runTests returns pass, fail or skip for every test and subtest.
func runTests(ports []port) (map[string]string, error) {
	top := map[string]bool{}
	for _, p := range ports {
		name, _, _ := strings.Cut(p.tests, "/")
		top[name] = true
	}
	var names []string
	for name := range top {
		names = append(names, "^"+name+"$")
	}
	out, err := goTest("-json", "-run", strings.Join(names, "|"))
	if err != nil {
		return nil, err
	}
	outcomes := map[string]string{}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		var event struct{ Action, Test string }
		if json.Unmarshal(lines.Bytes(), &event) != nil || event.Test == "" {
			continue
		}
		switch event.Action {
		case "pass", "fail", "skip":
			outcomes[event.Test] = event.Action
		}
	}
	return outcomes, nil
}

// result sums up the tests of a port.
func result(p port, outcomes map[string]string) string {
	counts := map[string]int{}
	tests := regexp.MustCompile("^(" + p.tests + ")(/|$)")
	for test, outcome := range outcomes {
		if tests.MatchString(test) {
			counts[outcome]++
		}
	}
	switch {
	case counts["fail"] > 0:
		return "**no**"
	case counts["pass"] > 0 && counts["skip"] == 0:
		return "yes"
	default:
		return "-"
	}
}

var rate = regexp.MustCompile(`^Benchmark(\w+)\S*?/(native|walisup)(?:-\d+)?\s+\d+\s+(.*)$`)

// readBenchmarks returns walisup's speed as a part of native's, from the first value that
// both report: the lowest and the highest of a group's.
func readBenchmarks(path string) (map[string]string, error) {
	out, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	native := map[string]float64{}
	low, high := map[string]float64{}, map[string]float64{}
	for line := range strings.Lines(string(out)) {
		match := rate.FindStringSubmatch(strings.TrimSpace(line))
		if match == nil {
			continue
		}
		group, fields := match[1], strings.Fields(match[3])
		value, err := strconv.ParseFloat(fields[0], 64)
		if err != nil || value == 0 || len(fields) < 2 {
			continue
		}
		if match[2] == "native" {
			native[group] = value
			continue
		}
		ratio := value / native[group]
		if !strings.HasSuffix(fields[1], "/s") {
			ratio = 1 / ratio // a time
		}
		if low[group] == 0 || ratio < low[group] {
			low[group] = ratio
		}
		high[group] = max(high[group], ratio)
	}
	ratios := map[string]string{}
	for group := range low {
		ratios[group] = fmt.Sprintf("%.2f", low[group])
		if high[group]-low[group] > 0.01 {
			ratios[group] += fmt.Sprintf(" to %.2f", high[group])
		}
	}
	return ratios, nil
}

// goTest runs tests of ./integration; failing ones are no error.
func goTest(args ...string) ([]byte, error) {
	cmd := exec.Command("go", append([]string{"test", "-count=1", "-timeout=60m", "./integration"}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if _, ok := err.(*exec.ExitError); ok && len(out) > 0 {
		err = nil
	}
	return out, err
}

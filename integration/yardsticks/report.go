package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"walisup/docs/section"
)

// suiteOrder is the order of the report.
var suiteOrder = []string{"posix", "busybox", "dash-scripts", "bash-scripts", "bash"}

// reason explains differences between native and walisup. A line of reasons.tsv:
// suite, regular expression for the whole name of a test, text.
type reason struct {
	suite   string
	pattern *regexp.Regexp
	text    string
	used    bool
}

// libraryReason is why a difference is there that a native program with the
// modules' C library shows as well.
const libraryReason = "The same as natively with musl, the C library of the modules"

// betterReason is that of tests which pass under walisup alone: with another C
// library, or by their luck with time.
const betterReason = "Passes under walisup, and not natively"

// counts are the columns of a table.
type counts struct {
	tests, native, walisup, same int
	better, library              int
	named, unexplained           int
}

const (
	tableHead = "tests | pass natively | pass under walisup | same result | pass under walisup alone | differ as musl does | differ for a named reason | unexplained |"
	tableLine = "|---|--:|--:|--:|--:|--:|--:|--:|--:|"
)

func (c counts) row(name string) string {
	return fmt.Sprintf("| %s | %d | %d | %d | %d | %d | %d | %d | %d |\n",
		name, c.tests, c.native, c.walisup, c.same, c.better, c.library, c.named, c.unexplained)
}

// report writes RESULTS.md and the summary in docs/ports.md.
func report() error {
	reasons, err := loadReasons()
	if err != nil {
		return err
	}
	var summary, details strings.Builder
	fmt.Fprintf(&summary, "| suite | %s\n%s\n", tableHead, tableLine)
	for _, name := range suiteOrder {
		results, err := loadResults(name)
		if err != nil {
			return err
		}
		if len(results) == 0 {
			fmt.Fprintf(os.Stderr, "yardsticks: no results of %s\n", name)
			continue
		}
		total := describe(&details, name, results, reasons)
		summary.WriteString(total.row(suites[name].title))
	}
	for _, r := range reasons {
		if !r.used {
			fmt.Fprintf(os.Stderr, "yardsticks: no difference of %s matches %s\n", r.suite, r.pattern)
		}
	}
	text := resultsHead + summary.String() + details.String()
	if err := os.WriteFile(filepath.Join(root, "integration", "yardsticks", "RESULTS.md"), []byte(text), 0o644); err != nil {
		return err
	}
	return section.ReplaceIn(filepath.Join(root, "docs", "ports.md"), "yardsticks", summary.String())
}

const resultsHead = `# Test suites of other projects, natively and under walisup

Made by ` + "`make yardsticks`" + `; README.md here says how. A result is what the test says of itself
(PASS, FAIL, UNRESOLVED, UNSUPPORTED, UNTESTED), the signal that ended it, "late" after the
time limit, or "output" and a checksum of what it printed where that was not the expected.

`

// describe writes a suite's part of the report.
func describe(w *strings.Builder, suite string, results []result, reasons []*reason) (total counts) {
	areas := map[string]*counts{}
	differences := map[string][]result{}
	var unsteady []string
	for _, r := range results {
		c := areas[area(suite, r.name)]
		if c == nil {
			c = new(counts)
			areas[area(suite, r.name)] = c
		}
		why := ""
		for _, c := range []*counts{c, &total} {
			c.tests++
			if r.verdicts[0] == pass {
				c.native++
			}
			if r.verdicts[1] == pass {
				c.walisup++
			}
			if !r.differs() {
				c.same++
				continue
			}
			why = explain(suite, r, reasons)
			switch why {
			case betterReason:
				c.better++
			case libraryReason:
				c.library++
			case "":
				c.unexplained++
			default:
				c.named++
			}
		}
		switch {
		case !r.differs() && r.tries > 1:
			unsteady = append(unsteady, r.name)
		case r.differs() && why == "":
			differences["Unexplained"] = append(differences["Unexplained"], r)
		case r.differs():
			differences[why] = append(differences[why], r)
		}
	}
	fmt.Fprintf(w, "\n## %s\n\n", suites[suite].title)
	if len(areas) > 1 {
		fmt.Fprintf(w, "| area | %s\n%s\n", tableHead, tableLine)
		for _, name := range slices.Sorted(mapKeys(areas)) {
			w.WriteString(areas[name].row(name))
		}
		w.WriteString(total.row("**all**"))
	}
	for _, why := range slices.Sorted(mapKeys(differences)) {
		fmt.Fprintf(w, "\n%s:\n\n", why)
		for _, r := range differences[why] {
			fmt.Fprintf(w, "- %s: natively %s, under walisup %s\n", r.name, r.verdicts[0], r.verdicts[1])
		}
	}
	if len(unsteady) > 0 {
		fmt.Fprintf(w, "\nDiffered when several tests ran at a time, and agreed when run alone: %s.\n", strings.Join(unsteady, ", "))
	}
	return total
}

// explain returns the reason for a difference, or nothing.
func explain(suite string, r result, reasons []*reason) string {
	for _, why := range reasons {
		if why.suite == suite && why.pattern.MatchString(r.name) {
			why.used = true
			return why.text
		}
	}
	if r.better() {
		return betterReason
	}
	if r.likeLibrary() {
		return libraryReason
	}
	return ""
}

// posixAreas are the parts of the Open POSIX Test Suite by the beginnings of
// interface names; the first that fits counts.
var posixAreas = []struct{ prefix, area string }{
	{"sig", "signals"}, {"kill", "signals"}, {"raise", "signals"}, {"pthread_sigmask", "signals"}, {"pthread_kill", "signals"},
	{"fork", "processes"}, {"getpid", "processes"}, {"pthread_atfork", "processes"},
	{"timer_", "timers and clocks"}, {"clock", "timers and clocks"}, {"nanosleep", "timers and clocks"},
	{"pthread_", "threads"}, {"sem_", "semaphores"}, {"mq_", "message queues"},
	{"mmap", "memory"}, {"munmap", "memory"}, {"mlock", "memory"}, {"munlock", "memory"}, {"shm_", "memory"},
	{"sched_", "scheduling"}, {"aio_", "asynchronous I/O"}, {"lio_", "asynchronous I/O"},
}

func area(suite, name string) string {
	if suite != "posix" {
		return ""
	}
	for _, a := range posixAreas {
		if strings.HasPrefix(name, a.prefix) {
			return a.area
		}
	}
	return "time and files"
}

func loadReasons() ([]*reason, error) {
	file, err := os.Open(filepath.Join(root, "integration", "yardsticks", "reasons.tsv"))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var reasons []*reason
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Split(lines.Text(), "\t")
		if len(fields) != 3 {
			return nil, fmt.Errorf("%s: bad line %q", file.Name(), lines.Text())
		}
		pattern, err := regexp.Compile("^(?:" + fields[1] + ")$")
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file.Name(), err)
		}
		reasons = append(reasons, &reason{suite: fields[0], pattern: pattern, text: fields[2]})
	}
	return reasons, nil
}

// Command yardsticks runs test suites of other projects natively and under
// walisup and says in a table where the two differ.
//
//	yardsticks [flags] SUITE   run one suite, keep its results in .cache/yardsticks
//	yardsticks report          write RESULTS.md and the summary in docs/ports.md from what is kept
//
// It needs root, because every test runs in namespaces of its own (see box).
// README.md beside this file tells how results are judged.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// root is the directory of the project.
var root string

// options are the flags.
var options struct {
	jobs  int
	limit time.Duration
	tries int
	only  string
}

// suites by name.
var suites = map[string]suite{
	"posix":        posixSuite,
	"bash":         bashSuite,
	"busybox":      busyboxSuite,
	"dash-scripts": dashScripts,
	"bash-scripts": bashScripts,
}

// A suite is a list of tests that run in several ways.
type suite struct {
	title string
	ways  []string
	tests func() ([]test, error)
}

// A test runs in each of its suite's ways. Each time it gives a verdict for each
// of its parts: pass or what it was instead. A test without parts has one, whose
// name is empty.
type test struct {
	name string
	run  func(way string) (verdicts map[string]string, err error)
}

func main() {
	if len(os.Args) == 4 && os.Args[1] == boxArgument {
		fmt.Fprintln(os.Stderr, boxMain(os.Args[2], os.Args[3]))
		os.Exit(1)
	}
	flag.IntVar(&options.jobs, "j", 2*runtime.NumCPU(), "tests at a time")
	flag.DurationVar(&options.limit, "limit", 3*time.Minute, "time limit of a test")
	flag.IntVar(&options.tries, "tries", 3, "how often a test runs alone whose results differ")
	flag.StringVar(&options.only, "only", "", "run the tests that match this regular expression")
	flag.Parse()
	if err := run(flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "yardsticks:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return fmt.Errorf("go env: %w", err)
	}
	root = filepath.Dir(strings.TrimSpace(string(out)))
	if len(args) != 1 {
		return fmt.Errorf("give one of %s or report", strings.Join(slices.Sorted(mapKeys(suites)), ", "))
	}
	if args[0] == "report" {
		return report()
	}
	s, ok := suites[args[0]]
	if !ok {
		return fmt.Errorf("no suite %q", args[0])
	}
	if err := os.MkdirAll(resultsDir(), 0o755); err != nil {
		return err
	}
	return s.execute(args[0])
}

// execute runs a suite: first all tests, several at a time; then those again, one
// at a time, that came out differently natively and under walisup, since some
// need the machine for themselves. What agrees in one of these runs agrees.
func (s suite) execute(name string) error {
	tests, err := s.tests()
	if err != nil {
		return err
	}
	if options.only != "" {
		pattern, err := regexp.Compile(options.only)
		if err != nil {
			return err
		}
		tests = slices.DeleteFunc(tests, func(t test) bool { return !pattern.MatchString(t.name) })
	}
	outcomes := make([][]result, len(tests))
	var failure atomic.Pointer[error]
	var next, done atomic.Int64
	var workers sync.WaitGroup
	for range options.jobs {
		workers.Go(func() {
			for failure.Load() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(tests) {
					return
				}
				results, err := s.runTest(tests[i])
				if err != nil {
					failure.Store(&err)
					return
				}
				outcomes[i] = results
				if n := done.Add(1); n%50 == 0 {
					fmt.Fprintf(os.Stderr, "%s: %d of %d\n", name, n, len(tests))
				}
			}
		})
	}
	workers.Wait()
	if err := failure.Load(); err != nil {
		return *err
	}
	for i, results := range outcomes {
		for try := 2; try <= options.tries+1 && slices.ContainsFunc(results, result.worthAnotherTry); try++ {
			fmt.Fprintf(os.Stderr, "%s: %s: again\n", name, tests[i].name)
			again, err := s.runTest(tests[i])
			if err != nil {
				return err
			}
			agree(results, again, try)
		}
	}
	all := slices.Concat(outcomes...)
	for _, r := range all {
		if r.differs() {
			fmt.Println(r)
		}
	}
	return saveResults(name, tests, all)
}

// agree replaces results that differ by those of another try.
func agree(results, again []result, try int) {
	for i, r := range results {
		if !r.worthAnotherTry() {
			continue
		}
		for _, other := range again {
			if other.name == r.name {
				other.tries = try
				results[i] = other
			}
		}
	}
}

// runTest runs a test in all ways.
func (s suite) runTest(t test) ([]result, error) {
	parts := map[string][]string{}
	for i, way := range s.ways {
		verdicts, err := t.run(way)
		if err != nil {
			return nil, fmt.Errorf("%s (%s): %w", t.name, way, err)
		}
		for part, verdict := range verdicts {
			if parts[part] == nil {
				parts[part] = slices.Repeat([]string{"missing"}, len(s.ways))
			}
			parts[part][i] = verdict
		}
	}
	var results []result
	for _, part := range slices.Sorted(mapKeys(parts)) {
		name := t.name
		if part != "" {
			name += ": " + part
		}
		results = append(results, result{name: name, verdicts: parts[part], tries: 1})
	}
	return results, nil
}

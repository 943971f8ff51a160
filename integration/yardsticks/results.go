package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// pass is the verdict of a test that found nothing wrong.
const pass = "PASS"

// result is the outcome of a test: a verdict for each way of its suite, of which
// the first is native and the second under walisup.
type result struct {
	name     string
	verdicts []string
	tries    int
}

func (r result) differs() bool { return r.verdicts[0] != r.verdicts[1] }

// likeLibrary reports whether the third way, native with the C library of the
// modules, has the same verdict as walisup.
func (r result) likeLibrary() bool { return len(r.verdicts) > 2 && r.verdicts[1] == r.verdicts[2] }

// better reports whether the test passes under walisup alone.
func (r result) better() bool { return r.differs() && r.verdicts[1] == pass }

func (r result) worthAnotherTry() bool { return r.differs() && !r.better() && !r.likeLibrary() }

func (r result) String() string {
	return r.name + ": " + strings.Join(r.verdicts, ", ")
}

func mapKeys[K comparable, V any](m map[K]V) iter.Seq[K] { return maps.Keys(m) }

func resultsDir() string              { return filepath.Join(root, ".cache", "yardsticks") }
func resultsFile(suite string) string { return filepath.Join(resultsDir(), suite+".tsv") }

// saveResults keeps results for the report, in place of those of the same tests;
// those of tests that did not run stay.
func saveResults(suite string, ran []test, results []result) error {
	old, err := loadResults(suite)
	if err != nil {
		return err
	}
	for _, r := range old {
		if !slices.ContainsFunc(ran, func(t test) bool { return r.name == t.name || strings.HasPrefix(r.name, t.name+": ") }) {
			results = append(results, r)
		}
	}
	slices.SortFunc(results, func(a, b result) int { return strings.Compare(a.name, b.name) })
	var text strings.Builder
	for _, r := range results {
		fmt.Fprintf(&text, "%s\t%d\t%s\n", r.name, r.tries, strings.Join(r.verdicts, "\t"))
	}
	return os.WriteFile(resultsFile(suite), []byte(text.String()), 0o644)
}

// loadResults returns what was kept, or nothing.
func loadResults(suite string) ([]result, error) {
	file, err := os.Open(resultsFile(suite))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var results []result
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		fields := strings.Split(lines.Text(), "\t")
		if len(fields) < 4 {
			return nil, fmt.Errorf("%s: bad line %q", file.Name(), lines.Text())
		}
		tries, err := strconv.Atoi(fields[1])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file.Name(), err)
		}
		results = append(results, result{name: fields[0], tries: tries, verdicts: fields[2:]})
	}
	return results, lines.Err()
}

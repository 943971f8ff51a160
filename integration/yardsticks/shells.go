package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// shellWays are how shells run, and bash also with the modules' C library: it says
// more about characters, locales and messages than the shell does.
var (
	shellWays = []string{"native", "walisup"}
	bashWays  = []string{"native", "walisup", "musl"}
)

// bashSuite is bash's own tests, the parts of its run-all.
var bashSuite = suite{title: "bash's own tests", ways: bashWays, tests: bashTests}

func bashTests() ([]test, error) {
	machines, err := shellMachines(bashWays)
	if err != nil {
		return nil, err
	}
	directory := filepath.Join(portDir("bash-tests", "native"), "tests")
	scripts, err := filepath.Glob(filepath.Join(directory, "run-*"))
	if err != nil {
		return nil, err
	}
	var tests []test
	for _, script := range scripts {
		name := strings.TrimPrefix(filepath.Base(script), "run-")
		// all and minimal run the others, gprof is for measuring.
		if slices.Contains([]string{"all", "minimal", "gprof"}, name) {
			continue
		}
		tests = append(tests, test{name: name, run: func(way string) (map[string]string, error) {
			env := []string{"THIS_SH=/bin/bash", "BASH_TSTOUT=/tmp/out", "BUILD_DIR=/tmp", "TMPDIR=/tmp", "PATH=.:/bin"}
			end, err := runShell(machines[way], way, directory, "bash/"+name, env, []string{"/bin/sh", "run-" + name})
			return map[string]string{"": outputVerdict(end, end.status == 0)}, err
		}})
	}
	return tests, nil
}

// outputVerdict is pass, or tells an output apart from others. Scripts print the
// ids of processes and threads, which no two runs have in common.
func outputVerdict(end ending, passed bool) string {
	switch {
	case end.late:
		return "late"
	case passed:
		return pass
	}
	neutral := processIDs.ReplaceAllString(end.output, "PID")
	return fmt.Sprintf("output %x", sha256.Sum256([]byte(neutral)))[:len("output ")+8]
}

// In parentheses, or after a colon as in messages of jobs, they may have one digit.
var processIDs = regexp.MustCompile(`\([0-9]+\)|: +[0-9]+ |\b[0-9]{2,5}\b`)

// busyboxSuite is busybox's tests of its applets.
var busyboxSuite = suite{title: "busybox's testsuite", ways: shellWays, tests: busyboxTests}

// busyboxLine is how a test of busybox reports.
var busyboxLine = regexp.MustCompile(`^(PASS|FAIL|SKIPPED|UNTESTED): (.*)$`)

func busyboxTests() ([]test, error) {
	machines, err := shellMachines(shellWays)
	if err != nil {
		return nil, err
	}
	// runtest wants busybox and its configuration one directory above the tests.
	directories := map[string]string{}
	for _, way := range shellWays {
		directories[way] = filepath.Join(resultsDir(), "busybox-"+way)
		if err := os.RemoveAll(directories[way]); err != nil {
			return nil, err
		}
		if err := os.CopyFS(directories[way], os.DirFS(portDir("busybox-tests", "native"))); err != nil {
			return nil, fmt.Errorf("%w; run integration/ports/port.sh build busybox-tests", err)
		}
		if err := os.Symlink(inside(portProgram("busybox", "busybox", way)), filepath.Join(directories[way], "busybox")); err != nil {
			return nil, err
		}
	}
	entries, err := os.ReadDir(filepath.Join(directories["native"], "testsuite"))
	if err != nil {
		return nil, err
	}
	var applets []string
	for _, entry := range entries {
		if name, ok := strings.CutSuffix(entry.Name(), ".tests"); ok || entry.IsDir() {
			applets = append(applets, name)
		}
	}
	slices.Sort(applets)
	var tests []test
	for _, applet := range slices.Compact(applets) {
		tests = append(tests, test{name: applet, run: func(way string) (map[string]string, error) {
			argv := []string{"/bin/sh", "-c", "cd testsuite && exec sh ./runtest -v " + applet}
			end, err := runShell(machines[way], way, directories[way], "busybox/"+applet, nil, argv)
			if err != nil {
				return nil, err
			}
			return busyboxVerdicts(end), nil
		}})
	}
	return tests, nil
}

// busyboxVerdicts reads the report of one applet's tests.
func busyboxVerdicts(end ending) map[string]string {
	verdicts := map[string]string{}
	for line := range strings.Lines(end.output) {
		if found := busyboxLine.FindStringSubmatch(strings.TrimSpace(line)); found != nil {
			verdicts[found[2]] = found[1]
		}
	}
	if end.late || end.status.Signaled() {
		verdicts["end"] = posixVerdict(end)
	}
	return verdicts
}

// dashScripts and bashScripts are busybox's scripts for testing shells, run by
// others. They do not agree with busybox's shells on everything: what counts is
// that a shell says the same in all ways.
var (
	dashScripts = suite{title: "busybox's shell scripts, run by dash", ways: shellWays, tests: scriptTests("dash", shellWays)}
	bashScripts = suite{title: "busybox's shell scripts, run by bash", ways: bashWays, tests: scriptTests("bash", bashWays)}
)

func scriptTests(shell string, ways []string) func() ([]test, error) {
	return func() ([]test, error) {
		machines, err := shellMachines(ways)
		if err != nil {
			return nil, err
		}
		directory := portDir("busybox-tests", "native")
		scripts, err := filepath.Glob(filepath.Join(directory, "*sh_test", "*", "*.tests"))
		if err != nil {
			return nil, err
		}
		var tests []test
		for _, script := range scripts {
			right, err := os.ReadFile(strings.TrimSuffix(script, ".tests") + ".right")
			if err != nil {
				continue // some are there for people to look at
			}
			name := strings.TrimSuffix(strings.TrimPrefix(script, directory+"/"), ".tests")
			tests = append(tests, test{name: name, run: func(way string) (map[string]string, error) {
				env := []string{"THIS_SH=/bin/" + shell, "PATH=.:/bin"}
				argv := []string{"/bin/" + shell, "./" + filepath.Base(script)}
				end, err := runShell(machines[way], way, filepath.Dir(script), shell+"/"+name, env, argv)
				return map[string]string{"": outputVerdict(end, end.output == string(right))}, err
			}})
		}
		return tests, nil
	}
}

package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// traceLine splits a line of a trace at the thread's id.
var traceLine = regexp.MustCompile(`^(?:\[pid +(\d+)\] |(\d+) +)(.*)$`)

// tracedCalls returns what each thread has done, in the order of their first lines,
// with the two halves of interrupted lines joined.
func tracedCalls(t *testing.T, text string) [][]string {
	t.Helper()
	var order []string
	lines := map[string][]string{}
	begun := map[string]string{}
	for line := range strings.Lines(text) {
		match := traceLine.FindStringSubmatch(strings.TrimRight(line, "\n"))
		if match == nil {
			t.Fatalf("no thread in line %q", line)
		}
		tid, what := match[1]+match[2], match[3]
		if !slices.Contains(order, tid) {
			order = append(order, tid)
		}
		if begin, ok := strings.CutSuffix(what, " <unfinished ...>"); ok {
			begun[tid] = begin
			continue
		}
		if _, end, ok := strings.Cut(what, " resumed>"); ok && strings.HasPrefix(what, "<... ") {
			what = begun[tid] + end
		}
		lines[tid] = append(lines[tid], what)
	}
	var calls [][]string
	for _, tid := range order {
		calls = append(calls, lines[tid])
	}
	return calls
}

// neutralTrace takes out of a line what differs between two runs, two memories and
// two C libraries. It is empty for a line that only one has.
func neutralTrace(line string) string {
	for _, only := range []string{"+++ started", "rt_sigreturn(", "set_robust_list(", "gettid()", "rt_sigprocmask(SIG_UNBLOCK, [RT_1 RT_2]",
		"--- SIGCHLD"} { // which is not caught, so that only strace sees it
		if strings.HasPrefix(line, only) {
			return ""
		}
	}
	for _, change := range traceChanges {
		line = change.pattern.ReplaceAllString(line, change.by)
	}
	return line
}

var traceChanges = []struct {
	pattern *regexp.Regexp
	by      string
}{
	{regexp.MustCompile(`0x[0-9a-f]{4,}`), "POINTER"},
	{regexp.MustCompile(`sa_(handler|restorer)=(POINTER|0x[0-9a-f]+)`), "sa_$1=FUNCTION"},
	{regexp.MustCompile(` += `), " = "},
	{regexp.MustCompile(`^(fork\(\) = |getpid\(\) = )\d+`), "${1}PID"},
	{regexp.MustCompile(`^(kill\(|wait4\()\d+`), "${1}PID"},
	{regexp.MustCompile(`^(wait4\(.*\) = )\d+$`), "${1}PID"},
	{regexp.MustCompile(`si_pid=\d+`), "si_pid=PID"},
	{regexp.MustCompile(`si_([us])time=\d+`), "si_${1}time=TIME"},
	// A process that has long ended when its first record is read leaves no trace
	// of how.
	{regexp.MustCompile(`^\+\+\+ (killed by SIGKILL|ended) `), "+++ gone "},
	{regexp.MustCompile(`st_size=\d+`), "st_size=SIZE"},
	{regexp.MustCompile(` /\* \d{4}-.*?\*/`), ""},
}

// between returns the lines between the two marks of the program; all of them if
// there are no marks.
func between(lines []string) []string {
	const mark = `write(-1, "mark", 4)`
	var marks []int
	for i, line := range lines {
		if strings.HasPrefix(line, mark) {
			marks = append(marks, i)
		}
	}
	if len(marks) == 2 {
		lines = lines[marks[0]+1 : marks[1]]
	}
	var neutral []string
	for _, line := range lines {
		if line = neutralTrace(line); line != "" {
			neutral = append(neutral, line)
		}
	}
	return neutral
}

// TestTraceAgainstStrace compares what strace shows of a native program with what
// walisup shows of the same program.
func TestTraceAgainstStrace(t *testing.T) {
	t.Parallel()
	strace, err := exec.LookPath("strace")
	if err != nil {
		need(t, "/usr/bin/strace", "run integration/ports/deps.sh")
		strace = "/usr/bin/strace"
	}
	program := buildC(t, "testdata/trace/calls.c")
	logs := t.TempDir()
	native := run(t, exec.Command(strace, "-f", "-o", logs+"/native", program.native), invocation{})
	if _, err := os.Stat(logs + "/native"); err != nil || strings.Contains(native.stderr, "ptrace") {
		t.Skipf("strace does not work here: %s", native.stderr)
	}
	guest := program.runGuest(t, invocation{flags: []string{"--trace=" + logs + "/guest"}})
	compare(t, native, guest)
	var traces [2][][]string
	for i, name := range []string{"native", "guest"} {
		text, err := os.ReadFile(filepath.Join(logs, name))
		if err != nil {
			t.Fatal(err)
		}
		traces[i] = tracedCalls(t, string(text))
	}
	if len(traces[0]) != 3 || len(traces[1]) != 3 {
		t.Fatalf("native %d threads, guest %d, want 3", len(traces[0]), len(traces[1]))
	}
	for i := range traces[0] {
		want, got := between(traces[0][i]), between(traces[1][i])
		if i == 0 && len(want) < 100 {
			t.Fatalf("only %d lines of the native program:\n%s", len(want), strings.Join(want, "\n"))
		}
		if strings.Join(want, "\n") != strings.Join(got, "\n") {
			t.Errorf("process %d: %s", i, difference(strings.Join(want, "\n"), strings.Join(got, "\n")))
		}
	}
}

// TestTracedProgramsBehave runs C programs while they are traced, which must not
// change what they do.
func TestTracedProgramsBehave(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"fork", "exec", "signals", "pipes", "polling", "sockets", "processes", "threads", "ipc", "time"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := "testdata/c/" + name + ".c"
			plan, err := readPlan(source)
			if err != nil {
				t.Fatal(err)
			}
			program := buildC(t, source, plan.flags...)
			call := plan.call
			call.args = plan.args[0]
			native := program.runNative(t, call)
			trace := filepath.Join(t.TempDir(), "trace")
			call.flags = append(call.flags, "--trace="+trace)
			guest := program.runGuest(t, call)
			guest.stderr = native.stderr // messages, whose texts differ
			compare(t, native, guest)
			text, err := os.ReadFile(trace)
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
			if len(lines) < 10 {
				t.Errorf("the trace has %d lines", len(lines))
			}
			for _, line := range lines {
				if !traceLine.MatchString(line) || strings.Contains(line, "bad trace data") {
					t.Fatalf("line %q", line)
				}
			}
		})
	}
}

package integration

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestFaultsEndAsNatively has a guest die in every way that a program can, by
// the signal that ends the native program, with a report that names the guilty
// function.
func TestFaultsEndAsNatively(t *testing.T) {
	t.Parallel()
	program := buildC(t, "testdata/faults/faults.c")
	cases := []struct {
		kind     string
		signal   unix.Signal
		reported bool // an abort is the program's own wish and gets no report
	}{
		{"null", unix.SIGSEGV, true},
		{"wild", unix.SIGSEGV, true},
		{"readonly", unix.SIGSEGV, true},
		{"unmapped", unix.SIGSEGV, true},
		{"deep", unix.SIGSEGV, true},
		{"trap", unix.SIGILL, true},
		{"divide", unix.SIGFPE, true},
		{"abort", unix.SIGABRT, false},
	}
	for _, c := range cases {
		t.Run(c.kind, func(t *testing.T) {
			t.Parallel()
			call := invocation{args: []string{c.kind}}
			native, guest := program.runNative(t, call), program.runGuest(t, call)
			if want := 128 + int(c.signal); native.status != want || guest.status != want {
				t.Errorf("status: native %d, guest %d, want %d", native.status, guest.status, want)
			}
			if guest.stdout != native.stdout {
				t.Errorf("standard output: native %q, guest %q", native.stdout, guest.stdout)
			}
			name := unix.SignalName(c.signal)
			if !c.reported {
				if guest.stderr != "" {
					t.Errorf("standard error %q, want nothing", guest.stderr)
				}
				return
			}
			for _, part := range []string{"walisup: ", "faults", name, "culprit_" + c.kind} {
				if !strings.Contains(guest.stderr, part) {
					t.Errorf("the report does not say %q", part)
				}
			}
			if n := strings.Count(guest.stderr, name); n != 1 {
				t.Errorf("%d reports, want 1", n)
			}
			if n := strings.Count(guest.stderr, "\n"); n > 60 {
				t.Errorf("the report has %d lines", n)
			}
			if strings.Contains(guest.stderr, "goroutine ") {
				t.Error("the report is about walisup's own code")
			}
			if t.Failed() {
				t.Logf("standard error:\n%s", shorten(guest.stderr))
			}
		})
	}
}

// TestMismatchedCallIsExplained calls a function of doubles as one of ints,
// which no adapter can make sense of. With plain tables nobody knows which
// function it was.
func TestMismatchedCallIsExplained(t *testing.T) {
	t.Parallel()
	program := buildC(t, "testdata/faults/faults.c")
	cases := []struct {
		name  string
		flags []string
		parts []string
	}{
		{"adapted tables", nil, []string{"takes_double", "f64", "i32", "culprit_mismatch"}},
		{"plain tables", []string{"--plain-tables"}, []string{"pointer of another type", "culprit_mismatch"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := program.runGuest(t, invocation{args: []string{"mismatch"}, flags: c.flags})
			if want := 128 + int(unix.SIGILL); got.status != want {
				t.Errorf("status %d, want %d", got.status, want)
			}
			for _, part := range c.parts {
				if !strings.Contains(got.stderr, part) {
					t.Errorf("the report does not say %q", part)
				}
			}
			if t.Failed() {
				t.Logf("standard error:\n%s", shorten(got.stderr))
			}
		})
	}
}

// TestAdaptedCallsAreListed asks what a porter asks.
func TestAdaptedCallsAreListed(t *testing.T) {
	t.Parallel()
	program := buildC(t, "testdata/faults/faults.c")
	got := program.runGuest(t, invocation{flags: []string{"--list-adapted"}})
	if got.status != 0 || got.stdout != "about to die: \n" {
		t.Errorf("status %d, output %q", got.status, got.stdout)
	}
	pattern := regexp.MustCompile(`^walisup: .*faults.*: calls as \(.*\) -> .* of functions \(.*\) -> .* are adapted$`)
	lines := strings.Split(strings.TrimSpace(got.stderr), "\n")
	for _, line := range lines {
		if !pattern.MatchString(line) {
			t.Errorf("unexpected line %q", line)
		}
	}
	if quiet := program.runGuest(t, invocation{}); quiet.stderr != "" {
		t.Errorf("without the flag: %q", quiet.stderr)
	}
}

// TestRemainderOfTheLowestNumber holds what is decided where C decides nothing: of
// INT_MIN and -1 the instruction of WebAssembly gives 0, as its specification has it
// and as languages besides C rely on. The processor's raises SIGFPE; a program that is
// right cannot depend on that, since compilers for it take the remainder for
// themselves when they know an operand. The quotient, which does not exist, traps
// in both.
func TestRemainderOfTheLowestNumber(t *testing.T) {
	t.Parallel()
	program := buildC(t, "testdata/faults/remainder.c")
	for _, kind := range []string{"int", "long"} {
		call := invocation{args: []string{kind}}
		if native := program.runNative(t, call); native.status != int(unix.SIGFPE) || native.stdout != "signal\n" {
			t.Errorf("%s: the native program ends with status %d after %q", kind, native.status, native.stdout)
		}
		if guest := program.runGuest(t, call); guest.status != 0 || guest.stdout != "0\n" {
			t.Errorf("%s: status %d after %q, want 0 after 0", kind, guest.status, guest.stdout)
		}
	}
}

// TestStackOverflowIsExplained uses up stacks: the report says which and what to do, and
// what fits into Linux's usual 8 MB runs.
func TestStackOverflowIsExplained(t *testing.T) {
	t.Parallel()
	usual := buildC(t, "testdata/faults/overflow.c", "-pthread")
	small := buildC(t, "testdata/faults/overflow.c", "-pthread", "-Wl,-z,stack-size=131072")
	cases := []struct {
		kind    string
		program pair
		say     string // empty if the program ends well
	}{
		{"fits", usual, ""},
		{"deep", usual, "stack overflow: the stack of 8 MB is used up; link with -Wl,-z,stack-size=16777216 for more (SIGSEGV)\n"},
		{"large", usual, "stack overflow: the stack of 8 MB is used up"},
		{"thread", usual, "stack overflow: the stack of a thread is used up"},
		{"deep", small, "stack overflow: the stack of 128 kB is used up; link with -Wl,-z,stack-size=262144 for more"},
	}
	for _, c := range cases {
		t.Run(c.kind, func(t *testing.T) {
			t.Parallel()
			call := invocation{args: []string{c.kind}}
			native, guest := c.program.runNative(t, call), c.program.runGuest(t, call)
			if native.status != guest.status || native.stdout != guest.stdout {
				t.Errorf("status %d after %q, natively %d after %q", guest.status, guest.stdout, native.status, native.stdout)
			}
			if c.say != "" && !strings.Contains(guest.stderr, c.say) || c.say == "" && guest.stderr != "" {
				t.Errorf("standard error: %s", shorten(guest.stderr))
			}
		})
	}
}

// TestReportsLeaveTheGuestsFilesAlone crashes with a file of the guest as descriptor 2. What
// the guest has written to its standard error comes before the report.
func TestReportsLeaveTheGuestsFilesAlone(t *testing.T) {
	t.Parallel()
	program := buildC(t, "testdata/faults/descriptor2.c")
	for _, who := range []string{"self", "child", "exec"} {
		t.Run(who, func(t *testing.T) {
			t.Parallel()
			call := invocation{args: []string{who}}
			native, guest := program.runNative(t, call), program.runGuest(t, call)
			report, ok := strings.CutPrefix(guest.stderr, native.stderr)
			if !ok || !strings.HasPrefix(report, "walisup: descriptor2") || strings.Count(report, "SIGSEGV") != 1 {
				t.Errorf("standard error: %s", shorten(guest.stderr))
			}
			guest.stderr = native.stderr
			compare(t, native, guest)
		})
	}
}

// TestReportsWithoutAPlace crashes where there is no standard error that could be written
// to, and where writing to it would end the process by another signal.
func TestReportsWithoutAPlace(t *testing.T) {
	t.Parallel()
	program := buildC(t, "testdata/faults/descriptor2.c")
	for name, redirect := range map[string]string{"closed": "2>&-", "read-only": "2</dev/null", "full": "2>/dev/full"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command("sh", "-c", `"$0" start "$1" child `+redirect+`; echo $?`, walisupPath(), program.module)
			if got := run(t, cmd, invocation{}); got.stdout != "signal 11\n0\n" {
				t.Errorf("output %q", got.stdout)
			}
		})
	}
	t.Run("no reader", func(t *testing.T) {
		t.Parallel()
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		r.Close()
		defer w.Close()
		cmd := exec.Command(walisupPath(), "start", program.module, "child")
		cmd.Dir, cmd.Env = t.TempDir(), baseEnv()
		cmd.Stderr = w
		if out, err := cmd.Output(); err != nil || string(out) != "signal 11\n" {
			t.Errorf("output %q, %v", out, err)
		}
	})
}

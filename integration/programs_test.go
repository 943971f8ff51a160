package integration

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// engineHas lists what the `needs:` line of a C program may ask for. Programs
// that need anything else are skipped by name.
var engineHas = []string{"fork", "exec", "signals", "threads"}

// TestCPrograms runs every program of testdata/c natively and as a guest, which
// must not differ in standard output, status and files. README.md there says
// what the comment lines at the top of a program mean.
func TestCPrograms(t *testing.T) {
	t.Parallel()
	sources, err := filepath.Glob("testdata/c/*.c")
	if err != nil {
		t.Fatal(err)
	}
	if len(sources) == 0 {
		t.Fatal("no programs in testdata/c")
	}
	for _, source := range sources {
		t.Run(strings.TrimSuffix(filepath.Base(source), ".c"), func(t *testing.T) {
			t.Parallel()
			p, program := cProgram(t, source)
			p.compare(t, program)
		})
	}
}

// cProgram builds a program of testdata/c.
func cProgram(t *testing.T, source string) (plan, pair) {
	t.Helper()
	p, err := readPlan(source)
	if err != nil {
		t.Fatal(err)
	}
	for _, feature := range p.needs {
		if !slices.Contains(engineHas, feature) {
			t.Skipf("the engine does not have %s yet", feature)
		}
	}
	return p, buildC(t, source, p.flags...)
}

// compare runs both builds of a program.
func (p *plan) compare(t *testing.T, program pair) {
	t.Helper()
	for i, args := range p.args {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			t.Parallel()
			if p.root[i] && os.Geteuid() != 0 {
				t.Skip("only root can do this")
			}
			call := p.call
			call.args = args
			native, guest := program.runNative(t, call), program.runGuest(t, call)
			if p.fault != 0 && native.status != 128+int(p.fault) {
				t.Fatalf("the native program ends with status %d, not by signal %d", native.status, p.fault)
			}
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("guest's standard error:\n%s", shorten(guest.stderr))
				}
			})
			// Standard error is for messages, whose texts differ.
			guest.stderr = native.stderr
			compare(t, native, guest)
		})
	}
}

// plan is what the comment lines at the top of a C program say.
type plan struct {
	call  invocation
	args  [][]string // at least one
	root  []bool     // whether only root can do what args of the same index say
	flags []string
	needs []string
	fault unix.Signal
}

func readPlan(source string) (plan, error) {
	file, err := os.Open(source)
	if err != nil {
		return plan{}, err
	}
	defer file.Close()
	var p plan
	lines := bufio.NewScanner(file)
	for number := 1; lines.Scan(); number++ {
		comment, ok := strings.CutPrefix(lines.Text(), "//")
		if !ok {
			break
		}
		key, value, ok := strings.Cut(strings.TrimSpace(comment), ":")
		if !ok {
			continue
		}
		if err := p.set(key, strings.TrimSpace(value)); err != nil {
			return plan{}, fmt.Errorf("%s:%d: %w", source, number, err)
		}
	}
	if p.args == nil {
		p.args, p.root = [][]string{nil}, []bool{false}
	}
	return p, lines.Err()
}

func (p *plan) set(key, value string) (err error) {
	switch key {
	case "args", "root":
		words, err := splitWords(value)
		if err != nil {
			return err
		}
		p.args = append(p.args, words)
		p.root = append(p.root, key == "root")
	case "env":
		p.call.env = append(p.call.env, value)
	case "stdin":
		text, err := strconv.Unquote(`"` + strings.ReplaceAll(value, `"`, `\"`) + `"`)
		if err != nil {
			return fmt.Errorf("standard input %q: %w", value, err)
		}
		p.call.stdin += text
	case "flags":
		p.flags = append(p.flags, strings.Fields(value)...)
	case "needs":
		p.needs = append(p.needs, strings.Fields(value)...)
	case "fault":
		p.fault = unix.SignalNum(value)
		if p.fault == 0 {
			return fmt.Errorf("no signal %q", value)
		}
	}
	return nil
}

// splitWords splits at white space outside of double quotes.
func splitWords(line string) (words []string, err error) {
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimSpace(line) {
		if line[0] != '"' {
			word, rest, _ := strings.Cut(line, " ")
			words, line = append(words, word), rest
			continue
		}
		quoted, err := strconv.QuotedPrefix(line)
		if err != nil {
			return nil, fmt.Errorf("arguments %s: %w", line, err)
		}
		word, err := strconv.Unquote(quoted)
		if err != nil {
			return nil, fmt.Errorf("arguments %s: %w", line, err)
		}
		words, line = append(words, word), line[len(quoted):]
	}
	return words, nil
}

package integration

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestQuickStart runs what README.md shows as a quick start, and compares what it prints with
// what README.md says.
func TestQuickStart(t *testing.T) {
	t.Parallel()
	needWalisup(t)
	need(t, filepath.Join(root, ".cache/sysroot"), "run make sysroot")
	for _, module := range []string{"busybox/wali/busybox.wasm", "redis/wali/redis-server.wasm", "redis/wali/redis-cli.wasm"} {
		need(t, filepath.Join(root, ".cache/ports", module), "run make ports")
	}
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	// A directory that looks like the clone, in which the reader works.
	dir := t.TempDir()
	for _, name := range []string{".cache", "bin", "docs"} {
		if err := os.Symlink(filepath.Join(root, name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	listener.Close()
	reader := &quickStart{dir: dir, state: filepath.Join(t.TempDir(), "state")}
	t.Cleanup(func() { reader.run(t, "walisup rm --force --all") })

	_, section, _ := strings.Cut(string(text), "\n## Quick start\n")
	section, _, _ = strings.Cut(section, "\n## ")
	section = strings.ReplaceAll(section, "7777", port)
	steps := quickStartSteps(section)
	if len(steps) < 10 {
		t.Fatalf("found only %d commands", len(steps))
	}
	for _, step := range steps {
		if name, ok := strings.CutPrefix(step.command, "cat "); ok {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(step.output), 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		// What asks the server may come before the server listens.
		deadline := time.Now().Add(patience)
		for {
			got := reader.run(t, step.command)
			if sameSession(got, step.output) {
				break
			}
			if !strings.Contains(got, "refused") && !strings.Contains(step.command, "logs") || time.Now().After(deadline) {
				t.Fatalf("%s\nprints\n%s\nREADME.md says\n%s", step.command, got, step.output)
			}
		}
	}
}

type quickStart struct {
	dir, state string
	settings   string // of variables of the reader's shell
}

var setting = regexp.MustCompile(`^[A-Z]+=\S+$`)

// run runs a command as the reader's shell does, and returns what it prints.
func (q *quickStart) run(t *testing.T, command string) string {
	t.Helper()
	if setting.MatchString(command) {
		q.settings += command + "\n"
		return ""
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", q.settings+command)
	cmd.Dir = q.dir
	cmd.Env = append(os.Environ(), "PWD="+q.dir, "PATH="+filepath.Join(root, "bin")+":"+os.Getenv("PATH"),
		"WALISUP_STATE_DIR="+q.state, "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Sprintf("%s%v\n", out, err)
	}
	return string(out)
}

type step struct{ command, output string }

// quickStartSteps returns the commands of the blocks of a document, and what stands under each.
func quickStartSteps(section string) []step {
	var steps []step
	for line := range strings.Lines(section) {
		line, isCode := strings.CutPrefix(line, "    ")
		command, isCommand := strings.CutPrefix(line, "$ ")
		switch {
		case !isCode:
			if strings.TrimSpace(line) == "" && len(steps) > 0 && strings.HasPrefix(steps[len(steps)-1].command, "cat ") {
				steps[len(steps)-1].output += "\n" // an empty line of the file
			}
		case isCommand:
			steps = append(steps, step{command: strings.TrimSpace(command)})
		case len(steps) > 0:
			steps[len(steps)-1].output += line
		}
	}
	return steps
}

// What differs from run to run: ids, process ids, times and sizes. The order matters.
var variable = []struct {
	pattern *regexp.Regexp
	name    string
}{
	{regexp.MustCompile(`\b[0-9a-f]{32}\b`), "ID"},
	{regexp.MustCompile(`\b[0-9a-f]{12}\b`), "SHORTID"},
	{regexp.MustCompile(`(?i)\b(?:\d+ seconds?|less than a second) ago\b`), "AGE"},
	{regexp.MustCompile(`\b\d+ \w{3} \d{4} [\d:.]+`), "TIME"},
	{regexp.MustCompile(`\b\d+(:M |   )`), "PID$1"}, // of a line of Redis' log; in a table
	{regexp.MustCompile(`\b\d+ of \d+\b`), "PID of PID"},
	{regexp.MustCompile(`\b[\d.]+s\b`), "SECONDS"},
	{regexp.MustCompile(`\b[\d.]+[KMG]iB\b`), "SIZE"},
	{regexp.MustCompile(`PID +[SR] +\S+`), "PID STATE THREADS"},
	{regexp.MustCompile(` +`), " "},
}

// sameSession reports whether two texts are the same but for what differs from run to run.
func sameSession(a, b string) bool {
	for _, v := range variable {
		a, b = v.pattern.ReplaceAllString(a, v.name), v.pattern.ReplaceAllString(b, v.name)
	}
	return a == b
}

func TestSameSession(t *testing.T) {
	t.Parallel()
	for _, differ := range [][2]string{
		{"the child exited with 7\n", "the child exited with 8\n"},
		{"37\n", "39\n"},
		{"0c872d6f9a6e   cache   running   1 second ago   17   0   a --port 1\n", "0c872d6f9a6e   cache   exited   1 second ago   17   0   a --port 1\n"},
		{"OK\n", ""},
	} {
		if sameSession(differ[0], differ[1]) {
			t.Errorf("%q counts as %q", differ[0], differ[1])
		}
	}
}

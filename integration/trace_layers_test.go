package integration

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestTraceLayers shows what an application asks of its layers, and what these do.
func TestTraceLayers(t *testing.T) {
	t.Parallel()
	say, asks, marks := buildWASIC(t, "testdata/wasi/say.c"), buildModule(t, "testdata/layer/asks.c"), buildLayer(t, "testdata/layer/marks.c")
	box := t.TempDir()
	if err := os.WriteFile(filepath.Join(box, "file"), []byte("content"), 0o644); err != nil {
		t.Fatal(err)
	}
	number, result := regexp.MustCompile(`^\[pid \d+\] `), regexp.MustCompile(` += `)
	layer := filepath.Base(marks)
	for _, c := range []struct {
		name   string
		module pair
		flags  []string
		args   []string
		want   []string // some of the lines, in this order
		never  string
	}{
		{"an application and WASI", pair{name: "say", module: say}, []string{"--dir", box}, []string{"one"}, []string{
			"wasi_snapshot_preview1.args_sizes_get(POINTER, POINTER) = 0",
			"wasi_snapshot_preview1.path_open(3, 1, POINTER, 4, 0, 2, 0, 0, POINTER) = 0",
			"wasi_snapshot_preview1.proc_exit(3) = ?",
		}, "wasi.wasm: "},
		{"what the layer for WASI does", pair{name: "say", module: say}, []string{"--dir", box, "--trace-layers"}, nil, []string{
			"wasi_snapshot_preview1.path_open(3, 1, POINTER, 4, 0, 2, 0, 0, POINTER <unfinished ...>",
			`wasi.wasm: openat2(3, "file", {flags=O_RDONLY|O_NOCTTY|O_CLOEXEC, resolve=0xa}, 24) = 4`,
			"<... wasi_snapshot_preview1.path_open resumed>) = 0",
			`wasi.wasm: writev(1, [{iov_base="content", iov_len=7}], 1) = 7`,
			"wasi_snapshot_preview1.proc_exit(3 <unfinished ...>",
			"wasi.wasm: exit_group(3) = ?",
			"+++ exited with 3 +++",
		}, "unknown"},
		{"a filter", pair{name: "say", module: say}, []string{"--dir", box, "--trace-layers", "--trace-filter", "openat2"}, nil, []string{
			`wasi.wasm: openat2(3, "file", {flags=O_RDONLY|O_NOCTTY|O_CLOEXEC, resolve=0xa}, 24) = 4`,
		}, "path_open"},
		{"system calls", asks, []string{"--layer", marks + " 1000", "--trace-filter", "getpid"}, []string{"pid"}, []string{"getpid() = PID"}, layer},
		{"layers in layers", asks, []string{"--layer", marks + " 1000", "--layer", marks + " 20", "--trace-layers", "--trace-filter", "getpid"}, []string{"pid"}, []string{
			"getpid( <unfinished ...>", layer + ": getpid() = PID", layer + ": getpid() = PID", "<... getpid resumed>) = PID",
		}, ""},
		{"an interrupted call", asks, []string{"--layer", marks, "--trace-filter", "read"}, []string{"restart"}, []string{
			`read(POINTER) = -1 EINTR (Interrupted system call)`, `read(POINTER) = 1`,
		}, layer},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "trace")
			got := c.module.runGuest(t, invocation{args: c.args, flags: append(c.flags, "--trace="+file)})
			text, err := os.ReadFile(file)
			if err != nil || got.stderr != "" {
				t.Fatalf("%v, %+v", err, got)
			}
			if c.never != "" && strings.Contains(string(text), c.never) {
				t.Errorf("it has %q:\n%s", c.never, text)
			}
			var lines []string
			for line := range strings.Lines(string(text)) {
				line = result.ReplaceAllString(number.ReplaceAllString(strings.TrimSpace(line), ""), " = ")
				line = regexp.MustCompile(`0x[0-9a-f]{4,}`).ReplaceAllString(line, "POINTER")
				line = regexp.MustCompile(`^(.*getpid.*) = \d+$`).ReplaceAllString(line, "$1 = PID")
				line = regexp.MustCompile(`^read\(.*?\)`).ReplaceAllString(line, "read(POINTER)")
				lines = append(lines, line)
			}
			rest := lines
			for _, want := range c.want {
				i := slices.Index(rest, want)
				if i < 0 {
					t.Fatalf("%q is missing, or at another place:\n%s", want, strings.Join(lines, "\n"))
				}
				rest = rest[i+1:]
			}
		})
	}
}

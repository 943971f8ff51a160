package binfmt

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLine(t *testing.T) {
	t.Parallel()
	const escaped = `\x00\x61\x73\x6d\x01\x00\x00\x00`
	cases := []struct {
		path  string
		fixed bool
		want  string
	}{
		{"/usr/bin/walisup", false, ":walisup:M:0:" + escaped + "::/usr/bin/walisup:P"},
		{"/usr/libexec/walisup-helper", true, ":walisup:M:0:" + escaped + "::/usr/libexec/walisup-helper:POF"},
		{"/odd:path/walisup", false, "|walisup|M|0|" + escaped + "||/odd:path/walisup|P"},
		{"relative/walisup", false, ""},
		{"/line\nbreak", false, ""},
		{"/:|,;!%", false, ""},
		{"relative/walisup", true, ""},
		{"/" + strings.Repeat("long", 500), false, ""},
	}
	for _, c := range cases {
		got, err := Line(Interpreter{c.path, c.fixed})
		if got != c.want || (err != nil) != (c.want == "") {
			t.Errorf("Line(%.40q, %t) = %q, %v, want %q", c.path, c.fixed, got, err, c.want)
		}
	}
}

// directory makes a directory that looks like binfmt_misc with some files.
func directory(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestRead(t *testing.T) {
	t.Parallel()
	entry := "enabled\ninterpreter /a b/walisup\nflags: P\noffset 0\nmagic 0061736d01000000\n"
	fixed := strings.Replace(entry, "flags: P\n", "flags: POF\n", 1)
	cases := []struct {
		name  string
		files map[string]string
		want  Status
	}{
		{"nothing", map[string]string{"status": "enabled\n"}, Status{}},
		{"registered", map[string]string{"status": "enabled\n", Name: entry},
			Status{Registered: true, Enabled: true, Interpreter: Interpreter{Path: "/a b/walisup"}, Text: entry}},
		{"fixed", map[string]string{"status": "enabled\n", Name: fixed},
			Status{Registered: true, Enabled: true, Interpreter: Interpreter{"/a b/walisup", true}, Text: fixed}},
		{"switched off", map[string]string{"status": "disabled\n", Name: entry},
			Status{Registered: true, Interpreter: Interpreter{Path: "/a b/walisup"}, Text: entry}},
	}
	for _, c := range cases {
		got, err := Read(directory(t, c.files))
		if err != nil || got != c.want {
			t.Errorf("%s: %+v, %v, want %+v", c.name, got, err, c.want)
		}
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "none")
	if err := Register(missing, Interpreter{Path: "/walisup"}); err == nil || !strings.Contains(err.Error(), "modprobe") {
		t.Errorf("no such directory: %v", err)
	}
	if err := Register(directory(t, nil), Interpreter{Path: "/walisup"}); err == nil || !strings.Contains(err.Error(), "mount -t binfmt_misc") {
		t.Errorf("not mounted: %v", err)
	}
	if err := Unregister(directory(t, map[string]string{"status": "enabled\n"})); !errors.Is(err, ErrNotRegistered) {
		t.Errorf("not registered: %v", err)
	}
}

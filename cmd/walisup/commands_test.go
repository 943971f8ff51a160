//go:build linux && amd64

package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"walisup/supervisor/instance"
)

// ended returns a state directory with two detached instances that have ended: good with
// status 0, and bad by a signal.
func ended(t *testing.T) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "state")
	store, err := instance.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	boot, err := instance.BootID()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for name, state := range map[string]instance.State{
		"good": {Phase: instance.Exited, StatusKnown: true, Started: now.Add(-time.Hour), Finished: now.Add(-30 * time.Minute)},
		"bad":  {Phase: instance.Exited, StatusKnown: true, Status: 137, Signal: 9, Restarts: 2, Started: now, Finished: now, Problems: []string{"lost"}},
	} {
		i, err := store.Create(instance.Record{
			Name: name, Created: now.Add(-time.Hour), BootID: boot, Options: instance.Options{Detached: true}, State: state,
			Command: instance.Command{Argv0: "app", Path: "/app.wasm", Args: instance.Texts([]string{"a b", "it's"})},
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := i.Register(); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestCommandsOnEndedInstances(t *testing.T) {
	t.Parallel()
	dir := ended(t)
	run := func(args ...string) (string, error) {
		t.Helper()
		return execute(t, append([]string{"--state-dir", dir}, args...)...)
	}
	for _, c := range []struct {
		args   []string
		out    string
		status int // of the error, -1 for another error
	}{
		{args: []string{"ps", "--quiet"}},
		{args: []string{"ps", "--format", "{{.Name}}"}},
		{args: []string{"inspect", "--format", "{{.Name}} {{.Version}} {{.Status}} {{.ExitStatus}} {{.ExitSignal}} {{.Restarts}} {{join .Command \",\"}}", "bad"},
			out: "bad 1 exited 137 SIGKILL 2 app,a b,it's\n"},
		{args: []string{"wait", "good", "bad"}, out: "0\n137\n"},
		{args: []string{"wait", "good", "missing"}, out: "0\n", status: 125},
		{args: []string{"stop", "good"}, out: "good\n"},
		{args: []string{"kill", "good"}, status: 125},
		{args: []string{"kill", "--all"}},
		{args: []string{"stop", "--all"}},
		{args: []string{"kill", "--all", "good"}, status: -1},
		{args: []string{"kill"}, status: -1},
		{args: []string{"kill", "--signal", "NIX", "good"}, status: -1},
		{args: []string{"pause", "good"}, status: 125},
		{args: []string{"resume", "good"}, status: 125},
		{args: []string{"attach", "good"}, status: -1},
		{args: []string{"top", "good"}, status: -1},
		{args: []string{"trace", "good"}, status: -1},
		{args: []string{"events", "good"}, status: -1},
		{args: []string{"exec", "good"}, status: -1},
		{args: []string{"exec", "good", "/app.wasm"}, status: -1},
		{args: []string{"update", "good"}, status: -1},
		{args: []string{"update", "--memory", "1g", "good"}, status: 125},
		{args: []string{"inspect", "--format", "{{.Nothing}}", "good"}, status: -1},
		{args: []string{"rm", "good", "missing"}, out: "good\n", status: 125},
		{args: []string{"rm", "--all"}, out: "bad\n"},
		{args: []string{"ps", "--all", "--quiet"}},
	} {
		out, err := run(c.args...)
		status, isStatus := errors.AsType[guestStatus](err)
		switch {
		case out != c.out:
			t.Errorf("%q prints %q, want %q", c.args, out, c.out)
		case c.status == 0 && err != nil, c.status < 0 && (err == nil || isStatus), c.status > 0 && (!isStatus || int(status) != c.status):
			t.Errorf("%q: %v, want status %d", c.args, err, c.status)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("%d entries are left, %v", len(entries), err)
	}
}

func TestListsOfInstances(t *testing.T) {
	t.Parallel()
	dir := ended(t)
	table, err := execute(t, "--state-dir", dir, "ps", "--all")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(table, "\n"), "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[0], "ID ") {
		t.Fatalf("ps prints %q", table)
	}
	for _, want := range []string{"exited (0)", "exited (137)", "30 minutes ago", `app 'a b' 'it'\''s'`} {
		if !strings.Contains(table, want) {
			t.Errorf("ps does not print %q: %s", want, table)
		}
	}
	text, err := execute(t, "--state-dir", dir, "ps", "--all", "--format", "json")
	var list []view
	if err == nil {
		err = json.Unmarshal([]byte(text), &list)
	}
	if err != nil || len(list) != 2 {
		t.Errorf("%d instances, %v: %s", len(list), err, text)
	}
	for _, v := range list {
		if v.Pid != 0 || v.Supervised || v.Module != "/app.wasm" || v.ExitStatus == nil {
			t.Errorf("%+v", v)
		}
	}
}

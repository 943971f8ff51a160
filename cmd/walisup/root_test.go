//go:build linux && amd64

package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// execute runs a command line in this process and returns what it printed.
func execute(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	root := newRootCommand("")
	root.SetOut(&out)
	root.SetErr(&out)
	root.SetArgs(args)
	err := root.Execute()
	return out.String(), err
}

func TestHelpNamesEveryCommandAndFlag(t *testing.T) {
	t.Parallel()
	for _, command := range newRootCommand("").Commands() {
		out, err := execute(t, "--help")
		if err != nil || !strings.Contains(out, command.Name()) {
			t.Errorf("help does not name %s: %v", command.Name(), err)
		}
		out, err = execute(t, command.Name(), "--help")
		if err != nil {
			t.Errorf("%s --help: %v", command.Name(), err)
		}
		command.Flags().VisitAll(func(f *pflag.Flag) {
			if !strings.Contains(out, "--"+f.Name) {
				t.Errorf("%s --help does not name --%s", command.Name(), f.Name)
			}
		})
	}
}

// TestCommandsAreDescribed holds for what manual pages are made of.
func TestCommandsAreDescribed(t *testing.T) {
	t.Parallel()
	for _, command := range newRootCommand("").Commands() {
		if only := newRootCommand(command.Name()).Commands(); len(only) != 1 || only[0].Name() != command.Name() {
			t.Errorf("%s is made as %v", command.Name(), only)
		}
		if command.Short == "" || command.Example == "" || command.GroupID == "" {
			t.Errorf("%s lacks a description, an example or a group", command.Name())
		}
		for line := range strings.Lines(command.Example) {
			if !strings.HasPrefix(line, "  ") || !strings.Contains(line, "walisup "+command.Name()) && !strings.Contains(line, "walisup start") {
				t.Errorf("%s: example %q does not show the command", command.Name(), line)
			}
		}
	}
}

func TestCompletion(t *testing.T) {
	t.Parallel()
	cases := []struct {
		args []string
		want string
	}{
		{[]string{"sta"}, "start\t"},
		{[]string{"start", "--keep"}, "--keep-debug\t"},
		{[]string{"start", ""}, "wasm\n:8\n"}, // ShellCompDirectiveFilterFileExt
		{[]string{"compile", "a.wasm", ""}, "wasm\n:8\n"},
		{[]string{"start", "a.wasm", ""}, ":0\n"}, // the module's own arguments
	}
	for _, c := range cases {
		out, err := execute(t, append([]string{cobra.ShellCompRequestCmd}, c.args...)...)
		if err != nil || !strings.HasPrefix(out, c.want) {
			t.Errorf("completing %q: %q, %v, want %q first", c.args, out, err, c.want)
		}
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if out, err := execute(t, "completion", shell); err != nil || !strings.Contains(out, "walisup") {
			t.Errorf("completion %s: %d bytes, %v", shell, len(out), err)
		}
	}
}

func TestFlagsFromEnvironment(t *testing.T) {
	for name, value := range map[string]string{
		"WALISUP_CACHE": "/from/environment", "WALISUP_KEEP_DEBUG": "1", "WALISUP_WORKDIR": "/tmp",
		"WALISUP_NO_CACHE": "", "WALISUP_HELP": "1",
	} {
		t.Setenv(name, value)
	}
	start := newStartCommand(new(stateFlag))
	flags := start.Flags()
	if err := flags.Parse([]string{"--workdir=/typed"}); err != nil {
		t.Fatal(err)
	}
	if err := flagsFromEnvironment(start); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"cache": "/from/environment", "keep-debug": "true", "workdir": "/typed", "no-cache": "false",
	} {
		if got := flags.Lookup(name).Value.String(); got != want {
			t.Errorf("--%s is %q, want %q", name, got, want)
		}
	}
	t.Setenv("WALISUP_PLAIN_TABLES", "perhaps")
	if err := flagsFromEnvironment(newStartCommand(new(stateFlag))); err == nil || !strings.Contains(err.Error(), "WALISUP_PLAIN_TABLES") {
		t.Errorf("bad value: %v, want an error that names the variable", err)
	}
}

// TestEnvironmentTwins holds for which flags there are variables: those of start and
// compile, and the global ones.
func TestEnvironmentTwins(t *testing.T) {
	for name, value := range map[string]string{
		"WALISUP_FORCE": "1", "WALISUP_ALL": "1", "WALISUP_SIGNAL": "HUP", "WALISUP_WORKDIR": "/tmp", "WALISUP_MEMORY": "1g",
		"WALISUP_KEEP_DEBUG": "1", "WALISUP_STATE_DIR": "/state",
	} {
		t.Setenv(name, value)
	}
	for _, command := range newRootCommand("").Commands() {
		if err := command.ParseFlags(nil); err != nil {
			t.Fatal(err)
		}
		if err := flagsFromEnvironment(command); err != nil {
			t.Errorf("%s: %v", command.Name(), err)
		}
		if got := command.Flag("state-dir").Value.String(); got != "/state" {
			t.Errorf("%s: --state-dir is %q", command.Name(), got)
		}
		want := map[string]bool{
			"workdir": command.Name() == "start", "memory": command.Name() == "start",
			"keep-debug": command.Name() == "start" || command.Name() == "compile",
		}
		command.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Changed != want[f.Name] {
				t.Errorf("%s: --%s is set from the environment: %v", command.Name(), f.Name, f.Changed)
			}
		})
	}
}

// TestFlagsAreDescribed looks for what makes a description hard to read.
func TestFlagsAreDescribed(t *testing.T) {
	t.Parallel()
	for _, command := range newRootCommand("").Commands() {
		command.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" || strings.HasSuffix(f.Usage, ".") || strings.Contains(f.Usage, "folder") {
				t.Errorf("%s --%s: %q", command.Name(), f.Name, f.Usage)
			}
			value, _ := pflag.UnquoteUsage(f)
			if value == "string" || value == "int" || value == "uint16" || value == "stringArray" {
				t.Errorf("%s --%s: its value is called %s", command.Name(), f.Name, value)
			}
		})
	}
}

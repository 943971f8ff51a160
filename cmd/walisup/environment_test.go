//go:build linux && amd64

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestEnvironmentBuild(t *testing.T) {
	t.Parallel()
	caller := []string{"A=1", "B=2", "odd", "C="}
	file := filepath.Join(t.TempDir(), "settings")
	if err := os.WriteFile(file, []byte("\ufeffF=1\n\t# no\n\n  G=a # b \nB\nH=\r\nNONE\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name    string
		flags   environmentFlags
		workdir string
		want    []string
	}{
		{"untouched", environmentFlags{}, "", caller},
		{"replaced in place", environmentFlags{sets: []string{"B=x", "D=y=z"}}, "", []string{"A=1", "B=x", "odd", "C=", "D=y=z"}},
		{"last one wins", environmentFlags{sets: []string{"B=x", "B=", "B=y"}}, "", []string{"A=1", "B=y", "odd", "C="}},
		{"empty value", environmentFlags{sets: []string{"A="}}, "", []string{"A=", "B=2", "odd", "C="}},
		{"the caller's after a change", environmentFlags{sets: []string{"A=x", "A"}}, "", caller},
		{"cleared", environmentFlags{clear: true}, "", nil},
		{"cleared but for some", environmentFlags{clear: true, sets: []string{"C", "A", "NONE"}}, "", []string{"C=", "A=1"}},
		{"file", environmentFlags{clear: true, files: []string{file}}, "", []string{"F=1", "G=a # b ", "B=2", "H="}},
		{"flag after file", environmentFlags{clear: true, files: []string{file}, sets: []string{"F=2"}}, "", []string{"F=2", "G=a # b ", "B=2", "H="}},
		{"directory without PWD", environmentFlags{}, "/tmp", caller},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := c.flags.build(caller, c.workdir)
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("got %q, %v, want %q", got, err, c.want)
			}
		})
	}
}

func TestEnvironmentFollowsWorkdir(t *testing.T) {
	t.Parallel()
	var flags environmentFlags
	got, err := flags.build([]string{"PWD=/old", "A=1"}, "/new/../dir")
	if want := []string{"PWD=/dir", "A=1"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	flags.sets = []string{"PWD=/mine"}
	got, err = flags.build([]string{"PWD=/old"}, "/dir")
	if want := []string{"PWD=/mine"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestEnvironmentRefuses(t *testing.T) {
	t.Parallel()
	for _, setting := range []string{"", "=x", "A B=x", "A\tB", "A=\x00"} {
		flags := environmentFlags{sets: []string{setting}}
		if got, err := flags.build(nil, ""); err == nil {
			t.Errorf("--env %q gives %q, want an error", setting, got)
		}
		flags = environmentFlags{files: []string{filepath.Join(t.TempDir(), "settings")}}
		if setting == "" {
			continue // an empty line is allowed
		}
		if err := os.WriteFile(flags.files[0], []byte("\n"+setting+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if got, err := flags.build(nil, ""); err == nil || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("line %q gives %q, %v, want an error about line 2", setting, got, err)
		}
	}
}

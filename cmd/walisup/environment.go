//go:build linux && amd64

package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"
)

// environmentFlags say how the guest's environment differs from the caller's.
type environmentFlags struct {
	clear bool
	files []string
	sets  []string
}

func (e *environmentFlags) register(flags *pflag.FlagSet) {
	flags.StringArrayVarP(&e.sets, "env", "e", nil, "set the environment variable `NAME[=VALUE]` for the module; without a value the caller's (repeatable)")
	flags.StringArrayVar(&e.files, "env-file", nil, "read environment variables from a `file`, one on each line (repeatable)")
	flags.BoolVar(&e.clear, "clear-env", false, "start with an empty environment (default: the caller's)")
}

// build returns the guest's environment: the caller's unless cleared, then the
// files in their order, then the single settings. A working directory other
// than the caller's shows in PWD.
func (e *environmentFlags) build(caller []string, workdir string) ([]string, error) {
	if !e.clear && len(e.files) == 0 && len(e.sets) == 0 && workdir == "" {
		return caller, nil
	}
	env := newEnvironment(caller, e.clear)
	if workdir != "" {
		if _, ok := env.callers["PWD"]; ok && !e.clear {
			if path, err := filepath.Abs(workdir); err == nil {
				env.set("PWD=" + path)
			}
		}
	}
	for _, file := range e.files {
		if err := env.readFile(file); err != nil {
			return nil, fmt.Errorf("env-file %s: %w", file, err)
		}
	}
	for _, setting := range e.sets {
		if err := env.apply(setting); err != nil {
			return nil, fmt.Errorf("--env %q: %w", setting, err)
		}
	}
	return env.list, nil
}

// environment is a list of NAME=VALUE in which a name keeps its place when its
// value changes.
type environment struct {
	list    []string
	places  map[string]int    // name to index in list
	callers map[string]string // name to the caller's NAME=VALUE
}

func newEnvironment(caller []string, empty bool) *environment {
	env := &environment{places: map[string]int{}, callers: map[string]string{}}
	for _, entry := range caller {
		name, _, _ := strings.Cut(entry, "=")
		env.callers[name] = entry
		if !empty {
			env.set(entry)
		}
	}
	return env
}

func (e *environment) set(entry string) {
	name, _, _ := strings.Cut(entry, "=")
	if place, ok := e.places[name]; ok {
		e.list[place] = entry
		return
	}
	e.places[name] = len(e.list)
	e.list = append(e.list, entry)
}

// apply carries out NAME=VALUE, or NAME: the caller's value, if there is one.
func (e *environment) apply(setting string) error {
	name, _, hasValue := strings.Cut(setting, "=")
	switch {
	case name == "":
		return errors.New("no variable name")
	case strings.ContainsAny(name, " \t\n\v\f\r"):
		return fmt.Errorf("variable name %q contains white space", name)
	case strings.IndexByte(setting, 0) >= 0:
		return errors.New("contains a NUL byte")
	case hasValue:
		e.set(setting)
	default:
		if entry, ok := e.callers[name]; ok {
			e.set(entry)
		}
	}
	return nil
}

// readFile applies the settings in a file: one a line, white space before it
// and lines that begin with # do not count, values are taken as they stand.
func (e *environment) readFile(path string) error {
	file, err := os.Open(path)
	if err != nil {
		if pathErr, ok := errors.AsType[*os.PathError](err); ok {
			return pathErr.Err
		}
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	number := 0
	for lines.Scan() {
		number++
		line := lines.Text()
		if number == 1 {
			line = strings.TrimPrefix(line, "\ufeff") // byte order mark
		}
		line = strings.TrimLeft(line, " \t\v\f\r")
		if line == "" || line[0] == '#' {
			continue
		}
		if err := e.apply(line); err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
	}
	return lines.Err()
}

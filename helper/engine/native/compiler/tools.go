package compiler

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// Versions of LLVM whose programs are looked for: those that the translator was tried with, the
// best first.
var versions = []string{"22"}

// Tools are LLVM's programs.
type Tools struct {
	Version           string // as LLVM has it
	opt, llc, mc, lld string
	Run               Runner
}

// Runner runs a program in a directory, the only place where it may write. It returns what
// the program has written to standard error.
type Runner func(ctx context.Context, dir, program string, args ...string) (stderr []byte, err error)

// ErrNoTools is returned where LLVM is not installed.
var ErrNoTools = errors.New("native code needs LLVM's opt, llc, llvm-mc and ld.lld of version 22 (Debian's packages llvm-22 and lld-22)")

// FindTools finds LLVM's programs on the search path, as far as they lie beneath a directory.
func FindTools(run Runner, beneath string) (*Tools, error) {
	for _, v := range versions {
		t := &Tools{Run: run}
		missing := false
		for name, path := range map[string]*string{"opt": &t.opt, "llc": &t.llc, "llvm-mc": &t.mc, "ld.lld": &t.lld} {
			found, err := exec.LookPath(name + "-" + v)
			file := ""
			if err == nil {
				file, err = filepath.EvalSymlinks(found)
			}
			if err != nil || !filepath.IsAbs(found) || !strings.HasPrefix(file, beneath+"/") {
				missing = true
				break
			}
			*path = found // lld looks at its name
		}
		if missing {
			continue
		}
		version := exec.Command(t.llc, "--version")
		version.Env = []string{}
		text, err := version.Output()
		if err != nil {
			return nil, fmt.Errorf("%s --version: %w", t.llc, err)
		}
		if m := regexp.MustCompile(`LLVM version (\S+)`).FindSubmatch(text); m != nil {
			t.Version = "LLVM " + string(m[1])
			return t, nil
		}
	}
	return nil, ErrNoTools
}

// run runs one of the tools.
func (t *Tools) run(ctx context.Context, dir, program string, args ...string) error {
	stderr, err := t.Run(ctx, dir, program, args...)
	if err == nil {
		return nil
	}
	line, _, _ := bytes.Cut(bytes.TrimSpace(stderr), []byte("\n"))
	text := strings.ToValidUTF8(string(line), "?")
	if len(text) > 200 {
		text = text[:200] + "..."
	}
	if text != "" {
		text = ": " + text
	}
	return fmt.Errorf("%s: %w%s", filepath.Base(program), err, text)
}

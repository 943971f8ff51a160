package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// underWalisup is the command line that starts a module.
func underWalisup(argv []string, flags ...string) []string {
	return slices.Concat([]string{boxRoot + "/bin/walisup", "start"}, flags, []string{"--"}, argv)
}

// environment is that of every test.
func environment(path string) []string {
	return []string{
		"PATH=" + path, "HOME=/tmp", "LANG=C", "TZ=UTC", "PWD=" + boxWork,
		"WALISUP_CACHE=" + inside(filepath.Join(resultsDir(), "compiled")),
	}
}

// portDir is where a port was built, for a way to run it.
func portDir(name, way string) string {
	flavour := "native"
	if way == "walisup" {
		flavour = "wali"
	}
	return filepath.Join(root, ".cache", "ports", name, flavour)
}

// portProgram is a program of a port.
func portProgram(port, program, way string) string {
	path := filepath.Join(portDir(port, way), program)
	if way == "walisup" {
		path += ".wasm"
	}
	return path
}

// shellMachine makes a directory for /bin whose programs are all native or all
// modules: busybox's applets, among them sh, dash, bash, and what bash's tests need.
// musl is native, with a bash that has the C library of the modules.
func shellMachine(way string) (string, error) {
	busybox := portProgram("busybox", "busybox", way)
	programs := map[string]string{
		"busybox": busybox,
		"dash":    portProgram("dash", "dash", way),
		"bash":    portProgram("bash", "bash", way),
		"recho":   portProgram("bash-tests", "recho", way),
		"zecho":   portProgram("bash-tests", "zecho", way),
		"xcase":   portProgram("bash-tests", "xcase", way),
	}
	if way == "musl" {
		programs["bash"] = portProgram("bash-tests", "bash-musl", way)
	}
	for name, path := range programs {
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("%s: %w; run integration/ports/port.sh build dash bash busybox bash-tests", name, err)
		}
	}
	applets, err := exec.Command(portProgram("busybox", "busybox", "native"), "--list").Output()
	if err != nil {
		return "", fmt.Errorf("list of busybox's applets: %w", err)
	}
	for lines := bufio.NewScanner(strings.NewReader(string(applets))); lines.Scan(); {
		if _, ok := programs[lines.Text()]; !ok {
			programs[lines.Text()] = busybox
		}
	}
	dir := filepath.Join(resultsDir(), "bin-"+way)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	// Another suite may be using the directory.
	for name, path := range programs {
		link := filepath.Join(dir, name)
		if target, err := os.Readlink(link); err == nil && target == inside(path) {
			continue
		}
		if err := os.Remove(link); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		if err := os.Symlink(inside(path), link); err != nil {
			return "", err
		}
	}
	return dir, nil
}

// shellMachines are the machines of all ways.
func shellMachines(ways []string) (map[string]string, error) {
	machines := map[string]string{}
	for _, way := range ways {
		dir, err := shellMachine(way)
		if err != nil {
			return nil, err
		}
		machines[way] = dir
	}
	return machines, nil
}

// runShell runs a command line on a machine of one way, in a copy of a directory.
// What it printed is kept under a label.
func runShell(machine, way, directory, label string, env, argv []string) (ending, error) {
	b := box{Argv: argv, Env: append(environment("/usr/bin"), env...), Copy: directory, Bin: machine}
	if way == "walisup" {
		b.Argv = underWalisup(argv)
	}
	end, err := b.run(options.limit)
	if err != nil {
		return end, err
	}
	dir := filepath.Join(resultsDir(), "output", filepath.Dir(label))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return end, err
	}
	return end, os.WriteFile(filepath.Join(dir, filepath.Base(label)+"."+way), []byte(end.output), 0o644)
}

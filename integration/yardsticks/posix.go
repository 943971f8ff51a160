package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// posixSuite is the Open POSIX Test Suite. Its third way is native too, with the
// C library that the modules are linked with.
var posixSuite = suite{
	title: "Open POSIX Test Suite",
	ways:  []string{"native", "walisup", "musl"},
	tests: posixTests,
}

// posixTests finds what the port posixtestsuite has built. A test that does not
// build has only a log of it.
func posixTests() ([]test, error) {
	dir := filepath.Join(root, ".cache", "ports", "posixtestsuite")
	wali, native := filepath.Join(dir, "wali"), filepath.Join(dir, "native")
	var tests []test
	err := filepath.WalkDir(native, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := strings.TrimSuffix(strings.TrimPrefix(path, native+"/"), ".log")
		if entry.IsDir() || strings.HasPrefix(name, "musl/") {
			return nil
		}
		programs := map[string]string{
			"native":  filepath.Join(native, name),
			"walisup": filepath.Join(wali, name) + ".wasm",
			"musl":    filepath.Join(native, "musl", name),
		}
		tests = append(tests, test{name: name, run: func(way string) (map[string]string, error) {
			verdict, err := runPosix(way, programs[way])
			return map[string]string{"": verdict}, err
		}})
		return nil
	})
	if err == nil && len(tests) == 0 {
		err = errors.New("nothing there")
	}
	if err != nil {
		return nil, fmt.Errorf("%w; run integration/ports/port.sh build posixtestsuite", err)
	}
	return tests, nil
}

// runPosix runs one build of a test.
func runPosix(way, program string) (string, error) {
	if _, err := os.Stat(program); err != nil {
		return "not built", nil
	}
	b := box{Argv: []string{inside(program)}, Env: environment("/usr/bin:/bin")}
	if way == "walisup" {
		b.Argv = underWalisup(b.Argv, "--native-exec") // some execute /bin/sleep
	}
	end, err := b.run(options.limit)
	if err != nil {
		return "", err
	}
	return posixVerdict(end), nil
}

// posixVerdict names an ending as the suite's posixtest.h does.
func posixVerdict(end ending) string {
	names := map[int]string{0: pass, 1: "FAIL", 2: "UNRESOLVED", 4: "UNSUPPORTED", 5: "UNTESTED"}
	switch {
	case end.late:
		return "late"
	case end.status.Signaled():
		return signalName(end.status.Signal())
	case end.status.ExitStatus() > 128:
		// What walisup ends with if a signal ended its guest.
		return signalName(syscall.Signal(end.status.ExitStatus() - 128))
	}
	if name, ok := names[end.status.ExitStatus()]; ok {
		return name
	}
	return fmt.Sprintf("status %d", end.status.ExitStatus())
}

func signalName(s syscall.Signal) string {
	if name := unix.SignalName(s); name != "" {
		return name
	}
	return fmt.Sprintf("signal %d", int(s))
}

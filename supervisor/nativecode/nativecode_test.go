package nativecode

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"walisup/ipc/sandbox"
)

// The main goroutine alone runs inits, and so stays in the main thread, which is not to be
// confined.
func init() { runtime.LockOSThread() }

// TestRun has a shell in the place of LLVM's programs try what these are not to do.
func TestRun(t *testing.T) {
	const shell = "/usr/bin/sh"
	if _, err := os.Stat(shell); err != nil {
		t.Skip(err)
	}
	if err := sandbox.CheckLandlock(); err != nil {
		t.Skip(err)
	}
	dir, outside := t.TempDir(), t.TempDir()
	victim := filepath.Join(outside, "victim")
	listener, err := net.Listen("unix", filepath.Join(outside, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	tests := []struct {
		name, script string
		works        bool
	}{
		{"its directory", "echo text >file && mv file other && read line <other && test $line = text && rm other", true},
		{"a pipe", "echo a | tr a b", true},
		{"read a file", "read line <VICTIM", false},
		{"write a file", "echo >VICTIM", false},
		{"change a mode", "chmod 04755 VICTIM", false},
		{"change times", "touch -d 2001-01-01 VICTIM", false},
		{"remove a file", "rm VICTIM", false},
		{"signal another process", "kill -0 $PPID", false},
		{"a socket", `perl -MSocket -e 'socket($s, AF_UNIX, SOCK_STREAM, 0) && connect($s, pack_sockaddr_un("SOCKET")) or exit 1'`, false},
	}
	for _, test := range tests {
		os.Remove(victim)
		if err := os.WriteFile(victim, []byte("text\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		script := strings.NewReplacer("VICTIM", victim, "SOCKET", listener.Addr().String()).Replace(test.script)
		stderr, err := run(context.Background(), dir, shell, "-c", script)
		if (err == nil) != test.works {
			t.Errorf("%s: %v, %s", test.name, err, stderr)
		}
		if st, err := os.Stat(victim); err != nil || st.Mode() != 0o600 || st.Size() != 5 || time.Since(st.ModTime()) > time.Hour {
			t.Errorf("%s: the file outside has changed: %v, %v", test.name, st, err)
		}
		free := exec.Command(shell, "-c", script)
		free.Dir = dir
		if out, err := free.CombinedOutput(); err != nil {
			t.Errorf("%s, not confined: %v, %s", test.name, err, out)
		}
	}
}

// TestRunEnds shows that a program ends with its context, and what is said of it.
func TestRunEnds(t *testing.T) {
	const shell = "/usr/bin/sh"
	if _, err := os.Stat(shell); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	ctx, cancel := context.WithCancelCause(context.Background())
	cause := errors.New("stop it")
	go func() {
		for {
			if _, err := os.Stat(filepath.Join(dir, "begun")); err == nil {
				cancel(cause)
				return
			}
			runtime.Gosched()
		}
	}()
	if _, err := run(ctx, dir, shell, "-c", "echo >begun; while :; do :; done"); err != cause {
		t.Errorf("a program that was stopped: %v", err)
	}
	stderr, err := run(context.Background(), dir, shell, "-c", "head -c 200000 /usr/bin/sh >&2; exit 3")
	if err == nil || len(stderr) != toolMessage || string(stderr[1:4]) != "ELF" {
		t.Errorf("%v, %d bytes of messages", err, len(stderr))
	}
	_, err = run(context.Background(), dir, shell, "-c", "ulimit -f 0; echo text >file")
	if err == nil || !strings.Contains(err.Error(), "processor time") {
		t.Errorf("a killed program: %v", err)
	}
}

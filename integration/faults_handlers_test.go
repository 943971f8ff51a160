package integration

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestBadHandlers has guests whose signal handlers cannot be called or have no
// stack: they die of it as native programs do, and it is said why.
func TestBadHandlers(t *testing.T) {
	t.Parallel()
	program := buildC(t, "testdata/faults/handlers.c")
	cases := []struct {
		kind     string
		signal   unix.Signal
		natively bool // ends the native program as well
	}{
		{"index", unix.SIGSEGV, true},
		// A native handler finds anything in its floating-point register.
		{"type", unix.SIGILL, false},
		{"overflow", unix.SIGSEGV, true},
		{"unmapped", unix.SIGSEGV, true},
		{"protected", unix.SIGSEGV, true},
		{"small", unix.SIGSEGV, true},
	}
	for _, c := range cases {
		t.Run(c.kind, func(t *testing.T) {
			t.Parallel()
			call := invocation{args: []string{c.kind}}
			guest := program.runGuest(t, call)
			if want := 128 + int(c.signal); guest.status != want || guest.stdout != "ready\n" {
				t.Errorf("status %d after %q, want %d after ready", guest.status, guest.stdout, want)
			}
			if name := unix.SignalName(c.signal); strings.Count(guest.stderr, name) != 1 {
				t.Errorf("the report does not name %s once", name)
			}
			if n := strings.Count(guest.stderr, "\n"); n > 60 || strings.Contains(guest.stderr, "goroutine ") {
				t.Errorf("not for users: a report of %d lines", n)
			}
			if c.natively {
				if native := program.runNative(t, call); native.status != guest.status {
					t.Errorf("the native program ends with status %d", native.status)
				}
			}
			t.Logf("%s", shorten(guest.stderr))
		})
	}
}

// TestFaultSignalsReachTheLastThread sends the signals that helpers never block to a process
// whose first thread has ended: the kernel may deliver them to any thread of the helper's.
func TestFaultSignalsReachTheLastThread(t *testing.T) {
	t.Parallel()
	program := buildC(t, "testdata/faults/group_signals.c", "-pthread")
	native, guest := program.runNative(t, invocation{}), program.runGuest(t, invocation{})
	if guest.status != native.status || guest.stdout != native.stdout || !strings.Contains(native.stdout, "20 of 20") {
		t.Errorf("guest %+v\nnative %+v", guest, native)
	}
}

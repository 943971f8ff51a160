package integration

import (
	"regexp"
	"testing"
)

// TestReportsNameSourceLines keeps the debug information of a module that dies
// and expects the line of the call that led there.
func TestReportsNameSourceLines(t *testing.T) {
	t.Parallel()
	program := buildC(t, "testdata/faults/faults.c", "-g")
	call := invocation{args: []string{"null"}}
	if guest := program.runGuest(t, call); regexp.MustCompile(`faults\.c:\d`).MatchString(guest.stderr) {
		t.Errorf("without --keep-debug the report has lines:\n%s", guest.stderr)
	}
	call.flags = []string{"--keep-debug"}
	guest := program.runGuest(t, call)
	if !regexp.MustCompile(`#1 +\w*main \(faults\.c:55\)`).MatchString(guest.stderr) {
		t.Errorf("the report does not say that main called culprit_null in line 55:\n%s", guest.stderr)
	}
}

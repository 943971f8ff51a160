package integration

import (
	"os"
	"regexp"
	"testing"
)

func TestPerfMapNamesTheModulesFunctions(t *testing.T) {
	t.Parallel()
	guest := buildC(t, "testdata/perfmap/pid.c").runGuest(t, invocation{flags: []string{"--perf-map"}})
	path := "/tmp/perf-" + guest.stdout + ".map"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; the guest said %q", err, guest.stderr)
	}
	os.Remove(path)
	if !regexp.MustCompile(`(?m)^[0-9a-f]+ [0-9a-f]+ printf$`).Match(text) {
		t.Errorf("no printf in:\n%.2000s", text)
	}
}

package signalname

import (
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]unix.Signal{
		"9": 9, "64": 64, "TERM": unix.SIGTERM, "sigterm": unix.SIGTERM, "SIGKILL": unix.SIGKILL, "usr1": unix.SIGUSR1,
		"RTMIN": 34, "SIGRTMIN+3": 37, "rtmax": 64, "RTMAX-1": 63, "RTMIN+30": 64,
	} {
		if got, err := Parse(text); err != nil || got != want {
			t.Errorf("%s: %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "0", "65", "-1", "SIG", "SIGSIGTERM", "NOPE", "RTMIN+31", "RTMIN-1", "RTMAX+1", "RTMINx", "TERM "} {
		if got, err := Parse(text); err == nil {
			t.Errorf("%q: %d, want an error", text, got)
		}
	}
}

func TestNamesAreReadBack(t *testing.T) {
	t.Parallel()
	for sig := unix.Signal(1); sig <= 64; sig++ {
		if got, err := Parse(Of(sig)); err != nil || got != sig {
			t.Errorf("%d is %s, which is %d, %v", sig, Of(sig), got, err)
		}
	}
	if names := Names(); !slices.Contains(names, "HUP") || len(names) != 31 {
		t.Errorf("%d names: %q", len(names), names)
	}
}

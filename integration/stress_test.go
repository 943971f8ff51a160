package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// roundsAtOnce is how many rounds one process makes.
const roundsAtOnce = 10

// TestStress runs a program of threads and forks for as many rounds as WALISUP_STRESS
// says, with a helper that collects, stops, forks and makes threads at every chance; see
// make stress.
func TestStress(t *testing.T) {
	rounds, err := strconv.Atoi(os.Getenv("WALISUP_STRESS"))
	if err != nil {
		t.Skip("run make stress")
	}
	walisup := filepath.Join(root, ".cache", "stress", "walisup")
	need(t, walisup, "run make stress")
	program := buildC(t, "testdata/stress/rounds.c", "-pthread")
	want := fmt.Sprintf("%d of %[1]d\n", roundsAtOnce)
	for done := 0; done < rounds; done += roundsAtOnce {
		got := run(t, exec.Command(walisup, "start", program.module, strconv.Itoa(roundsAtOnce)), invocation{})
		if got.status != 0 || got.stdout != want {
			t.Fatalf("after %d rounds: status %d, %q, want %q\n%s", done, got.status, got.stdout, want, got.stderr)
		}
		if done%(100*roundsAtOnce) == 0 {
			t.Logf("%d rounds", done)
		}
	}
}

package procfs

import (
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// TestEndOfOthers looks at the end of a process as somebody who is not its parent
// can.
func TestEndOfOthers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		script string
		want   string
	}{{"exit 7", "exited 7"}, {"kill -9 $$", "killed 9"}} {
		cmd := exec.Command("sh", "-c", "read x; "+c.script)
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		id, err := Of(cmd.Process.Pid)
		if err != nil {
			t.Fatal(err)
		}
		pidfd, err := id.Open()
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(pidfd)
		if ws, ok := id.EndStatus(pidfd); ok {
			t.Errorf("while it runs: %v", ws)
		}
		stdin.Close()
		if err := AwaitEnd(pidfd); err != nil {
			t.Fatal(err)
		}
		if ws, ok := id.EndStatus(pidfd); !ok || describe(ws) != c.want {
			t.Errorf("%s, not waited for: %s, %v, want %s", c.script, describe(ws), ok, c.want)
		}
		cmd.Wait()
		if ws, ok := id.EndStatus(pidfd); ok && describe(ws) != c.want {
			t.Errorf("%s, waited for: %s, want %s", c.script, describe(ws), c.want)
		} else {
			t.Logf("%s, waited for: known %v", c.script, ok)
		}
	}
}

func describe(ws unix.WaitStatus) string {
	if ws.Signaled() {
		return "killed " + string('0'+rune(ws.Signal()))
	}
	return "exited " + string('0'+rune(ws.ExitStatus()))
}

package integration

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestModuleThatChangesWhileItIsLoaded has another process write over a module,
// in place, while it is started. What starts is one of the two that were
// written, or it is refused: it never is a mixture that runs, a crash, or a
// cache entry under the wrong name.
func TestModuleThatChangesWhileItIsLoaded(t *testing.T) {
	t.Parallel()
	needWalisup(t)
	dir := t.TempDir()
	var contents [][]byte
	for _, status := range []string{"3", "4"} {
		source := filepath.Join(dir, "status"+status+".c")
		if err := os.WriteFile(source, []byte("int main(void) { return "+status+"; }\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(buildC(t, source).module)
		if err != nil {
			t.Fatal(err)
		}
		contents = append(contents, data)
	}
	path := filepath.Join(dir, "changing.wasm")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	stop, stopped := make(chan struct{}), make(chan error, 1)
	go func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
			}
			err := file.Truncate(0)
			for at, rest := 0, contents[i%2]; len(rest) > 0 && err == nil; {
				n := min(len(rest), 512)
				_, err = file.WriteAt(rest[:n], int64(at))
				at, rest = at+n, rest[n:]
			}
			// Now and then it has to be whole for long enough to start.
			for n := 0; n < 300 && err == nil; n++ {
				_, err = os.ReadFile(path)
			}
			if err != nil {
				stopped <- err
				return
			}
		}
	}()
	seen := map[int]int{}
	for range 60 {
		var stderr bytes.Buffer
		cmd := exec.Command(walisupPath(), "start", path)
		cmd.Env = append(baseEnv(), "WALISUP_CACHE="+filepath.Join(dir, "cache"))
		cmd.Stderr = &stderr
		status := runBounded(t, cmd)
		seen[status]++
		switch text := stderr.String(); status {
		case 3, 4:
			if text != "" {
				t.Errorf("status %d and yet: %s", status, text)
			}
		case 126:
			if strings.Count(text, "\n") != 1 || !strings.Contains(text, path) {
				t.Errorf("not one line that names the file: %s", text)
			}
		default:
			t.Errorf("status %d: %s", status, text)
		}
	}
	close(stop)
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	t.Logf("statuses and how often: %v", seen)
	for i, want := range []int{3, 4} {
		if err := os.WriteFile(path, contents[i], 0o644); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(walisupPath(), "start", path)
		cmd.Env = append(baseEnv(), "WALISUP_CACHE="+filepath.Join(dir, "cache"))
		if status := runBounded(t, cmd); status != want {
			t.Errorf("afterwards: status %d, want %d", status, want)
		}
	}
}

package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestLayerAudit has a shell session write down what it opens, executes and connects to.
func TestLayerAudit(t *testing.T) {
	t.Parallel()
	layer, bash, busybox := supplied(t, "audit.wasm"), port(t, "bash", "bash"), port(t, "busybox", "busybox")
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"cat", "nc"} {
		if err := os.Symlink(busybox.module, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	script := `cd ` + dir + `
echo one >"a  b"
exec 960>&- 2>/dev/null
./cat "a  b" >c
./cat missing
(echo two >>c)
./nosuch
./nc 127.0.0.1 9 </dev/null
echo "exit 7" >script
. ./script`
	report, err := os.Create(filepath.Join(dir, "report"))
	if err != nil {
		t.Fatal(err)
	}
	defer report.Close()
	cmd := exec.Command(walisupPath(), "start", "--preserve-fds", "1", "--layer", layer+" 3", "--", bash.module, "-c", script)
	cmd.ExtraFiles = []*os.File{report}
	if got := run(t, cmd, invocation{}); got.status != 7 {
		t.Errorf("status %d, standard error %q, want 7", got.status, got.stderr)
	}
	text, err := os.ReadFile(report.Name())
	if err != nil {
		t.Fatal(err)
	}
	// Results that are numbers of descriptors do not matter, and neither does who wrote it.
	number := regexp.MustCompile(`^\d+ `)
	result := regexp.MustCompile(` = \d+\n`)
	var lines []string
	for line := range strings.Lines(string(text)) {
		if !number.MatchString(line) {
			t.Errorf("the line %q has no process", line)
		}
		lines = append(lines, result.ReplaceAllString(number.ReplaceAllString(line, ""), "\n"))
	}
	for _, want := range []string{
		`exec "` + bash.module + `"` + "\n",
		`open "a  b" write create truncate` + "\n",
		`exec "` + busybox.module + `"` + "\n",
		`open "a  b" read` + "\n",
		`open "c" write create truncate` + "\n",
		`open "missing" read = No such file or directory` + "\n",
		`open "c" write create` + "\n",
		`exec "./nosuch" = No such file or directory` + "\n",
		`open "script" write create truncate` + "\n",
		`open "./script" read` + "\n",
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("there is no line %q in %q", want, lines)
		}
	}
	if !slices.ContainsFunc(lines, func(l string) bool { return regexp.MustCompile(`^connect \d+ 127\.0\.0\.1:9 = `).MatchString(l) }) {
		t.Errorf("there is no connection in %q", lines)
	}
}

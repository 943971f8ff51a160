package integration

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestManualPages writes them and looks whether each command that the help lists has
// one that man(1) can show.
func TestManualPages(t *testing.T) {
	t.Parallel()
	needWalisup(t)
	dir := t.TempDir()
	generate := exec.Command("go", "run", "-tags", "documents", "./cmd/walisup", "man", dir)
	generate.Dir = root
	if out, err := generate.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	help, err := exec.Command(walisupPath(), "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	command := regexp.MustCompile(`^  ([a-z]+) +[A-Z]`)
	var names []string
	for lines := bufio.NewScanner(strings.NewReader(string(help))); lines.Scan(); {
		if match := command.FindStringSubmatch(lines.Text()); match != nil && match[1] != "help" {
			names = append(names, match[1])
		}
	}
	if len(names) < 15 {
		t.Fatalf("the help lists %q only", names)
	}
	for _, name := range names {
		page := filepath.Join(dir, "walisup-"+name+".1")
		text, err := os.ReadFile(page)
		if err != nil {
			t.Errorf("%s has no manual page: %v", name, err)
			continue
		}
		for _, section := range []string{".SH NAME", ".SH SYNOPSIS", ".SH DESCRIPTION", ".SH SEE ALSO"} {
			if !strings.Contains(string(text), section) {
				t.Errorf("%s: no %s", page, section)
			}
		}
		if name != "completion" && !strings.Contains(string(text), ".SH EXAMPLE") {
			t.Errorf("%s: no example", page)
		}
		if man, err := exec.LookPath("man"); err == nil {
			out, err := exec.Command(man, "--warnings", "-E", "UTF-8", "-l", "-Tutf8", page).CombinedOutput()
			if err != nil || strings.Contains(string(out), "warning:") {
				t.Errorf("man %s: %v: %s", page, err, shorten(string(out)))
			}
		}
	}
}

// TestCommandLineDocument compares docs/cli.md with what the commands say of themselves.
func TestCommandLineDocument(t *testing.T) {
	t.Parallel()
	generate := exec.Command("go", "run", "-tags", "documents", "./cmd/walisup", "reference")
	generate.Dir = root
	want, err := generate.Output()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(root, "docs", "cli.md"))
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Error("docs/cli.md is out of date; run: make cli-doc")
	}
}

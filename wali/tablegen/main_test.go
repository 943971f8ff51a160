package main

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"walisup/wali"
)

const root = "../.."

func TestReadmeIsCurrent(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat(root + "/README.md"); errors.Is(err, fs.ErrNotExist) {
		t.Skip("no README.md")
	}
	if err := run(root, true); err != nil {
		t.Error(err)
	}
}

func TestSectionHasEveryCallOnce(t *testing.T) {
	t.Parallel()
	tests, err := findTests(root)
	if err != nil {
		t.Fatal(err)
	}
	table, _, _ := strings.Cut(section(tests), "What is missing")
	for _, row := range wali.Table() {
		if n := strings.Count(table, "`"+row.Name+"`"); n != 1 {
			t.Errorf("%s is there %d times", row.Name, n)
		}
	}
	if strings.Contains(table, "`writev`¹") || strings.Contains(table, "`writev`²") || !tests.named["writev"] {
		t.Error("writev has a test that was not found")
	}
	if tests.mark("exit") == "²" {
		t.Error("exit is not in the test with hostile arguments")
	}
}

func TestReplaceSection(t *testing.T) {
	t.Parallel()
	got, err := replaceSection("a\n"+beginMarker+"\nold\n"+endMarker+"\nb\n", "new\n")
	if want := "a\n" + beginMarker + "\nnew\n" + endMarker + "\nb\n"; err != nil || got != want {
		t.Errorf("%q, %v", got, err)
	}
	for _, bad := range []string{"", beginMarker, endMarker + beginMarker} {
		if _, err := replaceSection(bad, ""); err == nil {
			t.Errorf("%q has no section", bad)
		}
	}
}

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

func TestDocumentIsCurrent(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat(root + "/" + document); errors.Is(err, fs.ErrNotExist) {
		t.Skip("no " + document)
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
	calls, _, _ := strings.Cut(table(tests), "What is missing")
	for _, row := range wali.Table() {
		if n := strings.Count(calls, "`"+row.Name+"`"); n != 1 {
			t.Errorf("%s is there %d times", row.Name, n)
		}
	}
	if strings.Contains(calls, "`writev`¹") || strings.Contains(calls, "`writev`²") || !tests.named["writev"] {
		t.Error("writev has a test that was not found")
	}
	if tests.mark("exit") == "²" {
		t.Error("exit is not in the test with hostile arguments")
	}
}

package section

import (
	"os"
	"path/filepath"
	"testing"
)

const (
	begin = "<!-- calls: begin (go run ./calls) -->\n"
	end   = "<!-- calls: end -->"
)

func TestReplace(t *testing.T) {
	t.Parallel()
	got, err := Replace("a\n"+begin+"old\n"+end+"\nb\n", "calls", "new $1\n")
	if want := "a\n" + begin + "new $1\n" + end + "\nb\n"; err != nil || got != want {
		t.Errorf("%q, %v", got, err)
	}
	for _, bad := range []string{"", begin, end + "\n" + begin, "a" + begin + end} {
		if _, err := Replace(bad, "calls", ""); err == nil {
			t.Errorf("%q has no part", bad)
		}
	}
	if _, err := Replace(begin+end, "others", ""); err == nil {
		t.Error("found a part of another name")
	}
}

func TestReplaceIn(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "document.md")
	if err := os.WriteFile(path, []byte(begin+end+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := ReplaceIn(path, "calls", "text\n"); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != begin+"text\n"+end+"\n" {
		t.Errorf("%q, %v", got, err)
	}
	if err := ReplaceIn(path+".none", "calls", ""); err == nil {
		t.Error("replaced a part of a file that does not exist")
	}
}

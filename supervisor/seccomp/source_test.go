package seccomp

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// beforeTheFilter are calls that a helper makes only before the filter is in force, or
// that compile in a process of their own.
var beforeTheFilter = []string{
	"landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self", "seccomp",
}

// TestHelpersCallsAreAllowed finds the system calls that the sources of the helper and of
// the host functions name. The default profile must allow each.
func TestHelpersCallsAreAllowed(t *testing.T) {
	t.Parallel()
	allowed, numbers := allowedCalls(), callNumbers()
	call := regexp.MustCompile(`\bunix\.SYS_([A-Z0-9_]+)\b`)
	found := 0
	for _, dir := range []string{"../../helper", "../../wali", "../../ipc"} {
		err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") ||
				strings.HasSuffix(path, "_test.go") || strings.HasSuffix(path, "_arm64.go") {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, match := range call.FindAllStringSubmatch(string(text), -1) {
				name := strings.ToLower(match[1])
				number, ok := numbers[name]
				if !ok {
					t.Errorf("%s: %s has no number", path, name)
				}
				found++
				if !slices.Contains(allowed, number) && !slices.Contains(beforeTheFilter, name) {
					t.Errorf("%s calls %s, which the default profile does not allow", path, name)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if found < 100 {
		t.Errorf("found only %d calls", found)
	}
}

package cache

import (
	"bytes"
	"debug/buildinfo"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestKeysDifferByWhatTheyDependOn(t *testing.T) {
	t.Parallel()
	content := []byte("\x00asm")
	base := Context{Build: "a"}
	seen := map[Key]string{base.Key(content): "the first"}
	for name, key := range map[string]Key{
		"content":      base.Key([]byte("\x00asn")),
		"build":        (&Context{Build: "b"}).Key(content),
		"debug":        (&Context{Build: "a", KeepDebug: true}).Key(content),
		"plain tables": (&Context{Build: "a", PlainTables: true}).Key(content),
	} {
		if other, taken := seen[key]; taken {
			t.Errorf("%s gives the key of %s", name, other)
		}
		seen[key] = name
	}
	a, b, other := base.Key(content), base.Key(nil), (&Context{Build: "b"}).Key(content)
	if !bytes.Equal(a[:buildSize], b[:buildSize]) || bytes.Equal(a[:buildSize], other[:buildSize]) {
		t.Error("keys do not begin with the build")
	}
}

// head reads as much of a program as BuildID wants.
func head(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content[:min(len(content), BuildIDHead)]
}

func TestBuildIDIsThatOfTheGoTool(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := buildinfo.ReadFile(self); err != nil {
		t.Skip(err)
	}
	want, err := exec.Command("go", "tool", "buildid", self).Output()
	if err != nil {
		t.Skipf("go tool buildid: %v", err)
	}
	got, err := BuildID(head(t, self))
	if err != nil || got != strings.TrimSpace(string(want)) {
		t.Errorf("BuildID = %q, %v, the go tool says %q", got, err, want)
	}
}

func TestBuildIDOfDamagedPrograms(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	good := head(t, self)
	for n := range len(good) {
		BuildID(good[:n]) // must not panic
		flipped := bytes.Clone(good)
		flipped[n] ^= 0xff
		BuildID(flipped)
	}
	for name, content := range map[string][]byte{
		"empty": nil, "text": bytes.Repeat([]byte("x"), 4096), "no notes": append([]byte("\x7fELF\x02\x01\x01"), make([]byte, 4089)...),
	} {
		if id, err := BuildID(content); err == nil {
			t.Errorf("%s: build ID %q", name, id)
		}
	}
}

func TestStaleFiles(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
	mine, other := Context{Build: "mine"}, Context{Build: "other"}
	keep, used, unused, foreign, forgotten := mine.Key([]byte("keep")), mine.Key([]byte("used")), mine.Key([]byte("unused")), other.Key(nil), other.Key([]byte("x"))
	const day = 24 * time.Hour
	old := strings.Repeat("ab", 32)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	got := stale([]file{
		{keep.String(), 1, ago(1000 * day)},
		{used.String(), 1, ago(30 * day)},
		{unused.String(), 1, ago(91 * day)},
		{foreign.String(), 1, ago(6 * day)},
		{forgotten.String(), 1, ago(8 * day)},
		{old, 1, ago(8 * day)},
		{used.String() + ".12.tmp", 1, ago(2 * day)},
		{used.String() + ".13.tmp", 1, ago(time.Hour)},
		{"file-1-2", 1, ago(30 * day)},
		{"file-1-3", 1, ago(91 * day)},
	}, keep, now)
	want := []string{unused.String(), forgotten.String(), old, used.String() + ".12.tmp", "file-1-3"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	// Too much altogether: the least recently used goes first, and never what was
	// just written.
	got = stale([]file{
		{keep.String(), 3 << 30, ago(0)},
		{used.String(), 1 << 30, ago(time.Hour)},
		{unused.String(), 1 << 30, ago(3 * time.Hour)},
		{foreign.String(), 1, ago(2 * time.Hour)},
	}, keep, now)
	if want := []string{unused.String(), foreign.String()}; strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("beyond the bound: got\n%s", strings.Join(got, "\n"))
	}
}

// Storing prunes, and leaves alone what is not the cache's.
func TestStoreRemovesWhatIsForgotten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	mine, other := Context{Build: "mine"}, Context{Build: "other"}
	long := time.Now().Add(-400 * 24 * time.Hour)
	for _, name := range []string{other.Key(nil).String(), "notes.txt", strings.Repeat("ab", 32) + ".txt", "abcd"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, long, long); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Store(mine.Key(nil), sample()); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != 4 {
		t.Errorf("left are %v", left)
	}
	if _, err := os.Stat(filepath.Join(dir, other.Key(nil).String())); err == nil {
		t.Error("an entry that was forgotten is left")
	}
}

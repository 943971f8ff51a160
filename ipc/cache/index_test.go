package cache

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestIndexKnowsAFileUntilItChanges(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d, err := Open(filepath.Join(dir, "cache"))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	module := filepath.Join(dir, "module")
	if err := os.WriteFile(module, []byte("one"), 0o600); err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Stat(module, &st); err != nil {
		t.Fatal(err)
	}
	context, key := [32]byte{1}, Key{2}

	d.Remember(&st, context, key)
	if _, ok := d.Find(&st, context); ok {
		t.Error("a file that has just been written was remembered")
	}
	settled := st
	settled.Ctim = unix.NsecToTimespec(time.Now().Add(-time.Minute).UnixNano())
	d.Remember(&settled, context, key)
	if got, ok := d.Find(&settled, context); !ok || got != key {
		t.Errorf("Find = %v, %v", got, ok)
	}
	if _, ok := d.Find(&settled, [32]byte{9}); ok {
		t.Error("found in another context")
	}
	for name, change := range map[string]func(*unix.Stat_t){
		"size":  func(st *unix.Stat_t) { st.Size++ },
		"mtime": func(st *unix.Stat_t) { st.Mtim.Nsec++ },
		"ctime": func(st *unix.Stat_t) { st.Ctim.Nsec++ },
		"inode": func(st *unix.Stat_t) { st.Ino++ },
	} {
		changed := settled
		change(&changed)
		if _, ok := d.Find(&changed, context); ok {
			t.Errorf("found after a change of %s", name)
		}
	}
}

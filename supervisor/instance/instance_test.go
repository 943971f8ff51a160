package instance

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"walisup/supervisor/procfs"
)

func store(t *testing.T) *Store {
	t.Helper()
	s, err := Open(filepath.Join(t.TempDir(), "state"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// create makes an instance that is registered, of this start of the machine.
func create(t *testing.T, s *Store, r Record) *Instance {
	t.Helper()
	if r.BootID == "" {
		var err error
		if r.BootID, err = BootID(); err != nil {
			t.Fatal(err)
		}
	}
	i, err := s.Create(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := i.Register(); err != nil {
		t.Fatal(err)
	}
	return i
}

func TestCheckName(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"a", "Z", "0", "a_b.c-d", strings.Repeat("x", maxName), "abcdef"} {
		if err := CheckName(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", ".", "..", "-a", "_a", "a/b", "a b", "a\n", "ä", strings.Repeat("x", maxName+1), strings.Repeat("a", idLength)} {
		if err := CheckName(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	for n := range 1 << 16 {
		if name := generateName(byte(n), byte(n>>8)); CheckName(name) != nil {
			t.Fatalf("%q is generated", name)
		}
	}
}

func TestNamesAreUnique(t *testing.T) {
	t.Parallel()
	s := store(t)
	first := create(t, s, Record{Name: "a", Options: Options{Detached: true}})
	if i, err := s.Create(Record{Name: "a", Options: Options{Detached: true}}); !errors.Is(err, ErrNameTaken) || !strings.Contains(err.Error(), first.Short()) {
		t.Errorf("%v, %v, want ErrNameTaken with the holder", i, err)
	}
	if _, err := s.Create(Record{Name: "a/b"}); err == nil {
		t.Error("a/b is taken as a name")
	}
	if entries, err := os.ReadDir(s.Dir()); err != nil || len(entries) != 2 {
		t.Errorf("%d entries, %v: refused instances have left something", len(entries), err)
	}
	// Of those that want one name at the same time one gets it.
	var wait sync.WaitGroup
	got := make([]error, 8)
	for n := range got {
		wait.Go(func() { _, got[n] = s.Create(Record{Name: "b", Options: Options{Detached: true}}) })
	}
	wait.Wait()
	winners := 0
	for _, err := range got {
		if err == nil {
			winners++
		} else if !errors.Is(err, ErrNameTaken) {
			t.Error(err)
		}
	}
	if winners != 1 {
		t.Errorf("%d instances are called b", winners)
	}
	// A name whose instance is gone is free again.
	if err := os.RemoveAll(first.File("")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Create(Record{Name: "a", Options: Options{Detached: true}}); err != nil {
		t.Errorf("a name that was left behind: %v", err)
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	s := store(t)
	a, b := create(t, s, Record{Name: "x"}), create(t, s, Record{Name: "y"})
	common := 0
	for common < idLength && a.ID[common] == b.ID[common] {
		common++
	}
	for reference, want := range map[string]*Instance{"x": a, "y": b, a.ID: a, b.ID: b, a.ID[:common+1]: a, b.Short(): b} {
		if got, err := s.Find(reference); err != nil || got.ID != want.ID {
			t.Errorf("%s: %v, %v, want %s", reference, got, err, want.Name)
		}
	}
	for _, reference := range []string{"", "z", "X", strings.Repeat("0", idLength)} {
		if got, err := s.Find(reference); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v, %v, want ErrNotFound", reference, got, err)
		}
	}
	if common > 0 {
		if got, err := s.Find(a.ID[:common]); err == nil || !strings.Contains(err.Error(), "give more digits") {
			t.Errorf("%s: %v, %v, want it to be ambiguous", a.ID[:common], got, err)
		}
	}
	if err := a.Remove(func(*Instance) error { return errors.New("not yet") }); err == nil || err.Error() != "not yet" {
		t.Errorf("removal that is refused: %v", err)
	}
	if err := a.Remove(func(*Instance) error { return nil }); err != nil {
		t.Error(err)
	}
	if err := a.Remove(func(*Instance) error { return nil }); !errors.Is(err, ErrNotFound) {
		t.Errorf("removed twice: %v", err)
	}
	if _, err := s.Find("x"); !errors.Is(err, ErrNotFound) {
		t.Errorf("after its removal: %v", err)
	}
}

func TestCondition(t *testing.T) {
	t.Parallel()
	self, err := procfs.Self()
	if err != nil {
		t.Fatal(err)
	}
	here, gone := self, procfs.Identity{Pid: self.Pid, Start: self.Start + 1}
	detached := Options{Detached: true}
	for name, c := range map[string]struct {
		options  Options
		state    State
		boot     string
		want     Condition
		orphaned bool
		kept     bool  // after Refresh
		phase    Phase // in the record then
	}{
		"runs":                 {options: detached, state: State{Phase: Running, Monitor: here, Main: here}, want: Condition{Running, true}, kept: true, phase: Running},
		"is being started":     {options: detached, state: State{Phase: Starting, Starter: here}, want: Condition{Starting, true}, kept: true, phase: Starting},
		"lost its monitor":     {options: detached, state: State{Phase: Running, Monitor: gone, Main: here}, want: Condition{Running, false}, orphaned: true, kept: true, phase: Running},
		"paused, lost it":      {options: detached, state: State{Phase: Paused, Monitor: gone, Main: here}, want: Condition{Paused, false}, orphaned: true, kept: true, phase: Paused},
		"stopping, lost it":    {options: detached, state: State{Phase: Stopping, Monitor: gone, Others: []Other{{Identity: here}}}, want: Condition{Running, false}, orphaned: true, kept: true, phase: Stopping},
		"between two runs":     {options: detached, state: State{Phase: Restarting, Monitor: gone, Main: gone}, want: Condition{Restarting, false}, orphaned: true, kept: true, phase: Restarting},
		"stopped between runs": {options: detached, state: State{Phase: Restarting, Monitor: gone, Stopped: true}, want: Condition{Phase: Exited}, kept: true, phase: Exited},
		"ended":                {options: detached, state: State{Phase: Exited, Monitor: gone, StatusKnown: true}, want: Condition{Phase: Exited}, kept: true, phase: Exited},
		"ended unseen":         {options: detached, state: State{Phase: Running, Monitor: gone, Main: gone}, want: Condition{Phase: Exited}, kept: true, phase: Exited},
		"machine restarted":    {options: detached, state: State{Phase: Running, Monitor: gone, Main: here}, boot: "another", want: Condition{Phase: Exited}, kept: true, phase: Exited},
		"removes itself":       {options: Options{Detached: true, Remove: true}, state: State{Phase: Running, Monitor: gone, Main: gone}, want: Condition{Phase: Exited}},
		"foreground":           {state: State{Phase: Running, Monitor: here, Main: here}, want: Condition{Running, true}, kept: true, phase: Running},
		"foreground, killed":   {state: State{Phase: Running, Monitor: gone, Main: here}, want: Condition{Running, false}, kept: true, phase: Running},
		"foreground, ended":    {state: State{Phase: Running, Monitor: gone, Main: gone}, want: Condition{Phase: Exited}},
	} {
		s := store(t)
		i := create(t, s, Record{Name: "x", Options: c.options, State: c.state, BootID: c.boot})
		if got := i.Condition(); got != c.want || got.Active() != (c.want.Phase != Exited) || i.Orphaned() != c.orphaned {
			t.Errorf("%s: %+v, orphaned %v, want %+v, %v", name, got, i.Orphaned(), c.want, c.orphaned)
		}
		all, err := s.Sweep()
		if kept := len(all) == 1; err != nil || kept != c.kept {
			t.Errorf("%s: swept to %d, %v, want it kept: %v", name, len(all), err, c.kept)
			continue
		}
		if !c.kept {
			if _, err := os.Stat(i.File("")); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s: its directory is left: %v", name, err)
			}
			continue
		}
		if all[0].State.Phase != c.phase {
			t.Errorf("%s: its phase is recorded as %s, want %s", name, all[0].State.Phase, c.phase)
		}
		if unseen := c.phase == Exited && c.state.Phase != Exited; unseen && (all[0].State.StatusKnown || len(all[0].State.Problems) != 1) {
			t.Errorf("%s: recorded as %+v", name, all[0].State)
		}
	}
}

func TestSweepOfLeftovers(t *testing.T) {
	t.Parallel()
	s := store(t)
	fresh, err := s.Create(Record{Name: "fresh"})
	if err != nil {
		t.Fatal(err)
	}
	old, err := s.Create(Record{Name: "old"})
	if err != nil {
		t.Fatal(err)
	}
	past := time.Now().Add(-2 * incompleteAge)
	if err := os.Chtimes(old.File(""), past, past); err != nil {
		t.Fatal(err)
	}
	gone := s.path(gonePrefix + strings.Repeat("0", idLength))
	if err := os.MkdirAll(filepath.Join(gone, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if all, err := s.Sweep(); err != nil || len(all) != 0 {
		t.Errorf("%d instances, %v", len(all), err)
	}
	for path, want := range map[string]bool{fresh.File(""): true, old.File(""): false, gone: false} {
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("%s is there: %v, want %v", path, err == nil, want)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, make := range map[string]func(path string) error{
		"not a directory":       func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"is not a directory":    func(path string) error { return os.Symlink(dir, path) },
		"written by others":     func(path string) error { return errors.Join(os.Mkdir(path, 0o700), os.Chmod(path, 0o777)) },
		"written by others (":   func(path string) error { return errors.Join(os.Mkdir(path, 0o700), os.Chmod(path, 0o720)) },
		"name another one with": func(path string) error { return os.WriteFile(path, nil, 0o600) },
	} {
		path := filepath.Join(dir, strings.Map(func(r rune) rune {
			if r < 'a' {
				return '_'
			}
			return r
		}, name))
		if err := make(path); err != nil {
			t.Fatal(err)
		}
		if s, err := Open(path); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v, %v", name, s, err)
		}
	}
	s, err := Open(filepath.Join(dir, "a/b/c"))
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(s.Dir()); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v, want mode 0700", info, err)
	}
}

// TestUpdates changes one record from many sides.
func TestUpdates(t *testing.T) {
	t.Parallel()
	s := store(t)
	i := create(t, s, Record{Name: "a"})
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() {
			mine, err := s.Load(i.ID)
			if err == nil {
				err = mine.Update(func(r *Record) error { r.State.Restarts++; return nil })
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if err := i.Reload(); err != nil || i.State.Restarts != 20 {
		t.Errorf("%d of 20 changes, %v", i.State.Restarts, err)
	}
	refused := errors.New("refused")
	if err := i.Update(func(r *Record) error { r.State.Restarts = 0; return refused }); !errors.Is(err, refused) {
		t.Error(err)
	}
	if err := i.Reload(); err != nil || i.State.Restarts != 20 {
		t.Errorf("a change that was refused has left %d, %v", i.State.Restarts, err)
	}
}

func TestRestartPolicy(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		policy           string
		status, restarts int
		again            bool
	}{
		{"no", 1, 0, false}, {"always", 0, 1000, true}, {"unless-stopped", 0, 5, true}, {"on-failure", 0, 0, false},
		{"on-failure", 1, 1000, true}, {"on-failure:2", 1, 1, true}, {"on-failure:2", 1, 2, false},
	} {
		var p RestartPolicy
		if err := p.Set(c.policy); err != nil || p.String() != c.policy {
			t.Errorf("%s: %v, reads as %s", c.policy, err, &p)
		}
		if got := p.Again(c.status, c.restarts); got != c.again {
			t.Errorf("%s, status %d after %d restarts: %v", c.policy, c.status, c.restarts, got)
		}
	}
	if (RestartPolicy{}).String() != RestartNo || (RestartPolicy{}).Again(1, 0) {
		t.Error("no policy is not no")
	}
}

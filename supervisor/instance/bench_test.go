package instance

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// BenchmarkForeground is what registering a foreground instance takes, but for the
// first time's share of encoding/json.
func BenchmarkForeground(b *testing.B) {
	s, err := Open(filepath.Join(b.TempDir(), "state"))
	if err != nil {
		b.Fatal(err)
	}
	r := Record{Created: time.Now(), Command: Command{Env: Texts(os.Environ())}}
	for b.Loop() {
		i, err := s.Create(r)
		if err != nil {
			b.Fatal(err)
		}
		if err := i.Register(); err != nil {
			b.Fatal(err)
		}
		if err := i.Discard(); err != nil {
			b.Fatal(err)
		}
	}
}

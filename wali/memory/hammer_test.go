//go:build linux && (amd64 || arm64)

package memory

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// Several threads map, move, protect and unmap, each its own memory, which must
// never be another's, while the Go runtime takes and gives back memory of its
// own, for which a hole in the reservation would be tempting.
func TestHammer(t *testing.T) {
	t.Parallel()
	m := newMemoryOf(t, 256<<20)
	rounds := 1500
	if testing.Short() {
		rounds = 200
	}
	stop := make(chan struct{})
	var background, workers sync.WaitGroup
	background.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			keep := make([][]byte, 0, 64)
			for i := range 64 {
				keep = append(keep, make([]byte, 1<<(10+i%12)))
			}
			runtime.KeepAlive(keep)
			runtime.GC()
		}
	})
	// Threads, whose stacks the runtime maps.
	background.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			var wg sync.WaitGroup
			wg.Go(func() { runtime.LockOSThread() })
			wg.Wait()
		}
	})
	for w := range 4 {
		workers.Go(func() { hammer(t, m, rand.New(rand.NewPCG(uint64(w), 9)), uint32(w+1)<<24, rounds) })
	}
	workers.Wait()
	close(stop)
	background.Wait()
	checkKernel(t, m)
}

func hammer(t *testing.T, m *Memory, r *rand.Rand, mark uint32, rounds int) {
	type mapping struct{ at, pages uint64 }
	var maps []mapping
	check := func(mp mapping, what string) bool {
		for p := range mp.pages {
			if v, errno := m.Load32(uint32(mp.at + p*PageSize)); errno != 0 || v != mark|uint32(p) {
				t.Errorf("after %s: page %#x has %#x, %v, want %#x", what, mp.at+p*PageSize, v, errno, mark|uint32(p))
				return false
			}
		}
		return true
	}
	fill := func(mp mapping, from uint64) {
		for p := from; p < mp.pages; p++ {
			m.Store32(uint32(mp.at+p*PageSize), mark|uint32(p))
		}
	}
	for range rounds {
		switch k := r.IntN(4); {
		case k == 0 || len(maps) == 0:
			mp := mapping{pages: 1 + r.Uint64N(30)}
			at, errno := m.Mmap(0, mp.pages*PageSize, rw, private, -1, 0)
			if errno != 0 {
				t.Errorf("mmap: %v", errno)
				return
			}
			mp.at = at
			fill(mp, 0)
			maps = append(maps, mp)
		case k == 1:
			i := r.IntN(len(maps))
			mp := maps[i]
			if !check(mp, "a while") {
				return
			}
			if errno := m.Munmap(mp.at, mp.pages*PageSize); errno != 0 {
				t.Errorf("munmap: %v", errno)
				return
			}
			maps[i] = maps[len(maps)-1]
			maps = maps[:len(maps)-1]
		case k == 2:
			mp := &maps[r.IntN(len(maps))]
			pages := 1 + r.Uint64N(2*mp.pages)
			at, errno := m.Mremap(mp.at, mp.pages*PageSize, pages*PageSize, mremapMaymove, 0)
			if errno != 0 {
				t.Errorf("mremap: %v", errno)
				return
			}
			had := mp.pages
			*mp = mapping{at, pages}
			if !check(mapping{at, min(had, pages)}, "mremap") {
				return
			}
			fill(*mp, had)
		default:
			mp := maps[r.IntN(len(maps))]
			for _, prot := range []int32{unix.PROT_READ, rw} {
				if errno := m.Mprotect(mp.at, mp.pages*PageSize, prot); errno != 0 {
					t.Errorf("mprotect: %v", errno)
					return
				}
			}
			if !check(mp, "mprotect") {
				return
			}
		}
	}
}

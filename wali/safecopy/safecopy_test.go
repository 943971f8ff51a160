//go:build linux && (amd64 || arm64)

package safecopy

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	if err := Install(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

var page = uintptr(os.Getpagesize())

// barrier is memory of two pages of which the second cannot be accessed in
// the way that the case is about.
type barrier struct {
	name            string
	mem             []byte
	reads, writes   bool // whether the second page allows them
	addr, forbidden uintptr
}

func newBarriers(t *testing.T) []*barrier {
	t.Helper()
	anon := func() []byte {
		mem, err := unix.Mmap(-1, 0, int(3*page), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Munmap(mem) })
		return mem[: 2*page : 2*page]
	}
	var all []*barrier
	add := func(name string, mem []byte, reads, writes bool) {
		b := &barrier{name: name, mem: mem, reads: reads, writes: writes}
		b.addr = uintptr(unsafe.Pointer(&mem[0]))
		b.forbidden = b.addr + page
		all = append(all, b)
	}

	none := anon()
	if err := unix.Mprotect(none[page:], unix.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	add("PROT_NONE", none, false, false)

	readOnly := anon()
	if err := unix.Mprotect(readOnly[page:], unix.PROT_READ); err != nil {
		t.Fatal(err)
	}
	add("read-only", readOnly, true, false)

	// The hole may be filled by another thread's mapping, which is very
	// unlikely while this test alone runs; the last page keeps it small.
	unmapped := anon()
	_, _, errno := syscall.Syscall(syscall.SYS_MUNMAP, uintptr(unsafe.Pointer(&unmapped[page])), page, 0)
	if errno != 0 {
		t.Fatal(errno)
	}
	add("unmapped", unmapped, false, false)

	file, err := os.Create(filepath.Join(t.TempDir(), "short"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := file.Truncate(int64(page)); err != nil {
		t.Fatal(err)
	}
	beyond, err := unix.Mmap(int(file.Fd()), 0, int(2*page), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Munmap(beyond) })
	add("beyond the end of a file", beyond, false, false)
	return all
}

func pattern(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i*7 + 1)
	}
	return p
}

func TestCopyStopsAtTheBoundary(t *testing.T) {
	const span = 80
	for _, b := range newBarriers(t) {
		t.Run(b.name, func(t *testing.T) {
			want := pattern(span)
			for before := 0; before <= 40; before++ {
				for n := 0; n <= span; n++ {
					start := b.forbidden - uintptr(before)
					wantDone := n
					if n > before {
						wantDone = before
					}
					near := b.mem[page-uintptr(before) : page]

					copy(near, want)
					got := make([]byte, span)
					left := CopyIn(unsafe.Pointer(&got[0]), start, uintptr(n))
					done := n - int(left)
					if b.reads {
						if left != 0 {
							t.Fatalf("in, %d before, %d long: left %d of a readable page", before, n, left)
						}
					} else if done != wantDone {
						t.Fatalf("in, %d before, %d long: copied %d, want %d", before, n, done, wantDone)
					}
					check := min(done, before)
					if !bytes.Equal(got[:check], want[:check]) || !allZero(got[done:]) {
						t.Fatalf("in, %d before, %d long: wrong bytes %v", before, n, got)
					}

					clear(near)
					left = CopyOut(start, unsafe.Pointer(&want[0]), uintptr(n))
					done = n - int(left)
					if done != wantDone {
						t.Fatalf("out, %d before, %d long: copied %d, want %d", before, n, done, wantDone)
					}
					if !bytes.Equal(near[:done], want[:done]) || !allZero(near[done:]) {
						t.Fatalf("out, %d before, %d long: wrong bytes %v", before, n, near)
					}
				}
			}
		})
	}
}

func allZero(p []byte) bool {
	for _, c := range p {
		if c != 0 {
			return false
		}
	}
	return true
}

func TestCopyBetweenTwoBadPlaces(t *testing.T) {
	var here [16]byte
	for _, bad := range []uintptr{0, 8, 1 << 62, 1 << 63, ^uintptr(0) - 7} {
		if left := CopyIn(unsafe.Pointer(&here), bad, 16); left != 16 {
			t.Errorf("read at %#x: left %d, want 16", bad, left)
		}
		if left := CopyOut(bad, unsafe.Pointer(&here), 16); left != 16 {
			t.Errorf("write at %#x: left %d, want 16", bad, left)
		}
		if left := CopyIn(unsafe.Pointer(&here), bad, 0); left != 0 {
			t.Errorf("read nothing at %#x: left %d, want 0", bad, left)
		}
	}
}

func TestWordsAcrossTheBoundary(t *testing.T) {
	for _, b := range newBarriers(t) {
		t.Run(b.name, func(t *testing.T) {
			for before := uintptr(0); before <= 16; before++ {
				addr := b.forbidden - before
				at := fmt.Sprintf("%d before", before)

				v32, ok := Load32(addr)
				if want := b.reads || before >= 4; ok != want || !ok && v32 != 0 {
					t.Errorf("Load32 %s: %d, %v, want %v", at, v32, ok, want)
				}
				v64, ok := Load64(addr)
				if want := b.reads || before >= 8; ok != want || !ok && v64 != 0 {
					t.Errorf("Load64 %s: %d, %v, want %v", at, v64, ok, want)
				}
				if before >= 4 {
					if !Store32(addr, 0xa1b2c3d4) {
						t.Errorf("Store32 %s failed", at)
					}
					if v, _ := Load32(addr); v != 0xa1b2c3d4 {
						t.Errorf("Store32 %s: reads back %#x", at, v)
					}
				} else if Store32(addr, 1) {
					t.Errorf("Store32 %s succeeded", at)
				}
				if before >= 8 {
					if !Store64(addr, 0xa1b2c3d4e5f60718) {
						t.Errorf("Store64 %s failed", at)
					}
					if v, _ := Load64(addr); v != 0xa1b2c3d4e5f60718 {
						t.Errorf("Store64 %s: reads back %#x", at, v)
					}
				} else if Store64(addr, 1) {
					t.Errorf("Store64 %s succeeded", at)
				}
			}
			if _, ok := CompareAndSwap32(b.forbidden, 0, 1); ok {
				t.Error("CompareAndSwap32 succeeded")
			}
			Store32(b.forbidden-4, 5)
			if prev, ok := CompareAndSwap32(b.forbidden-4, 4, 6); prev != 5 || !ok {
				t.Errorf("CompareAndSwap32 of another value: %d, %v", prev, ok)
			}
			if prev, ok := CompareAndSwap32(b.forbidden-4, 5, 6); prev != 5 || !ok {
				t.Errorf("CompareAndSwap32: %d, %v", prev, ok)
			}
			if v, _ := Load32(b.forbidden - 4); v != 6 {
				t.Errorf("after CompareAndSwap32: %d, want 6", v)
			}
		})
	}
}

func TestCompareAndSwapIsAtomic(t *testing.T) {
	var word uint32
	addr := uintptr(unsafe.Pointer(&word))
	const each = 20000
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range each {
				for {
					old, _ := Load32(addr)
					if prev, _ := CompareAndSwap32(addr, old, old+1); prev == old {
						break
					}
				}
			}
		})
	}
	wg.Wait()
	if word != 4*each {
		t.Errorf("counted %d, want %d", word, 4*each)
	}
	runtime.KeepAlive(&word)
}

func TestGoStillSeesItsOwnFaults(t *testing.T) {
	nilDeref := func() (err error) {
		defer func() { err, _ = recover().(error) }()
		var p *[4]int
		p[2] = 1
		return nil
	}
	if err, _ := nilDeref().(runtime.Error); err == nil {
		t.Error("a nil dereference did not panic")
	}
	for _, b := range newBarriers(t) {
		if b.reads {
			continue
		}
		err := readWithPanic(b.mem, page)
		got, ok := err.(interface{ Addr() uintptr })
		if !ok || got.Addr() != b.forbidden {
			t.Errorf("%s: a fault of Go code gave %v, want a panic for %#x", b.name, err, b.forbidden)
		}
	}
}

func TestInstallTwiceKeepsTheChain(t *testing.T) {
	before := chain
	if err := Install(); err != nil {
		t.Fatal(err)
	}
	if chain != before || chain == handlerPC() {
		t.Errorf("chain is %#x, was %#x", chain, before)
	}
}

func TestSetChain(t *testing.T) {
	old := SetChain(handlerPC() + 1)
	if got := SetChain(old); got != handlerPC()+1 {
		t.Errorf("SetChain returned %#x", got)
	}
}

// Faults on many threads while the collector runs and stacks move.
func TestFaultsUnderGarbageCollection(t *testing.T) {
	barriers := newBarriers(t)
	stop := make(chan struct{})
	var collector, workers sync.WaitGroup
	collector.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				runtime.GC()
			}
		}
	})
	for w := range 4 {
		workers.Go(func() {
			for i := range 300 {
				deep(t, barriers[(i+w)%len(barriers)], i%50)
			}
		})
	}
	workers.Wait()
	close(stop)
	collector.Wait()
}

//go:noinline
func deep(t *testing.T, b *barrier, depth int) {
	var buf [200]byte
	if depth > 0 {
		deep(t, b, depth-1)
	}
	n := CopyOut(b.forbidden, unsafe.Pointer(&buf), uintptr(len(buf)))
	if n != uintptr(len(buf)) {
		t.Errorf("%s: left %d", b.name, n)
	}
	if !b.reads {
		if n := CopyIn(unsafe.Pointer(&buf), b.forbidden-2, 100); n != 98 {
			t.Errorf("%s: left %d", b.name, n)
		}
	}
}

var sink uint32

func BenchmarkLoad32(b *testing.B) {
	var word uint32
	addr := uintptr(unsafe.Pointer(&word))
	for b.Loop() {
		v, _ := Load32(addr)
		sink += v
	}
	runtime.KeepAlive(&word)
}

func BenchmarkStore64(b *testing.B) {
	var word uint64
	addr := uintptr(unsafe.Pointer(&word))
	for b.Loop() {
		Store64(addr, 1)
	}
	runtime.KeepAlive(&word)
}

func BenchmarkFault(b *testing.B) {
	for b.Loop() {
		Load32(0)
	}
}

func BenchmarkCopyIn(b *testing.B) {
	for _, size := range []int{1, 8, 16, 64, 144, 256, 1024, 4096, 65536} {
		from, to := make([]byte, size), make([]byte, size)
		addr := uintptr(unsafe.Pointer(&from[0]))
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				CopyIn(unsafe.Pointer(&to[0]), addr, uintptr(size))
			}
		})
		b.Run(fmt.Sprint(size, "/copy"), func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				copy(to, from)
			}
		})
		runtime.KeepAlive(from)
	}
}

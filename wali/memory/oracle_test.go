//go:build linux && (amd64 || arm64)

package memory

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"walisup/wali/safecopy"
)

// The oracle is Linux itself: the same random calls are made on a Memory and,
// by plain system calls, on a part of the address space where nothing else is
// ever mapped. Errors, protections and contents must agree after each.

const (
	oracleBase  = uintptr(0x1234_0000_0000)
	oracleStart = uint64(0x1000000) // guest address of the pages in play
	oraclePages = 48
)

type oracle struct {
	t     *testing.T
	m     *Memory
	rand  *rand.Rand
	files [2]*os.File // for the memory and for Linux
	log   []string
}

func (o *oracle) fatalf(format string, args ...any) {
	o.t.Helper()
	o.t.Fatalf("%s\nafter:\n%s", fmt.Sprintf(format, args...), strings.Join(o.log[max(0, len(o.log)-25):], "\n"))
}

func native(number uintptr, args ...uintptr) (uintptr, unix.Errno) {
	var a [6]uintptr
	copy(a[:], args)
	r, _, errno := syscall.Syscall6(number, a[0], a[1], a[2], a[3], a[4], a[5])
	return r, errno
}

func (o *oracle) host(addr uint64) uintptr { return oracleBase + uintptr(addr) }

// linuxRegions returns what Linux has mapped in the part in play.
func (o *oracle) linuxRegions() []region {
	text, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		o.t.Fatal(err)
	}
	var regions []region
	for line := range strings.Lines(string(text)) {
		var start, end uintptr
		var perms string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &start, &end, &perms); err != nil {
			o.t.Fatal(err)
		}
		if start >= oracleBase && start < oracleBase+1<<32 {
			regions = append(regions, region{uint64(start - oracleBase), uint64(end - oracleBase), perms})
		}
	}
	return regions
}

func (o *oracle) pageRange() (addr, length uint64) {
	first := o.rand.Uint64N(oraclePages)
	n := 1 + o.rand.Uint64N(min(8, oraclePages-first))
	return oracleStart + first*PageSize, n * PageSize
}

func (o *oracle) prot() int32 {
	return []int32{rw, rw, rw, unix.PROT_READ, unix.PROT_NONE}[o.rand.IntN(5)]
}

// step makes one random call on both sides and returns the two errors.
func (o *oracle) step() (ours, linux unix.Errno) {
	addr, length := o.pageRange()
	say := func(format string, args ...any) { o.log = append(o.log, fmt.Sprintf(format, args...)) }
	switch o.rand.IntN(12) {
	case 0, 1, 2:
		prot, flags := o.prot(), int32(unix.MAP_FIXED)
		if o.rand.IntN(4) == 0 {
			flags = unix.MAP_FIXED_NOREPLACE
		}
		fds, offset := [2]int32{-1, -1}, int64(0)
		switch o.rand.IntN(6) {
		case 0:
			flags |= unix.MAP_SHARED | unix.MAP_ANONYMOUS
		case 1, 2:
			flags |= unix.MAP_SHARED
			if o.rand.IntN(2) == 0 {
				flags ^= unix.MAP_SHARED | unix.MAP_PRIVATE
			}
			fds = [2]int32{int32(o.files[0].Fd()), int32(o.files[1].Fd())}
			offset = int64(o.rand.IntN(10)) * PageSize
		default:
			flags |= private
		}
		say("mmap(%#x, %#x, prot %d, flags %#x, offset %#x)", addr, length, prot, flags, offset)
		_, ours = o.m.Mmap(addr, length, prot, flags, fds[0], offset)
		_, linux = native(unix.SYS_MMAP, o.host(addr), uintptr(length), uintptr(prot), uintptr(flags), uintptr(fds[1]), uintptr(offset))
	case 3:
		say("munmap(%#x, %#x)", addr, length)
		ours = o.m.Munmap(addr, length)
		_, linux = native(unix.SYS_MUNMAP, o.host(addr), uintptr(length))
	case 4, 5:
		prot := o.prot()
		say("mprotect(%#x, %#x, %d)", addr, length, prot)
		ours = o.m.Mprotect(addr, length, prot)
		_, linux = native(unix.SYS_MPROTECT, o.host(addr), uintptr(length), uintptr(prot))
	case 6, 7, 8:
		return o.remap(addr)
	case 9:
		advice := []int32{unix.MADV_DONTNEED, unix.MADV_WILLNEED, unix.MADV_COLD, unix.MADV_NOHUGEPAGE,
			unix.MADV_DONTDUMP, unix.MADV_DODUMP, unix.MADV_POPULATE_READ, unix.MADV_POPULATE_WRITE, unix.MADV_WIPEONFORK}[o.rand.IntN(9)]
		say("madvise(%#x, %#x, %d)", addr, length, advice)
		ours = o.m.Madvise(addr, length, advice)
		_, linux = native(unix.SYS_MADVISE, o.host(addr), uintptr(length), uintptr(advice))
	case 10:
		say("msync(%#x, %#x)", addr, length)
		ours = o.m.Msync(addr, length, unix.MS_ASYNC)
		_, linux = native(unix.SYS_MSYNC, o.host(addr), uintptr(length), unix.MS_ASYNC)
	case 11:
		number, call := uintptr(unix.SYS_MLOCK), o.m.Mlock
		if o.rand.IntN(3) > 0 {
			number, call = unix.SYS_MUNLOCK, o.m.Munlock
		}
		// If there is a gap, Linux locks what is before it but does not
		// bring it in, so that private pages are copied from the file later.
		if o.m.areas.gap(addr, addr+length) < addr+length {
			return 0, 0
		}
		length -= o.rand.Uint64N(PageSize)
		say("mlock or munlock(%#x, %#x)", addr, length)
		ours = call(addr, length)
		_, linux = native(number, o.host(addr), uintptr(length))
	}
	return ours, linux
}

// remap makes an mremap that stays within one mapping on both sides; where it
// does not, the two may differ in what they have merged.
func (o *oracle) remap(addr uint64) (ours, linux unix.Errno) {
	a, ok := o.m.areas.find(addr)
	var vma region
	for _, r := range o.linuxRegions() {
		if r.start <= addr && addr < r.end {
			vma = r
		}
	}
	if ok != (vma.end != 0) {
		o.fatalf("%#x is mapped: %v here, %v on Linux", addr, ok, vma.end != 0)
	}
	if !ok {
		return 0, 0
	}
	most := min(a.end, vma.end) - addr
	old := PageSize * (1 + o.rand.Uint64N(most/PageSize))
	if o.rand.IntN(8) == 0 {
		old = 0
	}
	size := PageSize * (1 + o.rand.Uint64N(8))
	var flags int32
	var to uint64
	switch o.rand.IntN(4) {
	case 0:
		if a.traits&locked != 0 {
			return 0, 0 // unlocks all that has been merged, too
		}
		size = old
		flags = mremapMaymove | mremapFixed | mremapDontunmap
	case 1, 2:
		flags = mremapMaymove | mremapFixed
	default:
		if size > old && (a.kind == privateFile || a.end != vma.end) {
			return 0, 0
		}
		if a.end == addr+old && a.end == oracleStart+oraclePages*PageSize {
			return 0, 0
		}
	}
	if flags != 0 {
		to, _ = o.pageRange()
	}
	o.log = append(o.log, fmt.Sprintf("mremap(%#x, %#x, %#x, %d, %#x) of %+v", addr, old, size, flags, to, a))
	_, ours = o.m.Mremap(addr, old, size, flags, to)
	_, linux = native(unix.SYS_MREMAP, o.host(addr), uintptr(old), uintptr(size), uintptr(flags), o.host(to))
	if linux != 0 && linux == ours && flags&mremapFixed != 0 {
		// Some kernels, 6.1 among them, have unmapped the destination by then.
		end := min(to+size, oracleStart+(oraclePages+16)*PageSize)
		o.m.Munmap(to, end-to)
		native(unix.SYS_MUNMAP, o.host(to), uintptr(end-to))
	}
	return ours, linux
}

// compare looks at every page.
func (o *oracle) compare() {
	checkKernel(o.t, o.m)
	regions := o.linuxRegions()
	for addr := oracleStart; addr < oracleStart+(oraclePages+16)*PageSize; addr += PageSize {
		perms := ""
		for _, r := range regions {
			if r.start <= addr && addr < r.end {
				perms = r.perms
			}
		}
		a, ok := o.m.areas.find(addr)
		if ok != (perms != "") {
			o.fatalf("%#x is mapped: %v here, %v on Linux", addr, ok, perms != "")
		}
		if !ok {
			continue
		}
		if read, write := a.prot&unix.PROT_READ != 0, a.prot&unix.PROT_WRITE != 0; read != (perms[0] == 'r') || write != (perms[1] == 'w') {
			o.fatalf("%#x has protection %d here, %s on Linux", addr, a.prot, perms)
		}
		_, lockedThere := native(unix.SYS_MSYNC, o.host(addr), PageSize, unix.MS_INVALIDATE)
		if lockedHere := o.m.isLocked(addr); lockedHere != (lockedThere == unix.EBUSY) {
			o.fatalf("%#x is locked: %v here, %v on Linux", addr, lockedHere, lockedThere == unix.EBUSY)
		}
		if lockedThere == unix.EBUSY && a.traits&locked == 0 {
			o.fatalf("%#x is locked, which the page map does not know", addr)
		}
		v, errno := o.m.Load32(uint32(addr))
		w, readable := safecopy.Load32(o.host(addr))
		if v != w || (errno == 0) != readable {
			o.fatalf("%#x has %#x, %v here, %#x, %v on Linux (%+v)", addr, v, errno, w, readable, a)
		}
	}
}

func TestRandomCallsAgreeWithLinux(t *testing.T) {
	seeds, steps := 4, 1000
	if testing.Short() {
		seeds, steps = 1, 300
	}
	for seed := range seeds {
		o := &oracle{t: t, m: newMemory(t), rand: rand.New(rand.NewPCG(uint64(seed), 1))}
		for i := range o.files {
			file, err := os.CreateTemp(t.TempDir(), "")
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			if err := file.Truncate(14 * PageSize); err != nil {
				t.Fatal(err)
			}
			o.files[i] = file
		}
		clean := func() {
			native(unix.SYS_MUNMAP, o.host(oracleStart), (oraclePages+16)*PageSize)
		}
		clean()
		for i := range steps {
			ours, linux := o.step()
			if ours != linux {
				o.fatalf("seed %d, step %d: %v here, %v on Linux", seed, i, ours, linux)
			}
			o.compare()
			// Write a few marks, as a program would.
			for range 4 {
				addr, _ := o.pageRange()
				mark := o.rand.Uint32()
				o.log = append(o.log, fmt.Sprintf("store(%#x, %#x)", addr, mark))
				here := o.m.Store32(uint32(addr), mark) == 0
				there := safecopy.Store32(o.host(addr), mark)
				if here != there {
					o.fatalf("store to %#x works: %v here, %v on Linux", addr, here, there)
				}
			}
		}
		clean()
	}
}

// The other half of the calls, those that choose an address, against a model of
// what every page holds.
func TestRandomCallsKeepContents(t *testing.T) {
	t.Parallel()
	t.Run("crowded", func(t *testing.T) {
		t.Parallel()
		randomCallsKeepContents(t, testLimit, 4000, 2000)
	})
	t.Run("with big heaps", func(t *testing.T) {
		t.Parallel()
		randomCallsKeepContents(t, 512<<20, 1500, 8000)
	})
}

// randomCallsKeepContents makes some calls, with mappings of at most so many
// pages.
func randomCallsKeepContents(t *testing.T, limit uint64, calls int, most uint64) {
	type mapping struct {
		addr, pages uint64
		shared      bool
	}
	m := newMemoryOf(t, limit)
	r := rand.New(rand.NewPCG(3, limit))
	marks := map[uint64]uint32{} // page to contents
	var maps []mapping
	breakPages := uint64(0)
	first := roundUp(testBreak)
	fresh := func(from, to uint64) {
		for p := from; p < to; p += PageSize {
			if _, used := marks[p]; used {
				t.Fatalf("page %#x was given out twice", p)
			}
			if v, errno := m.Load32(uint32(p)); v != 0 || errno != 0 {
				t.Fatalf("new page %#x has %#x, %v", p, v, errno)
			}
			mark := r.Uint32() | 1
			m.Store32(uint32(p), mark)
			marks[p] = mark
		}
	}
	gone := func(from, to uint64) {
		for p := from; p < to; p += PageSize {
			delete(marks, p)
		}
	}
	big := 0
	for i := range calls {
		if m.aboveBreak != (ahead{}) || m.belowHeap != (ahead{}) {
			big++
		}
		if i%64 == 0 {
			checkKernel(t, m)
		}
		switch k := r.IntN(10); {
		case k < 4:
			pages := 1 + r.Uint64N(40)
			if r.IntN(20) == 0 {
				pages = 1 + r.Uint64N(most)
			}
			flags := int32(private)
			if r.IntN(12) == 0 {
				flags = unix.MAP_SHARED | unix.MAP_ANONYMOUS
			}
			at, errno := m.Mmap(uint64(r.IntN(4)/3)*r.Uint64N(limit), pages*PageSize, rw, flags, -1, 0)
			if errno != 0 && errno != unix.ENOMEM {
				t.Fatal(errno)
			}
			if errno == 0 {
				fresh(at, at+pages*PageSize)
				maps = append(maps, mapping{at, pages, flags&unix.MAP_SHARED != 0})
			}
		case k < 7 && len(maps) > 0:
			i := r.IntN(len(maps))
			mp := maps[i]
			maps[i] = maps[len(maps)-1]
			maps = maps[:len(maps)-1]
			if errno := m.Munmap(mp.addr, mp.pages*PageSize); errno != 0 {
				t.Fatal(errno)
			}
			gone(mp.addr, mp.addr+mp.pages*PageSize)
		case k < 9 && len(maps) > 0:
			i := r.IntN(len(maps))
			mp := maps[i]
			pages := 1 + r.Uint64N(2*mp.pages)
			if mp.shared { // whose object does not grow: more pages would give SIGBUS
				pages = min(pages, mp.pages)
			}
			to, errno := m.Mremap(mp.addr, mp.pages*PageSize, pages*PageSize, mremapMaymove, 0)
			if errno == unix.ENOMEM {
				continue
			}
			if errno != 0 {
				t.Fatal(errno)
			}
			kept := min(pages, mp.pages)
			var moved []uint32
			for p := range kept {
				moved = append(moved, marks[mp.addr+p*PageSize])
			}
			gone(mp.addr, mp.addr+mp.pages*PageSize)
			for p, mark := range moved {
				at := to + uint64(p)*PageSize
				if v, errno := m.Load32(uint32(at)); v != mark || errno != 0 {
					t.Fatalf("moved page %#x has %#x, %v, want %#x", at, v, errno, mark)
				}
				if _, used := marks[at]; used {
					t.Fatalf("page %#x was given out twice", at)
				}
				marks[at] = mark
			}
			fresh(to+kept*PageSize, to+pages*PageSize)
			maps[i] = mapping{to, pages, mp.shared}
		default:
			pages := r.Uint64N(most)
			want := first + pages*PageSize
			if got := m.Brk(want); got == want {
				gone(first+pages*PageSize, first+max(pages, breakPages)*PageSize)
				fresh(first+min(pages, breakPages)*PageSize, first+pages*PageSize)
				breakPages = pages
			} else if got != first+breakPages*PageSize {
				t.Fatalf("failed Brk gives %#x", got)
			}
		}
	}
	for p, mark := range marks {
		if v, errno := m.Load32(uint32(p)); v != mark || errno != 0 {
			t.Errorf("page %#x has %#x, %v, want %#x", p, v, errno, mark)
		}
	}
	if limit > testLimit && big < calls/10 {
		t.Errorf("only %d of %d calls had anything mapped ahead", big, calls)
	}
	initial := (first - 0x10000) / PageSize
	if want := (uint64(len(marks)) + initial) * PageSize; m.areas.bytes != want {
		t.Errorf("%d bytes are mapped, want %d", m.areas.bytes, want)
	}
	checkKernel(t, m)
}

//go:build linux && (amd64 || arm64)

package memory

import (
	"slices"
	"sort"
)

// kind tells what backs an area, as far as it matters for moving and growing.
type kind uint8

const (
	anonymous   kind = iota // private memory that starts as zeros
	privateFile             // copy-on-write mapping of a file
	shared                  // MAP_SHARED, of a file or anonymous
)

// traits are properties of an area that later calls must know.
type traits uint8

const (
	noReserve  traits = 1 << iota // MAP_NORESERVE
	hugeTLB                       // MAP_HUGETLB, or a file on hugetlbfs
	noHugePage                    // the guest asked for MADV_NOHUGEPAGE
	dontFork                      // MADV_DONTFORK
	locked                        // mlock or MAP_LOCKED
	onFault                       // and that only when touched
	stack                         // of the main thread
)

// area is a range of guest pages that are mapped in the same way.
type area struct {
	start, end uint64 // guest addresses, page-aligned, end exclusive
	prot       uint8  // PROT_READ and PROT_WRITE
	kind       kind
	traits     traits
	// id tells mappings apart that must not merge, because the kernel would
	// not merge them either: every mapping of a file, and every move of a part
	// of one, has its own. It is 0 for anonymous memory.
	id uint32
	// offset is that of start in the mapped file.
	offset uint64
}

func (a area) size() uint64 { return a.end - a.start }

func (a area) mergesWith(b area) bool {
	return a.end == b.start && a.prot == b.prot && a.kind == b.kind && a.traits == b.traits && a.id == b.id
}

// areas is the page map: sorted by address, without overlap, merged where
// possible.
type areas struct {
	list  []area
	bytes uint64 // sum of the sizes
}

// at returns the index of the first area that ends above addr.
func (as *areas) at(addr uint64) int {
	return sort.Search(len(as.list), func(i int) bool { return as.list[i].end > addr })
}

// find returns the area that contains addr.
func (as *areas) find(addr uint64) (area, bool) {
	if i := as.at(addr); i < len(as.list) && as.list[i].start <= addr {
		return as.list[i], true
	}
	return area{}, false
}

// free reports whether nothing is mapped in [start, end).
func (as *areas) free(start, end uint64) bool {
	i := as.at(start)
	return i == len(as.list) || as.list[i].start >= end
}

// within returns the areas that have pages in [start, end), to be cut to it by
// clip. They must not be used after the map has changed.
func (as *areas) within(start, end uint64) []area {
	i := as.at(start)
	j := i
	for j < len(as.list) && as.list[j].start < end && start < end {
		j++
	}
	return as.list[i:j]
}

// clip returns the part of a inside [start, end).
func (a area) clip(start, end uint64) area {
	a.cutBefore(max(a.start, start))
	a.end = min(a.end, end)
	return a
}

// cutBefore takes away what lies below start, which is not below the area's.
func (a *area) cutBefore(start uint64) {
	if a.id != 0 {
		a.offset += start - a.start
	}
	a.start = start
}

// gap returns the first address of [start, end) that is not mapped, or end.
func (as *areas) gap(start, end uint64) uint64 {
	for i := as.at(start); i < len(as.list) && as.list[i].start <= start && start < end; i++ {
		start = as.list[i].end
	}
	return min(start, end)
}

// split makes addr a boundary between areas.
func (as *areas) split(addr uint64) {
	i := as.at(addr)
	if i == len(as.list) || as.list[i].start >= addr {
		return
	}
	upper := as.list[i]
	upper.cutBefore(addr)
	as.list[i].end = addr
	as.list = slices.Insert(as.list, i+1, upper)
}

// join merges the areas with indexes from first-1 to last+1 where they agree.
func (as *areas) join(first, last int) {
	first, last = max(first-1, 0), min(last+1, len(as.list)-1)
	kept := first
	for i := first + 1; i <= last; i++ {
		if as.list[kept].mergesWith(as.list[i]) {
			as.list[kept].end = as.list[i].end
			continue
		}
		kept++
		as.list[kept] = as.list[i]
	}
	if kept < last {
		as.list = slices.Delete(as.list, kept+1, last+1)
	}
}

// remove makes [start, end) free.
func (as *areas) remove(start, end uint64) {
	if as.free(start, end) {
		return
	}
	as.split(start)
	as.split(end)
	i := as.at(start)
	j := i
	for j < len(as.list) && as.list[j].start < end {
		as.bytes -= as.list[j].size()
		j++
	}
	as.list = slices.Delete(as.list, i, j)
}

// insert adds a, in place of whatever was there.
func (as *areas) insert(a area) {
	as.remove(a.start, a.end)
	i := as.at(a.start)
	as.bytes += a.size()
	if i > 0 && as.list[i-1].mergesWith(a) {
		as.list[i-1].end = a.end
		as.join(i-1, i-1)
		return
	}
	if i < len(as.list) && a.mergesWith(as.list[i]) {
		as.list[i].start, as.list[i].offset = a.start, a.offset
		return
	}
	as.list = slices.Insert(as.list, i, a)
}

// update changes the areas in [start, end).
func (as *areas) update(start, end uint64, change func(*area)) {
	if start >= end || as.free(start, end) {
		return
	}
	as.split(start)
	as.split(end)
	i := as.at(start)
	j := i
	for j < len(as.list) && as.list[j].start < end {
		change(&as.list[j])
		j++
	}
	as.join(i, j-1)
}

// findFree returns the highest address in [low, high) at which size bytes are
// free and which is a multiple of align, a power of two.
func (as *areas) findFree(size, align, low, high uint64) (uint64, bool) {
	i := as.at(high - 1)
	gapEnd := high
	if i < len(as.list) {
		gapEnd = min(gapEnd, as.list[i].start)
	}
	for i--; i >= 0 && gapEnd > low; i-- {
		if at, ok := fit(max(low, as.list[i].end), gapEnd, size, align); ok {
			return at, true
		}
		gapEnd = as.list[i].start
	}
	return fit(low, gapEnd, size, align)
}

// fit places size bytes as high as possible in [low, high).
func fit(low, high, size, align uint64) (uint64, bool) {
	if high < size {
		return 0, false
	}
	at := (high - size) &^ (align - 1)
	return at, at >= low
}

//go:build linux && (amd64 || arm64)

package memory

import (
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

const (
	// PageSize is the page size that the guest sees, and the only one of the
	// host that works.
	PageSize = 4096

	pageMask = PageSize - 1

	// hugePage is the size of a huge page, to which the base is aligned too.
	hugePage = 2 << 20

	// span is the size of the reservation: the sum of any 32-bit pointer and
	// any 32-bit length, and a guard, in 64 KiB because that is the largest
	// page that Linux has on these architectures.
	span = 8<<30 + 64<<10

	// lowestPick is the lowest address that Mmap picks by itself.
	lowestPick = 64 << 10

	// lowestFixed is the lowest address that the guest may map by MAP_FIXED,
	// the equivalent of vm.mmap_min_addr.
	lowestFixed = PageSize

	// highest is where guest mappings end at the latest: a pointer to the end
	// of an object in the last page would wrap to NULL.
	highest = 4<<30 - 64<<10
)

// Memory is the linear memory of one wasm process. Its methods may be called
// by several guest threads at once, except Close and those named as being
// for setting up.
type Memory struct {
	base  uintptr // immutable
	limit uint64  // immutable; end of the guest's mappings
	total uint64  // immutable; end of the wasm memory: limit and extra

	mu         sync.Mutex // guards what follows
	areas      areas
	nextID     uint32
	breakStart uint64
	breakNow   uint64 // the guest's break, to the byte

	maxSpace   uint64 // RLIMIT_AS
	maxData    uint64 // RLIMIT_DATA
	attached   []attachment
	aboveBreak ahead  // see huge.go
	belowHeap  ahead  // see huge.go
	lockFuture traits // how mlockall(MCL_FUTURE) locks new mappings
}

// Reserve makes an empty memory. The guest may map the bytes below limit; the
// engine may map the extra bytes above it with MapPrivate. Both are multiples of
// the page size, and together at most 4 GiB. The caller calls Close when the
// memory is no longer used by any thread.
func Reserve(limit, extra uint64) (*Memory, error) {
	if err := checkReserve(limit, extra); err != nil {
		return nil, err
	}
	at, errno := mmapAnywhere(span+hugePage, unix.PROT_NONE, reserveFlags)
	if errno != 0 {
		return nil, reserveError(errno)
	}
	base := (at + hugePage - 1) &^ (hugePage - 1)
	// Trim to the alignment. Failing here costs address space only.
	if before := base - at; before > 0 {
		munmapHost(at, uint64(before))
	}
	if after := at + hugePage - base; after > 0 {
		munmapHost(base+span, uint64(after))
	}
	return initMemory(base, limit, extra), nil
}

// FixedBase is where ReserveFixed puts a memory. It is small enough to be part of
// an instruction's addressing mode, and above all that the kernel maps for an
// executable that is linked to low addresses, as Go's are. The patched engine has
// it as a constant, see helper/engine/wazero/patches.
const FixedBase = 0x1000_0000

// FixedSpan is how much address space a memory takes from FixedBase on.
const FixedSpan = span

// ReserveFixed is Reserve with the base FixedBase, so that there can be one such
// memory in a process. taken says that the caller has mapped the FixedSpan bytes
// from there without access and leaves them to the memory.
func ReserveFixed(limit, extra uint64, taken bool) (*Memory, error) {
	return ReserveAt(FixedBase, limit, extra, taken)
}

// ReserveAt is ReserveFixed for another base, a multiple of 2 MiB: a module that is
// compiled for it has it as a constant.
func ReserveAt(base uintptr, limit, extra uint64, taken bool) (*Memory, error) {
	if err := checkReserve(limit, extra); err != nil {
		return nil, err
	}
	if taken {
		return initMemory(base, limit, extra), nil
	}
	at, errno := mmapAt(base, span, unix.PROT_NONE, reserveFlags|unix.MAP_FIXED_NOREPLACE)
	if errno != 0 {
		return nil, reserveError(errno)
	}
	if at != base { // a kernel before 4.17 takes the address for a hint
		munmapHost(at, span)
		return nil, reserveError(unix.EEXIST)
	}
	return initMemory(base, limit, extra), nil
}

func reserveError(errno unix.Errno) error {
	return fmt.Errorf("reserve %d bytes of address space: %w (is RLIMIT_AS, ulimit -v, set?)", uint64(span), errno)
}

func checkReserve(limit, extra uint64) error {
	if size := os.Getpagesize(); size != PageSize {
		return fmt.Errorf("the page size of this system is %d; programs need %d", size, PageSize)
	}
	if limit == 0 || limit > 4<<30 || extra > 4<<30-limit || (limit|extra)&pageMask != 0 {
		return fmt.Errorf("reserve memory: limit %#x with %#x above it is not possible", limit, extra)
	}
	return nil
}

func initMemory(base uintptr, limit, extra uint64) *Memory {
	m := &Memory{base: base, limit: min(limit, highest), total: limit + extra, maxSpace: ^uint64(0), maxData: ^uint64(0)}
	// A core dump would otherwise look at each of two million empty pages as
	// soon as one page of the reservation had been in use.
	m.advise(0, span, unix.MADV_DONTDUMP)
	return m
}

// Close gives the whole reservation back to the system. No thread may use the
// memory then or later.
func (m *Memory) Close() error {
	if errno := munmapHost(m.base, span); errno != 0 {
		return fmt.Errorf("unmap memory: %w", errno)
	}
	m.areas = areas{}
	return nil
}

// Base returns the host address of guest address 0. It never changes.
func (m *Memory) Base() uintptr { return m.base }

// Limit returns the guest address at which the guest's mappings end.
func (m *Memory) Limit() uint64 { return m.limit }

// Size returns the size of the wasm memory in bytes, which is what Bytes has.
func (m *Memory) Size() uint64 { return m.total }

// MapInitial maps the pages of [start, end), of the module's data and stack,
// readable and writable. It is for setting up.
func (m *Memory) MapInitial(start, end uint64) error {
	start, end = start&^pageMask, roundUp(end)
	if start > end || end > m.limit {
		return fmt.Errorf("map initial memory: %#x to %#x exceeds the limit %#x", start, end, m.limit)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if start == end {
		return nil
	}
	if !m.areas.free(start, end) {
		return fmt.Errorf("map initial memory: %#x to %#x is in use", start, end)
	}
	const prot = unix.PROT_READ | unix.PROT_WRITE
	if errno := m.mapFixed(start, end-start, prot, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS); errno != 0 {
		return fmt.Errorf("map initial memory: %w", errno)
	}
	m.areas.insert(area{start: start, end: end, prot: prot, kind: anonymous})
	return nil
}

// SetStack says that the initial memory below end, a multiple of the page size, is the
// main thread's stack and that what is above it is data; 0 says that the stack is
// somewhere among the data. A stack is reserved at its full size, and most of it is
// never touched: it is no part of a heap that gets huge pages, and counts for no
// limit. It is for setting up.
func (m *Memory) SetStack(end uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.areas.update(0, end, func(a *area) { a.traits |= stack })
	if i := m.areas.at(end); i < len(m.areas.list) {
		m.adviseHuge(m.areas.list[i].start, m.areas.list[i].end)
	}
}

// MapPrivate maps data, read-only, at a page-aligned guest address at or above
// Limit and below Size. The guest can read but not change, unmap or replace
// it. It is for setting up.
func (m *Memory) MapPrivate(addr uint64, data []byte) error {
	size := roundUp(uint64(len(data)))
	if addr&pageMask != 0 || addr < m.limit || addr > m.total || size > m.total-addr {
		return fmt.Errorf("map %d bytes at %#x, outside the engine's part from %#x to %#x", len(data), addr, m.limit, m.total)
	}
	if size == 0 {
		return nil
	}
	if errno := m.mapFixed(addr, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS); errno != 0 {
		return fmt.Errorf("map engine pages: %w", errno)
	}
	if errno := m.Write(uint32(addr), data); errno != 0 {
		return fmt.Errorf("fill engine pages: %w", errno)
	}
	if errno := m.protect(addr, size, unix.PROT_READ); errno != 0 {
		return fmt.Errorf("protect engine pages: %w", errno)
	}
	return nil
}

// Lock keeps all mapping calls out until Unlock. fork takes it, so that the page
// map it copies agrees with the kernel's.
func (m *Memory) Lock() { m.mu.Lock() }

// Unlock ends what Lock began, in the child of a fork as in the parent.
func (m *Memory) Unlock() { m.mu.Unlock() }

// roundUp returns the least multiple of the page size that is at least n. It
// wraps to 0 for the topmost values.
func roundUp(n uint64) uint64 { return (n + pageMask) &^ pageMask }

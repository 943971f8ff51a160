package enginetest

import (
	"fmt"
	"sync"
	"unsafe"

	"github.com/tetratelabs/wazero/api"
	"golang.org/x/sys/unix"

	"walisup/wali/memory"
)

// linear is a linear memory that can be mapped at memory.FixedBase besides where it
// lies. It implements experimental.LinearMemory.
type linear struct {
	fd   int
	view unsafe.Pointer // memory.FixedSpan bytes
	size uint64         // of the memory
	max  uint64
	end  uint64 // of what is accessible of it

	private, privateSize uint64 // see Bench.MapPrivate
}

const readWrite = unix.PROT_READ | unix.PROT_WRITE

func newLinear(limit uint64) *linear {
	fd, err := unix.MemfdCreate("memory", unix.MFD_CLOEXEC)
	must(err)
	view, err := unix.MmapPtr(-1, 0, nil, memory.FixedSpan, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	must(err)
	return &linear{fd: fd, view: view, max: limit, end: limit}
}

func must(err error) {
	if err != nil {
		panic(fmt.Sprintf("enginetest: %v", err))
	}
}

// Reallocate implements experimental.LinearMemory.
func (l *linear) Reallocate(size uint64) []byte {
	if size > l.max {
		return nil
	}
	if size > l.size {
		must(unix.Ftruncate(l.fd, int64(size)))
		l.mapAt(l.view, size)
		l.size = size
		if fixed.holds == l {
			l.mapAt(fixed.base(), size)
		}
	}
	return unsafe.Slice((*byte)(l.view), max(l.max, 1))[:size]
}

// Free implements experimental.LinearMemory.
func (l *linear) Free() {
	if fixed.holds == l {
		fixed.hold(nil)
	}
	must(unix.MunmapPtr(l.view, memory.FixedSpan))
	unix.Close(l.fd)
}

func (l *linear) mapAt(at unsafe.Pointer, size uint64) {
	if size = min(size, l.end); size == 0 {
		return
	}
	_, err := unix.MmapPtr(l.fd, 0, at, uintptr(size), readWrite, unix.MAP_SHARED|unix.MAP_FIXED)
	must(err)
}

// MapPrivate fills pages of an instance's memory that are not accessible otherwise, for
// reading, as those of the engine in a helper are. The address is a page's.
func (b *Bench) MapPrivate(m api.Module, address uint64, content []byte) error {
	l := b.memories[m]
	if address < l.end || address+uint64(len(content)) > l.size {
		return fmt.Errorf("no room for %d bytes at %#x", len(content), address)
	}
	_, err := unix.Pwrite(l.fd, content, int64(address))
	l.private, l.privateSize = address, uint64(len(content))
	l.mapPrivate(l.view)
	if fixed.holds == l {
		l.mapPrivate(fixed.base())
	}
	return err
}

func (l *linear) mapPrivate(base unsafe.Pointer) {
	if l.privateSize == 0 {
		return
	}
	_, err := unix.MmapPtr(l.fd, int64(l.private), unsafe.Add(base, l.private), uintptr(l.privateSize), unix.PROT_READ,
		unix.MAP_SHARED|unix.MAP_FIXED)
	must(err)
}

// fixed is the reservation at memory.FixedBase. Whoever uses it is the only one to
// run, see do.
var fixed fixedBase

type fixedBase struct {
	holds *linear
}

func (*fixedBase) base() unsafe.Pointer {
	p := uintptr(memory.FixedBase)
	return *(*unsafe.Pointer)(unsafe.Pointer(&p))
}

var reserveFixed = sync.OnceFunc(func() {
	_, err := unix.MmapPtr(-1, 0, fixed.base(), memory.FixedSpan, unix.PROT_NONE,
		unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE|unix.MAP_FIXED_NOREPLACE)
	must(err)
})

// hold makes l what is at the fixed base; nothing is there if it is nil.
func (f *fixedBase) hold(l *linear) {
	if f.holds == l || !Patched() {
		return
	}
	reserveFixed()
	if f.holds != nil && f.holds.size > 0 {
		_, err := unix.MmapPtr(-1, 0, f.base(), uintptr(f.holds.size), unix.PROT_NONE,
			unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE|unix.MAP_FIXED)
		must(err)
	}
	f.holds = l
	if l != nil {
		l.mapAt(f.base(), l.size)
		l.mapPrivate(f.base())
	}
}

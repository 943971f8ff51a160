package wali

import (
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The kernel gives up the robust mutexes of a process that is killed or executes another
// program, if it knows their list; set_robust_list(2). The list that it can walk has
// pointers of 8 bytes, and its entries lie at a fixed distance from the futex words. So
// there is a shadow of the linear memory, of the same size, that is reserved when a guest
// first locks such a mutex: the entry for the futex word at guest address p is at shadow + p.
// Of the shadow only those pages exist that have an entry.
//
// The kernel writes to the word at the fixed distance from each entry, if it holds the id
// of the ending thread. For that to be the guest's own memory and nothing else, the guest
// must have no way to make an entry point anywhere: it cannot address the shadow, each
// operation takes a guest address that is checked, and entries, which have 8 bytes for words
// of 4, never overlap.
//
// The C library says what it does to its own list, by prctl: see wali/libc/patches.

// shadowArea is a process's shadow.
type shadowArea struct {
	mu   sync.Mutex // guards the making, and all entries against overlapping ones
	base uintptr    // address of the entry for guest address 0; 0 if there is none yet
	none bool       // it cannot be had
}

// shadowList is a thread's list. The kernel reads the head, which is the kernel's struct
// robust_list_head, when the thread ends.
type shadowList struct {
	head [3]uintptr // first entry, distance of words from entries, entry that comes or goes
	held int        // how many entries it has
	told bool       // the kernel knows of it
}

const (
	headFirst = iota
	headDistance
	headPending
)

// Operations of prctlRobust.
const (
	robustClear  = iota // nothing comes or goes any more
	robustComes         // the mutex is about to be locked
	robustLink          // it has been
	robustUnlink        // it is about to be unlocked
)

const (
	shadowSize = 4<<30 + 4096 // the last entry ends above 4 GiB

	// shadowOffset makes sure that neither half of an entry is 0, by which one that is in
	// use is told from one that is not: all entries are at addresses that are no
	// multiple of 4, above 4 GiB.
	shadowOffset = 2
)

// shadowRobust carries out an operation on the futex word at p.
func (t *Thread) shadowRobust(operation, p uint32) unix.Errno {
	l := &t.shadow
	if operation == robustClear {
		atomic.StoreUintptr(&l.head[headPending], 0)
		return 0
	}
	if operation > robustUnlink || p&3 != 0 || uint64(p) >= t.Memory.Limit() {
		return unix.EINVAL
	}
	a := &t.Process.shadowArea
	a.mu.Lock()
	defer a.mu.Unlock()
	if e := t.beginShadow(); e != 0 {
		return e
	}
	at := a.base + uintptr(p)
	entry := wordAt(at)
	switch operation {
	case robustComes:
		atomic.StoreUintptr(&l.head[headPending], at)
	case robustLink:
		halves := (*[2]uint32)(unsafe.Pointer(entry))
		// The kernel does not look further than that.
		if halves[0] == 0 && halves[1] == 0 && l.held < robustLimit {
			*entry = l.head[headFirst]
			atomic.StoreUintptr(&l.head[headFirst], at)
			l.held++
		}
		atomic.StoreUintptr(&l.head[headPending], 0)
	case robustUnlink:
		atomic.StoreUintptr(&l.head[headPending], at)
		for from := &l.head[headFirst]; *from != l.end(); from = wordAt(*from) {
			if *from == at {
				*from = *entry
				*entry = 0
				l.held--
				break
			}
		}
	}
	return 0
}

// end is what the last entry points to: the head.
func (l *shadowList) end() uintptr { return uintptr(unsafe.Pointer(&l.head)) }

// beginShadow sees to it that there is a shadow and that the kernel knows the thread's
// list.
//
// Precondition: shadowArea.mu is held.
func (t *Thread) beginShadow() unix.Errno {
	a, l := &t.Process.shadowArea, &t.shadow
	if l.told {
		return 0
	}
	if a.base == 0 {
		const flags = unix.MAP_PRIVATE | unix.MAP_ANONYMOUS | unix.MAP_NORESERVE
		if a.none {
			return unix.ENOMEM
		}
		at := t.call(unix.SYS_MMAP, 0, shadowSize, unix.PROT_READ|unix.PROT_WRITE, flags, ^uintptr(0), 0)
		// A child has none of its parent's mutexes.
		if at < 0 || at < 4<<30 || t.call(unix.SYS_MADVISE, uintptr(at), shadowSize, unix.MADV_WIPEONFORK, 0, 0, 0) < 0 {
			if at > 0 {
				t.call(unix.SYS_MUNMAP, uintptr(at), shadowSize, 0, 0, 0, 0)
			}
			a.none = true
			return unix.ENOMEM
		}
		t.call(unix.SYS_MADVISE, uintptr(at), shadowSize, unix.MADV_DONTDUMP, 0, 0, 0)
		t.call(unix.SYS_MADVISE, uintptr(at), shadowSize, unix.MADV_NOHUGEPAGE, 0, 0, 0)
		a.base = uintptr(at) + shadowOffset
	}
	l.head = [3]uintptr{headFirst: l.end(), headDistance: t.Memory.Base() - a.base}
	t.Helper.LetVforkGo()
	r := t.call(unix.SYS_SET_ROBUST_LIST, l.end(), unsafe.Sizeof(l.head), 0, 0, 0, 0)
	l.told = r == 0
	return unix.Errno(-r)
}

// dropShadow empties the thread's list.
func (t *Thread) dropShadow() {
	l := &t.shadow
	if !l.told {
		return
	}
	a := &t.Process.shadowArea
	a.mu.Lock()
	defer a.mu.Unlock()
	for at := l.head[headFirst]; at != l.end() && at != 0; {
		entry := wordAt(at)
		at, *entry = *entry, 0
	}
	atomic.StoreUintptr(&l.head[headFirst], l.end())
	atomic.StoreUintptr(&l.head[headPending], 0)
	l.held = 0
}

// wordAt returns the word at an address that is not the Go heap's.
func wordAt(at uintptr) *uintptr { return *(**uintptr)(unsafe.Pointer(&at)) }

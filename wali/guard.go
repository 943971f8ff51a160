package wali

import (
	"golang.org/x/sys/unix"

	"walisup/wali/pathguard"
)

// guard returns the thread's way to files, see package pathguard.
func (t *Thread) guard() *pathguard.Thread {
	g := &t.threadState.guard
	if g.Guard == nil {
		*g = pathguard.Thread{Guard: &t.files, Caller: (*guarded)(t), Process: (*guarded)(t)}
	}
	return g
}

// guarded is a Thread as its guard sees it.
type guarded Thread

func (t *guarded) thread() *Thread { return (*Thread)(t) }

// Call implements pathguard.Caller.
func (t *guarded) Call(nr, a0, a1, a2, a3, a4, a5 uintptr) int64 {
	return t.thread().call(nr, a0, a1, a2, a3, a4, a5)
}

// BlockOnce implements pathguard.Caller.
func (t *guarded) BlockOnce(nr, a0, a1, a2, a3, a4, a5 uintptr) (r int64, again bool) {
	return t.thread().blockOnce(nr, a0, a1, a2, a3, a4, a5)
}

// Alloc, Scratch and ResetScratch implement pathguard.Caller.
func (t *guarded) Alloc(n int) []byte { return t.thread().alloc(n) }
func (t *guarded) Scratch() int       { return t.scratchUsed }
func (t *guarded) ResetScratch(n int) { t.scratchUsed = n }

// OwnsFD implements pathguard.Process.
func (t *guarded) OwnsFD(fd int32) bool { return t.ownsFD(fd) }

// firstSlot is an offset into the private range; see package ipc for what comes before the
// slots and behind them.
const (
	firstSlot = 10
	slots     = 6
)

// Slots implements pathguard.Process. What fills a place is the helper's executable.
func (t *guarded) Slots() pathguard.Slots {
	first := int32(t.ReservedFD)
	return pathguard.Slots{First: first + firstSlot, Count: slots, Filler: first}
}

// Place implements pathguard.Process. Only below the soft limit can a descriptor be put
// into a place.
func (t *guarded) Place(fd, slot int32) bool {
	l := &t.limits
	l.mu.Lock()
	defer l.mu.Unlock()
	thread := t.thread()
	was, e := thread.kernelLimit(unix.RLIMIT_NOFILE)
	if e != 0 {
		return false
	}
	if top := uint64(t.ReservedFD) + ReservedFDs; was.Soft < top {
		if thread.setKernelLimit(unix.RLIMIT_NOFILE, Limit{Soft: top, Hard: was.Hard}) != 0 {
			return false
		}
		defer thread.setKernelLimit(unix.RLIMIT_NOFILE, was)
	}
	return thread.call(unix.SYS_DUP3, uintptr(fd), uintptr(slot), unix.O_CLOEXEC, 0, 0, 0) >= 0
}

// LendDescriptors implements pathguard.Process.
func (t *guarded) LendDescriptors() (restore func()) {
	_, restore = t.thread().lendDescriptors()
	return restore
}

// HelperFile implements pathguard.Process.
func (t *guarded) HelperFile() (dev, inode uint64) { return t.HelperDev, t.HelperIno }

// ModulePath implements pathguard.Process.
func (t *guarded) ModulePath() string { return t.Module }

// OwnView implements pathguard.Process.
func (t *guarded) OwnView(v pathguard.Verdict, how pathguard.How) int64 {
	return t.thread().openOwnView(v, how)
}

// SetThreads tells how many guest threads there are. A second one is announced
// before it runs.
func (p *Process) SetThreads(n int) { p.files.SetThreads(n) }

func (t *Thread) closeFD(fd int32) { t.call(unix.SYS_CLOSE, uintptr(fd), 0, 0, 0, 0, 0) }

// cstring copies s to scratch space, with a NUL, and returns its address: 0 if
// it is too long.
func (t *Thread) cstring(s string) uintptr { return t.guard().CString(s) }

// emptyPath is "" for calls that act on the descriptor itself.
var emptyPath = pathguard.EmptyPath

// atFDCWD is unix.AT_FDCWD for the kernel.
const atFDCWD = ^uintptr(99)

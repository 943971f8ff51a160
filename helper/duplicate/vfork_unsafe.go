package duplicate

import (
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"walisup/wali/kernel"
	"walisup/wali/kernel/abi"
)

// Vfork makes a thread wait until its child has executed another program or has ended,
// while the parent's other threads go on.
//
// The kernel could make it wait by itself (CLONE_VFORK), but then nobody would let the
// other threads go on that are stopped for the fork. So child and parent share a page
// with a word that the child holds like a robust mutex: when its address space goes, on
// execve or at its end however it comes, the kernel gives the mutex up and wakes who
// waits for it.
type Vfork struct{ page uintptr }

// Layout of the page. Of the kernel's struct robust_list_head the members are list, an
// offset from the list's entries to their words, and an entry that is about to come or
// go; linux/futex.h.
const (
	vforkWord  = 0  // u32
	vforkHead  = 64 // struct robust_list_head
	vforkEntry = 128

	vforkPage     = 4096
	robustHeadLen = 24

	// vforkPause is how long, in nanoseconds, the parent waits before it looks whether
	// the child has ended before it held the word.
	vforkPause = 100_000_000
)

// NewVfork is called by the parent before it forks.
func NewVfork() (*Vfork, unix.Errno) {
	r, e := kernel.Errno(kernel.Syscall(unix.SYS_MMAP, 0, vforkPage, unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_SHARED|unix.MAP_ANONYMOUS, ^uintptr(0), 0))
	if e != 0 {
		return nil, e
	}
	v := &Vfork{page: uintptr(r)}
	*v.field(vforkHead) = v.page + vforkEntry
	*v.field(vforkHead + 8) = ^uintptr(vforkEntry - vforkWord - 1)
	*v.field(vforkEntry) = v.page + vforkHead
	return v, 0
}

// Hold is called by the child before the guest goes on. The kernel has one robust list
// for each thread: whoever gives it another one for this thread has to call LetGo first,
// or the parent waits until the child ends.
func (v *Vfork) Hold() {
	tid := uint32(kernel.Syscall(unix.SYS_GETTID, 0, 0, 0, 0, 0, 0))
	atomic.StoreUint32(v.word(), tid|abi.FutexWaiters)
	kernel.Syscall(unix.SYS_SET_ROBUST_LIST, v.page+vforkHead, robustHeadLen, 0, 0, 0, 0)
}

// LetGo is called by the child, after Hold: the parent goes on early.
func (v *Vfork) LetGo() {
	atomic.StoreUint32(v.word(), abi.FutexOwnerDied)
	kernel.Syscall(unix.SYS_FUTEX, v.page+vforkWord, abi.FutexWake, 1, 0, 0, 0)
}

// Await is called by the parent after the fork, with the gate of the calling thread,
// which is away meanwhile. pid is the child, or a negative errno if there is none.
func (v *Vfork) Await(gate *kernel.Gate, pid int) {
	for pid > 0 {
		word := atomic.LoadUint32(v.word())
		if word&abi.FutexOwnerDied != 0 {
			break
		}
		r := gate.FutexAway(v.word(), abi.FutexWait, word, vforkPause)
		if r == -int64(unix.ETIMEDOUT) && gone(pid) {
			break
		}
	}
	kernel.Syscall(unix.SYS_MUNMAP, v.page, vforkPage, 0, 0, 0, 0)
}

// gone reports whether a child has ended, without reaping it. Somebody else may have.
func gone(pid int) bool {
	var info [16]uint64 // siginfo_t: si_signo is 0 if there is nothing to tell
	const flags = unix.WEXITED | unix.WNOHANG | unix.WNOWAIT | unix.WALL
	r := kernel.Syscall(unix.SYS_WAITID, unix.P_PID, uintptr(pid), uintptr(unsafe.Pointer(&info)), flags, 0, 0)
	if r == -int64(unix.ECHILD) { // or it is a sibling (CLONE_PARENT)
		return unix.Kill(pid, 0) == unix.ESRCH
	}
	return r == 0 && uint32(info[0]) != 0
}

func (v *Vfork) word() *uint32 { return (*uint32)(unsafe.Pointer(v.field(vforkWord))) }

// field is a word of the page, which lies outside the Go heap.
func (v *Vfork) field(offset uintptr) *uintptr {
	p := v.page + offset
	return *(**uintptr)(unsafe.Pointer(&p))
}

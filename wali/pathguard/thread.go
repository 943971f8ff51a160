package pathguard

import (
	"encoding/binary"
	"strconv"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Caller is the guest thread that a Thread works for: how it makes system calls, and where
// memory for them comes from.
type Caller interface {
	// Call makes a system call that does not block.
	Call(nr, a0, a1, a2, a3, a4, a5 uintptr) int64

	// BlockOnce makes a system call that may sleep. again says that handlers of the
	// guest have run instead.
	BlockOnce(nr, a0, a1, a2, a3, a4, a5 uintptr) (r int64, again bool)

	// Alloc returns n zero bytes that do not move and live until the thread resets its
	// scratch space to what Scratch said before.
	Alloc(n int) []byte
	Scratch() int
	ResetScratch(mark int)
}

// Process is what a Thread has to know of the process, and the process to do for it.
type Process interface {
	// OwnsFD reports whether descriptor fd is the helper's, or may be.
	OwnsFD(fd int32) bool

	// Slots are descriptors of the helper's that a Thread may use.
	Slots() Slots

	// Place makes slot a copy of fd, and reports whether it could. The soft limit of
	// descriptors may lie below the slots.
	Place(fd, slot int32) bool

	// LendDescriptors raises the soft limit of descriptors to the end of the private
	// range, until restore is called.
	LendDescriptors() (restore func())

	// HelperFile says which file the helper's executable is.
	HelperFile() (dev, inode uint64)

	// ModulePath is the absolute path of what the guest takes for its executable.
	ModulePath() string

	// OwnView opens the file in which the guest sees itself in its own terms, in place
	// of one of the kernel's: v is one of OwnMaps to OwnAuxv.
	OwnView(v Verdict, how How) int64
}

// Slots are Count descriptors from First on, at most 32. Filler is another one that is
// always open and harmless.
type Slots struct{ First, Count, Filler int32 }

// Guard is what the threads of a process share. Its zero value is that of a process with
// one thread.
type Guard struct {
	// procBlock says whether files of procfs can be told by their block
	// size: one of the block constants.
	procBlock atomic.Uint32

	// memfdDev is the device of all memfds, which is no other file's, or 0
	// while it is not known.
	memfdDev atomic.Uint64

	// filled says that what is free of the private range is occupied.
	filled atomic.Bool

	sharing
}

// KeepFilled says that the whole private range is occupied from now on, and is to stay so:
// the kernel would give the guest what becomes free.
func (g *Guard) KeepFilled() { g.filled.Store(true) }

// Thread opens files for one guest thread.
type Thread struct {
	*Guard
	Caller
	Process
}

// block is BlockOnce, whatever handlers run before.
func (t *Thread) block(nr, a0, a1, a2, a3, a4, a5 uintptr) int64 {
	for {
		if r, again := t.BlockOnce(nr, a0, a1, a2, a3, a4, a5); !again {
			return r
		}
	}
}

// Close closes a descriptor.
func (t *Thread) Close(fd int32) { t.Call(unix.SYS_CLOSE, uintptr(fd), 0, 0, 0, 0, 0) }

// PID is the id of the process.
func (t *Thread) PID() int { return int(t.Call(unix.SYS_GETPID, 0, 0, 0, 0, 0, 0)) }

// How is the kernel's struct open_how: openat2(2).
type How struct{ Flags, Mode, Resolve uint64 }

// HowSize is the size of struct open_how (OPEN_HOW_SIZE_VER0): flags, mode, resolve, each
// u64.
const HowSize = 24

// Address puts how where the kernel can read it.
func (how *How) Address(t *Thread) uintptr {
	b := t.Alloc(HowSize)
	binary.LittleEndian.PutUint64(b, how.Flags)
	binary.LittleEndian.PutUint64(b[8:], how.Mode)
	binary.LittleEndian.PutUint64(b[16:], how.Resolve)
	return address(b)
}

const tmpfileBit = unix.O_TMPFILE &^ unix.O_DIRECTORY

// CloseOnExec returns how's O_CLOEXEC.
func (how *How) CloseOnExec() bool { return how.Flags&unix.O_CLOEXEC != 0 }

// createsOnly reports whether how can open nothing but a file that it makes.
func (how *How) createsOnly() bool {
	const both = unix.O_CREAT | unix.O_EXCL
	return how.Flags&unix.O_PATH == 0 && (how.Flags&both == both || how.Flags&tmpfileBit != 0)
}

// openBlocking opens a path that ends with a NUL by how, whatever handlers run before.
func (t *Thread) openBlocking(dirfd int32, path []byte, how How) int64 {
	return t.block(unix.SYS_OPENAT2, uintptr(dirfd), address(path), how.Address(t), HowSize, 0, 0)
}

// OpenPath opens a path that ends with a NUL, with O_PATH: what comes of it can
// neither be read nor written.
func (t *Thread) OpenPath(dirfd int32, path []byte, how How) int64 {
	mark := t.Scratch()
	defer t.ResetScratch(mark)
	how.Flags |= unix.O_PATH | unix.O_CLOEXEC
	return t.Call(unix.SYS_OPENAT2, uintptr(dirfd), address(path), how.Address(t), HowSize, 0, 0)
}

// Duplicate returns a copy of fd in the guest's range.
func (t *Thread) Duplicate(fd int32, closeOnExec bool) int64 {
	command := uintptr(unix.F_DUPFD)
	if closeOnExec {
		command = unix.F_DUPFD_CLOEXEC
	}
	return t.Call(unix.SYS_FCNTL, uintptr(fd), command, 0, 0, 0, 0)
}

// Settle gives the guest descriptor r in place of fd, which was taken before it.
func (t *Thread) Settle(fd int32, r int64, closeOnExec bool) int64 {
	if r > int64(fd) {
		flags := uintptr(0)
		if closeOnExec {
			flags = unix.O_CLOEXEC
		}
		if t.Call(unix.SYS_DUP3, uintptr(r), uintptr(fd), flags, 0, 0, 0) >= 0 {
			t.Close(int32(r))
			return int64(fd)
		}
	}
	t.Close(fd)
	return r
}

// lowest moves a descriptor to the lowest free number.
func (t *Thread) lowest(fd int32, closeOnExec bool) int64 {
	r := t.Duplicate(fd, closeOnExec)
	if r >= 0 && r < int64(fd) {
		t.Close(fd)
		return r
	}
	if r >= 0 {
		t.Close(int32(r))
	}
	return int64(fd)
}

// CString copies s to scratch space, with a NUL, and returns its address: 0 if
// it is too long.
func (t *Thread) CString(s string) uintptr {
	b := t.Alloc(len(s) + 1)
	if b == nil {
		return 0
	}
	copy(b, s)
	return address(b)
}

// Terminated returns a copy of a path with its NUL, and a slash before that if asked
// for.
func (t *Thread) Terminated(path []byte, slash bool) []byte {
	b := append(t.Alloc(len(path) + 2)[:0], path...)
	if slash {
		b = append(b, '/')
	}
	return append(b, 0)
}

// numeral returns fd's name in a directory of descriptors, with a NUL, in scratch space.
func (t *Thread) numeral(fd int32) []byte {
	return append(strconv.AppendInt(t.Alloc(16)[:0], int64(fd), 10), 0)
}

// EmptyPath is "" for calls that act on the descriptor itself.
var EmptyPath = []byte{0}

// atFDCWD is unix.AT_FDCWD for the kernel.
const atFDCWD = ^uintptr(99)

// address is where b's bytes are. Only for memory that does not move: scratch space and
// globals.
func address(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }

// errno makes a call result of an error number.
func errno(e unix.Errno) int64 { return -int64(e) }

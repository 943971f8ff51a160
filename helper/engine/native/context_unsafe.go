package native

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/cpu"
	"golang.org/x/sys/unix"

	"walisup/helper/engine/native/image"
	"walisup/helper/interrupt"
	"walisup/wali/kernel"
)

// guestContext is what GS points to. The stubs of an image and the assembly know the offsets.
type guestContext struct {
	self       uintptr // 0
	guestSP    uintptr // 8: below it the guest's stack is free, and code goes on with what it points to
	goSP       uintptr // 16: Go's stack in enter
	exit       int64   // 24: why the code has left: an import's number, or one of the exits below
	args       uintptr // 32: of the host function
	goExit     uintptr // 40: where code leaves to
	ret        uintptr // 48: what setjmp's stub returns when it returns again
	gate       *kernel.Gate
	state      *interrupt.State
	resuming   uintptr // 72: go on in the frame that package interrupt has set aside
	oldSP      uintptr // 80: guestSP and exit at an interruption
	oldExit    int64
	stackLo    uintptr // bounds of all that the guest's stack pointer may be in, for the handlers
	stackHi    uintptr
	overflowed uintptr // the small stack is in use
	_          [image.ContextGlobals - 15*8]byte
	globals    [image.MaxGlobals]uint64
}

// The image knows the size of what precedes the globals.
const (
	_ = unsafe.Offsetof(guestContext{}.globals) - image.ContextGlobals
	_ = image.ContextGlobals - unsafe.Offsetof(guestContext{}.globals)
)

// Values of guestContext.exit that are no imports. Traps are exitTrap minus the trap.
const (
	exitDone        = -2
	exitPending     = -3
	exitInterrupted = -4
	exitThrow       = -5 // args is the exception
	exitTrap        = -16
)

// Offsets for the assembly, which has only those of this package's types.
const (
	gatePending = unsafe.Offsetof(kernel.Gate{}.Pending)
	stateFrame  = interrupt.OffsetFrame
)

func enter()
func lookPC() uintptr
func pendingExitPC() uintptr
func goExitPC() uintptr
func enterStubPC() uintptr
func nothingPC() uintptr

// Sizes of the parts of a guest's stack, from its lowest address on.
const (
	lowGuard  = 1 << 20
	smallSize = 1 << 20 // for handlers after an overflow
	guardSize = 64 << 20
	stackSize = 256 << 20

	wholeStack = lowGuard + smallSize + guardSize + stackSize
)

// room is how much of a stack must be free for a call to begin: what the first frames need.
const room = 4096

func pointer(p uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&p)) }

func word(p uintptr) *uintptr { return (*uintptr)(pointer(p)) }

func addressOf(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }

// checkProcessor refuses processors that the code does not run on.
func checkProcessor() error {
	if !cpu.X86.HasSSE42 || !cpu.X86.HasPOPCNT {
		return errors.New("native code needs a processor with SSE 4.2 and POPCNT (use --engine wazero)")
	}
	return nil
}

// setGS makes the calling kernel thread's GS point to c. A fork inherits it.
func (c *guestContext) setGS() error {
	const archSetGS = 0x1001
	if _, e := kernel.Errno(kernel.Syscall(unix.SYS_ARCH_PRCTL, archSetGS, c.self, 0, 0, 0, 0)); e != 0 {
		return fmt.Errorf("native code needs the system call arch_prctl: %w (use --engine wazero)", e)
	}
	return nil
}

// place moves the mapping of an image to where it was linked for.
func place(code []byte) error {
	const page = 4096
	size := (uintptr(len(code)) + page - 1) &^ (page - 1)
	if len(code) == 0 || size > image.MaxSize || addressOf(code)%page != 0 {
		return errors.New("the native code has an unknown form; clear the compile cache")
	}
	_, err := unix.MmapPtr(-1, 0, pointer(image.Base), size, unix.PROT_NONE,
		unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE|unix.MAP_FIXED_NOREPLACE)
	if err == nil {
		_, err = unix.MremapPtr(pointer(addressOf(code)), size, pointer(image.Base), size, unix.MREMAP_MAYMOVE|unix.MREMAP_FIXED)
	}
	if err != nil {
		return fmt.Errorf("map native code at %#x: %w", image.Base, err)
	}
	return nil
}

// newContext makes a context and a stack, in private memory of the process.
func newContext(s *interrupt.State, d *image.Description) (*guestContext, error) {
	area, err := unix.MmapPtr(-1, 0, nil, unsafe.Sizeof(guestContext{}), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, fmt.Errorf("allocate a thread's context: %w", err)
	}
	stack, err := unix.MmapPtr(-1, 0, nil, wholeStack, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err == nil {
		lo := uintptr(stack)
		for _, part := range []struct{ at, size uintptr }{{lo + lowGuard, smallSize}, {lo + wholeStack - stackSize, stackSize}} {
			b := unsafe.Slice((*byte)(pointer(part.at)), part.size)
			if err == nil {
				err = unix.Mprotect(b, unix.PROT_READ|unix.PROT_WRITE)
			}
			unix.Madvise(b, unix.MADV_NOHUGEPAGE) // fork would copy what is not used
		}
	}
	if err != nil {
		return nil, fmt.Errorf("allocate a thread's stack: %w", err)
	}
	c := (*guestContext)(area)
	*c = guestContext{
		self: uintptr(area), goExit: goExitPC(), gate: s.Gate(), state: s,
		stackLo: uintptr(stack), stackHi: uintptr(stack) + wholeStack,
	}
	for i, g := range d.Globals {
		c.globals[i] = g.Init
	}
	c.guestSP = c.stackHi - 64
	return c, nil
}

// inGuard says whether an address is where an overflow of the stack leads to.
func (c *guestContext) inGuard(at uintptr) bool {
	return at >= c.stackLo && at < c.stackLo+lowGuard || at >= c.stackLo+lowGuard+smallSize && at < c.stackHi-stackSize
}

// small is the small stack's highest address.
func (c *guestContext) small() uintptr { return c.stackLo + lowGuard + smallSize - 64 }

// hasRoom says whether a call may begin below sp.
func (c *guestContext) hasRoom(sp uintptr) bool {
	lowest := c.stackHi - stackSize
	if sp < lowest {
		lowest = c.stackLo + lowGuard
	}
	return sp >= lowest+room
}

// frameWords is what enter pops: r15, r14, r13, r12, rbp, rbx, and where to go on.
const frameWords = 7

// begin makes a frame for enter that calls code with arguments, below
// guestSP.
func (c *guestContext) begin(entry, code uintptr, args []uint64) {
	at := (c.guestSP - 8*uintptr(len(args)) - 16) &^ 15
	copy(unsafe.Slice((*uint64)(pointer(at)), len(args)), args)
	sp := at - 8*frameWords
	*(*[frameWords]uintptr)(pointer(sp)) = [frameWords]uintptr{3: code, 5: at, 6: entry}
	c.guestSP = sp
}

// arguments are those of the host function that the code has called.
func (c *guestContext) arguments(n int) []uint64 {
	return unsafe.Slice((*uint64)(pointer(c.args)), n)
}

// running is what the handlers know of a call.
func (c *guestContext) running() interrupt.Running {
	return interrupt.Running{Context: c.self, StackBottom: uintptr(unsafe.Pointer(&c.stackLo)), StackTop: uintptr(unsafe.Pointer(&c.stackHi))}
}

// calleeFP is the frame pointer at the host call under way.
func (c *guestContext) calleeFP(guestSP uintptr) uintptr { return *word(guestSP + 4*8) }

// setMask sets the calling thread's signal mask.
func setMask(mask uint64) {
	const setMask, size = 2, 8 // SIG_SETMASK
	kernel.Syscall(unix.SYS_RT_SIGPROCMASK, setMask, uintptr(unsafe.Pointer(&mask)), 0, size, 0, 0)
}

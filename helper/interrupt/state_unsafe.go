package interrupt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"walisup/wali/kernel"
)

// State is what the handler needs to know of a guest thread. It lies outside
// the Go heap, at an address that does not change. The assembly takes
// the offsets from the compiler.
type State struct {
	realReturn     uintptr // where wasm goes on, if its return has been diverted
	resumeReturn   uintptr // likewise, with resumeSP and resumeFP, while handlers run
	context        uintptr // execution context of the wasm call under way, 0 for none
	stackTop       uintptr // address of the call engine's stackTop
	frame          *frame  // where the next frame is copied to
	busy           uintptr // frame is in use
	offStackBottom uintptr // offsets in the execution context
	offReturn      uintptr
	offSP          uintptr
	offFP          uintptr
	offOpaque      uintptr
	offCaller      uintptr
	offOriginalFP  uintptr
	offOriginalSP  uintptr
	exitCode       uintptr   // the engine's code for "call the interrupt function"
	opaque         uintptr   // the engine's word for its module
	noArguments    [2]uint64 // an empty argument slice, 16-byte aligned
	gate           *kernel.Gate
	stepping       uintptr // single-stepping out of the engine
	held           uint64  // signals that came while another was pending
	pendingMask    uint64  // mask at which the pending signal was caught
	pendingInfo    [128]byte
	resumeSP       uintptr
	resumeFP       uintptr
	asked          uint64 // a signal of Stop is on its way

	frames []frame
	depth  int
}

// frame is a copied signal frame, and the fields of the engine that the enter
// stub overwrites. The kernel wants the floating-point state 64-byte aligned.
type frame struct {
	ucontext [304]byte // struct ucontext of the kernel
	engine   [5]uintptr
	exitCode uint64
	_        [16]byte
	signal   uint64
	siginfo  [128]byte
	_        [8]byte
	fpstate  [fpstateSize]byte
}

// fpstateSize is room for the largest floating-point state, that of AMX.
const fpstateSize = 16<<10 - 512

// Offsets for the assembly, which has only those of this package's types.
const (
	gatePending = unsafe.Offsetof(kernel.Gate{}.Pending)
	gateInHost  = unsafe.Offsetof(kernel.Gate{}.InHost)
)

// maxDepth is how many interruptions may be nested: a handler that is itself
// interrupted, and so on. The kernel has no such limit, but a program that
// nests deeper has long overflown its stack.
const maxDepth = 128

// Register numbers of a signal frame, as in the kernel's struct sigcontext.
const (
	offsetRBP  = 120
	offsetRSP  = 160
	offsetRIP  = 168
	offsetMask = 296
)

// Offsets are the places of the engine's fields in an execution context.
type Offsets struct {
	StackBottom, ReturnAddress, SP, FP, CalleeOpaque, CallerModule, OriginalFP, OriginalSP uintptr
}

// Target is the host function that interrupted code calls.
type Target struct {
	ExitCode uint32
	Opaque   uintptr
}

// NewState makes the state of a thread.
//
// gate must stay where it is for as long as the state is in use.
func NewState(gate *kernel.Gate) (*State, error) {
	size := int(unsafe.Sizeof(frame{})) * maxDepth
	area, err := unix.Mmap(-1, 0, 4096+size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("allocate signal frames: %w", err)
	}
	s := (*State)(unsafe.Pointer(&area[0]))
	frames := unsafe.Slice((*frame)(unsafe.Pointer(&area[4096])), maxDepth)
	*s = State{frame: &frames[0], frames: frames, gate: gate}
	return s, nil
}

// Attach says how the engine that is to run code in the thread is interrupted. Until then
// the thread runs none.
func (s *State) Attach(o Offsets, target Target) {
	s.offStackBottom, s.offReturn, s.offSP, s.offFP = o.StackBottom, o.ReturnAddress, o.SP, o.FP
	s.offOpaque, s.offCaller, s.offOriginalFP, s.offOriginalSP = o.CalleeOpaque, o.CallerModule, o.OriginalFP, o.OriginalSP
	s.exitCode, s.opaque = uintptr(target.ExitCode), target.Opaque
}

// Gate is what NewState was given.
func (s *State) Gate() *kernel.Gate { return s.gate }

// Bind makes s the state of the calling thread.
//
// Preconditions: the goroutine is locked to its thread.
func (s *State) Bind() error {
	if threadWord() != 0 {
		return errors.New("the Go runtime uses the word of thread-local storage that walisup needs")
	}
	setThreadWord(uintptr(unsafe.Pointer(s)))
	return nil
}

// Running says which wasm call the thread is in, by its execution context and
// the address of the word that holds its stack's top. It returns what was said
// before, to be put back after the call.
func (s *State) Running(context, stackTop uintptr) (oldContext, oldStackTop uintptr) {
	oldContext, oldStackTop = s.context, s.stackTop
	s.stackTop = stackTop
	s.context = context
	return oldContext, oldStackTop
}

// Step makes the pending signal interrupt the wasm call that Running has announced
// and that is about to begin, at its first instruction: the thread goes there in
// single steps, as when the signal comes during this.
//
// Preconditions: the gate says that a signal is pending, and that no host function
// will look.
func (s *State) Step() {
	s.stepping = 1
	trapFlag()
}

// Interruption is the place at which compiled code was interrupted.
type Interruption struct {
	Signal     int
	Info       []byte // siginfo_t of the host; valid until Leave
	PC, FP, SP uintptr
}

// Enter begins the handling of an interruption in the host function that the
// enter stub called: the frame is set aside, so that another may follow as soon
// as signals are unblocked.
func (s *State) Enter() (Interruption, error) {
	f := s.frame
	if s.busy == 0 {
		return Interruption{}, errors.New("interrupt function called though nothing was interrupted")
	}
	if s.depth+1 >= len(s.frames) {
		return Interruption{}, errors.New("signal handlers are nested too deep")
	}
	s.depth++
	s.frame = &s.frames[s.depth]
	s.busy = 0
	return Interruption{
		Signal: int(f.signal), Info: f.siginfo[:],
		PC: f.register(offsetRIP), FP: f.register(offsetRBP), SP: f.register(offsetRSP),
	}, nil
}

// Mask is the signal mask at the interruption that was entered last, to which
// Leave goes back.
func (s *State) Mask() *uint64 {
	return (*uint64)(unsafe.Pointer(&s.frames[s.depth-1].ucontext[offsetMask]))
}

// Abandon ends what Enter began without going back there: the caller makes the
// host function return elsewhere.
func (s *State) Abandon() {
	s.depth--
	s.frame = &s.frames[s.depth]
}

// Unwind abandons all interruptions that were entered since Depth was depth. It
// is for a wasm call that ended by a jump out of handlers nested in it.
func (s *State) Unwind(depth int) {
	s.depth = depth
	s.frame = &s.frames[depth]
	s.busy = 0
}

// Depth is the number of interruptions entered and not left.
func (s *State) Depth() int { return s.depth }

// Take copies out the siginfo of the pending signal, and lets the next be
// caught. It returns the mask at which the signal was caught.
//
// Preconditions: the gate says that one is pending, and the engine lets the host function
// return directly (engine.Thread.Undivert).
func (s *State) Take(info *[128]byte) (mask uint64) {
	*info = s.pendingInfo
	mask = s.pendingMask
	s.gate.Pending = 0
	return mask
}

// Undivert lets the wasm call under way return to compiled code directly. The
// handler about to run may be a call of its own that is diverted too.
func (s *State) Undivert() {
	if s.context == 0 {
		return
	}
	if slot := s.returnSlot(); *slot == returnStubLo {
		*slot = s.realReturn
	}
}

// ReturnAddress is where compiled code goes on after the present host call.
func (s *State) ReturnAddress() uintptr {
	switch slot := *s.returnSlot(); slot {
	case returnStubLo:
		return s.realReturn
	default:
		return slot
	}
}

func (s *State) returnSlot() *uintptr {
	p := s.context + s.offReturn
	return *(**uintptr)(unsafe.Pointer(&p))
}

// Resume is where compiled code goes on after the second host function, which
// the return stub calls when a signal is pending.
type Resume = [3]uintptr

// Suspend returns it, to be given to Continue before that function returns: the
// handlers that it runs may come here too.
func (s *State) Suspend() Resume { return Resume{s.resumeReturn, s.resumeSP, s.resumeFP} }

// Continue undoes what other calls have made of what Suspend returned.
func (s *State) Continue(r Resume) { s.resumeReturn, s.resumeSP, s.resumeFP = r[0], r[1], r[2] }

// PendingMask is the mask at which the pending signal was caught, and to which
// the thread goes back.
func (s *State) PendingMask() *uint64 { return &s.pendingMask }

// Held returns the set of unblockable signals that came while another signal was
// pending, bit n-1 for signal n, and empties it.
func (s *State) Held() uint64 { return atomic.SwapUint64(&s.held, 0) }

// Leave ends what Enter began. The host function must return at once.
//
// Preconditions: all signals are blocked.
func (s *State) Leave() {
	s.depth--
	s.frame = &s.frames[s.depth]
	s.busy = 1
}

func (f *frame) register(offset uintptr) uintptr {
	return *(*uintptr)(unsafe.Pointer(&f.ucontext[offset]))
}

// ReturnAddress is the word that the stack pointer points to: where a function
// without a frame, such as memmove, goes back to.
func (i Interruption) ReturnAddress() uintptr {
	return *(*uintptr)(*(*unsafe.Pointer)(unsafe.Pointer(&i.SP)))
}

// FaultAddress is si_addr of a fault's siginfo, an address of the host.
func (i Interruption) FaultAddress() uintptr {
	return *(*uintptr)(unsafe.Pointer(&i.Info[16]))
}

// Fault reports whether the signal was raised by the interrupted instruction,
// and not sent: si_code is then positive, sigaction(2).
func (i Interruption) Fault() bool {
	return int32(binary.LittleEndian.Uint32(i.Info[8:])) > 0 && i.Signal != int(unix.SIGTRAP)
}

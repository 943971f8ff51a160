package interrupt

import (
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"walisup/wali/kernel"
	"walisup/wali/kernel/abi"
)

// State is what the handler needs to know of a guest thread. It lies outside
// the Go heap, at an address that does not change. The assembly takes
// the offsets from the compiler.
type State struct {
	engine      [EngineWords]uintptr // the engine's own, see Attach
	context     uintptr              // the engine's word for the call of wasm that is under way, 0 for none
	stackBottom uintptr              // address of the word that holds the lowest address of its stack
	stackTop    uintptr              // and the highest
	frame       *frame               // where the next frame is copied to
	busy        uintptr              // frame is in use
	hooks       Hooks
	gate        *kernel.Gate
	stepping    uintptr // single-stepping out of the engine
	idle        uintptr // the thread runs no guest thread: signals are passed on
	held        uint64  // signals that came while another was pending
	pendingMask uint64  // mask at which the pending signal was caught
	pendingInfo abi.Siginfo
	asked       uint64  // a signal of Stop is on its way
	layer       uintptr // the wasm call under way is one of a layer

	frames []frame
	depth  int
}

// EngineWords is how many words of a State, and FrameWords how many of each copied frame,
// are the engine's. The first of a State's is 16-byte aligned.
const (
	EngineWords = 16
	FrameWords  = 6
)

// Offsets for an engine's assembly.
const (
	OffsetEngine      = unsafe.Offsetof(State{}.engine)
	OffsetContext     = unsafe.Offsetof(State{}.context)
	OffsetFrame       = unsafe.Offsetof(State{}.frame)
	OffsetGate        = unsafe.Offsetof(State{}.gate)
	FrameOffsetEngine = unsafe.Offsetof(frame{}.engine)
)

// Hooks are addresses of an engine's assembly. Divert and Step are called in signal
// handlers, with DX the ucontext, R8 the State and R9 its context, which is not 0. They
// may change DI, SI, AX, CX and R9 to R15, and return by RET.
type Hooks struct {
	// Enter is where interrupted code goes on: on its stack, with all registers free
	// and the copied frame at State.frame. It calls the host function. When that
	// has returned, the engine jumps to symbol resume of this package, with R8 the
	// State and R9 the frame.
	Enter uintptr
	// Divert is called when a signal was caught outside of compiled code and of a
	// host function that will look. It sees to it that the thread notices on the way
	// back into compiled code, or has it go there by single steps (beginSteps).
	Divert uintptr
	// Step is called after each single step, as long as the thread has not come to
	// compiled code. It may end this (endSteps).
	Step uintptr
	// LookLo and LookHi enclose code that looks at the gate a last time before it
	// goes on to compiled code: a thread that is interrupted there looks again, from
	// LookLo on. They may be 0.
	LookLo, LookHi uintptr
}

// frame is a copied signal frame, and what the engine has overwritten to
// enter the host function. The kernel wants the floating-point state 64-byte aligned.
type frame struct {
	ucontext [304]byte // struct ucontext of the kernel
	engine   [FrameWords]uintptr
	_        [16]byte
	signal   uint64
	siginfo  abi.Siginfo
	_        [8]byte
	fpstate  [fpstateSize]byte
}

// fpstateSize is room for the largest floating-point state, that of AMX.
const fpstateSize = 16<<10 - 512

// Offsets for the assembly, which has only those of this package's types.
const (
	gatePending = unsafe.Offsetof(kernel.Gate{}.Pending)
	gateInHost  = unsafe.Offsetof(kernel.Gate{}.InHost)

	unblockable = kernel.Unblockable
	passedOn    = abi.PassedOn
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
// the thread runs none. It returns the engine's words, which stay where they are.
func (s *State) Attach(h Hooks) *[EngineWords]uintptr {
	s.hooks = h
	return &s.engine
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

// SetIdle says whether the thread, which is the calling one, runs no guest thread: because
// that has ended, or none has begun. Signals that the kernel gives to an idle thread are passed
// on to the one that SetGuestThread names, as those given to a thread of the runtime.
func (s *State) SetIdle(idle bool) {
	var word uintptr
	if idle {
		word = 1
	}
	atomic.StoreUintptr(&s.idle, word)
}

// Running is a call of compiled code: the engine's word for it, and the addresses of the
// words that hold the bounds of its stack, which may move.
type Running struct{ Context, StackBottom, StackTop uintptr }

// SetRunning says which call the thread is in. It returns what was said before, to be put
// back after the call.
func (s *State) SetRunning(r Running) (before Running) {
	before = Running{s.context, s.stackBottom, s.stackTop}
	s.stackBottom, s.stackTop = r.StackBottom, r.StackTop
	s.context = r.Context
	return before
}

// InLayer says whether the wasm calls that follow are those of a layer. Compiled code is then
// interrupted by faults and by Stop alone: a caught signal stays pending until a host
// function of the application looks. It returns what was said before.
//
// Preconditions: Gate.InHost is set, and stays so as long as this holds.
func (s *State) InLayer(layer bool) (before bool) {
	before = s.layer != 0
	s.layer = 0
	if layer {
		s.layer = 1
	}
	return before
}

// Layered reports what InLayer was told.
func (s *State) Layered() bool { return s.layer != 0 }

// Context is that of the call under way, 0 for none.
func (s *State) Context() uintptr { return s.context }

// Step makes the pending signal interrupt the wasm call that SetRunning has announced
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
	Info       *abi.Siginfo // of the host; valid until Leave
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
	f.siginfo.Restore()
	return Interruption{
		Signal: int(f.signal), Info: &f.siginfo,
		PC: f.register(offsetRIP), FP: f.register(offsetRBP), SP: f.register(offsetRSP),
	}, nil
}

// Caught is the interruption that Enter will begin.
func (s *State) Caught() Interruption {
	f := s.frame
	return Interruption{
		Signal: int(f.signal), Info: &f.siginfo,
		PC: f.register(offsetRIP), FP: f.register(offsetRBP), SP: f.register(offsetRSP),
	}
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
func (s *State) Take(info *abi.Siginfo) (mask uint64) {
	*info = s.pendingInfo
	info.Restore()
	mask = s.pendingMask
	s.gate.Pending = 0
	return mask
}

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
	return i.Info.Address()
}

// Fault reports whether the signal was raised by the interrupted instruction,
// and not sent: si_code is then positive, sigaction(2).
func (i Interruption) Fault() bool {
	return i.Info.Code() > 0 && i.Signal != int(unix.SIGTRAP)
}

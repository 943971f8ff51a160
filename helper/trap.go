package helper

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"walisup/helper/engine"
	"walisup/helper/interrupt"
	"walisup/helper/module"
	"walisup/helper/report"
	"walisup/wali"
	"walisup/wali/memory"
	"walisup/wali/signals"
)

// maxReportedFrames is how much of a stack a report shows.
const maxReportedFrames = 40

// supportFunctions are the functions that module preparation adds to a module's
// imports.
var supportFunctions = map[string]engine.HostFunc{
	module.ImportMismatch: mismatch,
	module.ImportWait32:   wait32,
	module.ImportWait64:   wait64,
	module.ImportNotify:   notify,
	module.ImportSize:     memorySize,
	module.ImportGrow:     memoryGrow,
}

const stackOverflow = "stack overflow: calls are nested too deep for the engine's stack, which cannot be raised"

// trapSignal says what a trap is to a native program.
type trapSignal struct {
	signal syscall.Signal
	code   int // si_code, sigaction(2)
	text   string
}

// The processor has one exception for both kinds of division that have no result,
// which is FPE_INTDIV to handlers.
var trapSignals = [...]trapSignal{
	engine.DivideByZero:      {unix.SIGFPE, 1, "integer division by zero"},
	engine.IntegerOverflow:   {unix.SIGFPE, 1, "integer overflow (in a division, or a float that does not fit an integer)"},
	engine.InvalidConversion: {unix.SIGFPE, 7, "conversion of NaN to an integer"},
	engine.Unreachable:       {unix.SIGILL, 2, "unreachable instruction executed"},
	engine.OutOfBounds:       {unix.SIGSEGV, 1, "access beyond the end of memory"},
	engine.UndefinedElement:  {unix.SIGSEGV, 1, "call through a null or wild function pointer"},
	engine.SignatureMismatch: {unix.SIGILL, 2, "call through a function pointer of another type"},
	engine.StackOverflow:     {unix.SIGSEGV, 1, stackOverflow},
	engine.UnalignedAtomic:   {unix.SIGBUS, 1, "misaligned atomic access"},
	engine.UncaughtException: {unix.SIGABRT, 0, "uncaught exception"},
	engine.NullReference:     {unix.SIGSEGV, 1, "null reference"},
}

// info is what a handler of the signal would get.
func (trap *trapSignal) info() *wali.Siginfo {
	info := new(wali.Siginfo)
	info.Fault(int(trap.signal), trap.code, 0)
	return info
}

// Trap implements wali.Helper: the engine calls it when compiled code traps,
// and goes on where a handler has jumped to.
func (t *thread) Trap(err error) (resume bool) {
	kind := t.engine.TrapOf(err)
	if kind == engine.NoTrap {
		return false
	}
	trap := &trapSignals[kind]
	address, handled := uintptr(0), !t.InLayer()
	if handled && kind == engine.StackOverflow {
		// Natively the next frame would not fit, nor a handler's without a stack of its own.
		address, handled = t.overflowAddress(), t.Signals.HandledOnAltStack(int(trap.signal))
	}
	if !handled || !t.Signals.Raise(int(trap.signal), trap.code, address) {
		t.ShowSignal(trap.info())
		t.crash(trap.signal, trap.text, t.describe(t.calls.TrapStack(maxReportedFrames+1)))
	}
	return true
}

// overflowAddress is where a native program would fault for want of stack. Frames that are
// reserved and not used can take the stack pointer below 0, where the stack begins.
func (t *thread) overflowAddress() uintptr {
	sp := memory.PageSize - 16
	if p, ok := t.StackPointer(); ok && int32(p) > int32(sp) {
		sp = int(p)
	}
	return t.Memory.Base() + uintptr(sp)
}

// trapped ends the process after a wasm call has failed.
func (t *thread) trapped(f engine.Function, err error) {
	if kind := t.engine.TrapOf(err); kind != engine.NoTrap {
		t.crash(trapSignals[kind].signal, trapSignals[kind].text, t.describe(f.Stack(maxReportedFrames+1)))
	}
	t.crash(unix.SIGABRT, err.Error(), nil)
}

// crash reports why the process ends by a signal, and ends it.
func (t *thread) crash(sig syscall.Signal, what string, stack []string) {
	var b strings.Builder
	if l := t.runningLayer(); l != nil {
		what = "in the layer " + filepath.Base(l.name) + ": " + what
		stack = t.callers(stack)
	}
	fmt.Fprintf(&b, "walisup: %s[%d]: %s (%s)\n", report.Printable(filepath.Base(t.name)), unix.Getpid(),
		report.Printable(what), unix.SignalName(sig))
	for i, frame := range stack {
		fmt.Fprintf(&b, "  #%-2d %s\n", i, report.Printable(frame))
	}
	setMask(^uint64(0)) // the process ends of sig, and not of SIGPIPE or SIGXFSZ
	report.Write(b.String())
	t.exiting(unix.WaitStatus(sig))
	die(sig)
}

// describe names the functions of a stack of compiled code, innermost first.
func (t *thread) describe(stack []uintptr) []string {
	image := t.image()
	names := decodeNames(image.names)
	var frames []string
	for i, pc := range stack {
		if i == maxReportedFrames {
			return append(frames, "...")
		}
		function, offset, ok := image.code.Locate(pc)
		if !ok {
			break
		}
		frames = append(frames, functionName(names, image.imported()+function)+image.sourceLine(offset, i > 0))
	}
	return frames
}

// sourceLine is where the code at an offset comes from, as in " (main.c:12)", or empty if
// that is not known. called says that it lies behind a call. The engine
// keeps track of calls, not of every instruction; elsewhere the line is the last
// one that it knows.
func (p *program) sourceLine(offset uint32, called bool) string {
	near := "near "
	if called {
		offset--
		near = ""
	}
	if line := lookupLine(p.lines, offset); line != "" {
		return " (" + near + line + ")"
	}
	return ""
}

// imported is the number of functions that the module imports, which come first.
func (p *program) imported() uint32 { return uint32(len(p.module.Imports) + len(p.module.Support)) }

// mismatch is called where an indirect call cannot be made.
func mismatch(ctx context.Context, stack []uint64) {
	t := threadOf(ctx)
	expected, index := uint32(stack[0]), uint32(stack[1])
	trace, image := t.hostStack(), t.image()
	function, ok := image.module.TableFunction(index)
	switch {
	case index == 0:
		t.crash(unix.SIGSEGV, "call through a null function pointer", trace)
	case !ok:
		t.crash(unix.SIGSEGV, fmt.Sprintf("call through a function pointer that points to no function (%#x)", index), trace)
	}
	t.crash(unix.SIGILL, fmt.Sprintf("call through a function pointer of another type: called as %s, but %s is %s",
		image.module.Signature(expected), functionName(decodeNames(image.names), function),
		image.module.FunctionSignature(function)), trace)
}

// reportFault ends the process after a fault that the guest does not handle.
func (t *thread) reportFault(at interrupt.Interruption) {
	sig := syscall.Signal(at.Signal)
	what := "segmentation fault"
	if sig == unix.SIGBUS {
		what = "bus error"
	}
	what += " at address " + t.guestAddress(at.FaultAddress())
	if overflow := t.overflow(at.FaultAddress()); overflow != "" {
		what = overflow
	}
	info := *at.Info
	t.ShowSignal(&info)
	t.crash(sig, what, t.describe(t.calls.InterruptedStack(at, maxReportedFrames+1)))
}

// overflow explains a fault, at a host address, which comes from the stack pointer's
// having left the stack, and returns "" for others. The pages below a stack are not
// accessible: those of the main thread's because it begins at address 0, below which are
// the highest ones, those of others because the C library has a guard there.
func (t *thread) overflow(fault uintptr) string {
	if t.stackPointer == nil || t.InLayer() || !t.Memory.Contains(fault) {
		return ""
	}
	// What a function accesses lies above its stack pointer, or in the red zone.
	lowest := uint32(t.stackPointer.Get()) - signals.RedZone
	limit := t.Memory.Limit()
	end := t.Memory.FirstAccessible(uint64(lowest))
	if end == limit {
		end = t.Memory.FirstAccessible(0) + 1<<32
	}
	at := uint64(fault - t.Memory.Base())
	if at < uint64(lowest) {
		at += 1 << 32
	}
	// With the offset of the access, a wrapped stack pointer exceeds 32 bits.
	wrapped := fault-t.Memory.Base() >= 1<<32
	if end == uint64(lowest) || at >= end && !wrapped {
		return ""
	}
	switch {
	case uint32(end) < t.stackSize:
		return fmt.Sprintf("stack overflow: the stack of %s is used up; link with -Wl,-z,stack-size=%d for more",
			byteSize(t.stackSize), 2*t.stackSize)
	case uint32(end) < t.module.DataEnd:
		return "stack overflow: the stack is used up; link with a larger -Wl,-z,stack-size="
	}
	return "stack overflow: the stack of a thread is used up; pthread_attr_setstacksize gives it more"
}

// byteSize shows a size in the largest unit of which it is a multiple.
func byteSize(n uint32) string {
	switch {
	case n%(1<<20) == 0:
		return fmt.Sprintf("%d MB", n>>20)
	case n%(1<<10) == 0:
		return fmt.Sprintf("%d kB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}

func segmentationFault(p uint32) string { return fmt.Sprintf("segmentation fault at address %#x", p) }

// guestAddress shows a host address as the guest's.
func (t *thread) guestAddress(host uintptr) string {
	if !t.Memory.Contains(host) {
		return fmt.Sprintf("%#x outside the linear memory", host)
	}
	return fmt.Sprintf("%#x", host-t.Memory.Base())
}

// hostStack names the functions of the wasm stack below the present host call.
func (t *thread) hostStack() []string { return t.describe(t.calls.HostStack(maxReportedFrames + 1)) }

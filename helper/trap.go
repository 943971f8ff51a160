package helper

import (
	"context"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"sort"
	"strings"
	"syscall"

	"github.com/tetratelabs/wazero/api"
	"golang.org/x/sys/unix"

	"walisup/helper/engine"
	"walisup/helper/interrupt"
	"walisup/helper/module"
	"walisup/helper/report"
	"walisup/wali"
	"walisup/wali/memory"
)

// maxReportedFrames is how much of a stack a report shows.
const maxReportedFrames = 40

// supportFunctions are the functions that module preparation adds to a module's
// imports.
var supportFunctions = map[string]api.GoFunc{
	module.ImportMismatch: mismatch,
	module.ImportWait32:   wait32,
	module.ImportWait64:   wait64,
	module.ImportNotify:   notify,
}

const stackOverflow = "stack overflow: calls are nested too deep for the engine's stack, which cannot be raised"

// trapSignal says what a trap of the engine is to a native program.
type trapSignal struct {
	message string // how the engine's begins
	signal  syscall.Signal
	code    int // si_code, sigaction(2)
	text    string
}

// The processor has one exception for both kinds of division that have no result,
// which is FPE_INTDIV to handlers.
var trapSignals = []trapSignal{
	{"integer divide by zero", unix.SIGFPE, 1, "integer division by zero"},
	{"integer overflow", unix.SIGFPE, 1, "integer overflow (in a division, or a float that does not fit an integer)"},
	{"invalid conversion to integer", unix.SIGFPE, 7, "conversion of NaN to an integer"},
	{"unreachable", unix.SIGILL, 2, "unreachable instruction executed"},
	{"out of bounds memory access", unix.SIGSEGV, 1, "access beyond the end of memory"},
	{"invalid table access", unix.SIGSEGV, 1, "call through a null or wild function pointer"},
	{"indirect call type mismatch", unix.SIGILL, 2, "call through a function pointer of another type"},
	{"stack overflow", unix.SIGSEGV, 1, stackOverflow},
	{"unaligned atomic", unix.SIGBUS, 1, "misaligned atomic access"},
	{"uncaught exception", unix.SIGABRT, 0, "uncaught exception"},
	{"null reference", unix.SIGSEGV, 1, "null reference"},
}

// trapOf finds out which trap an error of the engine is.
func trapOf(err error) (trapSignal, bool) {
	first, _, _ := strings.Cut(err.Error(), "\n")
	first = strings.TrimPrefix(first, "wasm error: ")
	for _, trap := range trapSignals {
		if strings.HasPrefix(first, trap.message) {
			return trap, true
		}
	}
	return trapSignal{}, false
}

// info is what a handler of the signal would get.
func (trap *trapSignal) info() *wali.Siginfo {
	info := new(wali.Siginfo)
	binary.LittleEndian.PutUint32(info[0:], uint32(trap.signal))
	binary.LittleEndian.PutUint32(info[8:], uint32(trap.code))
	return info
}

// Trap implements wali.SignalRunner: the engine calls it when compiled code traps,
// and goes on where a handler has jumped to.
func (t *thread) Trap(err error) (resume bool) {
	trap, ok := trapOf(err)
	if !ok {
		return false
	}
	address, handled := uintptr(0), true
	if trap.text == stackOverflow {
		// Natively the next frame would not fit, nor a handler's without a stack of its own.
		address, handled = t.overflowAddress(), t.HandledOnAltStack(int(trap.signal))
	}
	if !handled || !t.Raise(int(trap.signal), trap.code, address) {
		t.ShowSignal(trap.info())
		t.crash(trap.signal, trap.text, t.stack(t.running, t.state.ReturnAddress(), *t.running.FP()))
	}
	return true
}

// overflowAddress is where a native program would fault for want of stack. Frames that are
// reserved and not used can take the stack pointer below 0, where the stack begins.
func (t *thread) overflowAddress() uintptr {
	sp := memory.PageSize - 16
	if t.StackPointer != nil {
		if p := t.StackPointer(); int32(p) > int32(sp) {
			sp = int(p)
		}
	}
	return t.Memory.Base() + uintptr(sp)
}

// trapped ends the process after a wasm call has failed.
func (t *thread) trapped(c engine.Call, err error) {
	if trap, ok := trapOf(err); ok {
		t.crash(trap.signal, trap.text, t.stack(c, *c.ReturnAddress(), *c.FP()))
	}
	t.crash(unix.SIGABRT, err.Error(), nil)
}

// crash reports why the process ends by a signal, and ends it.
func (t *thread) crash(sig syscall.Signal, what string, stack []string) {
	var b strings.Builder
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

// stack names the functions of the wasm stack, innermost first. pc is an address
// in the innermost function, fp its frame pointer: [fp] is the caller's, and
// behind it the address in the caller.
func (t *thread) stack(c engine.Call, pc, fp uintptr) []string {
	names := decodeNames(t.names)
	var frames []string
	for len(frames) < maxReportedFrames {
		index, ok := t.functionAt(pc)
		if !ok {
			break
		}
		frames = append(frames, functionName(names, index)+t.sourceLine(pc, len(frames) > 0))
		if pc, fp, ok = c.Caller(fp); !ok {
			return frames
		}
	}
	if len(frames) == maxReportedFrames {
		frames = append(frames, "...")
	}
	return frames
}

// sourceLine is where the code at pc comes from, as in " (main.c:12)", or empty if
// that is not known. called says that pc is the address after a call. The engine
// keeps track of calls, not of every instruction; elsewhere the line is the last
// one that it knows.
func (t *thread) sourceLine(pc uintptr, called bool) string {
	lo, _ := codeRange(t.code)
	near := "near "
	if called {
		pc--
		near = ""
	}
	if line := lookupLine(t.lines, uint32(pc-lo)); line != "" {
		return " (" + near + line + ")"
	}
	return ""
}

// functionAt returns the index of the function whose compiled code holds pc.
func (t *thread) functionAt(pc uintptr) (index uint32, ok bool) {
	lo, hi := codeRange(t.code)
	if pc < lo || pc >= hi {
		return 0, false
	}
	offset := int(pc - lo)
	i := sort.Search(len(t.offsets), func(i int) bool { return t.offsets[i] > offset }) - 1
	return uint32(len(t.module.Imports) + len(t.module.Support) + i), i >= 0
}

// mismatch is called where an indirect call cannot be made.
func mismatch(ctx context.Context, stack []uint64) {
	t := threadOf(ctx)
	expected, index := uint32(stack[0]), uint32(stack[1])
	trace := t.hostStack()
	function, ok := t.module.TableFunction(index)
	switch {
	case index == 0:
		t.crash(unix.SIGSEGV, "call through a null function pointer", trace)
	case !ok:
		t.crash(unix.SIGSEGV, fmt.Sprintf("call through a function pointer that points to no function (%#x)", index), trace)
	}
	t.crash(unix.SIGILL, fmt.Sprintf("call through a function pointer of another type: called as %s, but %s is %s",
		t.module.Signature(expected), functionName(decodeNames(t.names), function), t.module.FunctionSignature(function)), trace)
}

// reportFault ends the process after a fault that the guest does not handle.
func (t *thread) reportFault(at interrupt.Interruption) {
	pc := at.PC
	if _, ok := t.functionAt(pc); !ok { // in memmove, which keeps no frame
		pc = at.ReturnAddress()
	}
	sig := syscall.Signal(at.Signal)
	what := "segmentation fault"
	if sig == unix.SIGBUS {
		what = "bus error"
	}
	what += " at address " + t.guestAddress(at.FaultAddress())
	if overflow := t.overflow(at.FaultAddress()); overflow != "" {
		what = overflow
	}
	info := *(*wali.Siginfo)(at.Info)
	t.ShowSignal(&info)
	t.crash(sig, what, t.stack(t.running, pc, at.FP))
}

// overflow explains a fault, at a host address, which comes from the stack pointer's
// having left the stack, and returns "" for others. The pages below a stack are not
// accessible: those of the main thread's because it begins at address 0, below which are
// the highest ones, those of others because the C library has a guard there.
func (t *thread) overflow(fault uintptr) string {
	if t.stackPointer == nil || !t.Memory.Contains(fault) {
		return ""
	}
	// What a function accesses lies above its stack pointer, or in the red zone.
	lowest := uint32(t.stackPointer.Get()) - wali.RedZone
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
func (t *thread) hostStack() []string {
	pc, fp, ok := t.running.Caller(*t.running.FP())
	if !ok {
		return nil
	}
	return t.stack(t.running, pc, fp)
}

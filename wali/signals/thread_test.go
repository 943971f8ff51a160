package signals

import (
	"encoding/binary"
	"os"
	"os/signal"
	"reflect"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"walisup/wali/kernel"
	"walisup/wali/kernel/abi"
)

// fakeHelper stands in for the raw handler and the engine.
type fakeHelper struct {
	t       *Thread
	gate    kernel.Gate
	table   Table
	waiting []Siginfo // caught: Take gives them
	mask    uint64    // PendingMask
	calls   []call
	died    []int
	shown   int
	sp      uint32

	// during runs in the handler of a signal, if there is one for it.
	during map[int]func(mask *uint64) (jumped bool)
}

// call is one call of a handler: the mask in force, and that to go back to.
type call struct {
	sig         int
	during, old uint64
}

func newFake(t *testing.T) *fakeHelper {
	t.Helper()
	runtime.LockOSThread()
	var before unix.Sigset_t
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, nil, &before); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		unix.PthreadSigmask(unix.SIG_SETMASK, &before, nil)
		runtime.UnlockOSThread()
	})
	h := &fakeHelper{t: new(Thread), during: map[int]func(*uint64) bool{}}
	h.t.Init(h, &h.gate, &h.table)
	h.gate.InHost = 1
	h.t.SetMask(0)
	return h
}

// catch makes signals pending in the helper, sent by a process, as the raw handler does.
func (h *fakeHelper) catch(sigs ...unix.Signal) {
	for _, sig := range sigs {
		h.waiting = append(h.waiting, sent(sig))
	}
	h.mask, _ = h.t.Block()
	h.gate.Pending = 1
}

// sent is a signal of tgkill(2), of which the Go runtime believes that a process sent it.
func sent(sig unix.Signal) Siginfo {
	const siTkill = -6
	var info Siginfo
	info.Mark(int(sig), 1, 0)
	binary.LittleEndian.PutUint32(info[8:], siTkill&(1<<32-1))
	return info
}

func (h *fakeHelper) Take(info *Siginfo) uint64 {
	*info, h.waiting = h.waiting[0], h.waiting[1:]
	mask := h.mask
	if len(h.waiting) == 0 {
		h.gate.Pending = 0
	}
	return mask
}
func (h *fakeHelper) PendingMask() uint64          { return h.mask }
func (h *fakeHelper) SetPendingMask(m uint64)      { h.mask = m }
func (h *fakeHelper) Die(sig int)                  { h.died = append(h.died, sig); runtime.Goexit() }
func (h *fakeHelper) ShowSignal(*Siginfo)          { h.shown++ }
func (h *fakeHelper) StackPointer() (uint32, bool) { return h.sp, true }
func (h *fakeHelper) CallHandler(act *Action, sig int, info *Siginfo, mask *uint64) bool {
	h.calls = append(h.calls, call{sig, h.t.Mask(), *mask})
	if f := h.during[sig]; f != nil {
		return f(mask)
	}
	return false
}

func (h *fakeHelper) handle(sig unix.Signal, act Action) {
	act.Handler = 1
	h.table.Replace(int(sig), &act)
}

// signalBit is bit for a signal of package unix.
func signalBit(sig unix.Signal) uint64 { return bit(int(sig)) }

func (h *fakeHelper) expect(t *testing.T, want ...call) {
	t.Helper()
	if !reflect.DeepEqual(h.calls, want) {
		t.Errorf("handlers called: %+v, want %+v", h.calls, want)
	}
}

// A handler runs under its own signal and its action's mask, and the old mask is in force
// again afterwards.
func TestMaskOfHandler(t *testing.T) {
	h := newFake(t)
	usr1, usr2 := signalBit(unix.SIGUSR1), signalBit(unix.SIGUSR2)
	segv, hup := signalBit(unix.SIGSEGV), signalBit(unix.SIGHUP)
	h.handle(unix.SIGUSR1, Action{Mask: usr2 | segv})
	h.t.SetMask(hup)
	h.catch(unix.SIGUSR1)
	if h.t.Run() {
		t.Error("nobody has jumped")
	}
	h.expect(t, call{int(unix.SIGUSR1), hup | usr1 | usr2 | segv, hup})
	if got := h.t.Mask(); got != hup {
		t.Errorf("mask afterwards: %#x, want %#x", got, hup)
	}
	if h.shown != 1 {
		t.Errorf("shown %d times", h.shown)
	}
}

func TestNoDefer(t *testing.T) {
	h := newFake(t)
	h.handle(unix.SIGUSR1, Action{Flags: abi.SANodefer})
	h.catch(unix.SIGUSR1)
	h.t.Run()
	h.expect(t, call{int(unix.SIGUSR1), 0, 0})
}

func TestResetHand(t *testing.T) {
	h := newFake(t)
	h.handle(unix.SIGUSR1, Action{Flags: abi.SAResethand})
	h.catch(unix.SIGUSR1)
	h.t.Run()
	if act := h.table.Action(int(unix.SIGUSR1)); act.Caught() {
		t.Errorf("the action is still %+v", act)
	}
}

// The mask that a handler finds in its context, and may change, is what is in force after it.
func TestHandlerChangesMask(t *testing.T) {
	h := newFake(t)
	h.handle(unix.SIGUSR1, Action{})
	want := signalBit(unix.SIGHUP) | signalBit(unix.SIGSEGV)
	h.during[int(unix.SIGUSR1)] = func(mask *uint64) bool { *mask = want; return false }
	h.catch(unix.SIGUSR1)
	h.t.Run()
	if got := h.t.Mask(); got != want {
		t.Errorf("mask %#x, want %#x", got, want)
	}
}

// Handlers of a call like sigsuspend run under the mask that it waited with; afterwards the
// mask is that of before the call.
func TestMaskOfWait(t *testing.T) {
	h := newFake(t)
	hup, term, usr1 := signalBit(unix.SIGHUP), signalBit(unix.SIGTERM), signalBit(unix.SIGUSR1)
	h.handle(unix.SIGUSR1, Action{})
	h.t.SetMask(hup | usr1)
	if got := h.t.WaitWith(term | signalBit(unix.SIGSEGV)); got != term {
		t.Errorf("mask for the kernel %#x, want %#x", got, term)
	}
	h.catch(unix.SIGUSR1)
	h.t.Waited(true)
	h.t.Run()
	h.expect(t, call{int(unix.SIGUSR1), term | signalBit(unix.SIGSEGV) | usr1, hup | usr1})
	if got := h.t.Mask(); got != hup|usr1 {
		t.Errorf("mask afterwards %#x, want %#x", got, hup|usr1)
	}
	// It is spent: the next handler runs under the mask in force.
	h.calls = nil
	h.t.SetMask(hup)
	h.catch(unix.SIGUSR1)
	h.t.Waited(true)
	h.t.Run()
	h.expect(t, call{int(unix.SIGUSR1), hup | usr1, hup})
}

// A wait that ends by itself leaves nothing behind.
func TestWaitWithoutSignal(t *testing.T) {
	h := newFake(t)
	h.handle(unix.SIGUSR1, Action{})
	h.t.WaitWith(signalBit(unix.SIGTERM))
	h.t.Waited(false)
	h.catch(unix.SIGUSR1)
	h.t.Run()
	h.expect(t, call{int(unix.SIGUSR1), signalBit(unix.SIGUSR1), 0})
}

// Signals that a handler's mask lets in come on top of it, as the kernel stacks them: the
// last one caught runs first.
func TestStacking(t *testing.T) {
	h := newFake(t)
	usr1, usr2 := signalBit(unix.SIGUSR1), signalBit(unix.SIGUSR2)
	h.handle(unix.SIGUSR1, Action{})
	h.handle(unix.SIGUSR2, Action{})
	h.catch(unix.SIGUSR1, unix.SIGUSR2)
	h.t.Run()
	if len(h.calls) != 2 || h.calls[0].sig != int(unix.SIGUSR2) || h.calls[1].sig != int(unix.SIGUSR1) {
		t.Errorf("called %+v", h.calls)
	}
	if got := h.t.Mask(); got&(usr1|usr2) != 0 {
		t.Errorf("mask afterwards %#x", got)
	}
}

// After a jump nothing else runs until the host function has ended.
func TestJump(t *testing.T) {
	h := newFake(t)
	h.handle(unix.SIGUSR1, Action{})
	h.during[int(unix.SIGUSR1)] = func(*uint64) bool { h.t.SetMask(0); return true }
	h.catch(unix.SIGUSR1)
	for range 2 {
		if !h.t.Run() {
			t.Error("the jump is not reported")
		}
	}
	if h.t.Return() {
		t.Error("Return reports an ordinary end")
	}
	if h.t.Run() || !h.t.Return() || h.gate.InHost != 0 {
		t.Error("the jump is not over")
	}
	if len(h.calls) != 1 {
		t.Errorf("called %+v", h.calls)
	}
}

// One of Unblockable that the guest blocks is held, merges, shows as pending, and comes
// again when it is unblocked, with what came with it.
func TestHeld(t *testing.T) {
	const sig = kernel.ReservedSignal
	arrived := make(chan os.Signal, 4)
	signal.Notify(arrived, sig)
	defer signal.Stop(arrived)
	h := newFake(t)
	h.handle(sig, Action{})
	h.t.SetMask(signalBit(sig))
	h.catch(sig, sig)
	h.t.Run()
	h.expect(t)
	if h.t.Held() != signalBit(sig) || h.t.Mask() != signalBit(sig) {
		t.Errorf("held %#x, mask %#x", h.t.Held(), h.t.Mask())
	}
	h.t.SetMask(0)
	if h.t.Held() != 0 {
		t.Errorf("still held: %#x", h.t.Held())
	}
	<-arrived // once: the kernel has it, and the raw handler would catch it

	h.t.SetMask(signalBit(sig))
	h.catch(sig)
	h.t.Run()
	var info Siginfo
	if got := h.t.TakeHeld(signalBit(unix.SIGUSR1), &info); got != 0 {
		t.Errorf("took %d, which nobody asked for", got)
	}
	if got := h.t.TakeHeld(signalBit(sig), &info); got != int(sig) || info != sent(sig) {
		t.Errorf("took %d, %x", got, info)
	}
	if h.t.Held() != 0 {
		t.Error("taken, and still held")
	}
	h.catch(sig)
	h.t.Run()
	h.t.Forked()
	if h.t.Held() != 0 {
		t.Error("a child inherits pending signals")
	}
}

func TestFatal(t *testing.T) {
	for _, tt := range []struct {
		name  string
		sig   unix.Signal
		act   Action
		fault bool
		dies  bool
	}{
		{"default", unix.SIGUSR1, Action{}, false, true},
		{"ignored fault", unix.SIGSEGV, Action{Handler: HandlerIgnore}, true, true},
		{"ignored", unix.SIGSEGV, Action{Handler: HandlerIgnore}, false, false},
	} {
		done := make(chan []int)
		go func() {
			h := newFakeIn(t)
			defer func() { done <- h.died }()
			h.table.Replace(int(tt.sig), &tt.act)
			info := sent(tt.sig)
			if tt.fault {
				info.Fault(int(tt.sig), 1, 0)
			}
			mask, _ := h.t.Block()
			h.t.Interrupted(&info, &mask)
		}()
		if died := <-done; (len(died) == 1) != tt.dies {
			t.Errorf("%s: died %v, want %v", tt.name, died, tt.dies)
		}
	}
}

// newFakeIn is newFake for a goroutine that ends with its thread.
func newFakeIn(t *testing.T) *fakeHelper {
	runtime.LockOSThread()
	h := &fakeHelper{t: new(Thread), during: map[int]func(*uint64) bool{}}
	h.t.Init(h, &h.gate, &h.table)
	return h
}

// Raise runs the handler for as long as it returns, since going back raises the fault anew.
func TestRaise(t *testing.T) {
	h := newFake(t)
	if h.t.Raise(int(unix.SIGFPE), 1, 0) {
		t.Error("raised without a handler")
	}
	h.handle(unix.SIGFPE, Action{})
	n := 0
	h.during[int(unix.SIGFPE)] = func(*uint64) bool {
		n++
		if n == 3 {
			h.t.SetMask(0)
			return true
		}
		return false
	}
	if !h.t.Raise(int(unix.SIGFPE), 1, 0) || n != 3 {
		t.Errorf("handler called %d times", n)
	}
	h.t.SetMask(signalBit(unix.SIGFPE))
	if h.t.Raise(int(unix.SIGFPE), 1, 0) {
		t.Error("raised though blocked")
	}
}

func TestOnAltStack(t *testing.T) {
	h := newFake(t)
	h.handle(unix.SIGSEGV, Action{Flags: abi.SAOnstack})
	if h.t.HandledOnAltStack(int(unix.SIGSEGV)) || h.t.OnAltStack() {
		t.Error("there is no alternate stack")
	}
	h.t.SetAltStack(AltStack{SP: 0x1000, Size: 0x1000})
	h.sp = 0x9000
	if !h.t.HandledOnAltStack(int(unix.SIGSEGV)) || h.t.OnAltStack() {
		t.Error("on the main stack")
	}
	h.sp = 0x1800
	if h.t.HandledOnAltStack(int(unix.SIGSEGV)) || !h.t.OnAltStack() {
		t.Error("on the alternate stack")
	}
	h.t.Begin()
	if h.t.AltStack() != (AltStack{}) {
		t.Error("a new thread inherits an alternate stack")
	}
}

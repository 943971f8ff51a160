package helper

import (
	"context"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"walisup/helper/duplicate"
	"walisup/helper/engine"
	"walisup/helper/interrupt"
	"walisup/helper/module"
	"walisup/helper/osthread"
	"walisup/wali"
	"walisup/wali/signals"
)

// A guest thread is a kernel thread for as long as it lives. Its goroutine, its
// instance of the module and its signal state stay when it ends and serve the
// next: making them fills a heap that is rarely collected. See package osthread.

// threadPool is the guest threads of a process.
type threadPool struct {
	mu   sync.Mutex
	all  []*thread // every goroutine that is or was a guest thread
	idle []*thread // those that have ended, or are about to
	live int       // guest threads that have not ended

	stopper // of all threads
	collector
}

// pooled is the part of a thread that serves for its start and end.
type pooled struct {
	slot       osthread.Slot
	start, arg uint32 // function and its argument
	mask       uint64 // the creator's signal mask
	status     int32  // what it ended with
	entry      engine.Function
	globals    [2]uint64        // stack pointer and TLS base of a fresh instance
	vfork      *duplicate.Vfork // the child that the thread is to wait for
}

// idleTries is how often a thread that is about to end is given time to, and
// idleWait how much in nanoseconds, before a new one is made in its place.
const (
	idleTries = 4
	idleWait  = 200_000
)

// spareThreads is how many threads of its own the runtime may want to make while
// the pool grows.
const spareThreads = 4

const (
	// firstProcs is the number of Ps when there is a second thread.
	firstProcs = 16

	// spareProcs is how many Ps there are besides those for guest threads, for
	// the runtime's own work.
	spareProcs = 3

	// manyProcs is up to how many threads each one has a P, whatever it does.
	manyProcs = 128
)

// maxThreads is a limit of ours, far above the kernel's usual ones.
const maxThreads = 1 << 20

// begin makes t the first thread.
func (p *threadPool) begin(t *thread) {
	p.all = []*thread{t}
	p.live = 1
	t.slot.SetTID(uint32(unix.Gettid()))
}

// spawn is the import __wasm_thread_spawn: function and argument in stack, and the
// thread's id or a negative errno in its place.
func spawn(ctx context.Context, stack []uint64) {
	t := threadOf(ctx)
	t.Gate.InHost = 1
	r := t.Show(&spawnRow, spawnCall, wali.Args{uint64(uint32(stack[0])), uint64(uint32(stack[1]))})
	if t.Return() {
		stack[0] = uint64(uint32(r))
	}
}

// spawnRow is the import as a tracer sees it.
var spawnRow = wali.Row{Name: "__wasm_thread_spawn", Args: "unsigned int start, void* arg"}

func spawnCall(t *wali.Thread, a wali.Args) int64 {
	return int64(t.Helper.(*thread).spawn(a.Uint(0), a.Uint(1)))
}

func (t *thread) spawn(start, arg uint32) int32 {
	if e := t.makeRoom(); e != 0 {
		return -int32(e)
	}
	n, e := t.idleThread()
	if e != 0 {
		return -int32(e)
	}
	n.start, n.arg, n.mask = start, arg, t.Signals.Mask()
	n.registered = t.registered
	p := &t.pool
	p.mu.Lock()
	p.live++
	t.SetThreads(p.live)
	p.mu.Unlock()
	tid, e := n.slot.Start()
	if e != 0 {
		p.mu.Lock()
		p.live--
		t.SetThreads(p.live)
		p.idle = append(p.idle, n)
		p.mu.Unlock()
		return -int32(e)
	}
	t.boot.channel.ThreadStarted(t.ref, t.pid, tid)
	return int32(tid)
}

// makeRoom prepares the Go runtime for one more thread.
func (t *thread) makeRoom() unix.Errno {
	p := &t.pool
	p.mu.Lock()
	live := p.live
	p.mu.Unlock()
	if live >= maxThreads {
		return unix.EAGAIN
	}
	t.collectSometimes() // which may leave the process frozen
	if duplicate.Frozen() {
		if duplicate.Thaw() != nil {
			return unix.EAGAIN
		}
	}
	procs := runtime.GOMAXPROCS(0)
	if t.procsWanted() > procs {
		t.stopOthers()
		runtime.GOMAXPROCS(max(2*procs, firstProcs))
		debug.SetMaxThreads(2 * maxThreads)
		t.resumeOthers()
	}
	return 0
}

// procsWanted is how many Ps the runtime should have when one more thread begins.
// Compiled code keeps its P for as long as it runs, so others must not need it. Of
// many threads most are asleep, without a P.
func (t *thread) procsWanted() int {
	p := &t.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.live < manyProcs {
		return p.live + 1 + spareProcs
	}
	running := 0
	for _, other := range p.all {
		if !other.Gate.IsAway() {
			running++
		}
	}
	return max(manyProcs, 2*running) + spareProcs
}

// idleThread returns a thread that can be started.
func (t *thread) idleThread() (*thread, unix.Errno) {
	for range idleTries {
		n, startable := t.pool.take()
		if startable {
			return n, 0
		}
		if n == nil || t.pool.size() < fewThreads || !n.slot.Await(&t.Gate, idleWait) {
			break
		}
	}
	return t.growPool()
}

// take takes a startable thread from the idle ones. If there is none it returns
// one, if any, that will be.
func (p *threadPool) take() (n *thread, startable bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.idle) - 1; i >= 0; i-- {
		n = p.idle[i]
		if n.slot.Startable() {
			last := len(p.idle) - 1
			p.idle[i] = p.idle[last]
			p.idle = p.idle[:last]
			return n, true
		}
	}
	return n, false
}

// onlyOne reports whether there is one guest thread.
func (p *threadPool) onlyOne() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.live == 1
}

func (p *threadPool) size() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.all)
}

// growPool makes more threads and returns one of them.
func (t *thread) growPool() (*thread, unix.Errno) {
	p := &t.pool
	p.mu.Lock()
	count := min(1+len(p.all)/4, maxGrowth)
	e := osthread.Probe(count + spareThreads)
	if e != 0 && count > 1 {
		count = 1
		e = osthread.Probe(count + spareThreads)
	}
	p.mu.Unlock()
	if e != 0 {
		return nil, e
	}
	threads := make([]*thread, 0, count)
	for range count {
		n, err := t.newThread(context.Background())
		if err != nil {
			break
		}
		go n.serve()
		threads = append(threads, n)
	}
	var first *thread
	for _, n := range threads {
		for !n.slot.Startable() && !n.slot.Failed() {
			n.slot.Await(&t.Gate, int64(time.Second))
		}
		if n.slot.Failed() {
			continue
		}
		p.mu.Lock()
		p.all = append(p.all, n)
		if first != nil {
			p.idle = append(p.idle, n)
		}
		p.mu.Unlock()
		if first == nil {
			first = n
		}
	}
	if first == nil {
		return nil, unix.ENOMEM
	}
	return first, 0
}

// serve is the goroutine of a pooled thread.
func (t *thread) serve() {
	runtime.LockOSThread()
	if t.state.Bind() != nil {
		// The thread must not end: see package mlist.
		runtime.UnlockOSThread()
		t.slot.Fail()
		return
	}
	t.entry = t.instance.Function(module.ExportCall2)
	t.globals = [2]uint64{t.global(module.ExportStackPointer), t.global(module.ExportTLSBase)}
	t.state.SetIdle(true)
	for {
		t.state.Reset()
		t.slot.Park(&t.Gate, &allBlocked, t.state.PerThread()...)
		t.runThread()
	}
}

// allBlocked is the mask of a guest thread that runs nothing of the guest.
var allBlocked = ^uint64(signals.Unblockable)

// runThread is the life of one guest thread.
func (t *thread) runThread() {
	t.calls.Reset()
	t.handlerDepth = 0
	t.setGlobal(module.ExportStackPointer, t.globals[0])
	t.setGlobal(module.ExportTLSBase, t.globals[1])
	t.status = 0
	t.state.SetIdle(false)
	t.Begin(t.mask)
	t.beginLayers()
	t.ShowStart()
	t.call(t.entry, uint64(t.start), uint64(t.slot.TID()), uint64(t.arg))
	t.Signals.BlockForGood() // if it returned instead of ending by exit
	t.retire()
}

func (t *thread) global(name string) uint64 {
	if g := t.instance.Global(name); g != nil {
		return g.Get()
	}
	return 0
}

func (t *thread) setGlobal(name string, value uint64) {
	if g := t.instance.Global(name); g != nil {
		g.Set(value)
	}
}

// threadExit is how a thread that ends in a signal handler leaves the wasm calls
// further out, like jumpOut.
type threadExit struct{}

func (*threadExit) Error() string { return "the thread ends" }

// ExitThread implements wali.Helper.
func (t *thread) ExitThread(status int32) {
	t.Signals.BlockForGood()
	t.status = status
	switch {
	case unix.Gettid() == unix.Getpid():
		t.Memory = t.Process.Memory // which a layer may be about to leave
		t.retire()
		// The kernel's thread stays, as that of a process without one could
		// not be looked at in /proc, and takes no signal any more. It is not
		// the Go runtime's to give up either.
		for {
			var never uint32
			t.Gate.WaitAway(&never, 0)
		}
	case t.handlerDepth > 0 || t.InLayer():
		t.calls.Leave(&threadExit{})
	default:
		t.calls.Leave(nil)
	}
}

// retire ends a guest thread, and the process with its last one, whose status is
// the process's: so Linux has it since 5.19. Signals are blocked.
func (t *thread) retire() {
	p := &t.pool
	p.mu.Lock()
	p.live--
	t.SetThreads(p.live)
	last := p.live == 0
	if !last {
		if t.entry != nil && unix.Gettid() != unix.Getpid() {
			p.idle = append(p.idle, t)
		}
		p.passOn(t)
		t.state.SetIdle(true)
	}
	p.mu.Unlock()
	if !last {
		t.boot.channel.ThreadEnded(t.ref, t.pid, unix.Gettid(), int(t.status))
	}
	t.End()
	if last {
		t.exiting(exitStatus(int(t.status)))
		exit(int(t.status & 0xff))
	}
}

// passOn sees to it that signals which the kernel gave to a thread of the runtime
// reach a guest thread when t has ended, which was the one.
func (p *threadPool) passOn(t *thread) {
	to := interrupt.GuestThread()
	if to == 0 {
		to = unix.Getpid()
	}
	if to != int(t.slot.TID()) {
		return
	}
	for _, other := range p.all {
		if other != t && other.slot.TID() != 0 && !other.slot.Parked() {
			interrupt.SetGuestThread(int(other.slot.TID()))
			return
		}
	}
}

// Peer implements wali.Helper.
func (t *thread) Peer(tid int32) *wali.Thread {
	p := &t.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, other := range p.all {
		if other.slot.TID() == uint32(tid) && !other.slot.Parked() {
			return other.Thread
		}
	}
	return nil
}

// Peers implements wali.Helper.
func (t *thread) Peers(f func(tid uint32, other *wali.Thread)) {
	t.stopOthers()
	for _, other := range t.pool.all {
		if tid := other.slot.TID(); other != t && tid != 0 && !other.slot.Parked() {
			f(tid, other.Thread)
		}
	}
}

// forked leaves only the calling thread in a new process, and goroutines that wait
// for a thread. Those of the parent's other threads are never run again.
func (t *thread) forked(pid int) {
	p := &t.pool
	t.slot.SetTID(uint32(pid))
	if p.alone() {
		return
	}
	p.all = append(p.all[:0:0], t)
	idle := p.idle
	p.idle = nil
	for _, n := range idle {
		if n != t && n.slot.Parked() {
			n.slot.SetTID(0) // the kernel would clear it in the parent
			p.all = append(p.all, n)
			p.idle = append(p.idle, n)
		}
	}
	p.live = 1
	interrupt.SetGuestThread(0)
}

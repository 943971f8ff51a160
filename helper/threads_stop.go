package helper

import (
	"runtime"
	"runtime/metrics"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"walisup/helper/duplicate"
	"walisup/wali/kernel"
)

// stopper is the right to stop all threads. It is reentrant.
type stopper struct {
	taken uint32 // a futex
	owner atomic.Pointer[thread]
	depth int
}

// Pauses between two looks at threads that are to stop.
const (
	firstStopPause = 20 * time.Microsecond
	lastStopPause  = time.Millisecond

	// stopAgainAfter is after how many looks, in the longest pauses, a thread is
	// signalled again that has been already.
	stopAgainAfter = 1000
)

// stopOthers returns when no other guest thread runs compiled code, holds a lock
// or has a P; see kernel.RequestStop. Threads in blocking calls do not notice.
//
// Preconditions: the thread holds no lock that another may want.
func (t *thread) stopOthers() {
	p := &t.pool
	if p.owner.Load() == t {
		p.depth++
		return
	}
	for !atomic.CompareAndSwapUint32(&p.taken, 0, 1) {
		t.Gate.WaitAway(&p.taken, 1)
	}
	p.owner.Store(t)
	p.depth = 1
	kernel.RequestStop()
	pid := unix.Getpid()
	pause := firstStopPause
	for rounds := 1; ; rounds++ {
		seen := kernel.Arrivals()
		if t.stopRound(pid, rounds%stopAgainAfter == 0) {
			return
		}
		kernel.AwaitArrival(seen, int64(pause))
		pause = min(2*pause, lastStopPause)
	}
}

// settle returns when no signal that was sent to stop a thread is on its way any more.
//
// Preconditions: the other threads are stopped.
func (t *thread) settle() {
	for _, other := range t.pool.all {
		for other != t && other.state.Stopping() && other.slot.TID() != 0 && !other.slot.Parked() {
			kernel.AwaitArrival(kernel.Arrivals(), int64(firstStopPause))
		}
	}
}

// stopRound interrupts the threads that have not stopped, and reports whether
// there were none. With again it does so even where that seems to be under way.
func (t *thread) stopRound(pid int, again bool) bool {
	p := &t.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	stopped := true
	for _, other := range p.all {
		if other == t || other.Gate.IsAway() {
			continue
		}
		stopped = false
		if tid := other.slot.TID(); tid != 0 {
			other.state.Stop(pid, int(tid), again)
		}
	}
	return stopped
}

// resumeOthers undoes stopOthers.
func (t *thread) resumeOthers() {
	p := &t.pool
	if p.depth--; p.depth > 0 {
		return
	}
	p.owner.Store(nil)
	kernel.ReleaseStop()
	atomic.StoreUint32(&p.taken, 0)
	kernel.Wake(&p.taken)
}

// StopOthers and ResumeOthers implement wali.Helper. A process that never had a
// second guest thread is spared all of it: every page that fork does not write to
// is one that the child need not copy.
func (t *thread) StopOthers() (stopped bool) {
	if t.pool.alone() {
		return false
	}
	t.stopOthers()
	return true
}

func (t *thread) ResumeOthers() {
	if t.pool.owner.Load() == t { // a child may be alone where its parent was not
		t.resumeOthers()
	}
}

// alone reports whether the calling guest thread is the only one that the process
// has had. No other can begin meanwhile.
func (p *threadPool) alone() bool { return len(p.all) == 1 }

// others appends the ids of all guest threads but t to list.
func (t *thread) others(list []uint32) []uint32 {
	for _, other := range t.pool.all {
		if tid := other.slot.TID(); other != t && tid != 0 {
			list = append(list, tid)
		}
	}
	return list
}

// collector decides when the heap is collected. The Go runtime cannot by itself:
// compiled code does not answer when it wants to stop the world.
type collector struct {
	calls  uint32
	busy   uint32
	sample []metrics.Sample
	bound  uint64
}

// collectSometimes collects the heap if it has grown, once in a while.
//
// Preconditions: as for stopOthers.
func (t *thread) collectSometimes() {
	if atomic.AddUint32(&t.pool.collector.calls, 1)%collectEvery == 0 {
		t.Collect()
	}
}

// Collect collects the heap if it has grown. It is called now and then between
// system calls.
//
// Preconditions: as for stopOthers.
func (t *thread) Collect() {
	t.stress()
	c := &t.pool.collector
	if !atomic.CompareAndSwapUint32(&c.busy, 0, 1) {
		return
	}
	defer atomic.StoreUint32(&c.busy, 0)
	if c.sample == nil {
		c.sample = []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		c.bound = c.heap() + collectMargin
	}
	if c.heap() < c.bound {
		return
	}
	// The collector works in threads of the runtime.
	frozen := duplicate.Frozen()
	if frozen && duplicate.Thaw() != nil {
		return
	}
	t.stopOthers()
	runtime.GC()
	t.resumeOthers()
	live := c.heap()
	c.bound = live + max(live, collectMargin)
	if frozen {
		duplicate.Freeze()
	}
}

// heap is the number of bytes in objects, garbage included.
func (c *collector) heap() uint64 {
	metrics.Read(c.sample)
	return c.sample[0].Value.Uint64()
}

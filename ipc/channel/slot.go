package channel

import (
	"sync/atomic"
)

func slotAt(i uint32) uintptr { return slotStart + uintptr(i)*slotSize }

// claimPatience is how many slots are looked at for a free one before one of an
// ended process is taken. A supervisor frees those in time.
const claimPatience = 64

// Claim takes a slot for a child that process parent is about to make, and that
// runs module at first. Without a free slot the result is the zero Ref, and the
// process is counted.
func (c *Channel) Claim(parent int, module string) Ref {
	if c == nil {
		return Ref{}
	}
	hint := c.load32(headHint)
	ended := Ref{}
	for i := range uint32(Slots + claimPatience) {
		n := (hint + i) % Slots
		generation, state, _ := splitOwner(c.load64(slotAt(n)))
		switch state {
		case Free:
			if r, ok := c.take(n, parent, module); ok {
				return r
			}
		case Ended:
			if !ended.Valid() {
				ended = Ref{n + 1, generation}
			}
		}
		if i < claimPatience || !ended.Valid() {
			continue
		}
		if r, ok := c.take(ended.Slot-1, parent, module); ok {
			atomic.AddUint64(c.word64(headOverwritten), 1)
			return r
		}
		ended = Ref{} // somebody else has
	}
	atomic.AddUint64(c.word64(headUnlisted), 1)
	return Ref{}
}

// take makes a free or ended slot a claimed one.
func (c *Channel) take(n uint32, parent int, module string) (Ref, bool) {
	at := slotAt(n)
	old := c.load64(at)
	generation, state, _ := splitOwner(old)
	if state != Free && state != Ended {
		return Ref{}, false
	}
	generation = (generation + 1) & generationMask
	if !atomic.CompareAndSwapUint64(c.word64(at), old, owner(generation, Claimed, int32(parent))) {
		return Ref{}, false
	}
	c.store32(headHint, (n+1)%Slots)
	c.grow(n + 1)
	c.put32(at+slotParent, uint32(parent))
	c.put64(at+slotNotBefore, bootTime())
	c.put64(at+slotBefore, 0)
	c.put64(at+slotEnd, 0)
	c.put64(at+slotEnded, 0)
	c.put32(at+slotThreads, 1)
	c.put64(at+slotForks, 0)
	c.put64(at+slotExecs, 0)
	c.put64(at+slotStarted, 1)
	c.put32(at+slotReported, 0)
	c.putModule(at, module)
	return Ref{n + 1, generation}, true
}

// grow makes used at least n.
func (c *Channel) grow(n uint32) {
	for range Slots { // each failure is somebody else's success
		if used := c.load32(headUsed); used >= n || atomic.CompareAndSwapUint32(c.word32(headUsed), used, n) {
			return
		}
	}
}

// putModule writes the module of a slot that is the caller's.
func (c *Channel) putModule(at uintptr, module string) {
	var flags uint32
	sequence := c.load32(at+slotSequence) | 1
	atomic.SwapUint32(c.word32(at+slotSequence), sequence) // nothing below may come before
	if len(module) > MaxModule {
		module = module[len(module)-MaxModule:]
		flags = flagCut
	}
	copy(c.bytes(at+slotModule, len(module)), module)
	c.put32(at+slotLength, uint32(len(module)))
	c.put32(at+slotFlags, flags)
	c.store32(at+slotSequence, sequence+1)
}

// Abandon gives back a claimed slot, because there is no child.
func (c *Channel) Abandon(r Ref, parent int) {
	c.change(r, owner(r.Generation, Claimed, int32(parent)), owner(r.Generation, Free, 0))
}

// change replaces the owner word of a slot if it is as expected.
func (c *Channel) change(r Ref, from, to uint64) bool {
	return c != nil && r.Valid() && atomic.CompareAndSwapUint64(c.word64(slotAt(r.Slot-1)), from, to)
}

// Adopt makes a claimed slot that of process pid. Parent and child both call it once
// the child exists. The parent then reports the fork, see [Channel.Report].
func (c *Channel) Adopt(r Ref, pid int) {
	if c == nil || !r.Valid() {
		return
	}
	at := slotAt(r.Slot - 1)
	claimed := c.load64(at)
	generation, state, _ := splitOwner(claimed)
	if generation != r.Generation || state != Claimed {
		return
	}
	// If parent and child both come this far, either's time is true.
	c.store64(at+slotBefore, bootTime())
	c.change(r, claimed, owner(r.Generation, Live, int32(pid)))
}

// Report makes known that process pid was made, once. It is for the parent, or for
// the child if the parent waits for it (vfork) and would come too late.
func (c *Channel) Report(r Ref, pid int) {
	if c == nil || !r.Valid() {
		return
	}
	at := slotAt(r.Slot - 1)
	generation, state, owner := splitOwner(c.load64(at))
	if generation != r.Generation || state == Free || state == Claimed || owner != int32(pid) ||
		!atomic.CompareAndSwapUint32(c.word32(at+slotReported), 0, 1) {
		return
	}
	c.store32(indexStart+4*uintptr(uint32(pid)%Slots), r.Slot)
	c.Emit(Event{Kind: Fork, PID: pid, Other: int(int32(c.load32(at + slotParent))), Ref: r})
}

// Forked counts a fork of the process in slot r.
func (c *Channel) Forked(r Ref) {
	if c != nil && r.Valid() {
		atomic.AddUint64(c.word64(slotAt(r.Slot-1)+slotForks), 1)
	}
}

// Begin says that process pid, in slot r, begins to run a module, with one thread.
func (c *Channel) Begin(r Ref, pid int, module string) {
	if !c.holds(r, pid) {
		return
	}
	at := slotAt(r.Slot - 1)
	c.store32(at+slotThreads, 1)
	atomic.AddUint64(c.word64(at+slotExecs), 1)
	c.putModule(at, module)
	c.Emit(Event{Kind: Exec, PID: pid, Ref: r})
}

// holds reports whether r is the slot of living process pid.
func (c *Channel) holds(r Ref, pid int) bool {
	return c != nil && r.Valid() && c.load64(slotAt(r.Slot-1)) == owner(r.Generation, Live, int32(pid))
}

// ThreadStarted says that process pid has one more guest thread.
func (c *Channel) ThreadStarted(r Ref, pid, tid int) {
	if !c.holds(r, pid) {
		return
	}
	at := slotAt(r.Slot - 1)
	atomic.AddUint32(c.word32(at+slotThreads), 1)
	atomic.AddUint64(c.word64(at+slotStarted), 1)
	c.Emit(Event{Kind: ThreadStart, PID: pid, Other: tid, Ref: r})
}

// ThreadEnded says that a guest thread of process pid has ended that is not the
// last.
func (c *Channel) ThreadEnded(r Ref, pid, tid, status int) {
	if !c.holds(r, pid) {
		return
	}
	atomic.AddUint32(c.word32(slotAt(r.Slot-1)+slotThreads), ^uint32(0))
	c.Emit(Event{Kind: ThreadEnd, PID: pid, Other: tid, Ref: r, Value: uint64(uint32(status))})
}

// Exiting says that process pid is about to end by itself with a wait status. That is
// neither an event nor dated yet: somebody will see the end, who need not be quick. In
// a child that does nothing else, even asking for the time costs page faults.
func (c *Channel) Exiting(r Ref, pid int, status uint32) {
	if !c.holds(r, pid) {
		return
	}
	at := slotAt(r.Slot - 1)
	c.store64(at+slotEnd, endWord(status, Itself))
	c.change(r, owner(r.Generation, Live, int32(pid)), owner(r.Generation, Exiting, int32(pid)))
}

// Reaped says that a wait of process pid's parent has returned its status.
func (c *Channel) Reaped(pid int, status uint32) {
	if c != nil {
		c.End(c.Lookup(pid), pid, status, Parent)
	}
}

// End says that process pid, which had slot r, has ended. What a better source has
// said before stays.
func (c *Channel) End(r Ref, pid int, status uint32, source Source) {
	if c == nil || !r.Valid() {
		return
	}
	at := slotAt(r.Slot - 1)
	for range endTries {
		old := c.load64(at)
		generation, state, was := splitOwner(old)
		if generation != r.Generation || was != int32(pid) || state < Live || state > Ended {
			return
		}
		end := c.load64(at + slotEnd)
		said, by := splitEnd(end)
		better := source > by
		if better && !atomic.CompareAndSwapUint64(c.word64(at+slotEnd), end, endWord(status, source)) {
			continue
		}
		if c.load64(at+slotEnded) == 0 {
			c.store64(at+slotEnded, realTime())
		}
		if state != Ended && !c.change(r, old, owner(generation, Ended, int32(pid))) {
			continue
		}
		// One event tells of the end; another only if that was wrong.
		if state != Ended || better && (said != status || by == Nobody) {
			c.Report(r, pid)
			if !better {
				status, source = said, by
			}
			c.Emit(Event{Kind: Exit, PID: pid, Ref: r, Value: uint64(status), Source: source})
		}
		return
	}
}

// endTries is more often than parent, process and supervisor can be in each other's
// way. A writer that wants us to go round for ever is left.
const endTries = 8

// used is how many slots there are to look at. Looking at one makes the kernel give
// it memory.
func (c *Channel) used() uint32 { return min(c.load32(headUsed), Slots) }

// Lookup finds the slot of process pid: if there are several uses of the pid, that
// which was claimed last.
func (c *Channel) Lookup(pid int) Ref {
	if c == nil || pid <= 0 {
		return Ref{}
	}
	if n := c.load32(indexStart + 4*uintptr(uint32(pid)%Slots)); n >= 1 && n <= Slots {
		generation, state, have := splitOwner(c.load64(slotAt(n - 1)))
		if have == int32(pid) && (state == Live || state == Exiting) {
			return Ref{n, generation}
		}
	}
	var found Ref
	var latest uint64
	for n := range c.used() {
		generation, state, have := splitOwner(c.load64(slotAt(n)))
		if have != int32(pid) || state != Live && state != Exiting {
			continue
		}
		if at := c.load64(slotAt(n) + slotNotBefore); !found.Valid() || at > latest {
			found, latest = Ref{n + 1, generation}, at
		}
	}
	return found
}

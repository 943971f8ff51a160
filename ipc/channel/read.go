package channel

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
)

// Slot is what the table says of a process.
type Slot struct {
	Ref     Ref
	State   State // never Free
	PID     int   // for a Claimed slot that of the parent, who is about to fork
	Creator int   // the process that made this one

	// NotBefore and Before are nanoseconds of CLOCK_BOOTTIME between which the
	// process was made. Before is 0 if not known.
	NotBefore, Before uint64

	Module string // path of the module that it runs; the end of it if Cut; empty if not known
	Cut    bool

	Threads int    // guest threads that live
	Forks   uint64 // processes made
	Execs   uint64 // modules begun
	Started uint64 // guest threads that were started

	Status uint32 // wait status, if Source is not Nobody
	Source Source
	Ended  time.Time // zero if not
}

// Each calls f for every slot in use, with nothing but what its owner word says. pid
// may be anything.
func (c *Channel) Each(f func(r Ref, state State, pid int)) {
	for n := range c.used() {
		if generation, state, pid := splitOwner(c.load64(slotAt(n))); state != Free && state < states {
			f(Ref{n + 1, generation}, state, int(pid))
		}
	}
}

// ErrDamaged is wrapped by what readers report of a channel that holds what no
// writer of ours writes.
var ErrDamaged = errors.New("channel is damaged")

// maxReports is how many damaged slots are reported one by one.
const maxReports = 16

// Slots appends the slots in use to list. Slots that hold nonsense are left out and
// reported in the error, which wraps [ErrDamaged]; the list is good all the same.
func (c *Channel) Slots(list []Slot) ([]Slot, error) {
	var errs []error
	damaged := 0
	for n := range c.used() {
		s, ok, err := c.slot(n)
		if err != nil {
			if damaged++; damaged <= maxReports {
				errs = append(errs, err)
			}
			continue
		}
		if ok {
			list = append(list, s)
		}
	}
	if damaged > maxReports {
		errs = append(errs, fmt.Errorf("%w: %d more slots", ErrDamaged, damaged-maxReports))
	}
	return list, errors.Join(errs...)
}

// Slot returns what slot r says, if it is still r's.
func (c *Channel) Slot(r Ref) (s Slot, ok bool, err error) {
	if c == nil || !r.Valid() {
		return Slot{}, false, nil
	}
	s, ok, err = c.slot(r.Slot - 1)
	return s, ok && s.Ref == r, err
}

// slotTries is how often a slot is read that changes meanwhile.
const slotTries = 16

// slot reads a slot; ok is false if it is free, or changes too fast.
func (c *Channel) slot(n uint32) (s Slot, ok bool, err error) {
	at := slotAt(n)
	for try := range slotTries {
		word := c.load64(at)
		sequence := c.load32(at + slotSequence)
		generation, state, pid := splitOwner(word)
		if state == Free {
			return Slot{}, false, nil
		}
		s, err = c.copySlot(at, Slot{Ref: Ref{n + 1, generation}, State: state, PID: int(pid)})
		if c.load64(at) != word || c.load32(at+slotSequence) != sequence || sequence&1 != 0 && try < slotTries-1 {
			continue
		}
		if err != nil {
			return Slot{}, false, fmt.Errorf("%w: slot %d: %w", ErrDamaged, n, err)
		}
		if sequence&1 != 0 { // its process was killed while it wrote
			s.Module, s.Cut = "", false
		}
		return s, true, nil
	}
	return Slot{}, false, nil
}

// copySlot reads and checks the fields.
func (c *Channel) copySlot(at uintptr, s Slot) (Slot, error) {
	s.Creator = int(int32(c.load32(at + slotParent)))
	s.NotBefore, s.Before = c.load64(at+slotNotBefore), c.load64(at+slotBefore)
	s.Threads = int(int32(c.load32(at + slotThreads)))
	s.Forks, s.Execs, s.Started = c.load64(at+slotForks), c.load64(at+slotExecs), c.load64(at+slotStarted)
	end, ended := c.load64(at+slotEnd), c.load64(at+slotEnded)
	flags, length := c.load32(at+slotFlags), c.load32(at+slotLength)
	switch {
	case s.State >= states:
		return s, fmt.Errorf("state %d, at most %d is possible", s.State, states-1)
	case s.PID <= 0:
		return s, fmt.Errorf("pid %d", s.PID)
	case s.State == Claimed:
		return s, nil // nothing else is written yet
	case s.Creator <= 0:
		return s, fmt.Errorf("parent %d", s.Creator)
	case s.Threads < 0:
		return s, fmt.Errorf("%d threads", s.Threads)
	case flags&^flagCut != 0:
		return s, fmt.Errorf("flags %#x, known are %#x", flags, flagCut)
	case length > MaxModule:
		return s, fmt.Errorf("module path of %d bytes, at most %d are possible", length, MaxModule)
	case end>>endSource&0xff >= uint64(sources):
		return s, fmt.Errorf("exit status from source %d, at most %d is possible", end>>endSource&0xff, sources-1)
	}
	s.Cut = flags&flagCut != 0
	s.Status, s.Source = splitEnd(end)
	if ended != 0 {
		s.Ended = time.Unix(0, int64(ended))
	}
	s.Module = printable(c.bytes(at+slotModule, int(length)))
	return s, nil
}

// printable copies b without what could upset a terminal.
func printable(b []byte) string {
	b = bytes.Clone(b)
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(string(b), "?"))
}

// Free gives back the slot of an ended process, which then no reader sees any more.
func (c *Channel) Free(r Ref) {
	if c == nil || !r.Valid() {
		return
	}
	at := slotAt(r.Slot - 1)
	word := c.load64(at)
	if generation, state, _ := splitOwner(word); generation == r.Generation && state == Ended &&
		c.change(r, word, owner(generation, Free, 0)) && r.Slot-1 < c.load32(headHint) {
		c.store32(headHint, r.Slot-1)
	}
}

// Repair frees a slot whatever it says, for a supervisor that knows better.
func (c *Channel) Repair(r Ref) {
	if c == nil || !r.Valid() {
		return
	}
	c.store64(slotAt(r.Slot-1), owner(r.Generation, Free, 0))
}

// sweepAge is how old a claim is before its process is looked for: the child of a
// parent that has just been killed may be about to adopt it.
const sweepAge = uint64(time.Second)

// Sweep frees slots that were claimed by processes which are gone. exists says
// whether a process with that pid is there.
func (c *Channel) Sweep(exists func(pid int) bool) {
	old := bootTime() - sweepAge
	for n := range c.used() {
		word := c.load64(slotAt(n))
		generation, state, pid := splitOwner(word)
		if state == Claimed && c.load64(slotAt(n)+slotNotBefore) <= old && !exists(int(pid)) {
			atomic.CompareAndSwapUint64(c.word64(slotAt(n)), word, owner(generation, Free, 0))
		}
	}
}

// Unlisted is how many processes found no slot, and Overwritten how many ended ones
// were forgotten to make room.
func (c *Channel) Unlisted() uint64    { return c.load64(headUnlisted) }
func (c *Channel) Overwritten() uint64 { return c.load64(headOverwritten) }

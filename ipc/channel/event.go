package channel

import (
	"sync/atomic"
	"time"
)

// Kind is what an event tells of.
type Kind uint8

// Kinds of events.
const (
	// Fork: process PID was made by process Other.
	Fork Kind = 1 + iota
	// Exec: process PID runs another module, or its first.
	Exec
	// Exit: process PID has ended with wait status Value, so says Source. A
	// second such event corrects the first.
	Exit
	// Signal: process PID gets signal Value, which will end it.
	Signal
	// ThreadStart and ThreadEnd: Other is the thread's id; at the end, Value
	// its exit status.
	ThreadStart
	ThreadEnd
	// Orphan: process PID's parent has ended, and the supervisor is now.
	Orphan

	kinds
)

func (k Kind) String() string {
	names := [...]string{"", "fork", "exec", "exit", "signal", "thread-start", "thread-end", "orphan"}
	if k >= 1 && int(k) < len(names) {
		return names[k]
	}
	return "damaged"
}

// Event is one entry of the ring.
type Event struct {
	Time   time.Time // set by Emit
	Kind   Kind
	PID    int
	Other  int // another process or a thread, or 0
	Ref    Ref // the slot of PID, or the zero Ref
	Value  uint64
	Source Source
}

func eventAt(number uint64) uintptr { return eventStart + uintptr(number%Events)*eventSize }

// Emit adds an event and wakes the supervisor if it sleeps. It never waits: what
// nobody has read when the ring has gone round is lost, and readers count it.
func (c *Channel) Emit(e Event) {
	if c == nil {
		return
	}
	number := atomic.AddUint64(c.word64(headNextEvent), 1) - 1
	at := eventAt(number)
	words := [...]uint64{
		realTime(),
		uint64(e.Kind) | uint64(e.Source)<<8 | uint64(uint32(e.PID))<<32,
		uint64(uint32(e.Other)) | uint64(e.Ref.Slot-1)<<32,
		e.Value,
		uint64(e.Ref.Generation),
		0,
	}
	atomic.SwapUint64(c.word64(at+eventSequence), 2*number+1) // nothing below may come before
	for i, w := range words {
		c.put64(at+eventTime+8*uintptr(i), w)
	}
	c.put64(at+eventSum, checksum(number, &words))
	// A writer that was overtaken by a whole round leaves the entry to the other.
	atomic.CompareAndSwapUint64(c.word64(at+eventSequence), 2*number+1, 2*number+2)
	c.Ring()
}

// checksum tells an entry that two writers have written to from a whole one.
func checksum(number uint64, words *[6]uint64) uint64 {
	h := number*0x9e3779b97f4a7c15 + 1
	for _, w := range words {
		h = (h ^ w) * 0x9e3779b97f4a7c15
		h ^= h >> 29
	}
	return h
}

// Cursor reads the ring from some point on. There may be any number of them.
type Cursor struct {
	c    *Channel
	next uint64
	lost uint64
	bad  uint64

	hole      uint64 // number of an event that is not complete, + 1
	holeSince time.Time
}

// holePatience is how long an event may remain half written. Its writer is then
// taken for dead.
const holePatience = 100 * time.Millisecond

// Events returns a cursor at the oldest event that is there, or at the end of the
// ring if latest is set.
func (c *Channel) Events(latest bool) *Cursor {
	cursor := &Cursor{c: c, next: c.load64(headNextEvent)}
	if !latest {
		cursor.next -= min(cursor.next, Events)
	}
	return cursor
}

// Lost is how many events this cursor has missed, because they were overwritten or
// their writers died, and Damaged how many held what no writer of ours writes.
func (r *Cursor) Lost() uint64    { return r.lost }
func (r *Cursor) Damaged() uint64 { return r.bad }

// Next returns the next event; ok is false if there is none yet.
func (r *Cursor) Next() (e Event, ok bool) {
	// A writer may move the end while we look: one round is enough for a call.
	for range Events + 1 {
		end := r.c.load64(headNextEvent)
		if end-r.next > Events {
			r.skip(end)
		}
		if r.next == end {
			return Event{}, false
		}
		words, state := r.c.readEvent(r.next)
		switch state {
		case entryWhole:
			r.next++
			if e, ok = decodeEvent(words); ok {
				return e, true
			}
			r.bad++
		case entryOverwritten:
			r.next++
			r.lost++
		case entryUnwritten:
			if !r.givenUp() {
				return Event{}, false
			}
			r.next++
			r.lost++
		}
	}
	return Event{}, false
}

// skip moves the cursor, which the ring's end has overtaken or run away from.
func (r *Cursor) skip(end uint64) {
	next := end - min(end, Events)
	if int64(next-r.next) > 0 {
		r.lost += next - r.next
	} else {
		r.bad++ // the end went back
	}
	r.next = next
}

// givenUp reports whether the event at the cursor has been incomplete for long.
func (r *Cursor) givenUp() bool {
	if r.hole != r.next+1 {
		r.hole, r.holeSince = r.next+1, time.Now()
		return false
	}
	return time.Since(r.holeSince) > holePatience
}

type entryState uint8

const (
	entryWhole entryState = iota
	entryUnwritten
	entryOverwritten
)

func (c *Channel) readEvent(number uint64) (words [6]uint64, state entryState) {
	at := eventAt(number)
	before := c.load64(at + eventSequence)
	if before != 2*number+2 {
		if int64(before-(2*number+2)) > 0 {
			return words, entryOverwritten
		}
		return words, entryUnwritten
	}
	for i := range words {
		words[i] = c.load64(at + eventTime + 8*uintptr(i))
	}
	sum := c.load64(at + eventSum)
	if c.load64(at+eventSequence) != before || sum != checksum(number, &words) {
		return words, entryOverwritten
	}
	return words, entryWhole
}

func decodeEvent(words [6]uint64) (Event, bool) {
	e := Event{
		Time:   time.Unix(0, int64(words[0])),
		Kind:   Kind(words[1]),
		Source: Source(words[1] >> 8),
		PID:    int(int32(words[1] >> 32)),
		Other:  int(int32(words[2])),
		Ref:    Ref{uint32(words[2]>>32) + 1, uint32(words[4])},
		Value:  words[3],
	}
	if !e.Ref.Valid() {
		e.Ref = Ref{}
	}
	ok := e.Kind >= 1 && e.Kind < kinds && e.Source < sources && e.PID > 0 && e.Other >= 0 && words[1]>>16&0xffff == 0
	return e, ok
}

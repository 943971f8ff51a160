package channel

import (
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// newChannel makes a channel that ends with the test.
func newChannel(tb testing.TB) *Channel {
	tb.Helper()
	c, fd, err := Create("test")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		c.Close()
		unix.Close(fd)
	})
	return c
}

// newProcess puts a living process into the table.
func newProcess(tb testing.TB, c *Channel, parent, pid int) Ref {
	tb.Helper()
	r := c.Claim(parent, "/bin/app.wasm")
	if !r.Valid() {
		tb.Fatal("no slot")
	}
	c.Adopt(r, pid)
	c.Report(r, pid)
	return r
}

func slotOf(tb testing.TB, c *Channel, r Ref) Slot {
	tb.Helper()
	s, ok, err := c.Slot(r)
	if err != nil || !ok {
		tb.Fatalf("slot %v: %v, %v", r, ok, err)
	}
	return s
}

// events returns all that the cursor can read now.
func events(r *Cursor) (list []Event) {
	for {
		e, ok := r.Next()
		if !ok {
			return list
		}
		list = append(list, e)
	}
}

// describe is what a test compares: everything of an event but when and where.
func describe(list []Event) string {
	var words []string
	for _, e := range list {
		word := e.Kind.String()
		if e.Kind == Exit {
			word += "=" + e.Source.String()
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

func TestMapRefusesOtherFiles(t *testing.T) {
	t.Parallel()
	memfd := func(t *testing.T, size int64, sealed bool) int {
		t.Helper()
		fd, err := unix.MemfdCreate("test", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		if err := unix.Ftruncate(fd, size); err != nil {
			t.Fatal(err)
		}
		if sealed {
			if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
				t.Fatal(err)
			}
		}
		return fd
	}
	header := func(offset int64, value uint32) func(t *testing.T) int {
		return func(t *testing.T) int {
			_, fd, err := Create("test")
			if err != nil {
				t.Fatal(err)
			}
			var b [4]byte
			binary.NativeEndian.PutUint32(b[:], value)
			if _, err := unix.Pwrite(fd, b[:], offset); err != nil {
				t.Fatal(err)
			}
			return fd
		}
	}
	cases := map[string]func(t *testing.T) int{
		"not sealed":    func(t *testing.T) int { return memfd(t, Size, false) },
		"too small":     func(t *testing.T) int { return memfd(t, Size-1, true) },
		"too large":     func(t *testing.T) int { return memfd(t, Size+1, true) },
		"empty header":  func(t *testing.T) int { return memfd(t, Size, true) },
		"not open":      func(*testing.T) int { return -1 },
		"other version": header(headVersion, version+1),
		"more slots":    header(headSlots, Slots+1),
		"larger slots":  header(headSlotSize, slotSize*2),
		"more events":   header(headEvents, Events*2),
		"ordinary file": func(t *testing.T) int {
			f, err := os.Open(os.DevNull)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { f.Close() })
			return int(f.Fd())
		},
	}
	for name, open := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c, err := Map(open(t)); !errors.Is(err, ErrChannel) {
				t.Errorf("got %v, %v, want ErrChannel", c, err)
			}
		})
	}
}

func TestChannelIsFoundThroughAProcess(t *testing.T) {
	// Not parallel: other tests' channels would be found too.
	c, fd, err := Create("by name")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	found, err := Find(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(fd) // the channel lives on
	defer unix.Close(found)
	other, err := Map(found)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if got := other.Name(); got != "by name" {
		t.Errorf("name %q", got)
	}
	r := newProcess(t, c, 1, 42)
	if s := slotOf(t, other, r); s.PID != 42 {
		t.Errorf("the other mapping sees pid %d", s.PID)
	}
	if _, err := Find(1 << 30); !errors.Is(err, unix.ESRCH) {
		t.Errorf("Find of no process: %v, want ESRCH", err)
	}
	if _, err := unix.Pwrite(fd, nil, 0); err != unix.EBADF {
		t.Errorf("the descriptor is open: %v", err)
	}
}

func TestCreateUnderALimitOfFileSize(t *testing.T) {
	// Not parallel: the limit is the process's.
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	limit := unix.Rlimit{Cur: Size - 1, Max: old.Max}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	defer unix.Setrlimit(unix.RLIMIT_FSIZE, &old)
	if _, _, err := Create("test"); !errors.Is(err, unix.EFBIG) {
		t.Errorf("got %v, want EFBIG", err)
	}
}

func TestLifeOfAProcess(t *testing.T) {
	t.Parallel()
	c := newChannel(t)
	r := c.Claim(10, "/bin/sh.wasm")
	if s := slotOf(t, c, r); s.State != Claimed || s.PID != 10 {
		t.Errorf("claimed: %+v", s)
	}
	before := bootTime()
	c.Adopt(r, 11) // by the parent
	c.Adopt(r, 11) // by the child
	c.Report(r, 11)
	c.Report(r, 11)
	s := slotOf(t, c, r)
	if s.State != Live || s.PID != 11 || s.Creator != 10 || s.Module != "/bin/sh.wasm" || s.Execs != 0 || s.Threads != 1 {
		t.Errorf("adopted: %+v", s)
	}
	if s.NotBefore == 0 || s.NotBefore > before || s.Before < before || s.Before > bootTime() {
		t.Errorf("made between %d and %d, at about %d", s.NotBefore, s.Before, before)
	}
	c.Begin(r, 11, "/bin/ls.wasm")
	c.ThreadStarted(r, 11, 12)
	c.ThreadStarted(r, 11, 13)
	c.ThreadEnded(r, 11, 12, 0)
	c.Forked(r)
	if s := slotOf(t, c, r); s.Module != "/bin/ls.wasm" || s.Execs != 1 || s.Threads != 2 || s.Started != 3 || s.Forks != 1 {
		t.Errorf("running: %+v", s)
	}
	c.Exiting(r, 11, 3<<8)
	if s := slotOf(t, c, r); s.State != Exiting || s.Source != Itself || s.Status != 3<<8 {
		t.Errorf("exiting: %+v", s)
	}
	c.Reaped(11, 3<<8)
	if s := slotOf(t, c, r); s.State != Ended || s.Source != Parent || s.Ended.IsZero() {
		t.Errorf("ended: %+v", s)
	}
	c.Free(r)
	if _, ok, _ := c.Slot(r); ok {
		t.Error("there is a slot after Free")
	}
	const want = "fork exec thread-start thread-start thread-end exit=parent"
	if got := describe(events(c.Events(false))); got != want {
		t.Errorf("events: %s, want %s", got, want)
	}
}

// TestEndIsTrue: whoever knows best is believed, whatever the order, and readers of
// events hear of the end once, or again if what they heard was wrong.
func TestEndIsTrue(t *testing.T) {
	t.Parallel()
	type said struct {
		by     Source
		status uint32
	}
	killed := uint32(unix.SIGKILL)
	cases := map[string]struct {
		said   []said
		want   said
		events string
	}{
		"killed":                        {[]said{{Wait, killed}}, said{Wait, killed}, "exit=wait"},
		"killed, twice told":            {[]said{{Kernel, killed}, {Parent, killed}}, said{Kernel, killed}, "exit=kernel"},
		"killed, better told":           {[]said{{Parent, killed}, {Kernel, killed}}, said{Kernel, killed}, "exit=parent"},
		"killed just before it ended":   {[]said{{Itself, 0}, {Wait, killed}}, said{Wait, killed}, "exit=wait"},
		"a lie of the parent's":         {[]said{{Wait, killed}, {Parent, 0}}, said{Wait, killed}, "exit=wait"},
		"nobody knows":                  {[]said{{Nobody, 0}}, said{Nobody, 0}, "exit=nobody"},
		"nobody knows, then somebody":   {[]said{{Nobody, 0}, {Kernel, killed}}, said{Kernel, killed}, "exit=nobody exit=kernel"},
		"nobody but itself":             {[]said{{Itself, 256}, {Nobody, 0}}, said{Itself, 256}, "exit=itself"},
		"itself, and the sweep says it": {[]said{{Itself, 256}, {Itself, 256}}, said{Itself, 256}, "exit=itself"},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newChannel(t)
			r := newProcess(t, c, 1, 7)
			cursor := c.Events(true)
			for i, s := range test.said {
				if s.by == Itself && i == 0 {
					c.Exiting(r, 7, s.status)
				} else {
					c.End(r, 7, s.status, s.by)
				}
			}
			if s := slotOf(t, c, r); s.Source != test.want.by || s.Status != test.want.status {
				t.Errorf("%v says %#x, want %v and %#x", s.Source, s.Status, test.want.by, test.want.status)
			}
			if got := describe(events(cursor)); got != test.events {
				t.Errorf("events: %s, want %s", got, test.events)
			}
		})
	}
}

// TestOldRefsAreHarmless: a slot that has another owner now is not touched by who
// had it before.
func TestOldRefsAreHarmless(t *testing.T) {
	t.Parallel()
	c := newChannel(t)
	old := newProcess(t, c, 1, 7)
	c.End(old, 7, 0, Wait)
	c.Free(old)
	r := newProcess(t, c, 1, 7) // the pid is used again
	if r.Slot != old.Slot {
		t.Fatalf("slot %d, want %d again", r.Slot, old.Slot)
	}
	want := slotOf(t, c, r)
	c.Adopt(old, 8)
	c.Report(old, 7)
	c.Abandon(old, 1)
	c.Begin(old, 7, "/other")
	c.ThreadStarted(old, 7, 8)
	c.ThreadEnded(old, 7, 8, 0)
	c.Exiting(old, 7, 1)
	c.End(old, 7, 1, Wait)
	c.Free(old)
	for _, r := range []Ref{{}, {Slot: Slots + 1}, {Slot: 1<<32 - 1, Generation: 1<<32 - 1}} {
		c.Adopt(r, 8)
		c.Report(r, 8)
		c.Abandon(r, 1)
		c.Begin(r, 7, "/other")
		c.Forked(r)
		c.Exiting(r, 7, 1)
		c.End(r, 7, 1, Wait)
		c.Free(r)
	}
	if got := slotOf(t, c, r); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestNoChannelIsHarmless(t *testing.T) {
	t.Parallel()
	var c *Channel
	r := c.Claim(1, "/a")
	c.Adopt(r, 2)
	c.Report(r, 2)
	c.Begin(r, 2, "/b")
	c.Forked(r)
	c.ThreadStarted(r, 2, 3)
	c.ThreadEnded(r, 2, 3, 0)
	c.Exiting(r, 2, 0)
	c.Reaped(2, 0)
	c.Emit(Event{Kind: Fork, PID: 1})
	c.SetHelper(Helper{})
	if r.Valid() || c.Stopped() || c.Close() != nil {
		t.Error("a nil channel does something")
	}
}

func TestFullTable(t *testing.T) {
	t.Parallel()
	c := newChannel(t)
	for i := range Slots {
		newProcess(t, c, 1, i+2)
	}
	if r := c.Claim(1, "/one/too/many"); r.Valid() {
		t.Fatalf("slot %v in a full table", r)
	}
	if list, err := c.Slots(nil); len(list) != Slots || err != nil {
		t.Errorf("%d slots, %v", len(list), err)
	}
	// What has ended makes room.
	c.Reaped(Slots/2, 0)
	r := c.Claim(1, "/new")
	if !r.Valid() {
		t.Fatal("no slot though a process has ended")
	}
	c.Adopt(r, 1<<20)
	c.Report(r, 1<<20)
	if c.Unlisted() != 1 || c.Overwritten() != 1 {
		t.Errorf("%d unlisted and %d overwritten, want 1 and 1", c.Unlisted(), c.Overwritten())
	}
	if got := c.Lookup(1 << 20); got != r {
		t.Errorf("Lookup: %v, want %v", got, r)
	}
}

func TestLookupAmongManyOfOneIndex(t *testing.T) {
	t.Parallel()
	c := newChannel(t)
	want := map[int]Ref{}
	for i := range 10 {
		pid := 5 + i*Slots // all have the same place in the index
		want[pid] = newProcess(t, c, 1, pid)
	}
	for pid, r := range want {
		if got := c.Lookup(pid); got != r {
			t.Errorf("pid %d: %v, want %v", pid, got, r)
		}
	}
	if got := c.Lookup(6); got.Valid() {
		t.Errorf("Lookup of an absent process: %v", got)
	}
}

func TestSweepFreesWhatADeadParentHadClaimed(t *testing.T) {
	t.Parallel()
	c := newChannel(t)
	dead, fresh, alive := c.Claim(10, "/a"), c.Claim(10, "/a"), c.Claim(11, "/a")
	old := bootTime() - sweepAge
	c.store64(slotAt(dead.Slot-1)+slotNotBefore, old)
	c.store64(slotAt(alive.Slot-1)+slotNotBefore, old)
	c.Sweep(func(pid int) bool { return pid == 11 })
	for name, test := range map[string]struct {
		r    Ref
		kept bool
	}{"of the dead": {dead, false}, "fresh": {fresh, true}, "of the living": {alive, true}} {
		if _, kept, _ := c.Slot(test.r); kept != test.kept {
			t.Errorf("claim %s: kept %v", name, kept)
		}
	}
}

func TestLongModulePath(t *testing.T) {
	t.Parallel()
	c := newChannel(t)
	path := "/" + strings.Repeat("x", MaxModule) + "/end.wasm"
	r := newProcess(t, c, 1, 2)
	c.Begin(r, 2, path)
	s := slotOf(t, c, r)
	if !s.Cut || len(s.Module) != MaxModule || !strings.HasSuffix(path, s.Module) {
		t.Errorf("cut %v, %d bytes, %q", s.Cut, len(s.Module), s.Module)
	}
	c.Begin(r, 2, "/short\x1b[2J\xff")
	if s := slotOf(t, c, r); s.Cut || s.Module != "/short?[2J?" {
		t.Errorf("cut %v, %q", s.Cut, s.Module)
	}
}

func TestRingCountsWhatItLost(t *testing.T) {
	t.Parallel()
	c := newChannel(t)
	slow, late := c.Events(false), c.Events(true)
	for i := range Events + 10 {
		c.Emit(Event{Kind: Signal, PID: i + 1})
	}
	list := events(slow)
	if len(list) != Events || list[0].PID != 11 || slow.Lost() != 10 {
		t.Errorf("%d events from %d on, %d lost; want %d from 11 on, 10 lost", len(list), list[0].PID, slow.Lost(), Events)
	}
	if list := events(late); len(list) != Events || late.Lost() != 10 {
		t.Errorf("%d events, %d lost", len(list), late.Lost())
	}
	if e, ok := slow.Next(); ok {
		t.Errorf("one more: %+v", e)
	}
}

// TestDeadWriterOfAnEvent: an event that was never finished is given up in time, and
// hides none of the later ones.
func TestDeadWriterOfAnEvent(t *testing.T) {
	t.Parallel()
	c := newChannel(t)
	cursor := c.Events(true)
	c.store64(headNextEvent, 1) // a writer has taken number 0 and died
	c.Emit(Event{Kind: Signal, PID: 9})
	for deadline := time.Now().Add(time.Minute); ; {
		if e, ok := cursor.Next(); ok {
			if e.PID != 9 || cursor.Lost() != 1 {
				t.Errorf("%+v, %d lost", e, cursor.Lost())
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the cursor waits for a dead writer")
		}
		time.Sleep(time.Millisecond)
	}
}

// TestOvertakenWriter: an event into which a late writer has written is not taken
// for a whole one.
func TestOvertakenWriter(t *testing.T) {
	t.Parallel()
	c := newChannel(t)
	cursor := c.Events(true)
	c.Emit(Event{Kind: Signal, PID: 9, Value: 1})
	c.store64(eventAt(0)+eventValue, 2)
	c.Emit(Event{Kind: Signal, PID: 10})
	if list := events(cursor); len(list) != 1 || list[0].PID != 10 || cursor.Lost() != 1 {
		t.Errorf("%+v, %d lost", list, cursor.Lost())
	}
}

func TestDoorbells(t *testing.T) {
	t.Parallel()
	c := newChannel(t)
	done := make(chan bool)
	for _, bell := range []struct {
		name  string
		await func()
		ring  func()
	}{
		{"supervisor's", func() { c.Await(c.Bell(), time.Minute) }, func() { c.Emit(Event{Kind: Fork, PID: 1}) }},
		{"helpers'", func() { c.AwaitOrders(c.Orders(), time.Minute) }, func() { c.SetStop(true) }},
	} {
		go func() {
			bell.await()
			done <- true
		}()
		for waiting := true; waiting; { // whenever the sleeper falls asleep, it is woken
			bell.ring()
			select {
			case <-done:
				waiting = false
			case <-time.After(time.Millisecond):
			}
		}
	}
	if c.load32(headSleepers) != 0 {
		t.Error("somebody is still said to sleep")
	}
	if !c.Stopped() {
		t.Error("not stopped")
	}
	c.Await(c.Bell()-1, time.Minute) // rung already: returns at once
}

func TestNotes(t *testing.T) {
	t.Parallel()
	c := newChannel(t)
	if lines := c.Notes(); len(lines) != 0 {
		t.Errorf("%q at first", lines)
	}
	c.SetNotes("one\ntwo\x1b\n" + strings.Repeat("x", NotesSize))
	if lines := c.Notes(); len(lines) != 3 || lines[0] != "one" || lines[1] != "two?" || len(lines[2]) != NotesSize-9 {
		t.Errorf("%q", lines)
	}
	c.SetNotes("three")
	if lines := c.Notes(); len(lines) != 1 || lines[0] != "three" {
		t.Errorf("%q", lines)
	}
}

func TestTraceSettings(t *testing.T) {
	t.Parallel()
	c := newChannel(t)
	buf := make([]byte, SettingsSize)
	if word, ok := c.TraceSettings(buf); ok {
		t.Errorf("on at first: %#x", word)
	}
	c.SetTrace(true, []byte("first"))
	first, ok := c.TraceSettings(buf)
	if !ok || !strings.HasPrefix(string(buf), "first\x00") || *c.TraceWord() != first {
		t.Errorf("%v, %#x, %q", ok, first, buf[:8])
	}
	c.SetTrace(true, []byte("2"))
	second, ok := c.TraceSettings(buf)
	if !ok || second == first || !strings.HasPrefix(string(buf), "2\x00\x00") {
		t.Errorf("%v, %#x after %#x, %q", ok, second, first, buf[:8])
	}
	c.SetTrace(false, nil)
	if _, ok := c.TraceSettings(buf); ok {
		t.Error("on after it was turned off")
	}
}

package channel

import "testing"

// BenchmarkFork is all that a fork and the end of its child cost in the channel, but
// for what the kernel does when a new process touches the pages first.
func BenchmarkFork(b *testing.B) {
	c := newChannel(b)
	parent := newProcess(b, c, 1, 2)
	pid := 2
	for b.Loop() {
		pid = pid%30000 + 3
		r := c.Claim(2, "/usr/share/wasm/program.wasm")
		c.Adopt(r, pid)
		c.Adopt(r, pid)
		c.Report(r, pid)
		c.Forked(parent)
		c.Exiting(r, pid, 0)
		c.Reaped(pid, 0)
		c.Free(r)
	}
}

func BenchmarkExec(b *testing.B) {
	c := newChannel(b)
	r := newProcess(b, c, 1, 2)
	for b.Loop() {
		c.Begin(r, 2, "/usr/share/wasm/program.wasm")
	}
}

func BenchmarkEmit(b *testing.B) {
	c := newChannel(b)
	for b.Loop() {
		c.Emit(Event{Kind: Signal, PID: 1})
	}
}

func BenchmarkEmitAndRead(b *testing.B) {
	c := newChannel(b)
	cursor := c.Events(true)
	for b.Loop() {
		c.Emit(Event{Kind: Signal, PID: 1})
		if _, ok := cursor.Next(); !ok {
			b.Fatal("no event")
		}
	}
}

func BenchmarkSlots(b *testing.B) {
	c := newChannel(b)
	for i := range 100 {
		newProcess(b, c, 1, i+2)
	}
	var list []Slot
	for b.Loop() {
		list, _ = c.Slots(list[:0])
	}
	if len(list) != 100 {
		b.Fatalf("%d slots", len(list))
	}
}

// TestWritersDoNotAllocate: they run in children of a fork, with the collector off.
func TestWritersDoNotAllocate(t *testing.T) {
	c := newChannel(t)
	parent := newProcess(t, c, 1, 2)
	allocations := testing.AllocsPerRun(100, func() {
		r := c.Claim(2, "/program.wasm")
		c.Adopt(r, 3)
		c.Report(r, 3)
		c.Forked(parent)
		c.Begin(r, 3, "/other.wasm")
		c.ThreadStarted(r, 3, 4)
		c.ThreadEnded(r, 3, 4, 0)
		c.Exiting(r, 3, 0)
		c.Reaped(3, 0)
		c.Free(r)
	})
	if allocations != 0 {
		t.Errorf("%v allocations", allocations)
	}
}

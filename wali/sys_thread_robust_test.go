package wali

import (
	"runtime"
	"slices"
	"testing"
)

// entries returns the guest addresses of the futex words in a thread's shadow list.
func (t *Thread) entries() (words []uint32) {
	l := &t.shadow
	for at := l.head[headFirst]; at != l.end(); at = *wordAt(at) {
		words = append(words, t.Memory.Guest(at+l.head[headDistance]))
	}
	return words
}

func TestShadowOfRobustMutexes(t *testing.T) {
	runtime.LockOSThread() // the kernel is told of the list; it ends with the thread
	g := newGuest(t)
	const a = uint32(guestStart)
	type step struct {
		operation uint64
		word      uint32
		result    int64
		want      []uint32
	}
	for i, s := range []step{
		{robustComes, a + 4, 0, nil},
		{robustLink, a + 4, 0, []uint32{a + 4}},
		{robustLink, a + 28, 0, []uint32{a + 28, a + 4}},
		{robustLink, a + 8192, 0, []uint32{a + 8192, a + 28, a + 4}},
		{robustLink, a + 28, 0, []uint32{a + 8192, a + 28, a + 4}}, // again
		// Entries that would overlap, on either side.
		{robustLink, a + 24, 0, []uint32{a + 8192, a + 28, a + 4}},
		{robustLink, a + 32, 0, []uint32{a + 8192, a + 28, a + 4}},
		{robustUnlink, a + 28, 0, []uint32{a + 8192, a + 4}},
		{robustClear, 0, 0, []uint32{a + 8192, a + 4}},
		{robustUnlink, a + 28, 0, []uint32{a + 8192, a + 4}}, // not there
		{robustLink, a + 24, 0, []uint32{a + 24, a + 8192, a + 4}},
		{robustLink, a + 32, 0, []uint32{a + 32, a + 24, a + 8192, a + 4}},
		{robustUnlink, a + 32, 0, []uint32{a + 24, a + 8192, a + 4}},
		{robustUnlink, a + 4, 0, []uint32{a + 24, a + 8192}},
		// What is no futex word of the guest's.
		{robustLink, a + 2, -22, []uint32{a + 24, a + 8192}},
		{robustLink, 0xfffffffc, -22, []uint32{a + 24, a + 8192}},
		{4, a, -22, []uint32{a + 24, a + 8192}},
	} {
		if r := g.callRow("prctl", uint64(prctlRobust), s.operation, uint64(s.word), uint64(0), uint64(0)); r != s.result {
			t.Errorf("step %d: %d, want %d", i, r, s.result)
		}
		if got := g.entries(); !slices.Equal(got, s.want) {
			t.Fatalf("step %d: %#x, want %#x", i, got, s.want)
		}
		pending := uintptr(0)
		if s.operation == robustComes || s.operation == robustUnlink {
			pending = g.shadowArea.base + uintptr(s.word)
		}
		if got := g.shadow.head[headPending]; s.result == 0 && got != pending {
			t.Errorf("step %d: pending %#x, want %#x", i, got, pending)
		}
	}
	for i := range uint32(robustLimit + 10) {
		g.must("prctl", uint64(prctlRobust), uint64(robustLink), uint64(a+64<<10+8*i), uint64(0), uint64(0))
	}
	if got := len(g.entries()); got != robustLimit {
		t.Errorf("%d entries, want no more than the kernel walks", got)
	}
	g.dropShadow()
	if got := g.entries(); got != nil || g.shadow.held != 0 {
		t.Errorf("after the end of the thread: %#x", got)
	}
	g.must("prctl", uint64(prctlRobust), uint64(robustLink), uint64(a+64<<10+4), uint64(0), uint64(0))
	if got := g.entries(); !slices.Equal(got, []uint32{a + 64<<10 + 4}) {
		t.Errorf("in the memory of dropped entries: %#x", got)
	}
	g.dropShadow()
}

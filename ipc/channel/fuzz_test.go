package channel

import (
	"encoding/binary"
	"errors"
	"testing"
	"unicode/utf8"
)

// FuzzDamagedChannel writes anything anywhere into a channel in use, and has every
// reader and writer work on it. They must report, and must not crash, loop or
// return what cannot be.
func FuzzDamagedChannel(f *testing.F) {
	damage := func(words ...uint64) (data []byte) {
		for i := 0; i < len(words); i += 2 {
			data = binary.LittleEndian.AppendUint32(data, uint32(words[i]))
			data = binary.LittleEndian.AppendUint64(data, words[i+1])
		}
		return data
	}
	const all = 1<<64 - 1
	slot := uint64(slotAt(1))
	event := uint64(eventAt(1))
	f.Add(damage())
	f.Add(damage(headNextEvent, all))
	f.Add(damage(headNextEvent, 0))
	f.Add(damage(headNextEvent, Events+1))
	f.Add(damage(headHint, all))
	f.Add(damage(headUsed, all))
	f.Add(damage(headSleepers&^7, all))
	f.Add(damage(headName, all, headName+8, all, headCreated, all))
	f.Add(damage(headNotes, all, headNotes+8, all, headNotes+16, 0x0a0a0a0a0a0a0a0a))
	f.Add(damage(slot, all))
	f.Add(damage(slot, owner(1, states, 5)))
	f.Add(damage(slot, owner(1, Live, -1)))
	f.Add(damage(slot, owner(1, Claimed, 0)))
	f.Add(damage(slot+slotParent, all))
	f.Add(damage(slot+slotThreads, all))
	f.Add(damage(slot+slotEnd, all, slot+slotEnded, all))
	f.Add(damage(slot+slotLength, all))
	f.Add(damage(slot+slotLength, MaxModule+1))
	f.Add(damage(slot+slotModule, all))
	f.Add(damage(event+eventSequence, all))
	f.Add(damage(event+eventSequence, 0))
	f.Add(damage(event+eventKind, all))
	f.Add(damage(event+eventSum, 0))
	f.Add(damage(indexStart+4*8, all))
	f.Fuzz(func(t *testing.T, data []byte) {
		c := newChannel(t)
		var refs []Ref
		for pid := 2; pid < 12; pid++ {
			refs = append(refs, newProcess(t, c, pid-1, pid))
		}
		c.Exiting(refs[3], 5, 256)
		c.Reaped(6, 9)
		cursor := c.Events(false)
		cursor.Next()
		for ; len(data) >= 12; data = data[12:] {
			at := uintptr(binary.LittleEndian.Uint32(data)) % (Size / 8) * 8
			if binary.LittleEndian.Uint32(data) < Size {
				at = uintptr(binary.LittleEndian.Uint32(data)) &^ 7
			}
			c.store64(at, binary.LittleEndian.Uint64(data[4:]))
		}
		checkSlots(t, c)
		checkEvents(t, cursor)
		checkEvents(t, c.Events(false))
		for i, r := range refs {
			if s, ok, _ := c.Slot(r); ok && s.Ref != r {
				t.Errorf("slot %v for %v", s.Ref, r)
			}
			c.Begin(r, i+2, "/other.wasm")
			c.ThreadStarted(r, i+2, 1)
			c.Exiting(r, i+2, 0)
			c.End(r, i+2, 9, Wait)
			if found := c.Lookup(i + 2); found.Slot > Slots {
				t.Errorf("Lookup: %v", found)
			}
			c.Free(r)
		}
		if r := c.Claim(1, "/new.wasm"); r.Valid() {
			c.Adopt(r, 100)
			c.Report(r, 100)
		} else if r != (Ref{}) {
			t.Errorf("Claim: %v", r)
		}
		c.Sweep(func(int) bool { return false })
		c.SetTrace(true, []byte("x"))
		if _, ok := c.TraceSettings(make([]byte, SettingsSize)); !ok {
			t.Error("no trace settings")
		}
		c.Await(c.Bell()+1, 1)
		if name := c.Name(); len(name) > 3*MaxName || !utf8.ValidString(name) {
			t.Errorf("name %q", name)
		}
		for _, line := range c.Notes() {
			if len(line) > 3*NotesSize || !utf8.ValidString(line) {
				t.Errorf("note %q", line)
			}
		}
		_, _ = c.Created(), c.Helper()
		checkSlots(t, c)
	})
}

func checkSlots(t *testing.T, c *Channel) {
	t.Helper()
	list, err := c.Slots(nil)
	if err != nil && !errors.Is(err, ErrDamaged) {
		t.Errorf("Slots: %v", err)
	}
	if len(list) > Slots {
		t.Errorf("%d slots", len(list))
	}
	for _, s := range list {
		if !s.Ref.Valid() || s.State == Free || s.State >= states || s.PID <= 0 || s.Threads < 0 ||
			s.Source >= sources || len(s.Module) > 3*MaxModule || !utf8.ValidString(s.Module) {
			t.Errorf("%+v", s)
		}
	}
}

func checkEvents(t *testing.T, cursor *Cursor) {
	t.Helper()
	for range Events + 1 {
		e, ok := cursor.Next()
		if !ok {
			return
		}
		if e.Kind < Fork || e.Kind >= kinds || e.PID <= 0 || e.Other < 0 || e.Source >= sources {
			t.Errorf("%+v", e)
		}
	}
	t.Error("more events than the ring holds")
}

package ipc

import (
	"bytes"
	"errors"
	"testing"
)

func TestTraceConfigText(t *testing.T) {
	t.Parallel()
	want := TraceConfig{Strings: 77, Brief: true, Layers: true}
	want.Set(0)
	want.Set(300)
	want.Set(TraceCalls - 1)
	text, err := want.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	var got TraceConfig
	if err := got.UnmarshalText(text); err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if !got.Has(300) || got.Has(301) {
		t.Error("the set of calls is another")
	}
}

func TestBadTraceConfig(t *testing.T) {
	t.Parallel()
	calls := string(bytes.Repeat([]byte("00"), TraceCalls/8))
	for name, text := range map[string]string{
		"empty":             "",
		"few words":         "32 true true " + calls,
		"no number":         "x true true true " + calls,
		"negative":          "-1 true true true " + calls,
		"long strings":      "4096 true true true " + calls,
		"no boolean":        "32 maybe true true " + calls,
		"few calls":         "32 true true true 00",
		"not hexadecimal":   "32 true true true x" + calls[1:],
		"another word":      "32 true true true " + calls + " x",
		"an odd digit more": "32 true true true " + calls + "0",
	} {
		var config TraceConfig
		if err := config.UnmarshalText([]byte(text)); !errors.Is(err, ErrTrace) {
			t.Errorf("%s: %v, want an error of kind %q", name, err, ErrTrace)
		}
	}
}

// encodeTrace encodes a record as a tracer does.
func encodeTrace(r TraceRecord) []byte {
	b := append(append(make([]byte, TraceHeader), r.Text...), r.Result...)
	PutTraceHeader(b, &r, len(r.Result))
	return b
}

func TestTraceRecord(t *testing.T) {
	t.Parallel()
	want := TraceRecord{Kind: TraceCall, Layer: true, TID: 7, PID: 6, Call: 12, Errno: 2, Time: 1 << 60, Duration: 99,
		Text: []byte(`open("x"`), Result: []byte("-1 ENOENT")}
	got, err := ParseTraceRecord(encodeTrace(want))
	if err != nil {
		t.Fatal(err)
	}
	if got.Kind != want.Kind || got.Layer != want.Layer || got.TID != want.TID || got.PID != want.PID || got.Call != want.Call || got.Errno != want.Errno ||
		got.Time != want.Time || got.Duration != want.Duration || !bytes.Equal(got.Text, want.Text) || !bytes.Equal(got.Result, want.Result) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestTraceRecordsCannotCommandTerminals(t *testing.T) {
	t.Parallel()
	got, err := ParseTraceRecord(encodeTrace(TraceRecord{Kind: TraceSignal, Text: []byte("a\x1b[2Jb\n\xff")}))
	if err != nil {
		t.Fatal(err)
	}
	if string(got.Text) != "a?[2Jb??" {
		t.Errorf("text %q", got.Text)
	}
}

func TestBadTraceRecords(t *testing.T) {
	t.Parallel()
	good := encodeTrace(TraceRecord{Kind: TraceCall, Text: []byte("text"), Result: []byte("0")})
	for name, change := range map[string]func(b []byte) []byte{
		"empty":              func([]byte) []byte { return nil },
		"short":              func(b []byte) []byte { return b[:TraceHeader-1] },
		"cut":                func(b []byte) []byte { return b[:len(b)-1] },
		"longer":             func(b []byte) []byte { return append(b, 0) },
		"kind 0":             func(b []byte) []byte { b[2] = 0; return b },
		"unknown kind":       func(b []byte) []byte { b[2] = byte(traceKinds); return b },
		"neither layer's":    func(b []byte) []byte { b[3] = 2; return b },
		"a layer's begin":    func(b []byte) []byte { b[2], b[3] = byte(TraceEnter), 1; return b },
		"unknown call":       func(b []byte) []byte { b[13] = 0xff; return b },
		"text too long":      func(b []byte) []byte { b[32]++; return b },
		"result too long":    func(b []byte) []byte { b[35] = 0xff; return b },
		"more than a packet": func(b []byte) []byte { return append(b, make([]byte, MaxTraceRecord)...) },
	} {
		if _, err := ParseTraceRecord(change(bytes.Clone(good))); !errors.Is(err, ErrTrace) {
			t.Errorf("%s: %v, want an error of kind %q", name, err, ErrTrace)
		}
	}
}

func FuzzParseTraceRecord(f *testing.F) {
	f.Add(encodeTrace(TraceRecord{Kind: TraceCall, Text: []byte("text"), Result: []byte("0")}))
	f.Fuzz(func(t *testing.T, b []byte) {
		record, err := ParseTraceRecord(b)
		if err != nil {
			return
		}
		if got := encodeTrace(record); !bytes.Equal(got, b) {
			t.Errorf("% x was read, is written as % x", b, got)
		}
	})
}

package ipc

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// TraceConfig says what a traced process reports.
type TraceConfig struct {
	// Calls has bit n set if call n is to be shown, by its place in wali's table.
	Calls [TraceCalls / 8]byte

	Strings int  // how many bytes of a string are shown
	Brief   bool // no texts are wanted, only which call took how long and failed how
	Signals bool // signals are to be shown
	Layers  bool // calls that layers make are to be shown
}

const (
	// TraceCalls is more than wali's table has rows. The last one stands for
	// calls that are not in it.
	TraceCalls = 512

	// MaxTraceStrings bounds TraceConfig.Strings; a record has to hold a few.
	MaxTraceStrings = 1024
)

// ErrTrace is the error that every bad trace configuration or record wraps.
var ErrTrace = errors.New("bad trace data")

// Set marks call n as to be shown.
func (c *TraceConfig) Set(n int) { c.Calls[n/8] |= 1 << (n % 8) }

// Has reports whether call n is to be shown.
func (c *TraceConfig) Has(n int) bool { return c.Calls[n/8]&(1<<(n%8)) != 0 }

// MarshalText encodes the configuration for the boot record.
func (c *TraceConfig) MarshalText() ([]byte, error) {
	return fmt.Appendf(nil, "%d %t %t %t %x", c.Strings, c.Brief, c.Signals, c.Layers, c.Calls[:]), nil
}

// UnmarshalText decodes what MarshalText has made, or anyone else.
func (c *TraceConfig) UnmarshalText(text []byte) error {
	words := strings.Split(string(text), " ")
	if len(words) != 5 {
		return fmt.Errorf("%w: configuration of %d words, want 5", ErrTrace, len(words))
	}
	var got TraceConfig
	n, err := strconv.Atoi(words[0])
	if err != nil || n < 0 || n > MaxTraceStrings {
		return fmt.Errorf("%w: strings of %q bytes, at most %d are possible", ErrTrace, words[0], MaxTraceStrings)
	}
	got.Strings = n
	for i, field := range []*bool{&got.Brief, &got.Signals, &got.Layers} {
		switch words[1+i] {
		case "true":
			*field = true
		case "false":
		default:
			return fmt.Errorf("%w: %q is neither true nor false", ErrTrace, words[1+i])
		}
	}
	calls, err := hex.DecodeString(words[4])
	if err != nil || len(calls) != len(got.Calls) {
		return fmt.Errorf("%w: set of calls in %d characters, want %d", ErrTrace, len(words[4]), 2*len(got.Calls))
	}
	copy(got.Calls[:], calls)
	*c = got
	return nil
}

// TraceKind says what a trace record tells.
type TraceKind uint8

const (
	// TraceEnter is a call that begins and may take long; Text ends where the
	// first argument comes that the call fills in.
	TraceEnter TraceKind = iota + 1
	// TraceLeave is the end of the call that the thread's last TraceEnter began,
	// with the rest of its arguments.
	TraceLeave
	// TraceCall is a call from beginning to end.
	TraceCall
	// TraceSignal is a signal that the thread is about to handle.
	TraceSignal
	// TraceExit is the end of a thread; Text says how.
	TraceExit
	// TraceExec is the first thing that a new program reports: the end of the
	// execve that started it, which Text has anew.
	TraceExec
	// TraceAttach is the first thing that a new thread or process reports.
	TraceAttach
	// TraceRestart is a call that a signal has interrupted and that begins anew.
	TraceRestart

	traceKinds
)

// TraceRecord is one thing that a traced thread reports. It travels through a
// pipe in packet mode, so one read gives one record.
type TraceRecord struct {
	Kind     TraceKind
	TID, PID uint32
	Call     uint16 // place in wali's table; TraceCalls-1 if it has none
	Errno    uint16 // 0 for success
	Layer    bool   // of a TraceCall: a layer has made the call, while its caller's is under way
	Time     int64  // begin of the call, nanoseconds since 1970
	Duration int64  // nanoseconds, where a call ends
	Text     []byte // name and arguments without the last parenthesis
	Result   []byte
}

// Layout of a record, all values little-endian:
//
//	 0  u16  size of the whole record in bytes
//	 2  u8   kind
//	 3  u8   1 for a layer's call, else 0
//	 4  u32  thread id
//	 8  u32  process id
//	12  u16  call
//	14  u16  errno
//	16  i64  time
//	24  i64  duration
//	32  u16  length of the text
//	34  u16  length of the result
//	36       text, result
const (
	// TraceHeader is where the text begins in an encoded record.
	TraceHeader = 36

	// MaxTraceRecord is the largest record: what a pipe takes in one piece.
	MaxTraceRecord = 4096
)

// PutTraceHeader writes the first TraceHeader bytes of b, a record whose text and
// result are there already: the result is the last n bytes.
func PutTraceHeader(b []byte, r *TraceRecord, n int) {
	le := binary.LittleEndian
	le.PutUint16(b[0:], uint16(len(b)))
	b[2], b[3] = byte(r.Kind), 0
	if r.Layer {
		b[3] = 1
	}
	le.PutUint32(b[4:], r.TID)
	le.PutUint32(b[8:], r.PID)
	le.PutUint16(b[12:], r.Call)
	le.PutUint16(b[14:], r.Errno)
	le.PutUint64(b[16:], uint64(r.Time))
	le.PutUint64(b[24:], uint64(r.Duration))
	le.PutUint16(b[32:], uint16(len(b)-TraceHeader-n))
	le.PutUint16(b[34:], uint16(n))
}

// ParseTraceRecord decodes one packet, which anyone may have written. Text and
// Result are parts of b, with every byte that is not printable ASCII replaced.
func ParseTraceRecord(b []byte) (TraceRecord, error) {
	le := binary.LittleEndian
	if len(b) < TraceHeader || len(b) > MaxTraceRecord {
		return TraceRecord{}, fmt.Errorf("%w: record of %d bytes, want %d to %d", ErrTrace, len(b), TraceHeader, MaxTraceRecord)
	}
	if size := le.Uint16(b); int(size) != len(b) {
		return TraceRecord{}, fmt.Errorf("%w: record says it has %d bytes, has %d", ErrTrace, size, len(b))
	}
	kind := TraceKind(b[2])
	if kind == 0 || kind >= traceKinds || b[3] > 1 || b[3] == 1 && kind != TraceCall {
		return TraceRecord{}, fmt.Errorf("%w: record of kind %d.%d", ErrTrace, b[2], b[3])
	}
	call := le.Uint16(b[12:])
	if call >= TraceCalls {
		return TraceRecord{}, fmt.Errorf("%w: call number %d, at most %d are possible", ErrTrace, call, TraceCalls-1)
	}
	text, result := int(le.Uint16(b[32:])), int(le.Uint16(b[34:]))
	if TraceHeader+text+result != len(b) {
		return TraceRecord{}, fmt.Errorf("%w: texts of %d and %d bytes in a record of %d", ErrTrace, text, result, len(b))
	}
	for i, c := range b[TraceHeader:] {
		if c < ' ' || c > '~' {
			b[TraceHeader+i] = '?'
		}
	}
	return TraceRecord{
		Kind: kind, Layer: b[3] == 1, TID: le.Uint32(b[4:]), PID: le.Uint32(b[8:]), Call: call, Errno: le.Uint16(b[14:]),
		Time: int64(le.Uint64(b[16:])), Duration: int64(le.Uint64(b[24:])),
		Text: b[TraceHeader : TraceHeader+text], Result: b[TraceHeader+text:],
	}, nil
}

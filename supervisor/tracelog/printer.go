package tracelog

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"walisup/ipc"
	"walisup/supervisor/signalname"
	"walisup/wali"
)

// Clock says which time is written before each line.
type Clock int

// The ways to write a time.
const (
	NoClock  Clock = iota
	Seconds        // time of day
	Micros         // time of day with microseconds
	Epoch          // seconds since 1970 with microseconds
	Relative       // seconds since the line before
)

// ParseClock reads the name of a clock.
func ParseClock(name string) (Clock, error) {
	names := []string{"none", "seconds", "micros", "epoch", "relative"}
	if i := slices.Index(names, name); i >= 0 {
		return Clock(i), nil
	}
	return NoClock, fmt.Errorf("%q is none of none, seconds, micros, epoch, relative", name)
}

// Style says how records are written.
type Style struct {
	Clock     Clock
	Durations bool // write how long each call took
	Summary   bool // instead of the calls, write a table of them at the end
}

// Printer writes records. Its methods must not be called concurrently.
type Printer struct {
	out     *bufio.Writer
	style   Style
	err     error             // the first in writing
	pending map[uint32]string // calls that have begun, by thread: their name
	open    uint32            // the thread whose call's line has no end yet, or 0
	column  int               // how long that line is
	last    int64             // time of the line before
	totals  map[uint16]*total
	line    []byte
}

// total is what a call's line in the summary counts.
type total struct {
	calls, errors int
	duration      time.Duration
}

// NewPrinter returns a printer that writes to out.
func NewPrinter(out io.Writer, style Style) *Printer {
	return &Printer{out: bufio.NewWriter(out), style: style, pending: map[uint32]string{}, totals: map[uint16]*total{}}
}

// resultColumn is where results begin, as in strace.
const resultColumn = 40

// Add writes a record.
func (p *Printer) Add(r *ipc.TraceRecord) {
	if p.style.Summary {
		p.count(r)
		return
	}
	switch r.Kind {
	case ipc.TraceEnter:
		p.interrupt(r.TID)
		p.prefix(r)
		p.text(r.Text)
		p.pending[r.TID] = callName(r)
		if p.pending[r.TID] == unknownName {
			// It says its name itself.
			name, _, _ := strings.Cut(string(r.Text), "(")
			p.pending[r.TID] = name
		}
		p.open = r.TID
	case ipc.TraceLeave, ipc.TraceExec:
		p.leave(r)
	case ipc.TraceCall:
		if r.Layer {
			p.interrupt(0) // the caller's call goes on afterwards
		} else {
			p.interrupt(r.TID)
			delete(p.pending, r.TID)
		}
		p.prefix(r)
		p.text(r.Text)
		p.result(r)
	case ipc.TraceRestart:
		if _, ok := p.pending[r.TID]; !ok {
			return
		}
		p.resume(r)
		p.text([]byte(") "))
		p.pad()
		p.text([]byte("= ? ERESTARTSYS (To be restarted if SA_RESTART is set)"))
		p.endLine()
	case ipc.TraceSignal:
		p.whole(r, "--- ", " ---")
	case ipc.TraceExit:
		p.whole(r, "+++ ", " +++")
	case ipc.TraceAttach:
		p.interrupt(0)
		p.prefix(r)
		p.text([]byte("+++ started +++"))
		p.endLine()
	}
}

// leave writes the end of a call, whose begin may have been interrupted by other
// lines.
func (p *Printer) leave(r *ipc.TraceRecord) {
	_, pending := p.pending[r.TID]
	switch {
	case r.Kind == ipc.TraceExec && pending:
		r.Text = nil
		p.resume(r)
	case r.Kind == ipc.TraceExec:
		p.interrupt(r.TID)
		p.prefix(r)
		r.Result = []byte("0")
	default:
		p.resume(r)
	}
	if r.Kind == ipc.TraceExec {
		r.Result = []byte("0")
	}
	p.text(r.Text)
	p.result(r)
}

// resume goes on with the line of a call.
func (p *Printer) resume(r *ipc.TraceRecord) {
	name, ok := p.pending[r.TID]
	if !ok {
		name = callName(r)
	}
	delete(p.pending, r.TID)
	if p.open == r.TID {
		p.open = 0
		return
	}
	p.interrupt(r.TID)
	p.prefix(r)
	p.text([]byte("<... " + name + " resumed>"))
}

// result ends a line.
func (p *Printer) result(r *ipc.TraceRecord) {
	p.text([]byte(") "))
	p.pad()
	p.text([]byte("= "))
	p.text(r.Result)
	if p.style.Durations && string(r.Result) != "?" && r.Kind != ipc.TraceExec {
		p.text(fmt.Appendf(nil, " <%d.%06d>", r.Duration/1e9, r.Duration%1e9/1e3))
	}
	p.endLine()
}

func (p *Printer) pad() {
	for p.column < resultColumn {
		p.text([]byte{' '})
	}
}

// whole writes a line that is not a call's.
func (p *Printer) whole(r *ipc.TraceRecord, before, after string) {
	p.interrupt(0)
	p.prefix(r)
	p.text([]byte(before))
	p.text(r.Text)
	p.text([]byte(after))
	p.endLine()
}

// interrupt ends the line of a call that has not returned, because something else
// is to be written.
func (p *Printer) interrupt(by uint32) {
	if p.open == 0 {
		return
	}
	if p.open == by {
		delete(p.pending, by) // it never will return
	}
	p.open = 0
	p.text([]byte(" <unfinished ...>"))
	p.endLine()
}

// prefix begins a line.
func (p *Printer) prefix(r *ipc.TraceRecord) {
	p.column = 0
	p.text(fmt.Appendf(p.line[:0], "[pid %d] ", r.TID))
	at := time.Unix(0, r.Time)
	switch p.style.Clock {
	case Seconds:
		p.text(at.AppendFormat(p.line[:0], "15:04:05 "))
	case Micros:
		p.text(at.AppendFormat(p.line[:0], "15:04:05.000000 "))
	case Epoch:
		p.text(fmt.Appendf(p.line[:0], "%d.%06d ", r.Time/1e9, r.Time%1e9/1e3))
	case Relative:
		since := int64(0)
		if p.last != 0 {
			since = max(0, r.Time-p.last)
		}
		p.text(fmt.Appendf(p.line[:0], "%6d.%06d ", since/1e9, since%1e9/1e3))
	}
	p.last = r.Time
}

func (p *Printer) text(b []byte) {
	p.column += len(b)
	if _, err := p.out.Write(b); err != nil && p.err == nil {
		p.err = err
	}
}

func (p *Printer) endLine() { p.text([]byte{'\n'}) }

// Flush writes what is still buffered.
func (p *Printer) Flush() error {
	if err := p.out.Flush(); err != nil && p.err == nil {
		p.err = err
	}
	return p.err
}

// Say writes a line of its own about a process that has ended.
func (p *Printer) Say(pid uint32, message string) {
	if p.style.Summary {
		return
	}
	if _, ok := p.pending[pid]; ok {
		r := &ipc.TraceRecord{TID: pid, Time: time.Now().UnixNano(), Result: []byte("?")}
		p.resume(r)
		p.result(r)
	}
	p.whole(&ipc.TraceRecord{TID: pid, Time: time.Now().UnixNano(), Text: []byte(message)}, "+++ ", " +++")
}

// Close ends the last line, and writes the summary if that was asked for.
func (p *Printer) Close() error {
	p.interrupt(0)
	if p.style.Summary {
		p.summary()
	}
	return p.Flush()
}

func (p *Printer) count(r *ipc.TraceRecord) {
	switch r.Kind {
	case ipc.TraceLeave, ipc.TraceCall, ipc.TraceExec:
	default:
		return
	}
	t := p.totals[r.Call]
	if t == nil {
		t = new(total)
		p.totals[r.Call] = t
	}
	t.calls++
	t.duration += time.Duration(max(0, r.Duration))
	if r.Errno != 0 {
		t.errors++
	}
}

// summary writes the table of strace -c, by falling time.
func (p *Printer) summary() {
	calls := slices.SortedFunc(maps.Keys(p.totals), func(a, b uint16) int {
		if c := p.totals[b].duration - p.totals[a].duration; c != 0 {
			return int(max(-1, min(1, c)))
		}
		return int(a) - int(b)
	})
	var all total
	for _, t := range p.totals {
		all.calls += t.calls
		all.errors += t.errors
		all.duration += t.duration
	}
	row := func(t *total, name string) {
		percent, errors, each := 100.0, "", int64(0)
		if all.duration > 0 {
			percent = 100 * float64(t.duration) / float64(all.duration)
		}
		if t.errors > 0 {
			errors = strconv.Itoa(t.errors)
		}
		if t.calls > 0 {
			each = t.duration.Microseconds() / int64(t.calls)
		}
		fmt.Fprintf(p.out, "%6.2f %11.6f %11d %9d %9s %s\n", percent, t.duration.Seconds(), each, t.calls, errors, name)
	}
	const rule = "------ ----------- ----------- --------- --------- ----------------\n"
	fmt.Fprint(p.out, "% time     seconds  usecs/call     calls    errors syscall\n", rule)
	for _, call := range calls {
		row(p.totals[call], nameOf(call))
	}
	fmt.Fprint(p.out, rule)
	row(&all, "total")
}

// unknownName stands for the name of a call that is not in the table.
const unknownName = "unknown"

// callName is the name of a record's call.
func callName(r *ipc.TraceRecord) string { return nameOf(r.Call) }

func nameOf(call uint16) string {
	if rows := wali.Table(); int(call) < len(rows) {
		return rows[call].Name
	}
	return unknownName
}

// describe says how a process has ended; waitpid(2).
func describe(status unix.WaitStatus) string {
	switch {
	case status.Signaled() && status.CoreDump():
		return "killed by " + signalName(status.Signal()) + " (core dumped)"
	case status.Signaled():
		return "killed by " + signalName(status.Signal())
	default:
		return "exited with " + strconv.Itoa(status.ExitStatus())
	}
}

func signalName(sig unix.Signal) string {
	name := signalname.Of(sig)
	if strings.HasPrefix(name, "SIG") {
		return name
	}
	return "signal " + name
}

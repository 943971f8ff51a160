package trace

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"walisup/ipc"
	"walisup/wali"
)

// Tracer traces a process. It implements wali.Tracer.
type Tracer struct {
	fd      int     // where records go
	control *uint32 // odd while there is something to show; others change it
	source  Source

	state  atomic.Pointer[state]
	specs  atomic.Pointer[[ipc.TraceCalls]atomic.Pointer[spec]]
	frames sync.Pool
}

// Source says what is to be shown while the control word is word. It reports false
// if that has changed meanwhile.
type Source func(word uint32) (config ipc.TraceConfig, ok bool)

// state is what a tracer does while its control word does not change.
type state struct {
	word   uint32
	config ipc.TraceConfig
	silent atomic.Bool // there is nothing to show, or nobody who reads
}

// New returns a tracer that writes to fd, a descriptor that is the helper's own,
// while the control word is odd. It costs nothing until it is first called.
func New(fd int, control *uint32, source Source) *Tracer {
	return &Tracer{fd: fd, control: control, source: source}
}

// Redirect makes records go to another descriptor. No thread writes one meanwhile.
func (t *Tracer) Redirect(fd int) { t.fd = fd }

// current returns what is to be shown now, or nil if that is nothing.
func (tr *Tracer) current() *state {
	word := atomic.LoadUint32(tr.control)
	s := tr.state.Load()
	if s == nil || s.word != word {
		s = &state{word: word}
		var ok bool
		if word&1 != 0 {
			s.config, ok = tr.source(word)
		}
		s.silent.Store(!ok)
		if tr.specs.Load() == nil {
			tr.specs.Store(new([ipc.TraceCalls]atomic.Pointer[spec]))
		}
		tr.state.Store(s)
	}
	if s.silent.Load() {
		return nil
	}
	return s
}

// frame is one call that is being shown.
type frame struct {
	text
	t      *wali.Thread
	state  *state
	config *ipc.TraceConfig
	spec   *spec
	a      wali.Args
	result int64
	done   bool // the call has been made, result holds
	next   int  // first argument that is not written yet
	comma  bool // the comma before it is

	buffer [ipc.MaxTraceRecord]byte
}

// failed reports whether the call has failed, so that it has filled in nothing.
func (f *frame) failed() bool { return f.done && f.result < 0 && f.result > -4096 }

func (tr *Tracer) frame(t *wali.Thread, s *state) *frame {
	f, ok := tr.frames.Get().(*frame)
	if !ok {
		f = new(frame)
	}
	f.state, f.config = s, &s.config
	f.t, f.done, f.next, f.comma = t, false, 0, false
	f.begin()
	return f
}

// begin empties the text.
func (f *frame) begin() {
	f.text.b, f.text.full = f.buffer[:ipc.TraceHeader:len(f.buffer)], false
}

// unknownCall is the number of calls that are not in the table.
const unknownCall = ipc.TraceCalls - 1

// Call implements wali.Tracer.
func (tr *Tracer) Call(t *wali.Thread, call int, row *wali.Row, do wali.Func, a, shown wali.Args) int64 {
	current := tr.current()
	if current == nil {
		return do(t, a)
	}
	s := tr.spec(call, row)
	inLayer := t.InLayer()
	if s == nil || !current.config.Has(s.call) || inLayer && !current.config.Layers {
		return do(t, a)
	}
	f := tr.frame(t, current)
	f.spec, f.a = s, shown
	if inLayer {
		f.layer()
	}
	f.str(s.name)
	f.raw('(')
	f.arguments()
	record := ipc.TraceRecord{Kind: ipc.TraceCall, Call: uint16(s.call), Layer: inLayer}
	begin := time.Now()
	record.Time = begin.UnixNano()
	switch {
	case s.ends:
		f.done = true
		f.arguments()
		end := len(f.b)
		f.b = append(f.b, '?')
		tr.write(f, &record, len(f.b)-end)
		tr.exit(f, int(uint8(shown[0])))
		tr.frames.Put(f)
		return do(t, a)
	case s.sleeps && !inLayer:
		record.Kind = ipc.TraceEnter
		tr.write(f, &record, 0)
		record.Kind = ipc.TraceLeave
		f.begin()
	}
	r := do(t, a)
	record.Duration = int64(time.Since(begin))
	if s.forks && r == 0 {
		tr.frames.Put(f)
		return r // in the child
	}
	if tr.current() != current {
		tr.frames.Put(f)
		return r // somebody else wants to see something else by now
	}
	f.done, f.result = true, r
	f.arguments()
	end := len(f.b)
	f.showResult()
	if f.failed() {
		record.Errno = uint16(-r)
	}
	tr.write(f, &record, len(f.b)-end)
	tr.frames.Put(f)
	return r
}

// Layered implements wali.Tracer. The call is shown when it begins, since what the layer
// does comes before its end.
func (tr *Tracer) Layered(t *wali.Thread, row *wali.Row, args []uint64, do func() (result int64, ok bool)) {
	current := tr.current()
	if current == nil {
		do()
		return
	}
	s := &spec{call: unknownCall, name: row.Name}
	if place := row.Place(); place >= 0 {
		s = tr.spec(place, row)
	}
	inLayer := t.InLayer()
	if !current.config.Has(s.call) || inLayer && !current.config.Layers {
		do()
		return
	}
	f := tr.frame(t, current)
	f.spec = s
	f.a = wali.Args{}
	copy(f.a[:], args)
	begin := time.Now()
	record := ipc.TraceRecord{Kind: ipc.TraceEnter, Call: uint16(s.call), Time: begin.UnixNano()}
	if inLayer {
		record = ipc.TraceRecord{Kind: ipc.TraceCall, Call: uint16(s.call), Time: begin.UnixNano(), Layer: true}
		f.layer()
	}
	f.str(s.name)
	f.raw('(')
	if s.call == unknownCall && !f.config.Brief {
		f.numbers(args)
	}
	f.arguments()
	if !inLayer {
		tr.write(f, &record, 0)
		record.Kind = ipc.TraceLeave
		f.begin()
	}
	r, ok := do()
	if !ok || tr.current() != current || s.forks && r == 0 {
		tr.frames.Put(f)
		return
	}
	record.Duration = int64(time.Since(begin))
	f.done, f.result = true, r
	f.arguments()
	end := len(f.b)
	if s.call == unknownCall {
		f.dec(r)
	} else {
		f.showResult()
		if f.failed() {
			record.Errno = uint16(-r)
		}
	}
	tr.write(f, &record, len(f.b)-end)
	tr.frames.Put(f)
}

// layer begins a layer's line.
func (f *frame) layer() {
	f.str(f.t.Helper.LayerName())
	f.str(": ")
}

// numbers writes arguments of which nothing else is known.
func (f *frame) numbers(args []uint64) {
	for i, v := range args {
		if i > 0 {
			f.str(", ")
		}
		switch {
		case int32(v) < 0 && int64(int32(v)) >= -999:
			f.dec(int64(int32(v)))
		case v < 1000:
			f.udec(v)
		default:
			f.hex(v)
		}
	}
}

// arguments writes those that can be written now.
func (f *frame) arguments() {
	s := f.spec
	if f.config.Brief {
		f.next = s.n
	}
	for ; f.next < s.n; f.next++ {
		a := &s.args[f.next]
		if a.optional != nil && !a.optional(f) {
			continue
		}
		if f.next > 0 && !f.comma {
			f.str(", ")
			f.comma = true
		}
		if !f.done && (a.out || a.late != nil && a.late(f)) {
			return
		}
		a.show(f, f.next)
		f.comma = false
	}
}

// write sends the record whose texts f has, the last n bytes being the result.
func (tr *Tracer) write(f *frame, r *ipc.TraceRecord, n int) {
	r.TID, r.PID = uint32(unix.Gettid()), uint32(unix.Getpid())
	ipc.PutTraceHeader(f.b, r, n)
	// The only error there can be for long is that nobody reads any more.
	if f.t.WriteTrace(tr.fd, f.b) < 0 {
		f.state.silent.Store(true)
	}
}

// say writes a record that is not about a call.
func (tr *Tracer) say(f *frame, kind ipc.TraceKind) {
	tr.write(f, &ipc.TraceRecord{Kind: kind, Time: time.Now().UnixNano(), Call: unknownCall}, 0)
}

func (tr *Tracer) exit(f *frame, status int) {
	f.begin()
	f.str("exited with ")
	f.dec(int64(status))
	tr.say(f, ipc.TraceExit)
}

// Restart implements wali.Tracer.
func (tr *Tracer) Restart(t *wali.Thread) {
	current := tr.current()
	if current == nil || t.InLayer() {
		return
	}
	f := tr.frame(t, current)
	tr.say(f, ipc.TraceRestart)
	tr.frames.Put(f)
}

// Signal implements wali.Tracer.
func (tr *Tracer) Signal(t *wali.Thread, info *wali.Siginfo) {
	current := tr.current()
	if current == nil || !current.config.Signals {
		return
	}
	f := tr.frame(t, current)
	f.signalName(int(int32(binary.LittleEndian.Uint32(info[:]))))
	f.raw(' ')
	f.siginfo(info[:], true)
	tr.say(f, ipc.TraceSignal)
	tr.frames.Put(f)
}

// Forked implements wali.Tracer.
func (tr *Tracer) Forked(t *wali.Thread) {
	current := tr.current()
	if current == nil {
		return
	}
	f := tr.frame(t, current)
	tr.say(f, ipc.TraceAttach)
	tr.frames.Put(f)
}

// Exec reports, if anything is to be shown, that the process has begun to run its program. path is what was
// given to execve.
func (tr *Tracer) Exec(t *wali.Thread, path string) {
	current := tr.current()
	if current == nil {
		return
	}
	row := wali.Lookup("execve")
	s := tr.spec(row.Place(), row)
	if !current.config.Has(s.call) {
		return
	}
	f := tr.frame(t, current)
	f.str("execve(")
	if !f.config.Brief {
		f.quote([]byte(path))
		f.str(", [")
		for i, arg := range t.Process.Args {
			if i > 0 {
				f.str(", ")
			}
			if i == maxElements {
				f.str("...")
				break
			}
			f.shortened([]byte(arg))
		}
		f.str("], [/* ")
		f.dec(int64(len(t.Environ)))
		f.str(" vars */]")
	}
	tr.write(f, &ipc.TraceRecord{Kind: ipc.TraceExec, Time: time.Now().UnixNano(), Call: uint16(s.call)}, 0)
	tr.frames.Put(f)
}

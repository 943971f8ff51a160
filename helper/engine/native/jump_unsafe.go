package native

import (
	"math/bits"
	"math/rand/v2"
	"unsafe"

	"walisup/helper/engine"
	"walisup/helper/engine/native/image"
)

// jumps holds the records of setjmp of one guest thread, outermost first.
//
// A record may outlive its frame, and what lies there then is another function's. So a jump
// looks at the frames first: that of setjmp's caller must be in the chain, and all from there
// outwards must be where they were and return to where they did. Then every function waits for
// the same call as at setjmp, and what is put back has the type that each expects: the compiler
// decides by place in the code what a register or a slot holds.
type jumps struct {
	records []record
	serial  uint64
	key     uint64 // of chains; 0 until the first
}

type record struct {
	serial uint64
	call   uint64     // the call that the frames belong to
	regs   [5]uintptr // rbx, r12 to r15
	fp, sp uintptr    // of setjmp's caller when setjmp returns
	ret    uintptr    // where
	chain  uint64     // of the frames from fp outwards
	buffer uint32     // tells calls of setjmp from one place apart
	frame  []byte     // from sp to fp
}

// Words that setjmp's stub leaves behind its two arguments.
const (
	savedRBX = 2 + iota
	savedR12
	savedR13
	savedR14
	savedR15
	savedFP
	savedReturn
	callerFrame // behind them is setjmp's caller's stack
)

// set records the state in which setjmp returns whose stub has left args.
func (j *jumps) set(c *guestContext, call uint64, args uintptr, buffer uint32) engine.Handle {
	w := (*[callerFrame]uintptr)(pointer(args))
	i := j.place(call, args+8*callerFrame, w[savedReturn], buffer)
	r := &j.records[i]
	r.regs = [5]uintptr{w[savedRBX], w[savedR12], w[savedR13], w[savedR14], w[savedR15]}
	r.fp = w[savedFP]
	if j.key == 0 {
		j.key = rand.Uint64() | 1
	}
	r.chain, _ = c.chain(r.fp, j.key)
	r.frame = append(r.frame[:0], unsafe.Slice((*byte)(pointer(r.sp)), r.fp-r.sp)...)
	return engine.Handle{Index: uint64(i), Serial: r.serial}
}

// place finds the record that a setjmp at this place replaces, or makes room for one. Dead
// records go.
func (j *jumps) place(call uint64, sp, ret uintptr, buffer uint32) int {
	n := len(j.records)
	for n > 0 && j.records[n-1].call == call && j.records[n-1].sp < sp {
		n--
	}
	j.records = j.records[:n]
	for i := n - 1; i >= 0 && j.records[i].call == call && j.records[i].sp == sp; i-- {
		if j.records[i].ret == ret && j.records[i].buffer == buffer {
			return i
		}
	}
	if n < cap(j.records) {
		j.records = j.records[:n+1]
	} else {
		j.records = append(j.records, record{})
	}
	r := &j.records[n]
	j.serial++
	r.serial, r.call, r.sp, r.ret, r.buffer = j.serial, call, sp, ret, buffer
	return n
}

// drop forgets all records from the n-th on.
func (j *jumps) drop(n int) {
	if n < len(j.records) {
		j.records = j.records[:n]
	}
}

func (j *jumps) find(h engine.Handle) *record {
	if h.Index >= uint64(len(j.records)) || h.Serial == 0 || j.records[h.Index].serial != h.Serial {
		return nil
	}
	return &j.records[h.Index]
}

// possible says whether the code may go on at r, if it has left in a function whose frame is
// at fp.
func (j *jumps) possible(c *guestContext, r *record, fp uintptr) bool {
	for fp != r.fp {
		next := c.caller(fp)
		if next == 0 {
			return false
		}
		fp = next
	}
	chain, whole := c.chain(fp, j.key)
	return whole && chain == r.chain
}

// land makes the code go on at r when it is entered the next time.
func (r *record) land(c *guestContext, value uint64) {
	copy(unsafe.Slice((*byte)(pointer(r.sp)), len(r.frame)), r.frame)
	sp := r.sp - 8*frameWords
	*(*[frameWords]uintptr)(pointer(sp)) = [frameWords]uintptr{r.regs[4], r.regs[3], r.regs[2], r.regs[1], r.fp, r.regs[0], r.ret}
	c.guestSP, c.ret = sp, uintptr(value)
}

// unwoundTo notes that the frames below sp are left.
func (c *guestContext) unwoundTo(sp uintptr) {
	if c.overflowed != 0 && sp >= c.stackHi-stackSize {
		c.overflowed = 0
	}
}

// enterFrame is what enter pops.
type enterFrame struct{ r15, r14, r13, r12, rbp, rbx, pc uintptr }

// catch makes the code go on at the landing pad for an exception that it has thrown. It
// follows the frames of the call under way, as each function's caller finds its registers. It
// reports false, and has changed nothing, if no function catches it.
func (t *thread) catch(exception uintptr) bool {
	c, p := t.context, t.program
	f := *(*enterFrame)(pointer(c.guestSP)) // walisup_throw's
	f.pc = *word(f.rbp + 8)
	fp := f.rbp
	for {
		f.rbp = *word(fp) // the caller's
		if f.rbp <= fp || !c.inStack(f.rbp) {
			return false
		}
		at := f.pc - 1 - image.Base
		if at >= p.size {
			return false
		}
		if pad, ok := p.unwind.Pad(uint32(at)); ok {
			f.pc = image.Base + uintptr(pad)
			sp := fp + 16 // once the call has returned
			c.guestSP = sp - unsafe.Sizeof(f)
			*(*enterFrame)(pointer(c.guestSP)) = f
			c.ret = exception
			c.unwoundTo(sp)
			return true
		}
		frame, ok := p.unwind.Frame(uint32(at))
		if !ok {
			return false
		}
		for i, register := range [image.SavedRegisters]*uintptr{&f.rbx, &f.r12, &f.r13, &f.r14, &f.r15} {
			if slot := frame.Saved[i]; slot != 0 {
				*register = *word(f.rbp - 8*uintptr(slot))
			}
		}
		fp = f.rbp
		f.pc = *word(fp + 8)
	}
}

// inStack says whether there may be a frame at fp.
func (c *guestContext) inStack(fp uintptr) bool {
	if fp%8 == 0 && fp-(c.stackHi-stackSize) < stackSize-16 { // nearly always
		return true
	}
	return fp%8 == 0 && fp >= c.stackLo+lowGuard && fp < c.stackHi-16 && !c.inGuard(fp)
}

// caller is the frame of the function that has called the one whose frame is at fp, 0 if
// there is none. Frames lie higher, further out.
func (c *guestContext) caller(fp uintptr) uintptr {
	if !c.inStack(fp) {
		return 0
	}
	if next := *word(fp); next > fp {
		return next
	}
	return 0
}

// chain is a keyed hash of the frames from fp outwards and of where their functions return
// to. whole says that it goes to the end. Programs that call setjmp often have deep stacks
// each time, so a frame costs one multiplication.
func (c *guestContext) chain(fp uintptr, key uint64) (hash uint64, whole bool) {
	hash = key
	for c.inStack(fp) {
		next, ret := *word(fp), *word(fp + 8)
		hi, lo := bits.Mul64(hash^uint64(fp), key^uint64(ret))
		hash = hi ^ lo
		if next == 0 {
			return hash, true
		}
		if next <= fp {
			return hash, false
		}
		fp = next
	}
	return hash, false
}

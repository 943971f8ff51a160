package seccomp

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"walisup/ipc"
)

// Where struct seccomp_data has its members; all our machines are little-endian.
const (
	dataCall = 0
	dataArch = 4
	dataArgs = 16
)

// ErrTooLong means that a profile has more rules than a filter can hold.
var ErrTooLong = errors.New("the profile is too long for the kernel")

// Compile makes a filter, an array of struct sock_filter. Calls by the numbers of another
// architecture, which a process may make at any time, end the process: no profile means
// them.
func Compile(p *Profile) ([]byte, error) {
	program, err := assemble(p)
	if err != nil {
		return nil, err
	}
	raw, err := bpf.Assemble(program)
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, len(raw)*ipc.FilterInstruction)
	for _, i := range raw {
		out = binary.LittleEndian.AppendUint16(out, i.Op)
		out = append(out, i.Jt, i.Jf)
		out = binary.LittleEndian.AppendUint32(out, i.K)
	}
	return out, nil
}

func assemble(p *Profile) ([]instruction, error) {
	spans, err := p.spans()
	if err != nil {
		return nil, err
	}
	program := make([]instruction, 0, 4+size(spans))
	program = append(program, load(dataArch), jump(bpf.JumpEqual, auditArch, 1, 0), answer(KillProcess), load(dataCall))
	program = search(program, spans)
	if len(program) > ipc.MaxFilter {
		return nil, fmt.Errorf("%w: %d instructions, of which it takes %d", ErrTooLong, len(program), ipc.MaxFilter)
	}
	return program, nil
}

type instruction = bpf.Instruction

func load(offset uint32) instruction { return bpf.LoadAbsolute{Off: offset, Size: 4} }

func and(mask uint32) instruction { return bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: mask} }

func answer(a Action) instruction { return bpf.RetConstant{Val: uint32(a)} }

// jump compares, and leaves out yes or no instructions.
func jump(test bpf.JumpTest, value uint32, yes, no uint8) instruction {
	return bpf.JumpIf{Cond: test, Val: value, SkipTrue: yes, SkipFalse: no}
}

// span is what is done for calls from its number on up to the next one's.
type span struct {
	from uint32
	code []instruction
}

// spans orders what the rules say by the numbers of the calls.
func (p *Profile) spans() ([]span, error) {
	rules := slices.Clone(p.Rules)
	slices.SortStableFunc(rules, func(a, b Rule) int { return cmp.Compare(a.Call, b.Call) })
	spans := make([]span, 0, len(rules)/2)
	answers := map[Action][]instruction{}
	always := func(a Action) []instruction {
		code, ok := answers[a]
		if !ok {
			code = []instruction{answer(a)}
			answers[a] = code
		}
		return code
	}
	add := func(from uint32, code []instruction) {
		if n := len(spans); n > 0 && len(code) == 1 && len(spans[n-1].code) == 1 && spans[n-1].code[0] == code[0] {
			return // goes on as before
		}
		spans = append(spans, span{from, code})
	}
	next := uint32(0)
	for len(rules) > 0 {
		call, n := rules[0].Call, 1
		for n < len(rules) && rules[n].Call == call {
			n++
		}
		if call >= foreignCalls {
			return nil, fmt.Errorf("no call has the number %d", call)
		}
		if call > next {
			add(next, always(p.Default))
		}
		if len(rules[0].If) == 0 {
			add(call, always(rules[0].Action))
		} else {
			code, err := p.call(rules[:n])
			if err != nil {
				return nil, fmt.Errorf("call %d: %w", call, err)
			}
			add(call, code)
		}
		next, rules = call+1, rules[n:]
	}
	if next < foreignCalls {
		add(next, always(p.Default))
	}
	// Other numbers for the same calls, which no rule names.
	add(foreignCalls, always(Errno(unix.ENOSYS)))
	return spans, nil
}

// call makes the code for one call's rules.
func (p *Profile) call(rules []Rule) ([]instruction, error) {
	var code []instruction
	for i := range rules {
		r := &rules[i]
		if len(r.If) == 0 {
			return append(code, answer(r.Action)), nil
		}
		var err error
		if code, err = conditional(code, r); err != nil {
			return nil, err
		}
	}
	return append(code, answer(p.Default)), nil
}

// fails stands in a jump for the end of the rule's code, and holds for the next condition.
const (
	fails = math.MaxUint8
	holds = math.MaxUint8 - 1
)

// conditional appends code that answers if a rule's conditions hold, and else goes on
// behind itself.
func conditional(code []instruction, r *Rule) ([]instruction, error) {
	start := len(code)
	for i := range r.If {
		c := &r.If[i]
		if err := c.check(); err != nil {
			return nil, err
		}
		from := len(code)
		code = c.append(code)
		resolve(code[from:], holds)
	}
	code = append(code, answer(r.Action))
	if len(code)-start >= holds {
		return nil, errors.New("too many conditions in one rule")
	}
	resolve(code[start:], fails)
	return code, nil
}

// resolve makes jumps to the end of code of those that have mark.
func resolve(code []instruction, mark uint8) {
	for at := range code {
		j, ok := code[at].(bpf.JumpIf)
		if !ok {
			continue
		}
		over := uint8(len(code) - at - 1)
		if j.SkipTrue == mark {
			j.SkipTrue = over
		}
		if j.SkipFalse == mark {
			j.SkipFalse = over
		}
		code[at] = j
	}
}

// append appends code that jumps to fails, to holds, or goes on behind itself, which
// means the same as holds.
func (c *Condition) append(code []instruction) []instruction {
	low := load(dataArgs + 8*uint32(c.Arg))
	high := load(dataArgs + 8*uint32(c.Arg) + 4)
	lo, hi := uint32(c.Value), uint32(c.Value>>32)
	switch c.Op {
	case Equal:
		return append(code, high, jump(bpf.JumpEqual, hi, 0, fails), low, jump(bpf.JumpEqual, lo, 0, fails))
	case NotEqual:
		return append(code, high, jump(bpf.JumpEqual, hi, 0, holds), low, jump(bpf.JumpEqual, lo, fails, 0))
	case Greater:
		return append(code, high, jump(bpf.JumpGreaterThan, hi, holds, 0), jump(bpf.JumpEqual, hi, 0, fails), low, jump(bpf.JumpGreaterThan, lo, 0, fails))
	case GreaterEqual:
		return append(code, high, jump(bpf.JumpGreaterThan, hi, holds, 0), jump(bpf.JumpEqual, hi, 0, fails), low, jump(bpf.JumpGreaterOrEqual, lo, 0, fails))
	case Less:
		return append(code, high, jump(bpf.JumpGreaterThan, hi, fails, 0), jump(bpf.JumpEqual, hi, 0, holds), low, jump(bpf.JumpGreaterOrEqual, lo, fails, 0))
	case LessEqual:
		return append(code, high, jump(bpf.JumpGreaterThan, hi, fails, 0), jump(bpf.JumpEqual, hi, 0, holds), low, jump(bpf.JumpGreaterThan, lo, fails, 0))
	case Masked:
		return append(code, high, and(uint32(c.Mask>>32)), jump(bpf.JumpEqual, hi, 0, fails), low, and(uint32(c.Mask)), jump(bpf.JumpEqual, lo, 0, fails))
	case Masked32:
		return append(code, low, and(uint32(c.Mask)), jump(bpf.JumpEqual, lo, 0, fails))
	}
	code = append(code, low) // In32
	for i, value := range c.Values {
		no := uint8(0)
		if i == len(c.Values)-1 {
			no = fails
		}
		code = append(code, jump(bpf.JumpEqual, value, holds, no))
	}
	if len(c.Values) == 0 {
		code = append(code, jump(bpf.JumpEqual, 0, fails, fails))
	}
	return code
}

// search appends a binary search for the span that the call's number lies in.
func search(program []instruction, spans []span) []instruction {
	if len(spans) == 1 {
		return append(program, spans[0].code...)
	}
	middle := len(spans) / 2
	if below := size(spans[:middle]); below <= math.MaxUint8 {
		program = append(program, jump(bpf.JumpGreaterOrEqual, spans[middle].from, uint8(below), 0))
	} else {
		program = append(program, jump(bpf.JumpGreaterOrEqual, spans[middle].from, 0, 1), bpf.Jump{Skip: uint32(below)})
	}
	return search(search(program, spans[:middle]), spans[middle:])
}

// size is how many instructions search appends.
func size(spans []span) int {
	if len(spans) == 1 {
		return len(spans[0].code)
	}
	middle := len(spans) / 2
	below := size(spans[:middle])
	n := below + size(spans[middle:]) + 1
	if below > math.MaxUint8 {
		n++
	}
	return n
}

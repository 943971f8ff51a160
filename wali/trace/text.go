package trace

import (
	"strconv"
)

// text is a bounded buffer. What does not fit is dropped, and full says so.
type text struct {
	b    []byte
	full bool
}

// room is what is left for results when arguments have used up the rest.
const room = 300

func (x *text) str(s string) {
	if len(x.b)+len(s) > cap(x.b)-room {
		if !x.full {
			x.full = true
			x.b = append(x.b, "..."...)
		}
		return
	}
	x.b = append(x.b, s...)
}

func (x *text) raw(c byte) {
	if len(x.b)+1 > cap(x.b)-room {
		x.str("    ") // too long by all means
		return
	}
	x.b = append(x.b, c)
}

func (x *text) number(digits []byte) {
	if len(x.b)+len(digits) <= cap(x.b)-room {
		x.b = append(x.b, digits...)
	}
}

func (x *text) dec(v int64) {
	var b [24]byte
	x.number(strconv.AppendInt(b[:0], v, 10))
}

func (x *text) udec(v uint64) {
	var b [24]byte
	x.number(strconv.AppendUint(b[:0], v, 10))
}

// hex writes 0x1f, and 0 for 0.
func (x *text) hex(v uint64) {
	if v == 0 {
		x.str("0")
		return
	}
	var b [24]byte
	x.number(strconv.AppendUint(append(b[:0], "0x"...), v, 16))
}

// hexDigits writes v in at least n hexadecimal digits.
func (x *text) hexDigits(v uint64, n int) {
	for i := 15; i >= 0; i-- {
		if d := v >> (4 * i) & 15; i < n || v>>(4*i) != 0 {
			x.raw("0123456789abcdef"[d])
		}
	}
}

// octal writes a file mode as C does with %#03o.
func (x *text) octal(v uint64) {
	var b [24]byte
	digits := strconv.AppendUint(append(b[:0], '0'), v, 8)
	if v == 0 {
		digits = append(digits, '0')
	}
	if len(digits) < 3 {
		digits = append([]byte{'0'}, digits...)
	}
	x.number(digits)
}

// pointer writes a guest address.
func (x *text) pointer(p uint32) {
	if p == 0 {
		x.str("NULL")
		return
	}
	x.hex(uint64(p))
}

// quote writes bytes between quotation marks, with C escapes for what is not
// printable.
func (x *text) quote(s []byte) {
	x.raw('"')
	for i, c := range s {
		switch c {
		case '"', '\\':
			x.raw('\\')
			x.raw(c)
		case '\n':
			x.str(`\n`)
		case '\t':
			x.str(`\t`)
		case '\v':
			x.str(`\v`)
		case '\f':
			x.str(`\f`)
		case '\r':
			x.str(`\r`)
		default:
			if c >= ' ' && c <= '~' {
				x.raw(c)
				continue
			}
			x.raw('\\')
			// Short, unless another octal digit follows.
			if c > 0o77 || i+1 < len(s) && s[i+1] >= '0' && s[i+1] <= '7' {
				x.raw('0' + c>>6)
				x.raw('0' + c>>3&7)
			} else if c > 7 {
				x.raw('0' + c>>3&7)
			}
			x.raw('0' + c&7)
		}
	}
	x.raw('"')
}

// hexQuote writes bytes as \x escapes.
func (x *text) hexQuote(s []byte) {
	x.raw('"')
	for _, c := range s {
		x.str(`\x`)
		x.hexDigits(uint64(c), 2)
	}
	x.raw('"')
}

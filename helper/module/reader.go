package module

import "unicode/utf8"

// reader walks the bytes of one section. The first failure sticks: all later reads return zero values, so that
// callers may read several fields before they look at err. Positions are those of the file.
type reader struct {
	b       []byte // the whole file
	pos     int
	end     int // of the section, at most len(b)
	section string
	err     *Error
}

func (r *reader) failf(format string, args ...any) {
	r.failAt(r.pos, format, args...)
}

func (r *reader) failAt(pos int, format string, args ...any) {
	if r.err == nil {
		r.err = errorf(r.section, pos, format, args...)
		r.pos = r.end
	}
}

// left returns the bytes that remain, 0 after a failure.
func (r *reader) left() int { return r.end - r.pos }

func (r *reader) u8() byte {
	if r.pos >= r.end {
		r.failf("truncated")
		return 0
	}
	c := r.b[r.pos]
	r.pos++
	return c
}

func (r *reader) u32() uint32 {
	if r.pos < r.end && r.b[r.pos] < 0x80 {
		c := r.b[r.pos]
		r.pos++
		return uint32(c)
	}
	v, n := uleb32(r.b[r.pos:r.end])
	r.advance(n)
	return v
}

func (r *reader) s32() int32 {
	v, n := sleb(r.b[r.pos:r.end], 32)
	r.advance(n)
	return int32(v)
}

func (r *reader) s64() int64 {
	v, n := sleb(r.b[r.pos:r.end], 64)
	r.advance(n)
	return v
}

// skipNumber skips a LEB128 number of at most that many bytes.
func (r *reader) skipNumber(longest int) {
	end := min(r.end, r.pos+longest)
	for pos := r.pos; pos < end; pos++ {
		if r.b[pos] < 0x80 {
			r.pos = pos + 1
			return
		}
	}
	r.failf("truncated or oversized number")
}

// advance takes the result of a LEB128 decoder: the length, 0 if the bytes end too early, -1 if the number does
// not fit.
func (r *reader) advance(n int) {
	switch {
	case n > 0:
		r.pos += n
	case n == 0:
		r.failf("truncated number")
	default:
		r.failf("number out of range")
	}
}

// bytes returns the next n bytes, which alias the file.
func (r *reader) bytes(n uint32) []byte {
	if uint64(n) > uint64(r.left()) {
		r.failf("truncated: %d bytes announced, %d left", n, r.left())
		return nil
	}
	p := r.b[r.pos : r.pos+int(n) : r.pos+int(n)]
	r.pos += int(n)
	return p
}

// name returns a string of the format: a length and valid UTF-8.
func (r *reader) name() string {
	at := r.pos
	p := r.bytes(r.u32())
	if r.err == nil && !utf8.Valid(p) {
		r.failAt(at, "name is not valid UTF-8")
		return ""
	}
	return string(p)
}

// count reads the length of a vector whose entries take at least size bytes each, which bounds what a caller
// allocates by the size of the file.
func (r *reader) count(what string, size, limit int) int {
	at := r.pos
	n := r.u32()
	if r.err != nil {
		return 0
	}
	if int64(n) > int64(limit) {
		r.failAt(at, "%d %s are over the limit of %d", n, what, limit)
		return 0
	}
	if int64(n)*int64(size) > int64(r.left()) {
		r.failAt(at, "truncated: %d %s announced, %d bytes left", n, what, r.left())
		return 0
	}
	return int(n)
}

// uleb32 decodes an unsigned LEB128 number of at most 32 bits. The length is 0 if the bytes end too early, and -1
// if the number does not fit.
func uleb32(b []byte) (uint32, int) {
	var v uint32
	for i := 0; i < 5; i++ {
		if i >= len(b) {
			return 0, 0
		}
		c := b[i]
		if i == 4 && c > 0x0f {
			return 0, -1
		}
		v |= uint32(c&0x7f) << (7 * i)
		if c < 0x80 {
			return v, i + 1
		}
	}
	return 0, -1
}

// sleb decodes a signed LEB128 number of at most the given bits (32, 33 or 64). The length is as for uleb32.
func sleb(b []byte, bits uint) (int64, int) {
	var v int64
	longest := int((bits + 6) / 7)
	for i := 0; i < longest; i++ {
		if i >= len(b) {
			return 0, 0
		}
		c := b[i]
		shift := uint(7 * i)
		v |= int64(c&0x7f) << shift
		if c >= 0x80 {
			continue
		}
		if i == longest-1 {
			// The unused bits of the last byte must repeat the sign.
			used := bits - shift
			rest := int8(c<<1) >> used
			if rest != 0 && rest != -1 {
				return 0, -1
			}
		}
		if shift+7 < 64 && c&0x40 != 0 {
			v |= -1 << (shift + 7)
		}
		return v, i + 1
	}
	return 0, -1
}

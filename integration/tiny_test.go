package integration

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// tiny assembles modules that make a few system calls, for tests of what happens
// around a guest: these need no C compiler.
type tiny struct {
	imports  []string // names of calls, each with its own number of i32 arguments
	arity    []int
	data     []byte
	code     []byte   // of _start, or of the handler that is being assembled
	handlers [][]byte // of signals, the first at index 1 of the table
}

const (
	tinyBase = 64 // where data begins in memory
)

// value is an i32 operand: a constant, or the result of a call.
type value func(b *tiny)

func number(n int) value {
	return func(b *tiny) { b.op(0x41).signed(int64(int32(n))) }
}

// result is what a call returns.
func result(name string, args ...value) value {
	return func(b *tiny) { b.rawCall(name, args...).op(0xa7) } // i32.wrap_i64
}

func (b *tiny) op(codes ...byte) *tiny {
	b.code = append(b.code, codes...)
	return b
}

func (b *tiny) unsigned(n uint64) *tiny {
	b.code = binary.AppendUvarint(b.code, n)
	return b
}

func (b *tiny) signed(n int64) *tiny {
	for {
		low := byte(n & 0x7f)
		n >>= 7
		if n == 0 && low&0x40 == 0 || n == -1 && low&0x40 != 0 {
			return b.op(low)
		}
		b.op(low | 0x80)
	}
}

func (b *tiny) rawCall(name string, args ...value) *tiny {
	for _, arg := range args {
		arg(b)
	}
	for n := range b.imports {
		if b.imports[n] == name {
			return b.op(0x10).unsigned(uint64(n))
		}
	}
	b.imports, b.arity = append(b.imports, name), append(b.arity, len(args))
	return b.op(0x10).unsigned(uint64(len(b.imports) - 1))
}

// call makes a system call and ignores what it returns.
func (b *tiny) call(name string, args ...value) *tiny {
	return b.rawCall(name, args...).op(0x1a) // drop
}

// constant puts bytes into memory and returns their address.
func (b *tiny) constant(data string) value {
	for len(b.data)%8 != 0 {
		b.data = append(b.data, 0)
	}
	at := tinyBase + len(b.data)
	b.data = append(b.data, data...)
	return number(at)
}

func (b *tiny) path(name string) value { return b.constant(name + "\x00") }

// print writes a text to a descriptor.
func (b *tiny) print(fd int, text string) *tiny {
	return b.call("write", number(fd), b.constant(text), number(len(text)))
}

func (b *tiny) exit(status int) *tiny { return b.call("exit_group", number(status)) }

// sleep sleeps, or until a signal has been handled.
func (b *tiny) sleep(d time.Duration) *tiny {
	spec := binary.LittleEndian.AppendUint64(nil, uint64(d/time.Second))
	spec = binary.LittleEndian.AppendUint64(spec, uint64(d%time.Second))
	return b.call("nanosleep", b.constant(string(spec)), number(0))
}

// forever repeats what body assembles.
func (b *tiny) forever(body func()) *tiny {
	b.op(0x03, 0x40) // loop
	body()
	return b.op(0x0c, 0, 0x0b) // br 0, end
}

// succeeds assembles body for the case that a call does not fail.
func (b *tiny) succeeds(name string, args []value, body func()) *tiny {
	b.rawCall(name, args...).op(0x42, 0, 0x59, 0x04, 0x40) // i64.const 0, i64.ge_s, if
	body()
	return b.op(0x0b)
}

// fails assembles body for the case that a call fails.
func (b *tiny) fails(name string, args []value, body func()) *tiny {
	b.rawCall(name, args...).op(0x42, 0, 0x53, 0x04, 0x40) // i64.const 0, i64.lt_s, if
	body()
	return b.op(0x0b)
}

// create returns the arguments of an openat that makes a file, which must not be there.
func (b *tiny) create(path string) []value {
	const flags = os.O_WRONLY | os.O_CREATE | os.O_EXCL
	return []value{number(-100), b.path(path), number(flags), number(0o644)}
}

// await waits until a file is there.
func (b *tiny) await(path string) *tiny {
	open := []value{number(-100), b.path(path), number(os.O_RDONLY), number(0)}
	b.op(0x03, 0x40) // loop
	b.fails("openat", open, func() {
		b.sleep(5*time.Millisecond).op(0x0c, 1) // br to the loop
	})
	return b.op(0x0b)
}

// raise has the guest send itself a signal.
func (b *tiny) raise(sig int) *tiny { return b.call("kill", result("getpid"), number(sig)) }

// handle installs a handler for a signal.
func (b *tiny) handle(sig int, body func()) *tiny {
	outer := b.code
	b.code = nil
	body()
	b.handlers = append(b.handlers, b.code)
	b.code = outer
	return b.disposition(sig, len(b.handlers))
}

func (b *tiny) disposition(sig, handler int) *tiny {
	action := binary.LittleEndian.AppendUint32(nil, uint32(int32(handler)))
	return b.call("rt_sigaction", number(sig), b.constant(string(append(action, make([]byte, 20)...))), number(0), number(8))
}

// bytes returns the module.
func (b *tiny) bytes() []byte {
	m := []byte("\x00asm\x01\x00\x00\x00")
	list := func(n int, item func(i int) []byte) []byte {
		out := binary.AppendUvarint(nil, uint64(n))
		for i := range n {
			out = append(out, item(i)...)
		}
		return out
	}
	sized := func(data []byte) []byte { return append(binary.AppendUvarint(nil, uint64(len(data))), data...) }
	name := func(s string) []byte { return sized([]byte(s)) }
	section := func(id byte, data []byte) { m = append(append(m, id), sized(data)...) }
	const i32, i64 = 0x7f, 0x7e
	imports, functions := len(b.imports), 1+len(b.handlers)
	// Types: one for each import, that of _start, that of handlers.
	section(1, list(imports+2, func(i int) []byte {
		switch i {
		case imports:
			return []byte{0x60, 0, 0}
		case imports + 1:
			return []byte{0x60, 1, i32, 0}
		}
		kind := append([]byte{0x60}, list(b.arity[i], func(int) []byte { return []byte{i32} })...)
		return append(kind, 1, i64)
	}))
	section(2, list(imports, func(i int) []byte {
		entry := append(name("wali"), name("SYS_"+b.imports[i])...)
		return binary.AppendUvarint(append(entry, 0), uint64(i))
	}))
	section(3, list(functions, func(i int) []byte { return binary.AppendUvarint(nil, uint64(imports+min(i, 1))) }))
	section(4, []byte{1, 0x70, 0, byte(functions)})
	pages := (tinyBase+len(b.data))/65536 + 1
	section(5, binary.AppendUvarint(binary.AppendUvarint([]byte{1, 1}, uint64(pages)), uint64(pages)))
	section(7, list(2, func(i int) []byte {
		if i == 0 {
			return append(name("memory"), 2, 0)
		}
		return binary.AppendUvarint(append(name("_start"), 0), uint64(imports))
	}))
	if len(b.handlers) > 0 {
		entry := append([]byte{0, 0x41, 1, 0x0b}, list(len(b.handlers), func(i int) []byte {
			return binary.AppendUvarint(nil, uint64(imports+1+i))
		})...)
		section(9, append([]byte{1}, entry...))
	}
	section(10, list(functions, func(i int) []byte {
		body := b.code
		if i > 0 {
			body = b.handlers[i-1]
		}
		return sized(append(append([]byte{0}, body...), 0x0b))
	}))
	section(11, append([]byte{1, 0, 0x41, 0xc0, 0, 0x0b}, sized(b.data)...)) // at 64
	return m
}

// build writes a module that body assembles and returns its path.
func (s *site) build(name string, body func(b *tiny)) string {
	s.t.Helper()
	b := &tiny{}
	body(b)
	path := filepath.Join(s.dir, "tools", name+".wasm")
	if err := os.WriteFile(path, b.bytes(), 0o644); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// newTinySite makes a site that has no commands but walisup.
func newTinySite(t *testing.T) *site {
	t.Helper()
	return newSiteWith(t, nil, nil)
}

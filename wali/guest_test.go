package wali

import (
	"encoding/binary"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"walisup/wali/memory"
	"walisup/wali/safecopy"
)

// guest is a process with one thread and some memory, whose calls go the way
// that a module's go: through Bind, with raw values.
type guest struct {
	*Thread
	t    testing.TB
	next uint32 // first byte that alloc has not given out
}

// The pages of a guest in tests. The one at guestHole is not mapped, nor is
// anything after guestEnd.
const (
	guestStart = 64 << 10
	guestHole  = 2 << 20
	guestEnd   = 4 << 20
	guestLimit = 16 << 20
)

// testReservedFD is the first descriptor that is the helper's in tests.
const testReservedFD = 800

func TestMain(m *testing.M) {
	if err := safecopy.Install(); err != nil {
		panic(err)
	}
	if status, ok := hostileChild(); ok {
		os.Exit(status)
	}
	os.Exit(m.Run())
}

func newGuest(t testing.TB) *guest {
	t.Helper()
	g, err := makeGuest()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Memory.Close() })
	g.t = t
	return g
}

func makeGuest() (*guest, error) {
	m, err := memory.Reserve(guestLimit, 0)
	if err != nil {
		return nil, err
	}
	for _, part := range [][2]uint64{{guestStart, guestHole}, {guestHole + memory.PageSize, guestEnd}} {
		if err := m.MapInitial(part[0], part[1]); err != nil {
			return nil, err
		}
	}
	p := &Process{Memory: m, ReservedFD: testReservedFD, SpareFD: testReservedFD, Module: "/app.wasm", Args: []string{"app"}}
	return &guest{Thread: NewThread(p), next: guestStart}, nil
}

// alloc returns n zero bytes of guest memory, aligned to 16.
func (g *guest) alloc(n int) uint32 {
	p := g.next
	g.next = (p + uint32(n) + 15) &^ 15
	if g.next > guestHole {
		g.t.Fatal("guest memory is used up")
	}
	return p
}

// put copies b to new guest memory.
func (g *guest) put(b []byte) uint32 {
	p := g.alloc(len(b))
	g.write(p, b)
	return p
}

func (g *guest) string(s string) uint32 { return g.put(append([]byte(s), 0)) }

// words puts 32-bit words to new guest memory.
func (g *guest) words(v ...uint32) uint32 {
	b := make([]byte, 0, 4*len(v))
	for _, w := range v {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	return g.put(b)
}

// longs puts 64-bit words to new guest memory.
func (g *guest) longs(v ...uint64) uint32 {
	b := make([]byte, 0, 8*len(v))
	for _, w := range v {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return g.put(b)
}

func (g *guest) write(p uint32, b []byte) {
	g.t.Helper()
	if e := g.Memory.Write(p, b); e != 0 {
		g.t.Fatalf("write %d bytes at %#x: %v", len(b), p, e)
	}
}

func (g *guest) bytes(p uint32, n int) []byte {
	g.t.Helper()
	b := make([]byte, n)
	if e := g.Memory.Read(p, b); e != 0 {
		g.t.Fatalf("read %d bytes at %#x: %v", n, p, e)
	}
	return b
}

func (g *guest) word(p uint32) uint32 { return binary.LittleEndian.Uint32(g.bytes(p, 4)) }
func (g *guest) long(p uint32) uint64 { return binary.LittleEndian.Uint64(g.bytes(p, 8)) }

// callRow makes a system call as a module does that declares its parameters
// with the types of the ABI: i64 for long, i32 for the others. Its first
// argument is a literal, from which the support table learns what is tested.
func (g *guest) callRow(name string, args ...any) int64 {
	g.t.Helper()
	fn, params := bindRow(g.t, name)
	stack := make([]uint64, max(len(params), 1))
	if len(args) > len(params) {
		g.t.Fatalf("%s takes %d arguments", name, len(params))
	}
	for i, arg := range args {
		stack[i] = rawValue(g.t, arg)
		if params[i] == typeI32 {
			stack[i] = uint64(uint32(stack[i]))
		}
	}
	fn(g.Thread, stack)
	return int64(stack[0])
}

// must is callRow for calls that are expected to succeed.
func (g *guest) must(name string, args ...any) int64 {
	g.t.Helper()
	r := g.callRow(name, args...)
	if r < 0 {
		g.t.Fatalf("%s%v: %v", name, args, unix.Errno(-r))
	}
	return r
}

// want fails the test unless the call returned errno e.
func (g *guest) want(e unix.Errno, r int64) {
	g.t.Helper()
	if r != -int64(e) {
		g.t.Errorf("result %d (%v), want %v", r, unix.Errno(-r), e)
	}
}

// typeI32 is the type i32 in the binary format.
const typeI32 = 0x7f

func bindRow(t testing.TB, name string) (HostFunc, []byte) {
	t.Helper()
	row := Lookup(name)
	if row == nil {
		t.Fatalf("no row %s", name)
	}
	fn, params, known := bindTyped(row)
	if !known {
		t.Fatalf("%s is not bound", name)
	}
	return fn, params
}

// bindTyped binds a row to an import with the types that its prototype asks
// for.
func bindTyped(row *Row) (fn HostFunc, params []byte, known bool) {
	kinds, n := parseArgs(row.Args)
	params = make([]byte, n)
	for i := range n {
		params[i] = typeI32
		if kinds[i] == argLong {
			params[i] = typeI64
		}
	}
	fn, known = Bind(Import{Name: "SYS_" + row.Name, Params: params, Results: []byte{typeI64}})
	return fn, params, known
}

func rawValue(t testing.TB, arg any) uint64 {
	switch v := arg.(type) {
	case int:
		return uint64(v)
	case int32:
		return uint64(v)
	case int64:
		return uint64(v)
	case uint32:
		return uint64(v)
	case uint64:
		return v
	case uint:
		return uint64(v)
	}
	t.Fatalf("argument of type %T", arg)
	return 0
}

// closeLater closes fd at the end of the test.
func closeLater(t testing.TB, fds ...int) {
	t.Cleanup(func() {
		for _, fd := range fds {
			unix.Close(fd)
		}
	})
}

// socketPair returns a connected pair of native sockets.
func socketPair(t testing.TB, kind int) (int, int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	closeLater(t, fds[0], fds[1])
	return fds[0], fds[1]
}

// nativePipe returns the ends of a pipe.
func nativePipe(t testing.TB) (r, w int) {
	t.Helper()
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	closeLater(t, fds[0], fds[1])
	return fds[0], fds[1]
}

// reservedDescriptor opens a descriptor of the helper's.
func reservedDescriptor(t testing.TB) int {
	t.Helper()
	fd, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, testReservedFD)
	if err != nil || fd >= testReservedFD+ReservedFDs {
		t.Fatalf("no free descriptor: %d, %v", fd, err)
	}
	closeLater(t, fd)
	return fd
}

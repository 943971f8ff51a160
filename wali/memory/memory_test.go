//go:build linux && (amd64 || arm64)

package memory

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"walisup/wali/safecopy"
)

func TestMain(m *testing.M) {
	if err := safecopy.Install(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

const (
	testLimit = 64 << 20
	testBreak = 0x21000

	rw      = unix.PROT_READ | unix.PROT_WRITE
	private = unix.MAP_PRIVATE | unix.MAP_ANONYMOUS
)

// newMemory has data from 64 KiB on, the break behind it, and 64 MiB in all.
func newMemory(t testing.TB) *Memory {
	t.Helper()
	return newMemoryOf(t, testLimit)
}

func newMemoryOf(t testing.TB, limit uint64) *Memory {
	t.Helper()
	m, err := Reserve(limit, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := m.MapInitial(0x10000, testBreak); err != nil {
		t.Fatal(err)
	}
	if err := m.SetBreakStart(testBreak); err != nil {
		t.Fatal(err)
	}
	return m
}

// mustMap maps private anonymous memory.
func mustMap(t testing.TB, m *Memory, addr, length uint64, prot, flags int32) uint64 {
	t.Helper()
	at, errno := m.Mmap(addr, length, prot, flags, -1, 0)
	if errno != 0 {
		t.Fatalf("mmap(%#x, %#x): %v", addr, length, errno)
	}
	return at
}

func TestReserveAlignsAndBounds(t *testing.T) {
	t.Parallel()
	m := newMemory(t)
	if m.Base()%hugePage != 0 {
		t.Errorf("base %#x is not aligned to 2 MiB", m.Base())
	}
	if len(m.Bytes()) != testLimit || m.Limit() != testLimit || m.Size() != testLimit {
		t.Errorf("%d bytes, limit %d, size %d", len(m.Bytes()), m.Limit(), m.Size())
	}
	m.Bytes()[0x10000] = 7
	if v, errno := m.Load32(0x10000); v != 7 || errno != 0 {
		t.Errorf("Load32 gives %d, %v", v, errno)
	}
	for _, bad := range [][2]uint64{{0, 0}, {4<<30 + PageSize, 0}, {4 << 30, PageSize}, {100, 0}, {PageSize, 1}} {
		if m, err := Reserve(bad[0], bad[1]); err == nil {
			m.Close()
			t.Errorf("Reserve(%#x, %#x) succeeded", bad[0], bad[1])
		}
	}
}

func TestAccessFaultsGiveEFAULT(t *testing.T) {
	t.Parallel()
	m := newMemory(t)
	readOnly := uint32(mustMap(t, m, 0, PageSize, unix.PROT_READ, private))
	buf := make([]byte, 100)
	tests := []struct {
		name        string
		p           uint32
		read, write unix.Errno
	}{
		{"inside", 0x10000, 0, 0},
		{"last of the data", testBreak - 1, unix.EFAULT, unix.EFAULT},
		{"below the data", 0x10000 - 1, unix.EFAULT, unix.EFAULT},
		{"null", 0, unix.EFAULT, unix.EFAULT},
		{"read-only", readOnly, 0, unix.EFAULT},
		{"beyond the limit", testLimit, unix.EFAULT, unix.EFAULT},
		{"the last byte of all", 0xffffffff, unix.EFAULT, unix.EFAULT},
	}
	for _, tt := range tests {
		if got := m.Read(tt.p, buf); got != tt.read {
			t.Errorf("%s: Read gives %v, want %v", tt.name, got, tt.read)
		}
		if got := m.Write(tt.p, buf); got != tt.write {
			t.Errorf("%s: Write gives %v, want %v", tt.name, got, tt.write)
		}
		if _, got := m.Load32(tt.p); got != tt.read {
			t.Errorf("%s: Load32 gives %v, want %v", tt.name, got, tt.read)
		}
		if _, got := m.Load64(tt.p); got != tt.read {
			t.Errorf("%s: Load64 gives %v, want %v", tt.name, got, tt.read)
		}
		if got := m.Store32(tt.p, 0); got != tt.write {
			t.Errorf("%s: Store32 gives %v, want %v", tt.name, got, tt.write)
		}
		if got := m.Store64(tt.p, 0); got != tt.write {
			t.Errorf("%s: Store64 gives %v, want %v", tt.name, got, tt.write)
		}
		if got := m.Read(tt.p, nil); got != 0 {
			t.Errorf("%s: Read of nothing gives %v", tt.name, got)
		}
	}
	if _, errno := m.CompareAndSwap32(0x10002, 0, 0); errno != unix.EINVAL {
		t.Errorf("CompareAndSwap32 of an odd address gives %v", errno)
	}
	if _, errno := m.CompareAndSwap32(readOnly, 0, 0); errno != unix.EFAULT {
		t.Errorf("CompareAndSwap32 of a read-only page gives %v", errno)
	}
}

func TestReadCString(t *testing.T) {
	t.Parallel()
	m := newMemory(t)
	at := uint32(mustMap(t, m, 0, 2*PageSize, rw, private))
	if errno := m.Munmap(uint64(at)+PageSize, PageSize); errno != 0 {
		t.Fatal(errno)
	}
	end := at + PageSize
	tests := []struct {
		name  string
		text  string // without NUL if it ends at the page's end
		at    uint32
		buf   int
		errno unix.Errno
	}{
		{"empty", "\x00", at, 10, 0},
		{"short", "hello\x00", at, 10, 0},
		{"just fits", "hello\x00", at, 6, 0},
		{"no room for the NUL", "hello\x00", at, 5, unix.ENAMETOOLONG},
		{"no room at all", "hello\x00", at, 0, unix.ENAMETOOLONG},
		{"many chunks", strings.Repeat("x", 4000) + "\x00", at, 4096, 0},
		{"NUL is the page's last byte", "hello\x00", end - 6, 4096, 0},
		{"runs off the page", "hello", end - 5, 4096, unix.EFAULT},
		{"runs off the page after some chunks", strings.Repeat("x", 1000), end - 1000, 4096, unix.EFAULT},
		{"buffer ends with the page", "hello", end - 5, 5, unix.ENAMETOOLONG},
		{"null", "", 0, 10, unix.EFAULT},
		{"the end of the address space", "", 0xffffffff, 4096, unix.EFAULT},
	}
	for _, tt := range tests {
		if tt.text != "" {
			if errno := m.Write(tt.at, []byte(tt.text)); errno != 0 {
				t.Fatal(errno)
			}
		}
		buf := make([]byte, tt.buf)
		n, errno := m.ReadCString(tt.at, buf)
		want := strings.TrimSuffix(tt.text, "\x00")
		if errno != tt.errno || errno == 0 && string(buf[:n]) != want {
			t.Errorf("%s: %q, %v, want %v", tt.name, buf[:n], errno, tt.errno)
		}
	}
}

func TestHostAndGuest(t *testing.T) {
	t.Parallel()
	m := newMemory(t)
	if m.Host(0) != 0 || m.Guest(0) != 0 {
		t.Error("NULL does not stay NULL")
	}
	if m.HostAlways(0) != m.Base() {
		t.Error("HostAlways(0) is not the base")
	}
	for _, p := range []uint32{1, 0x12345, 0xffffffff} {
		if h := m.Host(p); h != m.Base()+uintptr(p) || m.Guest(h) != p || !m.Contains(h) {
			t.Errorf("Host(%#x) = %#x, back %#x", p, h, m.Guest(h))
		}
	}
	if m.Contains(m.Base()-1) || m.Contains(m.Base()+span) {
		t.Error("Contains goes too far")
	}
}

func TestMapPrivate(t *testing.T) {
	t.Parallel()
	m, err := Reserve(1<<20, 2*PageSize)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	data := bytes.Repeat([]byte{9}, PageSize+1)
	if err := m.MapPrivate(1<<20, data); err != nil {
		t.Fatal(err)
	}
	if got := m.Bytes()[1<<20:][:len(data)]; !bytes.Equal(got, data) {
		t.Error("the engine does not see its data")
	}
	if errno := m.Write(1<<20, data); errno != unix.EFAULT {
		t.Errorf("the guest's write gives %v", errno)
	}
	if errno := m.Munmap(1<<20, PageSize); errno != unix.EINVAL {
		t.Errorf("the guest's munmap gives %v", errno)
	}
	if _, errno := m.Mmap(1<<20, PageSize, rw, private|unix.MAP_FIXED, -1, 0); errno != unix.ENOMEM {
		t.Errorf("the guest's mmap gives %v", errno)
	}
	for _, bad := range []uint64{1<<20 - PageSize, 1<<20 + 1, 1<<20 + PageSize, 4 << 30} {
		if err := m.MapPrivate(bad, data); err == nil {
			t.Errorf("MapPrivate(%#x) succeeded", bad)
		}
	}
}

func TestBrk(t *testing.T) {
	t.Parallel()
	m := newMemory(t)
	const top = testLimit - 16*PageSize
	mustMap(t, m, top, PageSize, rw, private|unix.MAP_FIXED)
	steps := []struct {
		name     string
		to, want uint64
	}{
		{"ask", 0, testBreak},
		{"below the start", testBreak - 1, testBreak},
		{"within a page", testBreak + 10, testBreak + 10},
		{"some pages", testBreak + 10*PageSize, testBreak + 10*PageSize},
		{"less", testBreak + 3*PageSize + 1, testBreak + 3*PageSize + 1},
		{"touching a mapping", top, testBreak + 3*PageSize + 1},
		{"a page before a mapping", top - PageSize, top - PageSize},
		{"beyond all", 1 << 40, top - PageSize},
		{"back to the start", testBreak, testBreak},
	}
	for _, s := range steps {
		if got := m.Brk(s.to); got != s.want {
			t.Errorf("%s: Brk(%#x) = %#x, want %#x", s.name, s.to, got, s.want)
		}
		if s.want > testBreak {
			if errno := m.Store32(uint32(s.want-1)&^3, 1); errno != 0 {
				t.Errorf("%s: the last byte cannot be written", s.name)
			}
		}
		if errno := m.Store32(uint32(roundUp(s.want)), 1); errno != unix.EFAULT {
			t.Errorf("%s: the byte behind the break can be written", s.name)
		}
	}
	m.Brk(testBreak + PageSize)
	if v, errno := m.Load32(testBreak); v != 0 || errno != 0 {
		t.Errorf("new memory is %d, %v", v, errno)
	}
}

func TestMmapErrors(t *testing.T) {
	t.Parallel()
	readOnly, err := os.Open("memory_test.go")
	if err != nil {
		t.Fatal(err)
	}
	defer readOnly.Close()
	ro := int32(readOnly.Fd())
	null, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	pipe, other, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	defer other.Close()

	const fixed = unix.MAP_FIXED
	tests := []struct {
		name         string
		addr, length uint64
		prot, flags  int32
		fd           int32
		offset       int64
		want         unix.Errno
	}{
		{"length 0", 0, 0, rw, private, -1, 0, unix.EINVAL},
		{"neither shared nor private", 0, PageSize, rw, unix.MAP_ANONYMOUS, -1, 0, unix.EINVAL},
		{"unknown type", 0, PageSize, rw, unix.MAP_ANONYMOUS | 4, -1, 0, unix.EINVAL},
		{"odd offset", 0, PageSize, rw, private, -1, 1, unix.EINVAL},
		{"odd offset of a bad file", 0, PageSize, rw, unix.MAP_PRIVATE, -1, 1, unix.EINVAL},
		{"bad file", 0, PageSize, rw, unix.MAP_PRIVATE, -1, 0, unix.EBADF},
		{"bad file and length", 0, 0, rw, unix.MAP_PRIVATE, -1, 0, unix.EBADF},
		{"bad file does not matter", 0, PageSize, rw, private, 12345, 0, 0},
		{"file of the wrong mode", 0, PageSize, rw, unix.MAP_SHARED, ro, 0, unix.EACCES},
		{"private write of a read-only file", 0, PageSize, rw, unix.MAP_PRIVATE, ro, 0, 0},
		{"negative offset", 0, PageSize, rw, unix.MAP_PRIVATE, ro, -PageSize, unix.EOVERFLOW},
		{"pipe", 0, PageSize, rw, unix.MAP_PRIVATE, int32(pipe.Fd()), 0, unix.ENODEV},
		{"shared /dev/null", 0, PageSize, rw, unix.MAP_SHARED, int32(null.Fd()), 0, unix.ENODEV},
		{"too long", 0, testLimit + 1, rw, private, -1, 0, unix.ENOMEM},
		{"as long as can be", 0, 1<<64 - 1, rw, private, -1, 0, unix.ENOMEM},
		{"no room", 0, testLimit - PageSize, rw, private, -1, 0, unix.ENOMEM},
		{"fixed odd", 0x100001, PageSize, rw, private | fixed, -1, 0, unix.EINVAL},
		{"fixed at 0", 0, PageSize, rw, private | fixed, -1, 0, unix.EPERM},
		{"fixed over the end", testLimit - PageSize, 2 * PageSize, rw, private | fixed, -1, 0, unix.ENOMEM},
		{"fixed beyond the end", 0xfffff000, PageSize, rw, private | fixed, -1, 0, unix.ENOMEM},
		{"fixed at the end", testLimit - PageSize, PageSize, rw, private | fixed, -1, 0, 0},
		{"noreplace, used", 0x10000, PageSize, rw, private | unix.MAP_FIXED_NOREPLACE, -1, 0, unix.EEXIST},
		{"noreplace, partly used", testBreak, 2 * PageSize, rw, private | unix.MAP_FIXED_NOREPLACE, -1, 0, 0},
		{"noreplace, used now", testBreak + PageSize, 2 * PageSize, rw, private | unix.MAP_FIXED_NOREPLACE, -1, 0, unix.EEXIST},
		{"hint 0 with hugetlb on a plain file", 0, PageSize, rw, unix.MAP_PRIVATE | unix.MAP_HUGETLB, ro, 0, unix.EINVAL},
		{"shared and growing", 0, PageSize, rw, unix.MAP_SHARED | unix.MAP_ANONYMOUS | unix.MAP_GROWSDOWN, -1, 0, unix.EINVAL},
		{"executable", 0, PageSize, rw | unix.PROT_EXEC, private, -1, 0, 0},
		{"unknown protection bits", 0, PageSize, -1, private, -1, 0, 0},
	}
	m := newMemory(t)
	for _, tt := range tests {
		at, errno := m.Mmap(tt.addr, tt.length, tt.prot, tt.flags, tt.fd, tt.offset)
		if errno != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, errno, tt.want)
		}
		if errno != 0 && at != 0 {
			t.Errorf("%s: failed with address %#x", tt.name, at)
		}
	}
	checkKernel(t, m)
}

func TestFailedFixedMappingLeavesWhatLinuxLeaves(t *testing.T) {
	t.Parallel()
	pipe, other, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	defer other.Close()
	m := newMemory(t)
	at := mustMap(t, m, 0, 3*PageSize, rw, private)
	m.Store32(uint32(at)+PageSize, 77)
	_, errno := m.Mmap(at+PageSize, PageSize, rw, unix.MAP_PRIVATE|unix.MAP_FIXED, int32(pipe.Fd()), 0)
	if errno != unix.ENODEV {
		t.Fatalf("mmap of a pipe: %v", errno)
	}
	if v, errno := m.Load32(uint32(at) + PageSize); v != 77 || errno != 0 {
		t.Errorf("the old page has %d, %v", v, errno)
	}
	checkKernel(t, m)
}

func TestMmapPlacement(t *testing.T) {
	t.Parallel()
	m := newMemory(t)
	first := mustMap(t, m, 0, PageSize, rw, private)
	if first != testLimit-PageSize {
		t.Errorf("the first mapping is at %#x, want the top", first)
	}
	second := mustMap(t, m, 0, 3*PageSize, rw, private)
	if second != first-3*PageSize {
		t.Errorf("the second mapping is at %#x, want below %#x", second, first)
	}
	if errno := m.Munmap(second+PageSize, PageSize); errno != 0 {
		t.Fatal(errno)
	}
	if at := mustMap(t, m, 0, PageSize, rw, private); at != second+PageSize {
		t.Errorf("a free page is not used: %#x, want %#x", at, second+PageSize)
	}
	if at := mustMap(t, m, 0x200123, PageSize, rw, private); at != 0x200000 {
		t.Errorf("a hint is not honoured: %#x", at)
	}
	if at := mustMap(t, m, 0x200000, PageSize, rw, private); at != second-PageSize {
		t.Errorf("with the hint in use: %#x, want %#x", at, second-PageSize)
	}
	// The room for the break is used only when nothing else is left.
	room := m.breakRoom()
	at := mustMap(t, m, 0, second-PageSize-room, rw, private)
	if at != room {
		t.Errorf("the rest above the break's room: %#x, want %#x", at, room)
	}
	if at := mustMap(t, m, 0, PageSize, rw, private); at != room-PageSize {
		t.Errorf("in the break's room: %#x, want %#x", at, room-PageSize)
	}
	checkKernel(t, m)
}

func TestMunmapErrors(t *testing.T) {
	t.Parallel()
	m := newMemory(t)
	tests := []struct {
		name         string
		addr, length uint64
		want         unix.Errno
	}{
		{"odd", 0x10001, PageSize, unix.EINVAL},
		{"length 0", 0x10000, 0, unix.EINVAL},
		{"length wraps", 0x10000, 1<<64 - 1, unix.EINVAL},
		{"over the end", testLimit - PageSize, 2 * PageSize, unix.EINVAL},
		{"beyond the end", 0xfffff000, PageSize, unix.EINVAL},
		{"never mapped", 0x1000000, PageSize, 0},
		{"everything", 0, testLimit, 0},
		{"again", 0, testLimit, 0},
	}
	for _, tt := range tests {
		if got := m.Munmap(tt.addr, tt.length); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	if errno := m.Store32(0x10000, 1); errno != unix.EFAULT {
		t.Errorf("an unmapped page can be written")
	}
	checkKernel(t, m)
}

func TestSharedFileMapping(t *testing.T) {
	t.Parallel()
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := file.Truncate(PageSize + 100); err != nil {
		t.Fatal(err)
	}
	m := newMemory(t)
	at, errno := m.Mmap(0, 3*PageSize, rw, unix.MAP_SHARED, int32(file.Fd()), 0)
	if errno != 0 {
		t.Fatal(errno)
	}
	if errno := m.Write(uint32(at)+PageSize, []byte("seen in the file")); errno != 0 {
		t.Fatal(errno)
	}
	got := make([]byte, 16)
	if _, err := file.ReadAt(got, PageSize); err != nil || string(got) != "seen in the file" {
		t.Errorf("the file has %q, %v", got, err)
	}
	if errno := m.Store32(uint32(at)+2*PageSize, 1); errno != unix.EFAULT {
		t.Errorf("a write beyond the end of the file gives %v", errno)
	}
	checkKernel(t, m)
}

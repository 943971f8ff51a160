package wali

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"walisup/wali/memory"
)

// TestHostileArguments makes every call with arguments that a guest has no
// business to pass: pointers of all bad kinds, wrapping lengths, huge counts,
// descriptors that are not there, and structs full of such values. Each call is
// made in a process of its own, which must survive, see nothing but values and
// errnos, and find no address of the helper in guest memory afterwards.
// Where a call takes the kernel's structs, the same call is made natively on the
// same memory and must fail in the same way.
func TestHostileArguments(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a process for each call")
	}
	for i := range table {
		row := &table[i]
		if why := notHostile[row.Name]; why != "" || row.Refused != "" {
			continue
		}
		t.Run(row.Name, func(t *testing.T) {
			t.Parallel()
			runHostileChild(t, row.Name)
		})
	}
}

// TestHostileExceptions keeps the lists below in step with the table.
func TestHostileExceptions(t *testing.T) {
	t.Parallel()
	for name := range notHostile {
		if row := Lookup(name); row == nil || row.Refused != "" {
			t.Errorf("%s is excepted, but there is no such call", name)
		}
	}
	for name := range noTwin {
		if Lookup(name) == nil {
			t.Errorf("%s has no twin, but there is no such call", name)
		}
	}
	for name := range tamed {
		if Lookup(name) == nil {
			t.Errorf("%s is made tamed, but there is no such call", name)
		}
	}
}

// notHostile are the calls that cannot be made in this test, and why.
var notHostile = map[string]string{
	"exit":       "ends the process",
	"exit_group": "ends the process",

	"clone":    "makes a process, which is the helper's work",
	"clone3":   "makes a process, which is the helper's work",
	"fork":     "makes a process, which is the helper's work",
	"vfork":    "makes a process, which is the helper's work",
	"execve":   "replaces the process, which is the helper's work",
	"execveat": "replaces the process, which is the helper's work",
}

// tamed gives arguments values that do no damage to the test itself, by
// index.
var tamed = map[string]map[int][]uint64{
	// Signals to processes that do not exist, or none.
	"kill":              {0: {0x7ffffffe, 1<<64 - 0x7ffffffe}},
	"tkill":             {0: {0x7ffffffe, 0, 1<<64 - 1}},
	"tgkill":            {0: {0x7ffffffe, 0, 1<<64 - 1}},
	"rt_sigqueueinfo":   {0: {0x7ffffffe, 0}},
	"rt_tgsigqueueinfo": {0: {0x7ffffffe, 0}},
	"pidfd_send_signal": {1: {0, 99, 1<<64 - 1}},
	// Limits that do not concern memory and files, which Go itself needs.
	"setrlimit": {0: {unix.RLIMIT_CORE, unix.RLIMIT_NICE, 99, 1<<64 - 1}},
	"prlimit64": {1: {unix.RLIMIT_CORE, unix.RLIMIT_NICE, 99, 1<<64 - 1}},
	// The timers that this test leaves alone.
	"setitimer":     {0: {unix.ITIMER_VIRTUAL, 99, 1<<64 - 1}},
	"timer_delete":  {0: {77, 1<<64 - 1}},
	"timer_settime": {0: {77, 1<<64 - 1}},
	"timer_create":  {0: {unix.CLOCK_MONOTONIC, 99, 1<<64 - 1}},
	"alarm":         {0: {0}},
	// Standard error is for a report.
	"close_range": {0: {3, 100, 0x80000000}},
	// Options that end the process, by a filter, a signal or a CPU feature.
	"prctl":   {0: {unix.PR_GET_DUMPABLE, unix.PR_SET_NAME, unix.PR_GET_NAME, unix.PR_GET_PDEATHSIG, unix.PR_CAPBSET_READ, unix.PR_GET_TID_ADDRESS, unix.PR_SET_MM, unix.PR_SET_VMA, 9999, 1<<64 - 1}},
	"unshare": {0: {0, 1 << 63}},
}

// noTwin are the calls whose result is not compared with the native one, and
// why.
var noTwin = map[string]string{
	"readv": "struct iovec", "writev": "struct iovec", "preadv": "struct iovec", "pwritev": "struct iovec",
	"preadv2": "struct iovec", "pwritev2": "struct iovec", "vmsplice": "struct iovec",
	"sendmsg": "struct msghdr", "recvmsg": "struct msghdr", "sendmmsg": "struct msghdr", "recvmmsg": "struct msghdr",
	"setsockopt": "pointers in options", "pselect6": "pointer to a pointer", "semctl": "a union",
	"timer_create": "struct sigevent", "mq_notify": "struct sigevent",
	"futex_waitv": "pointers in the struct", "futex_requeue": "pointers in the struct",
	"futex": "argument 4 is not always a pointer",
	"fcntl": "argument 3 is not always a pointer", "ioctl": "pointers in structs, and requests that pass to drivers",
	"prctl": "arguments are not always pointers", "keyctl": "arguments are not always pointers",
	"brk": "guest memory", "mmap": "guest memory", "munmap": "guest memory", "mremap": "guest memory", "mprotect": "guest memory",
	"madvise": "guest memory", "msync": "guest memory", "mincore": "guest memory", "mlock": "guest memory", "mlock2": "guest memory",
	"munlock": "guest memory", "mlockall": "guest memory", "munlockall": "guest memory", "shmat": "guest memory", "shmdt": "guest memory",
	"rt_sigqueueinfo": "siginfo_t", "rt_tgsigqueueinfo": "siginfo_t", "rt_sigtimedwait": "siginfo_t", "pidfd_send_signal": "siginfo_t",
	"rt_sigaction": "struct sigaction", "sigaltstack": "stack_t", "set_tid_address": "the last one counts",
	"rt_sigprocmask": "natively blocks any signal", "rt_sigsuspend": "natively blocks any signal", "rt_sigpending": "some signals are not the kernel's",
	"ppoll": "natively blocks any signal", "epoll_pwait": "natively blocks any signal", "epoll_pwait2": "natively blocks any signal",
	"close_range": "spares the helper's descriptors",
	"select":      "finds the helper's descriptors before other faults",
	"mount":       "data may be a pointer",
	"sysfs":       "arguments are not always pointers",
	"personality": "parts of it are not the guest's to change",
	"fchmodat":    "takes the flags that the kernel's call has not", "faccessat": "takes the flags that the kernel's call has not",
	"fanotify_mark": "looks at the path before other faults",
	"lseek":         "moves each time", "getdents": "moves each time", "getdents64": "moves each time",
	"close": "has an effect once", "bind": "has an effect once",
}

func runHostileChild(t *testing.T, name string) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	// The calls also change modes. Only root could remove a directory that nobody may read.
	t.Cleanup(func() {
		filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if entry != nil && entry.IsDir() {
				return os.Chmod(path, 0o700)
			}
			return err
		})
	})
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Env = []string{hostileRow + "=" + name, hostileDir + "=" + dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setsid:     true,
		Cloneflags: unix.CLONE_NEWIPC | unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWUTS,
	}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Skipf("no namespaces to make the calls in: %v", err)
	}
	err := cmd.Wait()
	text := out.String()
	if err != nil || !strings.HasPrefix(text, hostileDone) {
		if len(text) > 4000 {
			text = text[:4000] + "..."
		}
		t.Fatalf("%v\n%s", err, text)
	}
	t.Log(strings.TrimSpace(text))
}

const (
	hostileRow  = "WALI_TEST_HOSTILE_ROW"
	hostileDir  = "WALI_TEST_HOSTILE_DIR"
	hostileDone = "survived "

	hostileRounds = 250
	nobody        = 65534
)

// hostileChild is the process that makes one call in all ways, if this process
// is to be that.
func hostileChild() (status int, ok bool) {
	name := os.Getenv(hostileRow)
	if name == "" {
		return 0, false
	}
	h, err := newHostile(name, os.Getenv(hostileDir))
	if err != nil {
		fmt.Println(err)
		return 1, true
	}
	h.run()
	if len(h.failures) > 0 {
		fmt.Println(strings.Join(h.failures, "\n"))
		return 1, true
	}
	fmt.Printf("%s%d calls, of which %d failed\n", hostileDone, h.calls, h.errors)
	return 0, true
}

// hostile makes one call in all ways.
type hostile struct {
	row    *Row
	kinds  [6]argKind
	n      int
	random *rand.Rand
	g      *guest
	fds    []uint64 // of all kinds, open
	pages  []byte   // what is put to the valid pages before each call

	calls, errors int
	failures      []string
}

// Guest pages of the test, apart from those that guest_test.go describes.
const (
	hostileBuffer   = guestStart            // two valid pages
	hostileReadOnly = guestHole - 16<<12    // not writable
	hostileStrings  = hostileBuffer + 0x800 // text, then pointers, in the buffer
)

// newHostile drops privileges, so that a call with a plausible argument does
// nothing to the machine, and arranges for calls that sleep to be interrupted.
func newHostile(name, dir string) (*hostile, error) {
	if err := os.Chdir(dir); err != nil {
		return nil, err
	}
	if os.Geteuid() == 0 {
		if err := syscall.Setgroups(nil); err != nil {
			return nil, err
		}
		if err := syscall.Setgid(nobody); err != nil {
			return nil, err
		}
		if err := syscall.Setuid(nobody); err != nil {
			return nil, err
		}
	}
	seed := fnv.New64a()
	seed.Write([]byte(name))
	h := &hostile{row: Lookup(name), random: rand.New(rand.NewPCG(seed.Sum64(), 1))}
	h.kinds, h.n = parseArgs(h.row.Args)
	runtime.LockOSThread()
	return h, interruptThread()
}

// interruptThread makes a signal interrupt the calling thread every few
// milliseconds, and system calls fail with EINTR for it. It is one that a guest
// cannot block.
func interruptThread() error {
	const signal = unix.SIGTRAP
	type sigaction struct {
		handler  uintptr
		flags    uint64
		restorer uintptr
		mask     uint64
	}
	var act sigaction // the Go runtime's, for its restorer
	at := func(p *sigaction) uintptr { return uintptr(unsafe.Pointer(p)) }
	if _, _, e := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(signal), 0, at(&act), 8, 0, 0); e != 0 {
		return e
	}
	const restart = 0x10000000 // SA_RESTART
	act.flags &^= restart
	act.handler = reflect.ValueOf(returnAtOnce).Pointer()
	if _, _, e := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(signal), at(&act), 0, 8, 0, 0); e != 0 {
		return e
	}
	event := [8]uint64{1: uint64(signal) | 4<<32, 2: uint64(unix.Gettid())} // SIGEV_THREAD_ID
	var id int32
	if _, _, e := unix.RawSyscall(unix.SYS_TIMER_CREATE, unix.CLOCK_MONOTONIC, uintptr(unsafe.Pointer(&event)), uintptr(unsafe.Pointer(&id))); e != 0 {
		return e
	}
	every := [4]int64{0, 3e6, 0, 3e6}
	if _, _, e := unix.RawSyscall6(unix.SYS_TIMER_SETTIME, uintptr(id), 0, uintptr(unsafe.Pointer(&every)), 0, 0, 0); e != 0 {
		return e
	}
	return nil
}

// returnAtOnce is the signal handler. It is a single return instruction, and so
// is fit to be called by the kernel.
//
//go:noinline
//go:nosplit
func returnAtOnce() {}

func (h *hostile) run() {
	// Each argument in turn over all its values, with the others plausible;
	// then at random.
	for i := range h.n {
		for _, v := range h.values(i) {
			args := h.plausible()
			args[i] = v
			h.try(args)
		}
	}
	for range hostileRounds {
		args := h.plausible()
		for i := range h.n {
			if h.random.IntN(2) == 0 {
				args[i] = h.pick(h.values(i))
			}
		}
		h.try(args)
	}
	if h.n == 0 {
		h.try(Args{})
	}
}

func (h *hostile) pick(values []uint64) uint64 { return values[h.random.IntN(len(values))] }

// hostilePointers are bad in every way that a pointer can be; the last ones are
// valid.
var hostilePointers = []uint64{
	0, 1, 0xfff, // nothing there
	guestHole, guestHole - 1, guestHole - 2, guestHole - 4, guestHole - 8, guestHole - 12, guestHole - 100, // into the hole
	guestHole + memory.PageSize - 4,      // out of the hole
	guestEnd, guestEnd - 1, guestEnd - 8, // the last page
	hostileReadOnly, hostileReadOnly + 0xffc,
	0x7fffffff, 0x80000000, 0xfffff000, 0xfffffff8, 0xfffffffc, 0xffffffff,
	hostileBuffer + 1, hostileBuffer + 2, hostileBuffer + memory.PageSize - 4, // misaligned, across pages
	hostileBuffer, hostileBuffer + 8, // overlapping
	hostileStrings, hostileStrings + 0x100, hostileStrings + 0x200,
}

var (
	hostileInts  = []uint64{0, 1, 2, 3, 7, 8, 16, 64, 1<<64 - 1, 0x7fffffff, 1<<64 - 0x80000000, 0xffff, 0x1000, 0x80000}
	hostileSizes = []uint64{0, 1, 2, 3, 4, 8, 12, 16, 24, 100, 128, 4096, 8192, 0x7fffffff, 0x80000000, 0xfffff000, 0xffffffff}
	hostileLongs = []uint64{0, 1, 2, 8, 4096, 1<<64 - 1, 1 << 31, 1<<32 - 1, 1 << 32, 1 << 62, 1 << 63, hostileBuffer, guestHole}
	badFDs       = []uint64{1<<64 - 1, 1<<64 - 100, 0x7fffffff, 1<<64 - 0x80000000, 700, testReservedFD, testReservedFD + ReservedFDs - 1}
)

// values are what argument i is set to.
func (h *hostile) values(i int) []uint64 {
	if v := tamed[h.row.Name][i]; v != nil {
		return v
	}
	switch h.kinds[i] {
	case argPointer:
		return hostilePointers
	case argFD, argNewFD:
		return append(badFDs[:len(badFDs):len(badFDs)], h.fds...)
	case argUnsigned:
		return hostileSizes
	case argLong:
		return hostileLongs
	}
	return hostileInts
}

// plausible returns arguments that might do something, after making what they
// stand for.
func (h *hostile) plausible() (a Args) {
	h.prepare()
	for i := range h.n {
		if v := tamed[h.row.Name][i]; v != nil {
			a[i] = h.pick(v)
			continue
		}
		switch h.kinds[i] {
		case argPointer:
			a[i] = h.pick([]uint64{hostileBuffer, hostileBuffer + 0x400, hostileStrings})
		case argFD, argNewFD:
			a[i] = h.pick(h.fds)
		case argUnsigned:
			a[i] = h.pick([]uint64{8, 16, 1, 128})
		case argSigned:
			a[i] = h.pick([]uint64{0, 1, 2, 3})
		case argLong:
			a[i] = h.pick([]uint64{0, 1, 4096})
		}
	}
	return a
}

// prepare makes descriptors and guest memory as they are before each call.
func (h *hostile) prepare() {
	h.openDescriptors()
	if h.g == nil || noTwin[h.row.Name] == "guest memory" {
		h.freshGuest()
	}
	pages := make([]byte, 2*memory.PageSize)
	switch h.random.IntN(4) {
	case 0: // zeroes
	case 1:
		for i := range pages {
			// No byte of a host address, which would make one by chance.
			pages[i] = byte(h.random.Uint32()) &^ 0x40
		}
	default: // structs of bad pointers, numbers and descriptors
		for i := 0; i < len(pages); i += 4 {
			set := h.pick64([][]uint64{hostilePointers, hostilePointers, hostileInts, hostileSizes, h.fds, {0}})
			binary.LittleEndian.PutUint32(pages[i:], uint32(h.pick(set)))
		}
	}
	text := pages[hostileStrings-hostileBuffer:]
	copy(text, "f\x00")
	copy(text[0x100:], "/\x00")
	copy(text[0x200:], "no/such/file\x00")
	h.pages = pages
	h.writePages()
}

// writePages puts guest memory into the state before a call.
func (h *hostile) writePages() {
	m := h.g.Memory
	e := m.Write(hostileBuffer, h.pages)
	// What lies before the hole and the end has no NUL byte.
	for _, end := range []uint32{guestHole, guestEnd} {
		e |= m.Write(end-128, bytes.Repeat([]byte{'x'}, 128))
	}
	if e != 0 {
		h.fail(Args{}, "the test's own pages: %v", e)
	}
}

func (h *hostile) pick64(sets [][]uint64) []uint64 { return sets[h.random.IntN(len(sets))] }

func (h *hostile) freshGuest() {
	if h.g != nil {
		h.g.Memory.Close()
	}
	g, err := makeGuest()
	if err != nil {
		panic(err)
	}
	if e := g.Memory.Mprotect(hostileReadOnly, memory.PageSize, unix.PROT_READ); e != 0 {
		panic(e)
	}
	h.g = g
}

// openDescriptors closes whatever the last call left and opens one of each
// kind, none of which blocks.
func (h *hostile) openDescriptors() {
	unix.CloseRange(3, testReservedFD-1, 0)
	h.fds = h.fds[:0]
	add := func(fds ...int) {
		for _, fd := range fds {
			if fd >= 0 {
				h.fds = append(h.fds, uint64(fd))
			}
		}
	}
	var pair [2]int
	if unix.Pipe2(pair[:], unix.O_NONBLOCK) == nil {
		add(pair[:]...)
	}
	if pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0); err == nil {
		unix.Write(pair[1], []byte("text"))
		add(pair[:]...)
	}
	open := func(fd int, err error) {
		if err == nil {
			add(fd)
		}
	}
	open(unix.Open("file", unix.O_RDWR|unix.O_CREAT|unix.O_NONBLOCK, 0o600))
	open(unix.Open(".", unix.O_RDONLY|unix.O_DIRECTORY, 0))
	open(unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK, 0))
	open(unix.EpollCreate1(0))
	open(unix.Eventfd(1, unix.EFD_NONBLOCK))
	open(unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK))
	open(unix.InotifyInit1(unix.IN_NONBLOCK))
}

func (h *hostile) fail(a Args, format string, v ...any) {
	if len(h.failures) < 20 {
		h.failures = append(h.failures, fmt.Sprintf("%s(%#x): ", h.row.Name, a[:h.n])+fmt.Sprintf(format, v...))
	}
}

// try makes one call and looks at what came of it.
func (h *hostile) try(a Args) {
	fn, params, _ := bindTyped(h.row)
	stack := make([]uint64, max(len(params), 1))
	copy(stack, a[:h.n])
	fn(h.g.Thread, stack)
	r := int64(stack[0])
	h.calls++
	if r < 0 {
		h.errors++
	}
	base := h.g.Memory.Base()
	switch {
	case r < 0 && r <= -4096:
		h.fail(a, "result %d is neither a value nor an errno", r)
	case h.g.Memory.Contains(uintptr(r)):
		h.fail(a, "result %#x is an address of the helper", r)
	case noTwin[h.row.Name] == "guest memory" && r >= 1<<32:
		h.fail(a, "result %#x is no guest address", r)
	}
	after := make([]byte, len(h.pages))
	if h.g.Memory.Read(hostileBuffer, after) == 0 {
		for i := 0; i+8 <= len(after); i += 4 {
			if v := binary.LittleEndian.Uint64(after[i:]); uintptr(v)-base < 8<<30 && !bytes.Equal(after[i:i+8], h.pages[i:i+8]) {
				h.fail(a, "guest memory now holds %#x, an address of the helper", v)
				break
			}
		}
	}
	if noTwin[h.row.Name] == "" {
		h.compare(a, r)
	}
}

// compare makes the same call natively and looks whether its errno is the same,
// if it is one that depends on the arguments alone.
func (h *hostile) compare(a Args, r int64) {
	nr := h.row.NR.host()
	if nr == ^uintptr(0) {
		return // no such call on this architecture
	}
	for i := range h.n {
		if (h.kinds[i] == argFD || h.kinds[i] == argNewFD) && h.g.ownsFD(int32(a[i])) {
			return // open natively, perhaps, and not for the guest
		}
	}
	var args [6]uintptr
	for i := range h.n {
		args[i] = h.kinds[i].host(h.kinds[i].convert(a[i], h.kinds[i] == argLong), h.g.Memory)
	}
	h.writePages()
	native := h.g.block(nr, args[0], args[1], args[2], args[3], args[4], args[5])
	depends := func(r int64) bool {
		return r == -int64(unix.EFAULT) || r == -int64(unix.EINVAL) || r == -int64(unix.EBADF) || r == -int64(unix.ENOTSOCK)
	}
	// The first call may have changed what the second finds, as a name or a
	// lock; so only those count where one of the two failed for its arguments
	// and the other one did not fail at all, or for other arguments.
	if native != r && (depends(native) && (r >= 0 || depends(r)) || depends(r) && native >= 0) {
		h.fail(a, "result %d, natively %d", r, native)
	}
}

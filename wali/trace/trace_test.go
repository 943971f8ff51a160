package trace

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"walisup/ipc"
	"walisup/wali"
	"walisup/wali/memory"
	"walisup/wali/safecopy"
)

func TestMain(m *testing.M) {
	if err := safecopy.Install(); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// bench is a thread of a guest with memory, and a tracer whose records are read
// back. The page at hole is not mapped, nor is anything after end.
type bench struct {
	*wali.Thread
	t      testing.TB
	tracer *Tracer
	pipe   int
	next   uint32
}

const (
	start = 64 << 10
	hole  = 2 << 20
	end   = 4 << 20
)

func newBench(t testing.TB, config ipc.TraceConfig) *bench {
	t.Helper()
	runtime.LockOSThread() // the tracer changes the thread's signal mask for a moment
	t.Cleanup(runtime.UnlockOSThread)
	m, err := memory.Reserve(16<<20, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	for _, part := range [][2]uint64{{start, hole}, {hole + memory.PageSize, end}} {
		if err := m.MapInitial(part[0], part[1]); err != nil {
			t.Fatal(err)
		}
	}
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_DIRECT); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fds[1]) })
	thread := wali.NewThread(&wali.Process{Memory: m, Args: []string{"app", "one"}, Environ: []string{"A=B"}})
	control := uint32(1)
	source := func(uint32) (ipc.TraceConfig, bool) { return config, true }
	b := &bench{Thread: thread, t: t, tracer: New(fds[1], &control, source), pipe: fds[0], next: start}
	t.Cleanup(b.hangUp)
	return b
}

func everything() ipc.TraceConfig {
	config := ipc.TraceConfig{Strings: 32, Signals: true}
	for i := range config.Calls {
		config.Calls[i] = 0xff
	}
	return config
}

// put copies little-endian words of mixed sizes and strings to new memory.
func (b *bench) put(values ...any) uint32 {
	var data []byte
	for _, v := range values {
		switch v := v.(type) {
		case string:
			data = append(data, v...)
		default:
			var err error
			if data, err = binary.Append(data, binary.LittleEndian, v); err != nil {
				b.t.Fatal(err)
			}
		}
	}
	p := b.next
	b.next += uint32(len(data)+15) &^ 15
	if e := b.Memory.Write(p, data); e != 0 {
		b.t.Fatal(e)
	}
	return p
}

// call traces one call with a result, and returns its line.
func (b *bench) call(name string, result int64, args ...any) string {
	b.t.Helper()
	row := wali.Lookup(name)
	var a wali.Args
	for i, arg := range args {
		switch v := arg.(type) {
		case int:
			a[i] = uint64(int64(v))
		case uint32:
			a[i] = uint64(v)
		case string:
			a[i] = uint64(b.put(v + "\x00"))
		}
	}
	got := b.tracer.Call(b.Thread, row.Place(), row, func(*wali.Thread, wali.Args) int64 { return result }, a, a)
	if got != result {
		b.t.Errorf("%s: result %d, want %d", name, got, result)
	}
	return b.line()
}

// line reads the records of one call.
func (b *bench) line() string {
	b.t.Helper()
	r := b.record()
	line := string(r.Text)
	if r.Kind == ipc.TraceEnter {
		r = b.record()
		line += string(r.Text)
	}
	return line + ") = " + string(r.Result)
}

func (b *bench) record() ipc.TraceRecord {
	b.t.Helper()
	buffer := make([]byte, ipc.MaxTraceRecord)
	n, err := unix.Read(b.pipe, buffer)
	if err != nil {
		b.t.Fatal(err)
	}
	record, err := ipc.ParseTraceRecord(buffer[:n])
	if err != nil {
		b.t.Fatal(err)
	}
	return record
}

func TestCalls(t *testing.T) {
	b := newBench(t, everything())
	const enoent, eintr, efault = -2, -4, -14
	timespec := b.put(int64(1), int64(500))
	buffer := b.put("some bytes that are longer than thirty-two\n")
	environ := b.put(buffer, uint32(0))
	for _, test := range []struct{ got, want string }{
		{b.call("getpid", 12), "getpid() = 12"},
		{b.call("openat", 3, unix.AT_FDCWD, "/etc/passwd", unix.O_CLOEXEC, 0),
			`openat(AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC) = 3`},
		{b.call("openat", enoent, 5, "a\"b\\\n\x01\x7f\xff1", unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC, 0o640),
			`openat(5, "a\"b\\\n\1\177\3771", O_WRONLY|O_CREAT|O_TRUNC, 0640) = -1 ENOENT (No such file or directory)`},
		{b.call("openat", 3, unix.AT_FDCWD, "x", unix.O_TMPFILE|unix.O_RDWR, 0o600), `openat(AT_FDCWD, "x", O_RDWR|O_TMPFILE, 0600) = 3`},
		{b.call("openat", efault, unix.AT_FDCWD, uint32(hole), 0, 0), `openat(AT_FDCWD, 0x200000, O_RDONLY) = -1 EFAULT (Bad address)`},
		{b.call("chdir", efault, uint32(0)), `chdir(NULL) = -1 EFAULT (Bad address)`},
		{b.call("read", 4, 0, buffer, 100), `read(0, "some", 100) = 4`},
		{b.call("read", 40, 0, buffer, 100), `read(0, "some bytes that are longer than "..., 100) = 40`},
		{b.call("read", eintr, 0, uint32(0x10000), 100), `read(0, 0x10000, 100) = -1 EINTR (Interrupted system call)`},
		{b.call("write", 3, 1, "\x00\x07\x007\x009", 6), `write(1, "\0\7\0007\09", 6) = 3`},
		{b.call("write", efault, 1, uint32(hole), 4), `write(1, 0x200000, 4) = -1 EFAULT (Bad address)`},
		{b.call("nanosleep", 0, timespec, uint32(0)), `nanosleep({tv_sec=1, tv_nsec=500}, NULL) = 0`},
		{b.call("nanosleep", eintr, timespec, timespec),
			`nanosleep({tv_sec=1, tv_nsec=500}, {tv_sec=1, tv_nsec=500}) = -1 EINTR (Interrupted system call)`},
		{b.call("mmap", 0x7fff000, uint32(0), 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS, -1, 0),
			`mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7fff000`},
		{b.call("fcntl", 0x8002, 3, unix.F_GETFL, 0), `fcntl(3, F_GETFL) = 0x8002 (flags O_RDWR|O_LARGEFILE)`},
		{b.call("fcntl", 20, 3, unix.F_DUPFD, 20), `fcntl(3, F_DUPFD, 20) = 20`},
		{b.call("connect", 0, 3, b.put(uint16(unix.AF_INET), "\x00\x50\x7f\x00\x00\x01", uint64(0)), 16),
			`connect(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}, 16) = 0`},
		{b.call("bind", 0, 3, b.put(uint16(unix.AF_UNIX), "/run/x\x00"), 9), `bind(3, {sa_family=AF_UNIX, sun_path="/run/x"}, 9) = 0`},
		{b.call("bind", 0, 3, b.put(uint16(unix.AF_UNIX), "\x00name"), 7), `bind(3, {sa_family=AF_UNIX, sun_path=@"name"}, 7) = 0`},
		{b.call("bind", 0, 3, b.put(uint16(unix.AF_INET6), "\x00\x50", uint32(0), "\xfe\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01", uint32(2)), 28),
			`bind(3, {sa_family=AF_INET6, sin6_port=htons(80), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "fe80::1", &sin6_addr), sin6_scope_id=2}, 28) = 0`},
		{b.call("socket", 3, unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0), `socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_IP) = 3`},
		{b.call("poll", 1, b.put(int32(3), uint16(1), uint16(0), int32(4), uint16(4), uint16(4)), 2, -1),
			`poll([{fd=3, events=POLLIN}, {fd=4, events=POLLOUT}], 2, -1) = 1 ([{fd=4, revents=POLLOUT}])`},
		{b.call("poll", 0, uint32(0), 0, 10), `poll(NULL, 0, 10) = 0 (Timeout)`},
		{b.call("rt_sigprocmask", 0, unix.SIG_BLOCK, b.put(uint64(1<<1|1<<14)), uint32(0), 8), `rt_sigprocmask(SIG_BLOCK, [INT TERM], NULL, 8) = 0`},
		{b.call("rt_sigprocmask", 0, unix.SIG_BLOCK, b.put(^uint64(1<<8)), uint32(0), 8), `rt_sigprocmask(SIG_BLOCK, ~[KILL], NULL, 8) = 0`},
		{b.call("rt_sigaction", 0, 2, b.put(uint32(0xfffffffe), uint64(0x14000000), uint32(7), uint64(0)), uint32(0), 8),
			`rt_sigaction(SIGINT, {sa_handler=SIG_IGN, sa_mask=[], sa_flags=SA_RESTORER|SA_RESTART, sa_restorer=0x7}, NULL, 8) = 0`},
		{b.call("wait4", 7, -1, b.put(uint32(9)), 1, uint32(0)), `wait4(-1, [{WIFSIGNALED(s) && WTERMSIG(s) == SIGKILL}], WNOHANG, NULL) = 7`},
		{b.call("kill", 0, 7, 15), `kill(7, SIGTERM) = 0`},
		{b.call("kill", 0, 7, 0), `kill(7, 0) = 0`},
		{b.call("writev", 5, 1, b.put(buffer, uint32(4), buffer+5, uint32(1)), 2),
			`writev(1, [{iov_base="some", iov_len=4}, {iov_base="b", iov_len=1}], 2) = 5`},
		{b.call("pipe2", 0, b.put(uint32(3), uint32(4)), unix.O_CLOEXEC), `pipe2([3, 4], O_CLOEXEC) = 0`},
		{b.call("prlimit64", 0, 0, unix.RLIMIT_STACK, uint32(0), b.put(uint64(8<<20), ^uint64(0))),
			`prlimit64(0, RLIMIT_STACK, NULL, {rlim_cur=8192*1024, rlim_max=RLIM64_INFINITY}) = 0`},
		{b.call("execve", enoent, "/bin/x", b.put(b.put("x\x00"), b.put("-l\x00"), uint32(0)), environ),
			fmt.Sprintf(`execve("/bin/x", ["x", "-l"], %#x /* 1 var */) = -1 ENOENT (No such file or directory)`, environ)},
		{b.call("ioctl", 0, 0, unix.TIOCGWINSZ, b.put(uint16(24), uint16(80), uint32(0))),
			`ioctl(0, TIOCGWINSZ, {ws_row=24, ws_col=80, ws_xpixel=0, ws_ypixel=0}) = 0`},
		{b.call("ioctl", -25, 0, 0x1234, uint32(0)), `ioctl(0, _IOC(_IOC_NONE, 0x12, 0x34, 0), 0) = -1 ENOTTY (Inappropriate ioctl for device)`},
		{b.call("futex", 1, uint32(0x10000), 129, 1, 0, 0, 0), `futex(0x10000, FUTEX_WAKE_PRIVATE, 1) = 1`},
		{b.call("umask", 0o22, 0), `umask(000) = 022`},
		{b.call("ptrace", -38, 0, 0, 0, 0), `ptrace(0, 0, NULL, NULL) = -1 ENOSYS (Function not implemented)`},
	} {
		if test.got != test.want {
			t.Errorf("\n got %s\nwant %s", test.got, test.want)
		}
	}
}

func TestFilteredCallsLeaveNoRecord(t *testing.T) {
	config := ipc.TraceConfig{Strings: 32}
	config.Set(wali.Lookup("getuid").Place())
	b := newBench(t, config)
	row := wali.Lookup("getpid")
	b.tracer.Call(b.Thread, row.Place(), row, func(*wali.Thread, wali.Args) int64 { return 1 }, wali.Args{}, wali.Args{})
	if got := b.call("getuid", 5); got != "getuid() = 5" {
		t.Errorf("got %q: the call before it was shown", got)
	}
}

// hangUp closes the reader's end of the pipe, once.
func (b *bench) hangUp() {
	if b.pipe >= 0 {
		unix.Close(b.pipe)
	}
	b.pipe = -1
}

// TestNobodyReads shows that a process survives its tracer, and is traced anew when
// it is told to be.
func TestNobodyReads(t *testing.T) {
	b := newBench(t, everything())
	b.hangUp()
	row := wali.Lookup("getpid")
	call := func() int64 {
		return b.tracer.Call(b.Thread, row.Place(), row, func(*wali.Thread, wali.Args) int64 { return 7 }, wali.Args{}, wali.Args{})
	}
	for range 3 {
		if got := call(); got != 7 {
			t.Fatalf("result %d, want 7", got)
		}
	}
	var pending unix.Sigset_t
	if _, _, e := unix.RawSyscall(unix.SYS_RT_SIGPENDING, uintptr(addressOf(&pending)), 8, 0); e != 0 {
		t.Fatal(e)
	}
	if pending.Val[0]&(1<<(unix.SIGPIPE-1)) != 0 {
		t.Error("SIGPIPE is left behind")
	}
	if b.tracer.current() != nil {
		t.Error("the tracer goes on writing")
	}
	*b.tracer.control += 2 // somebody else reads
	if b.tracer.current() == nil {
		t.Error("the tracer is silent for ever")
	}
}

func TestSignal(t *testing.T) {
	b := newBench(t, everything())
	for _, test := range []struct {
		info [4]uint32 // signo, errno, code, pad
		rest []any
		want string
	}{
		{[4]uint32{17, 0, 1, 0}, []any{uint32(77), uint32(1000), uint32(3), uint32(0), uint64(4), uint64(5)},
			"SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=77, si_uid=1000, si_status=3, si_utime=4, si_stime=5}"},
		{[4]uint32{15, 0, 0, 0}, []any{uint32(77), uint32(0)}, "SIGTERM {si_signo=SIGTERM, si_code=SI_USER, si_pid=77, si_uid=0}"},
		{[4]uint32{34, 0, 0xffffffff, 0}, []any{uint32(77), uint32(0), uint64(5)},
			"SIGRT_2 {si_signo=SIGRT_2, si_code=SI_QUEUE, si_pid=77, si_uid=0, si_value={int=5, ptr=0x5}}"},
		{[4]uint32{11, 0, 1, 0}, []any{uint64(b.Memory.Base()) + 0x1234},
			"SIGSEGV {si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=0x1234}"},
	} {
		var info wali.Siginfo
		data, err := binary.Append(nil, binary.LittleEndian, test.info)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range test.rest {
			if data, err = binary.Append(data, binary.LittleEndian, v); err != nil {
				t.Fatal(err)
			}
		}
		copy(info[:], data)
		b.tracer.Signal(b.Thread, &info)
		if r := b.record(); r.Kind != ipc.TraceSignal || string(r.Text) != test.want {
			t.Errorf("\n got %s\nwant %s", r.Text, test.want)
		}
	}
}

// TestHostileArguments gives every call arguments that point anywhere, to memory
// that holds anything, with any result.
func TestHostileArguments(t *testing.T) {
	b := newBench(t, everything())
	random := rand.New(rand.NewPCG(1, 2))
	junk := make([]byte, 64<<10)
	interesting := []uint64{0, 1, 2, 8, 16, 1024, 1 << 31, 1<<32 - 1, 1<<63 - 1, 1 << 63, 1<<64 - 1, start, start + 1, hole - 1, hole - 4, hole, end - 1, end - 3, end}
	results := []int64{0, 1, 8, 100, 4096, 1<<31 - 1, 1 << 40, -1, -2, -4, -14, -4095, -4096, -1 << 63}
	for round := range 60 {
		for i := range junk {
			junk[i] = byte(random.Uint32())
			if round%3 == 0 {
				junk[i] &= 3
			}
		}
		for p := uint32(start); p < end; p += uint32(len(junk)) {
			b.Memory.Write(p, junk)
		}
		b.Memory.Write(end-uint32(len(junk)), junk)
		for i := range wali.Table() {
			row := &wali.Table()[i]
			var a wali.Args
			for k := range a {
				switch random.IntN(3) {
				case 0:
					a[k] = interesting[random.IntN(len(interesting))]
				case 1:
					a[k] = start + random.Uint64N(end-start)
				case 2:
					a[k] = random.Uint64N(64)
				}
			}
			result := results[random.IntN(len(results))]
			b.tracer.Call(b.Thread, i, row, func(*wali.Thread, wali.Args) int64 { return result }, a, a)
			if strings.HasPrefix(row.Name, "exit") {
				b.record()
				b.record()
				continue
			}
			if row.Name == "fork" || row.Name == "vfork" || row.Name == "clone" || row.Name == "clone3" {
				if b.record(); result != 0 {
					b.record()
				}
				continue
			}
			if line := b.line(); !strings.HasPrefix(line, row.Name+"(") {
				t.Fatalf("%s%v: %s", row.Name, a, line)
			}
		}
	}
}

func TestEveryRowHasSpecification(t *testing.T) {
	for i := range wali.Table() {
		row := &wali.Table()[i]
		params := 0
		if row.Args != "" {
			params = strings.Count(row.Args, ",") + 1
		}
		if s := makeSpec(i, row.Name, row); s.n > max(params, 0) {
			t.Errorf("%s: %d arguments are specified, it has %d", row.Name, s.n, params)
		}
	}
	for i, call := range calls {
		if wali.Lookup(call.name) == nil {
			t.Errorf("%s is no call", call.name)
		}
		if i > 0 && calls[i-1].name >= call.name {
			t.Errorf("%s is not in its place", call.name)
		}
	}
}

package seccomp

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"walisup/ipc"
)

// call is a system call as a filter sees it.
type call struct {
	nr   uint32
	args [6]uint64
	arch uint32 // 0 for this machine's
}

// decide runs a profile's program as the kernel would.
func decide(t testing.TB, p *Profile, c call) Action {
	t.Helper()
	program, err := assemble(p)
	if err != nil {
		t.Fatal(err)
	}
	vm, err := bpf.NewVM(program)
	if err != nil {
		t.Fatal(err)
	}
	if c.arch == 0 {
		c.arch = auditArch
	}
	// The machine loads words as they come from a network.
	var data []byte
	be := binary.BigEndian
	data = be.AppendUint32(data, c.nr)
	data = be.AppendUint32(data, c.arch)
	data = append(data, make([]byte, 8)...)
	for _, arg := range c.args {
		data = be.AppendUint32(data, uint32(arg))
		data = be.AppendUint32(data, uint32(arg>>32))
	}
	n, err := vm.Run(data)
	if err != nil {
		t.Fatal(err)
	}
	return Action(n)
}

func TestConditions(t *testing.T) {
	t.Parallel()
	const big = 5<<32 | 7
	for _, test := range []struct {
		c       Condition
		yes, no []uint64
	}{
		{c: Condition{Op: Equal, Value: big}, yes: []uint64{big}, no: []uint64{7, 5 << 32, big + 1, 0}},
		{c: Condition{Op: NotEqual, Value: big}, yes: []uint64{7, 5 << 32, big + 1, 0}, no: []uint64{big}},
		{c: Condition{Op: Less, Value: big}, yes: []uint64{0, big - 1, 4<<32 | 9}, no: []uint64{big, big + 1, 6 << 32, 1 << 63}},
		{c: Condition{Op: LessEqual, Value: big}, yes: []uint64{0, big, big - 1, 4<<32 | 9}, no: []uint64{big + 1, 6 << 32}},
		{c: Condition{Op: Greater, Value: big}, yes: []uint64{big + 1, 6 << 32, 1 << 63}, no: []uint64{0, big, 4<<32 | 9}},
		{c: Condition{Op: GreaterEqual, Value: big}, yes: []uint64{big, big + 1, 6 << 32}, no: []uint64{0, big - 1, 4<<32 | 9}},
		{c: Condition{Op: Masked, Mask: 1<<40 | 2, Value: 1 << 40}, yes: []uint64{1 << 40, 1<<40 | 5}, no: []uint64{0, 1<<40 | 2, 2}},
		{c: Condition{Op: Masked32, Mask: 6, Value: 2}, yes: []uint64{2, 3, 1<<63 | 2}, no: []uint64{0, 6, 4}},
		{c: Condition{Op: In32, Values: []uint32{3, 9, 1 << 31}}, yes: []uint64{3, 9, 1 << 31, 5<<32 | 3}, no: []uint64{0, 4, 9 << 32}},
		{c: Condition{Op: In32}, no: []uint64{0, 1}},
	} {
		for arg := range 6 {
			c := test.c
			c.Arg = arg
			// A second condition, which holds, shows that the first one's jumps end in it.
			for _, conditions := range [][]Condition{{c}, {c, {Op: Masked32}}, {{Op: Masked32}, c}} {
				p := &Profile{Default: Log, Rules: []Rule{{Call: 5, Action: Allow, If: conditions}, {Call: 6, Action: Trap}}}
				for want, values := range map[Action][]uint64{Allow: test.yes, Log: test.no} {
					for _, value := range values {
						got := call{nr: 5}
						got.args[arg] = value
						if a := decide(t, p, got); a != want {
							t.Errorf("%+v: argument %#x gives %#x, want %#x", conditions, value, a, want)
						}
					}
				}
			}
		}
	}
}

func TestSearch(t *testing.T) {
	t.Parallel()
	// Enough rules that jumps get long, and every second call by itself.
	p := &Profile{Default: Errno(unix.ENOSYS)}
	for n := uint32(0); n < 1200; n += 2 {
		r := Rule{Call: n, Action: Errno(unix.Errno(n%200 + 1))}
		if n%3 == 0 {
			r.If = []Condition{{Op: Equal, Value: uint64(n)}}
		}
		p.Rules = append(p.Rules, r)
	}
	for n := uint32(0); n < 1300; n++ {
		want := Errno(unix.ENOSYS)
		if n < 1200 && n%2 == 0 {
			want = Errno(unix.Errno(n%200 + 1))
		}
		if got := decide(t, p, call{nr: n, args: [6]uint64{uint64(n)}}); got != want {
			t.Errorf("call %d: %#x, want %#x", n, got, want)
		}
	}
	if got := decide(t, &Profile{Default: Allow}, call{nr: foreignCalls + 1}); got != Errno(unix.ENOSYS) {
		t.Errorf("a number of x32: %#x", got)
	}
	if got := decide(t, &Profile{Default: Allow}, call{nr: 1}); got != Allow {
		t.Errorf("a profile without rules: %#x", got)
	}
	if got := decide(t, &Profile{Default: Allow}, call{nr: 1, arch: unix.AUDIT_ARCH_I386}); got != KillProcess {
		t.Errorf("another architecture: %#x", got)
	}
	for n := range uint32(4000) {
		p.Rules = append(p.Rules, Rule{Call: 2000 + 2*n, Action: Allow})
	}
	if _, err := Compile(p); !errors.Is(err, ErrTooLong) {
		t.Errorf("a filter that the kernel does not take: %v", err)
	}
	for _, bad := range []Rule{
		{Call: foreignCalls}, {If: []Condition{{Arg: 6}}}, {If: []Condition{{Arg: -1}}}, {If: []Condition{{Op: -1}}},
		{If: []Condition{{Op: In32, Values: make([]uint32, 300)}}}, {If: []Condition{{Op: Masked32, Mask: 1 << 32}}},
		{If: slices.Repeat([]Condition{{Op: Greater}}, 100)},
	} {
		if _, err := Compile(&Profile{Default: Allow, Rules: []Rule{bad}}); err == nil {
			t.Errorf("%+v was compiled", bad)
		}
	}
}

func TestDefault(t *testing.T) {
	t.Parallel()
	p := Default()
	filter, err := Compile(p)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(filter) / ipc.FilterInstruction; n > 1024 {
		t.Errorf("the filter has %d instructions", n)
	}
	for _, nr := range []uint32{unix.SYS_READ, unix.SYS_EXECVEAT, unix.SYS_FUTEX, unix.SYS_SOCKET, unix.SYS_SHMGET, unix.SYS_MOUNT,
		unix.SYS_RT_SIGRETURN, unix.SYS_EXIT_GROUP, unix.SYS_UNSHARE, unix.SYS_INOTIFY_ADD_WATCH} {
		if got := decide(t, p, call{nr: nr}); got != Allow {
			t.Errorf("call %d: %#x", nr, got)
		}
	}
	for _, nr := range []uint32{unix.SYS_PTRACE, unix.SYS_IO_URING_SETUP, unix.SYS_BPF, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_EXECVE,
		unix.SYS_USERFAULTFD, unix.SYS_PERF_EVENT_OPEN, unix.SYS_KEXEC_LOAD, unix.SYS_SETXATTRAT, unix.SYS_SECCOMP, 469, 5000} {
		if got := decide(t, p, call{nr: nr}); got != Errno(unix.ENOSYS) {
			t.Errorf("call %d: %#x", nr, got)
		}
	}
	for request, want := range map[uint64]Action{
		unix.TCGETS: Allow, unix.TIOCSTI: Allow, unix.TIOCINQ: Allow, 0x80ff4506: Allow, // EVIOCGNAME
		0xdeadbeef: Errno(unix.ENOSYS), 0xae01: Errno(unix.ENOSYS), // KVM_CREATE_VM
		1<<40 | unix.TCGETS: Allow, // the kernel does not look at the upper half
	} {
		if got := decide(t, p, call{nr: unix.SYS_IOCTL, args: [6]uint64{0, request}}); got != want {
			t.Errorf("ioctl %#x: %#x, want %#x", request, got, want)
		}
	}
}

// The calls that programs make most must not have conditions: then the kernel does not run
// the filter for them.
func TestFrequentCalls(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]*Profile{"default": Default(), "sandbox": Sandbox(&ipc.Sandbox{}, false)} {
		for _, nr := range []uint32{unix.SYS_READ, unix.SYS_WRITE, unix.SYS_GETPID, unix.SYS_FUTEX, unix.SYS_LSEEK, unix.SYS_OPENAT,
			unix.SYS_CLOSE, unix.SYS_FSTAT, unix.SYS_MMAP, unix.SYS_PPOLL, unix.SYS_EPOLL_PWAIT, unix.SYS_RECVFROM, unix.SYS_FCNTL,
			unix.SYS_RT_SIGPROCMASK, unix.SYS_CLOCK_GETTIME, unix.SYS_READV, unix.SYS_WRITEV} {
			for _, r := range p.Rules {
				if r.Call == nr && len(r.If) > 0 {
					t.Errorf("%s: call %d has conditions", name, nr)
				}
			}
			if got := decide(t, p, call{nr: nr}); got != Allow {
				t.Errorf("%s: call %d: %#x", name, nr, got)
			}
		}
	}
}

func TestSandbox(t *testing.T) {
	t.Parallel()
	none, write := &ipc.Sandbox{}, &ipc.Sandbox{Write: []string{"/"}}
	connect, listen := &ipc.Sandbox{Connect: []uint16{80}}, &ipc.Sandbox{Listen: []uint16{80}}
	net := &ipc.Sandbox{Net: true}
	perm, access, absent := Errno(unix.EPERM), Errno(unix.EACCES), Errno(unix.ENOSYS)
	const nonblock = unix.SOCK_NONBLOCK | unix.SOCK_CLOEXEC
	for _, test := range []struct {
		nr   uint32
		args [6]uint64
		want [5]Action // none, write, connect, listen, net
	}{
		{unix.SYS_OPENAT, [6]uint64{}, [5]Action{Allow, Allow, Allow, Allow, Allow}},
		{unix.SYS_SHMGET, [6]uint64{}, [5]Action{absent, absent, absent, absent, absent}},
		{unix.SYS_MQ_OPEN, [6]uint64{}, [5]Action{absent, absent, absent, absent, absent}},
		{unix.SYS_MOUNT, [6]uint64{}, [5]Action{perm, perm, perm, perm, perm}},
		{unix.SYS_CLONE3, [6]uint64{}, [5]Action{absent, absent, absent, absent, absent}},
		{unix.SYS_IO_URING_SETUP, [6]uint64{}, [5]Action{absent, absent, absent, absent, absent}},
		{unix.SYS_SECCOMP, [6]uint64{}, [5]Action{absent, absent, absent, absent, absent}},
		{unix.SYS_CLONE, [6]uint64{uint64(unix.SIGCHLD)}, [5]Action{Allow, Allow, Allow, Allow, Allow}},
		{unix.SYS_CLONE, [6]uint64{unix.CLONE_NEWUSER | uint64(unix.SIGCHLD)}, [5]Action{perm, perm, perm, perm, perm}},
		{unix.SYS_UNSHARE, [6]uint64{unix.CLONE_THREAD}, [5]Action{Allow, Allow, Allow, Allow, Allow}},
		{unix.SYS_UNSHARE, [6]uint64{unix.CLONE_NEWNS}, [5]Action{perm, perm, perm, perm, perm}},
		{unix.SYS_UNSHARE, [6]uint64{unix.CLONE_NEWTIME}, [5]Action{perm, perm, perm, perm, perm}},
		{unix.SYS_PRLIMIT64, [6]uint64{}, [5]Action{Allow, Allow, Allow, Allow, Allow}},
		{unix.SYS_PRLIMIT64, [6]uint64{1}, [5]Action{perm, perm, perm, perm, perm}},
		{unix.SYS_SETPRIORITY, [6]uint64{unix.PRIO_PROCESS, 0, 5}, [5]Action{Allow, Allow, Allow, Allow, Allow}},
		{unix.SYS_SETPRIORITY, [6]uint64{unix.PRIO_USER, 0, 5}, [5]Action{perm, perm, perm, perm, perm}},
		{unix.SYS_IOCTL, [6]uint64{0, unix.TCGETS}, [5]Action{Allow, Allow, Allow, Allow, Allow}},
		{unix.SYS_IOCTL, [6]uint64{0, unix.TIOCSTI}, [5]Action{absent, absent, absent, absent, absent}},
		{unix.SYS_IOCTL, [6]uint64{0, 7<<32 | unix.TIOCSTI}, [5]Action{absent, absent, absent, absent, absent}},
		{unix.SYS_IOCTL, [6]uint64{0, unix.TIOCLINUX}, [5]Action{absent, absent, absent, absent, absent}},
		{unix.SYS_IOCTL, [6]uint64{0, 0x5606}, [5]Action{absent, absent, absent, absent, absent}}, // VT_ACTIVATE
		{unix.SYS_IOCTL, [6]uint64{0, unix.FS_IOC_SETFLAGS}, [5]Action{absent, absent, absent, absent, absent}},
		{unix.SYS_IOCTL, [6]uint64{0, unix.SIOCGIFADDR}, [5]Action{absent, absent, absent, absent, Allow}},
		{unix.SYS_FCHMODAT, [6]uint64{}, [5]Action{perm, perm, perm, perm, perm}},
		{unix.SYS_FCHMOD, [6]uint64{}, [5]Action{perm, Allow, perm, perm, perm}},
		{unix.SYS_UTIMENSAT, [6]uint64{0, 1}, [5]Action{perm, perm, perm, perm, perm}},
		{unix.SYS_UTIMENSAT, [6]uint64{0, 1 << 32}, [5]Action{perm, perm, perm, perm, perm}},
		{unix.SYS_UTIMENSAT, [6]uint64{}, [5]Action{perm, Allow, perm, perm, perm}},
		{unix.SYS_SOCKET, [6]uint64{unix.AF_UNIX, unix.SOCK_STREAM}, [5]Action{access, access, access, access, access}},
		{unix.SYS_SOCKET, [6]uint64{unix.AF_INET, unix.SOCK_STREAM | nonblock}, [5]Action{access, access, Allow, Allow, Allow}},
		{unix.SYS_SOCKET, [6]uint64{unix.AF_INET6, unix.SOCK_STREAM, unix.IPPROTO_TCP}, [5]Action{access, access, Allow, Allow, Allow}},
		{unix.SYS_SOCKET, [6]uint64{unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_MPTCP}, [5]Action{access, access, access, access, Allow}},
		{unix.SYS_SOCKET, [6]uint64{unix.AF_INET, unix.SOCK_STREAM, 256}, [5]Action{access, access, access, access, Allow}}, // SMC
		{unix.SYS_SOCKET, [6]uint64{unix.AF_INET, unix.SOCK_DGRAM}, [5]Action{access, access, access, access, Allow}},
		{unix.SYS_SOCKET, [6]uint64{unix.AF_INET, unix.SOCK_RAW, 1}, [5]Action{access, access, access, access, Allow}},
		{unix.SYS_SOCKET, [6]uint64{unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE}, [5]Action{access, access, access, access, Allow}},
		{unix.SYS_SOCKET, [6]uint64{unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_NETFILTER}, [5]Action{access, access, access, access, access}},
		{unix.SYS_SOCKET, [6]uint64{unix.AF_PACKET, unix.SOCK_RAW}, [5]Action{access, access, access, access, access}},
		{unix.SYS_SOCKET, [6]uint64{unix.AF_ALG, unix.SOCK_SEQPACKET}, [5]Action{access, access, access, access, access}},
		{unix.SYS_SOCKETPAIR, [6]uint64{unix.AF_UNIX, unix.SOCK_STREAM | nonblock}, [5]Action{Allow, Allow, Allow, Allow, Allow}},
		{unix.SYS_SOCKETPAIR, [6]uint64{unix.AF_UNIX, unix.SOCK_DGRAM}, [5]Action{access, access, access, access, access}},
		{unix.SYS_CONNECT, [6]uint64{}, [5]Action{access, access, Allow, access, Allow}},
		{unix.SYS_BIND, [6]uint64{}, [5]Action{access, access, Allow, Allow, Allow}},
		{unix.SYS_LISTEN, [6]uint64{}, [5]Action{access, access, access, Allow, Allow}},
		{unix.SYS_SENDTO, [6]uint64{}, [5]Action{Allow, Allow, Allow, Allow, Allow}},
		{unix.SYS_SENDTO, [6]uint64{0, 0, 0, unix.MSG_FASTOPEN}, [5]Action{perm, perm, perm, perm, Allow}},
		{unix.SYS_SENDMSG, [6]uint64{0, 0, unix.MSG_FASTOPEN | unix.MSG_DONTWAIT}, [5]Action{perm, perm, perm, perm, Allow}},
		{unix.SYS_SENDMMSG, [6]uint64{0, 0, 0, unix.MSG_FASTOPEN}, [5]Action{perm, perm, perm, perm, Allow}},
		{unix.SYS_SETSOCKOPT, [6]uint64{0, unix.IPPROTO_TCP, tcpULP}, [5]Action{perm, perm, perm, perm, Allow}},
		{unix.SYS_SETSOCKOPT, [6]uint64{0, unix.SOL_SOCKET, tcpULP}, [5]Action{Allow, Allow, Allow, Allow, Allow}},
	} {
		for i, s := range []*ipc.Sandbox{none, write, connect, listen, net} {
			if got := decide(t, Sandbox(s, false), call{nr: test.nr, args: test.args}); got != test.want[i] {
				t.Errorf("%+v: call %d %#x: %#x, want %#x", *s, test.nr, test.args, got, test.want[i])
			}
		}
	}
	if got := decide(t, Sandbox(none, true), call{nr: unix.SYS_SECCOMP}); got != Allow {
		t.Errorf("another filter cannot follow: %#x", got)
	}
}

// Whatever a profile in OCI's form says, it is understood or refused, and what is compiled
// of it is a filter.
func FuzzOCI(f *testing.F) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		f.Fatal("no profiles in testdata", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := ParseOCI(data, &Host{Capabilities: 1, Major: 6, Minor: 12})
		if err != nil {
			if !errors.Is(err, ErrProfile) {
				t.Errorf("an error of another kind: %v", err)
			}
			return
		}
		filter, err := Compile(p)
		if err != nil {
			if !errors.Is(err, ErrTooLong) {
				t.Logf("not compiled: %v", err)
			}
			return
		}
		if n := len(filter); n == 0 || n%ipc.FilterInstruction != 0 || n/ipc.FilterInstruction > ipc.MaxFilter {
			t.Errorf("a filter of %d bytes", n)
		}
		decide(t, p, call{nr: unix.SYS_CLONE, args: [6]uint64{1 << 40, 1}})
	})
}

func BenchmarkSandbox(b *testing.B) {
	b.ReportAllocs()
	for range b.N {
		if _, err := Compile(Sandbox(&ipc.Sandbox{Read: []string{"/srv"}}, false)); err != nil {
			b.Fatal(err)
		}
	}
}

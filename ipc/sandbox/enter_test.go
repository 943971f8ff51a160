package sandbox_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"walisup/ipc"
	"walisup/ipc/sandbox"
	"walisup/supervisor/seccomp"
)

// insideVariable holds a confinement, as text, for a test binary that is to shut itself in
// and execute its arguments.
const insideVariable = "WALISUP_TEST_SANDBOX"

func TestMain(m *testing.M) {
	if text, ok := os.LookupEnv(insideVariable); ok {
		os.Unsetenv(insideVariable)
		inside(text)
	}
	os.Exit(m.Run())
}

// inside executes a program in a sandbox. Only a fork makes a process with one thread of a
// Go program; its child does little.
func inside(text string) {
	runtime.LockOSThread()
	debug.SetGCPercent(-1)
	var c ipc.Confinement
	if err := c.UnmarshalText([]byte(text)); err != nil {
		panic(err)
	}
	fd, err := unix.Open(os.Args[1], unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		panic(err)
	}
	argv, err := syscall.SlicePtrFromStrings(os.Args[1:])
	if err != nil {
		panic(err)
	}
	empty, envp := []byte{0}, []*byte{nil}
	for {
		var begun [2]int // closed when the child executes its program, or ends
		if err := unix.Pipe2(begun[:], unix.O_CLOEXEC); err != nil {
			panic(err)
		}
		pid, _, e := syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
		if e != 0 {
			panic(e)
		}
		if pid == 0 {
			break
		}
		unix.Close(begun[1])
		// Another thread may have held a lock of the runtime when the child was made: it
		// then waits for ever, and the next one may not.
		ready, err := unix.Poll([]unix.PollFd{{Fd: int32(begun[0])}}, 3000)
		if ready == 0 || err != nil {
			unix.Kill(int(pid), unix.SIGKILL)
		}
		unix.Close(begun[0])
		var status unix.WaitStatus
		unix.Wait4(int(pid), &status, 0, nil)
		if ready > 0 {
			os.Exit(status.ExitStatus())
		}
	}
	if err := sandbox.Enter(c.Sandbox, c.Filters, fd, 64); err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		unix.Exit(1)
	}
	_, _, e := syscall.RawSyscall6(unix.SYS_EXECVEAT, uintptr(fd), uintptr(unsafe.Pointer(&empty[0])),
		uintptr(unsafe.Pointer(&argv[0])), uintptr(unsafe.Pointer(&envp[0])), unix.AT_EMPTY_PATH, 0)
	os.Stderr.WriteString("execute: " + e.Error() + "\n")
	unix.Exit(1)
}

// enter runs a program in a sandbox and returns its output.
func enter(t *testing.T, s *ipc.Sandbox, files []*os.File, program ...string) (string, error) {
	t.Helper()
	if err := sandbox.CheckLandlock(); err != nil {
		t.Skip(err)
	}
	c := ipc.NoConfinement()
	c.Sandbox = s
	filter, err := seccomp.Compile(seccomp.Sandbox(s, false))
	if err != nil {
		t.Fatal(err)
	}
	c.Filters = [][]byte{filter}
	text, err := c.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe", program...)
	// The runtime of the child of a raw clone has one thread: nothing may wait for another.
	cmd.Env = append(os.Environ(), insideVariable+"="+string(text), "GOMAXPROCS=1", "GOGC=off", "GODEBUG=asyncpreemptoff=1")
	cmd.ExtraFiles = files
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func build(t *testing.T) string {
	t.Helper()
	cc, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("no C compiler")
	}
	program := filepath.Join(t.TempDir(), "takeover")
	if out, err := exec.Command(cc, "-O1", "-static", "-w", "-o", program, "testdata/takeover.c").CombinedOutput(); err != nil {
		t.Fatalf("cc: %v: %s", err, out)
	}
	return program
}

// openDirectory returns a directory whose path is short enough for a socket's address.
func openDirectory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func listener(t *testing.T) (port int) {
	t.Helper()
	l, err := net.Listen("tcp", "[::]:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().(*net.TCPAddr).Port
}

// What a module can reach that has taken over its helper. The table is what SECURITY.md
// promises.
func TestTakenOver(t *testing.T) {
	t.Parallel()
	program := build(t)
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	readable, writable, outside := filepath.Join(dir, "readable"), filepath.Join(dir, "writable"), filepath.Join(dir, "outside")
	for _, file := range []string{readable, outside} {
		if err := os.WriteFile(file, []byte("content"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(writable, 0o755); err != nil {
		t.Fatal(err)
	}
	allowed, refused := listener(t), listener(t)
	socket := filepath.Join(openDirectory(t), "socket")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := &ipc.Sandbox{Read: []string{readable}, Write: []string{writable}, Connect: []uint16{uint16(allowed)}}
	out, err := enter(t, s, nil, program, readable, writable, outside, fmt.Sprint(allowed), fmt.Sprint(refused), socket)
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if out != takenOver {
		t.Errorf("what is possible:\n%s\nwhat is promised:\n%s", out, takenOver)
	}
	for file, mode := range map[string]os.FileMode{readable: 0o644, outside: 0o644} {
		data, err := os.ReadFile(file)
		if info, failure := os.Stat(file); err != nil || failure != nil || string(data) != "content" || info.Mode() != mode {
			t.Errorf("%s was changed: %q, %v, %v", file, data, err, failure)
		}
	}
}

const takenOver = `read allowed 0
list allowed's directory EACCES
read outside EACCES
write outside EACCES
truncate outside EACCES
write readable EACCES
truncate readable EACCES
open and truncate readable EACCES
make allowed 0
link outside EXDEV
rename readable EACCES
symlink 0
read through symlink EACCES
device EACCES
chmod outside EPERM
chown outside EPERM
utime outside EPERM
xattr outside EPERM
setxattrat outside ENOSYS
O_PATH outside 0
fchmod of O_PATH EBADF
fchmodat2 of O_PATH EPERM
reopen O_PATH EACCES
handle ENOSYS
chroot EPERM
inotify ENOSYS
execute native EACCES
execve ENOSYS
signal parent EPERM
signal init EPERM
pidfd of parent 0
signal by pidfd EPERM
descriptor of parent ENOSYS
ptrace ENOSYS
process_vm_readv ENOSYS
memory of parent EACCES
root of parent EACCES
limits of parent EPERM
priority of user EPERM
affinity of parent EPERM
io_uring ENOSYS
bpf ENOSYS
perf ENOSYS
userfaultfd ENOSYS
keyctl ENOSYS
shmget ENOSYS
msgget ENOSYS
mq_open ENOSYS
user namespace EPERM
setns EPERM
clone3 ENOSYS
mount EPERM
fsopen ENOSYS
module ENOSYS
clock EPERM
seccomp ENOSYS
type for the user ENOSYS
type, other half ENOSYS
namespace by clone EPERM
int 0x80 -1
x32 38
tcp allowed 0
tcp6 allowed 0
tcp refused EACCES
tcp6 refused EACCES
fast open EPERM
fast open by sendmsg EPERM
mptcp EACCES
sctp EACCES
udp EACCES
udp6 EACCES
raw EACCES
packet EACCES
netlink EACCES
vsock EACCES
alg EACCES
local EACCES
datagram pair EACCES
stream pair 0
connect pair EISCONN
bind EACCES
listen unbound EACCES
child reads outside EACCES
children 0
`

// Sockets that a module could address to anybody are not let in.
func TestInheritedSockets(t *testing.T) {
	t.Parallel()
	program := build(t)
	socket := func(domain, kind, protocol int) *os.File {
		fd, err := unix.Socket(domain, kind|unix.SOCK_CLOEXEC, protocol)
		if err != nil {
			t.Skipf("socket of family %d: %v", domain, err)
		}
		f := os.NewFile(uintptr(fd), "socket")
		t.Cleanup(func() { f.Close() })
		return f
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	connected := os.NewFile(uintptr(pair[0]), "pair")
	defer connected.Close()
	defer unix.Close(pair[1])
	listens := socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err := cmpErrors(unix.Bind(int(listens.Fd()), &unix.SockaddrUnix{Name: "@walisup-test-" + t.Name() + fmt.Sprint(os.Getpid())}),
		unix.Listen(int(listens.Fd()), 1)); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		file *os.File
		net  bool
		in   bool
	}{
		"udp":                 {socket(unix.AF_INET, unix.SOCK_DGRAM, 0), false, false},
		"udp with network":    {socket(unix.AF_INET, unix.SOCK_DGRAM, 0), true, true},
		"tcp":                 {socket(unix.AF_INET6, unix.SOCK_STREAM, 0), false, true},
		"local":               {socket(unix.AF_UNIX, unix.SOCK_STREAM, 0), false, false},
		"local with network":  {socket(unix.AF_UNIX, unix.SOCK_STREAM, 0), true, false},
		"local, datagrams":    {socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0), true, false},
		"local and connected": {connected, false, true},
		"local and listening": {listens, false, true},
		"netlink":             {socket(unix.AF_NETLINK, unix.SOCK_RAW, 0), true, false},
	} {
		out, err := enter(t, &ipc.Sandbox{Net: test.net}, []*os.File{test.file}, program, "/", "/", "/", "1", "1", "/")
		if let := err == nil; let != test.in {
			t.Errorf("%s: let in %v: %s", name, let, out)
		}
		if !test.in && !strings.Contains(out, "is a socket") {
			t.Errorf("%s: %s", name, out)
		}
	}
}

func cmpErrors(list ...error) error {
	for _, err := range list {
		if err != nil {
			return err
		}
	}
	return nil
}

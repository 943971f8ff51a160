package codeservice

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"walisup/ipc"
	"walisup/ipc/cache"
)

// desk is a service whose compiler writes what it got, behind a prefix.
type desk struct {
	t        *testing.T
	socket   int
	dir      string
	compiled atomic.Int32
	hold     chan struct{} // a compiler waits for it, if there is one
	ended    chan struct{}
}

const prefix = "compiled: "

func newDesk(t *testing.T, change func(c *Config, d *desk)) *desk {
	t.Helper()
	d := &desk{t: t, dir: filepath.Join(t.TempDir(), "cache"), ended: make(chan struct{})}
	c := Config{
		Dir:     d.dir,
		Context: func() (cache.Context, error) { return cache.Context{Build: "test"}, nil },
		Close:   func() { close(d.ended) },
		Compile: func(module, result int, role ipc.Role) error {
			d.compiled.Add(1)
			if d.hold != nil {
				<-d.hold
			}
			content := readAll(t, module)
			if bytes.HasSuffix(content, []byte("bad")) {
				return ErrNotModule
			}
			_, err := unix.Write(result, append([]byte(prefix), content...))
			return err
		},
	}
	if change != nil {
		change(&c, d)
	}
	var err error
	if d.socket, err = Start(c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		unix.Close(d.socket)
		<-d.ended // or the test hangs
	})
	return d
}

func readAll(t *testing.T, fd int) []byte {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		t.Error(err)
		return nil
	}
	b := make([]byte, st.Size)
	if n, err := unix.Pread(fd, b, 0); err != nil || n != len(b) {
		t.Errorf("read %d of %d bytes: %v", n, len(b), err)
	}
	return b
}

// ask sends a request and returns the first answer that is not CodeWorking.
func (d *desk) ask(module int) (m ipc.CodeMessage, code int, err error) {
	d.t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		d.t.Fatal(err)
	}
	defer unix.Close(pair[0])
	for {
		err = ipc.SendCode(d.socket, ipc.CodeMessage{Kind: ipc.CodeAsk}, module, pair[1])
		if err != unix.EAGAIN { // a helper would compile by itself
			break
		}
		time.Sleep(time.Millisecond)
	}
	unix.Close(pair[1])
	for err == nil {
		var rights []int
		m, rights, err = ipc.ReceiveCode(pair[0])
		if err == nil && m.Kind == ipc.CodeReady {
			return m, rights[0], nil
		}
		if err == nil && m.Kind != ipc.CodeWorking {
			break
		}
	}
	return m, -1, err
}

// module makes a file that begins as modules do and changed long ago.
func (d *desk) module(name, text string) *os.File {
	d.t.Helper()
	path := filepath.Join(d.t.TempDir(), name)
	if err := os.WriteFile(path, []byte(moduleMagic+text), 0o755); err != nil {
		d.t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { f.Close() })
	// Until its change is old enough for the file to be known again.
	for {
		if id, _, e := identify(int(f.Fd()), 0); e != 0 || id != (identity{}) {
			return f
		}
		time.Sleep(settled / 10)
	}
}

// wants asks for a module that has to be compiled to the text.
func (d *desk) wants(f *os.File, text string) {
	d.t.Helper()
	m, code, err := d.ask(int(f.Fd()))
	if err != nil || code < 0 {
		d.t.Fatalf("%s: %+v, %v", f.Name(), m, err)
	}
	defer unix.Close(code)
	if got := string(readAll(d.t, code)); got != prefix+moduleMagic+text {
		d.t.Errorf("%s: got %q", f.Name(), got)
	}
	d.mustNotWrite(code)
}

// mustNotWrite tries all ways to change a file that a confined guest has got.
func (d *desk) mustNotWrite(code int) {
	d.t.Helper()
	if n, err := unix.Pwrite(code, []byte("x"), 0); err == nil {
		d.t.Errorf("wrote %d bytes by the descriptor itself", n)
	}
	if _, err := unix.Mmap(code, 0, 1, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err == nil {
		d.t.Error("mapped for writing")
	}
	again, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", code), unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(again)
	seals, err := unix.FcntlInt(uintptr(again), unix.F_GET_SEALS, 0)
	if err != nil {
		d.t.Logf("a file of the directory, which only its owner could open so: %v", err)
		return
	}
	const want = unix.F_SEAL_WRITE | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW
	if seals&want != want {
		d.t.Errorf("seals are %#x", seals)
	}
	if _, err := unix.Pwrite(again, []byte("x"), 0); err == nil {
		d.t.Error("wrote by a second descriptor")
	}
	if err := unix.Ftruncate(again, 0); err == nil {
		d.t.Error("truncated")
	}
}

func TestModulesAreCompiledOnce(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(c *Config, d *desk){
		"directory": nil,
		"copies":    func(c *Config, _ *desk) { c.Copy = true },
		"memory":    func(c *Config, _ *desk) { c.Dir = "" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, change)
			first, same := d.module("first", "one"), d.module("same", "one")
			for range 100 {
				d.wants(first, "one")
			}
			d.wants(same, "one")
			if n := d.compiled.Load(); n != 1 {
				t.Errorf("compiled %d times", n)
			}
			d.wants(d.module("other", "two"), "two")
			if n := d.compiled.Load(); n != 2 {
				t.Errorf("compiled %d times for two modules", n)
			}
		})
	}
}

// A second service finds in the directory what the first has filed.
func TestDirectoryOutlivesTheService(t *testing.T) {
	t.Parallel()
	first := newDesk(t, nil)
	f := first.module("m", "text")
	first.wants(f, "text")
	for _, copies := range []bool{false, true} {
		second := newDesk(t, func(c *Config, _ *desk) { c.Dir, c.Copy = first.dir, copies })
		second.wants(f, "text")
		if n := second.compiled.Load(); n != 0 {
			t.Errorf("copies %v: compiled again", copies)
		}
	}
	other := newDesk(t, func(c *Config, _ *desk) {
		c.Dir = first.dir
		c.Context = func() (cache.Context, error) { return cache.Context{Build: "another"}, nil }
	})
	other.wants(f, "text")
	if n := other.compiled.Load(); n != 1 {
		t.Error("another build's entry was used")
	}
}

func TestChangedFilesAreSeen(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	f := d.module("m", "first")
	d.wants(f, "first")
	if err := os.WriteFile(f.Name(), []byte(moduleMagic+"after"), 0o755); err != nil {
		t.Fatal(err)
	}
	d.wants(f, "after") // at once, while the clock's tick may be the same
}

func TestNoModules(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	open := func(path string, flags int) int {
		fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		return fd
	}
	file := func(content string) string {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	huge := file(moduleMagic)
	if err := os.Truncate(huge, maxModule+1); err != nil {
		t.Fatal(err)
	}
	good := file(moduleMagic + "good")
	for name, test := range map[string]struct {
		fd   int
		want ipc.CodeMessage
	}{
		"text":          {open(file("#!/bin/sh\nexit 0\n"), unix.O_RDONLY), ipc.CodeMessage{Kind: ipc.CodeRefused, Errno: unix.ENOEXEC}},
		"empty":         {open(file(""), unix.O_RDONLY), ipc.CodeMessage{Kind: ipc.CodeRefused, Errno: unix.ENOEXEC}},
		"does not load": {open(file(moduleMagic+"bad"), unix.O_RDONLY), ipc.CodeMessage{Kind: ipc.CodeRefused, Errno: unix.ENOEXEC}},
		"too large":     {open(huge, unix.O_RDONLY), ipc.CodeMessage{Kind: ipc.CodeBusy}},
		"directory":     {open("/", unix.O_RDONLY), ipc.CodeMessage{Kind: ipc.CodeRefused, Errno: unix.EACCES}},
		"pipe":          {open(fifo, unix.O_RDWR), ipc.CodeMessage{Kind: ipc.CodeRefused, Errno: unix.EACCES}},
		"device":        {open("/dev/zero", unix.O_RDONLY), ipc.CodeMessage{Kind: ipc.CodeRefused, Errno: unix.EACCES}},
		"write only":    {open(good, unix.O_WRONLY), ipc.CodeMessage{Kind: ipc.CodeRefused, Errno: unix.EACCES}},
		"path only":     {open(good, unix.O_PATH), ipc.CodeMessage{Kind: ipc.CodeRefused, Errno: unix.EACCES}},
	} {
		got, code, err := d.ask(test.fd)
		if err != nil || got != test.want || code >= 0 {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, test.want)
		}
	}
}

// Nothing that a peer sends disturbs others.
func TestHostilePeers(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	good := d.module("good", "good")
	// Garbage, with and without descriptors.
	for n := range 200 {
		unix.Sendmsg(d.socket, bytes.Repeat([]byte{byte(n)}, n), unix.UnixRights(int(good.Fd()))[:], nil, unix.MSG_DONTWAIT)
		unix.Sendmsg(d.socket, bytes.Repeat([]byte{byte(n)}, 1+n), nil, nil, unix.MSG_DONTWAIT)
	}
	d.wants(good, "good")
	// Sockets that lead elsewhere than to the helper get no message.
	path := filepath.Join(t.TempDir(), "server")
	server, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(server)
	if err := unix.Bind(server, &unix.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	unix.Listen(server, 1)
	client, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(client)
	if err := unix.Connect(client, &unix.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	accepted, _, err := unix.Accept4(server, unix.SOCK_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(accepted)
	stream, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(stream[0])
	defer unix.Close(stream[1])
	for _, answers := range []int{client, stream[1], int(good.Fd()), d.socket} {
		if err := ipc.SendCode(d.socket, ipc.CodeMessage{Kind: ipc.CodeAsk}, int(good.Fd()), answers); err != nil {
			t.Fatal(err)
		}
	}
	d.wants(good, "good") // the others have been looked at or are about to
	unix.SetNonblock(accepted, true)
	unix.SetNonblock(stream[0], true)
	for _, fd := range []int{accepted, stream[0]} {
		if n, err := unix.Read(fd, make([]byte, 99)); err != unix.EAGAIN {
			t.Errorf("a message of %d bytes, %v, came where none belongs", n, err)
		}
	}
}

// More requests than are looked at, none of whose answers is read, keep nobody from
// being answered later, and known modules do not wait for the compiler.
func TestFloods(t *testing.T) {
	t.Parallel()
	d := newDesk(t, func(_ *Config, d *desk) { d.hold = make(chan struct{}) })
	known, slow := d.module("known", "known"), d.module("slow", "slow")
	go func() { d.hold <- struct{}{} }()
	d.wants(known, "known")
	var asking sync.WaitGroup
	for range MaxRequests / 2 {
		asking.Go(func() { d.wants(slow, "slow") })
	}
	for d.compiled.Load() < 2 {
		time.Sleep(time.Millisecond)
	}
	d.wants(known, "known")
	close(d.hold)
	asking.Wait()
	if n := d.compiled.Load(); n != 2 {
		t.Errorf("compiled %d times for two modules", n)
	}
	var unread []int
	for range 10 * MaxRequests {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		unread = append(unread, pair[0])
		for ipc.SendCode(d.socket, ipc.CodeMessage{Kind: ipc.CodeAsk}, int(slow.Fd()), pair[1]) == unix.EAGAIN {
			time.Sleep(time.Millisecond)
		}
		unix.Close(pair[1])
	}
	d.wants(known, "known")
	for _, fd := range unread {
		unix.Close(fd)
	}
}

// TestEndTellsWaiters shows that a helper whose request is never looked at sees the end
// of the service.
func TestEndTellsWaiters(t *testing.T) {
	t.Parallel()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{t: t, socket: fds[1]}
	f := d.module("m", "text")
	answered := make(chan error)
	go func() {
		_, _, err := d.ask(int(f.Fd()))
		answered <- err
	}()
	poll := []unix.PollFd{{Fd: int32(fds[0]), Events: unix.POLLIN}}
	for {
		if n, err := unix.Poll(poll, -1); n == 1 && err == nil {
			break
		}
	}
	unix.Close(fds[0]) // as when walisup is killed
	if err := <-answered; err != unix.EPIPE && err != unix.ECONNRESET {
		t.Errorf("the waiting helper got %v", err)
	}
	if _, _, err := d.ask(int(f.Fd())); err != unix.EPIPE && err != unix.ECONNRESET {
		t.Errorf("the next helper got %v", err)
	}
	unix.Close(fds[1])
}

func TestWhatIsKeptIsBounded(t *testing.T) {
	t.Parallel()
	var s store
	t.Cleanup(s.close)
	put := func(n int, size int64) {
		fd, err := cache.NewMemory()
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.Ftruncate(fd, size); err != nil {
			t.Fatal(err)
		}
		unix.Close(s.put(identity{inode: uint64(n) + 1}, cache.Key{byte(n), byte(n >> 8)}, fd))
	}
	for n := range 3 * maxFiles {
		put(n, 1)
		if n == 5 {
			continue
		}
		if kept := s.find(identity{inode: 6}); n > 5 && kept < 0 && n < maxFiles {
			t.Fatalf("after %d others: what was used all the time is forgotten", n)
		} else if kept >= 0 {
			unix.Close(kept)
		}
	}
	if len(s.entries) > maxEntries || len(s.files) > maxFiles || s.bytes != int64(len(s.entries)) {
		t.Errorf("%d entries of %d bytes, %d files", len(s.entries), s.bytes, len(s.files))
	}
	put(1, maxBytes)
	put(2, maxBytes+1) // not kept at all
	if len(s.entries) != 1 || s.bytes != maxBytes {
		t.Errorf("%d entries of %d bytes", len(s.entries), s.bytes)
	}
	for n := range maxFiled + 1 {
		if s.mayFile(1) != (n < maxFiled) {
			t.Errorf("file %d: may be filed, or may not", n)
		}
	}
}

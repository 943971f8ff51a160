package ipc

import (
	"errors"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// packets returns the two ends of a socket. The test closes neither: a second close may
// hit a descriptor of another test.
func packets(t *testing.T) (a, b int) {
	t.Helper()
	a, b = openPackets(t)
	t.Cleanup(func() { unix.Close(a); unix.Close(b) })
	return a, b
}

// openPackets returns the two ends of a socket, which the caller closes.
func openPackets(t *testing.T) (a, b int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return fds[0], fds[1]
}

func TestCodeMessages(t *testing.T) {
	t.Parallel()
	a, b := packets(t)
	for _, test := range []struct {
		m      CodeMessage
		rights []int
	}{
		{CodeMessage{Kind: CodeAsk}, []int{a, b}},
		{CodeMessage{Kind: CodeAsk, Role: maxRole}, []int{a, b}},
		{CodeMessage{Kind: CodeWorking}, nil},
		{CodeMessage{Kind: CodeReady}, []int{b}},
		{CodeMessage{Kind: CodeRefused, Errno: unix.ENOEXEC}, nil},
		{CodeMessage{Kind: CodeBusy}, nil},
	} {
		if err := SendCode(a, test.m, test.rights...); err != nil {
			t.Fatal(err)
		}
		got, rights, err := ReceiveCode(b)
		if err != nil || got != test.m || len(rights) != len(test.rights) {
			t.Errorf("sent %+v with %d descriptors, got %+v with %v, %v", test.m, len(test.rights), got, rights, err)
		}
		for _, fd := range rights {
			if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
				t.Errorf("descriptor %d: flags %#x, %v, want close-on-exec", fd, flags, err)
			}
			unix.Close(fd)
		}
	}
}

// Whatever a peer sends is refused if it is not a message, and leaves no descriptor.
func TestBadCodeMessages(t *testing.T) {
	t.Parallel()
	message := func(words ...byte) []byte {
		b := make([]byte, CodeMessageSize)
		copy(b, "WLCC")
		for i, w := range words {
			b[4+4*i] = w
		}
		return b
	}
	for name, test := range map[string]struct {
		data   []byte
		rights int
	}{
		"short":                    {message(2)[:CodeMessageSize-1], 0},
		"long":                     {append(message(2), 0), 0},
		"no magic":                 {make([]byte, CodeMessageSize), 0},
		"kind 0":                   {message(0), 0},
		"unknown kind":             {message(byte(codeKinds)), 0},
		"answer with a role":       {message(byte(CodeWorking), 0, 1), 0},
		"unknown role":             {message(byte(CodeAsk), 0, byte(maxRole)+1), 2},
		"errno without refusal":    {message(byte(CodeWorking), 5), 0},
		"refusal without errno":    {message(byte(CodeRefused)), 0},
		"request without files":    {message(byte(CodeAsk)), 0},
		"request with one file":    {message(byte(CodeAsk)), 1},
		"request with three files": {message(byte(CodeAsk)), 3},
		"request with 200 files":   {message(byte(CodeAsk)), 200},
		"nothing but a file":       {[]byte{}, 1},
		"answer without file":      {message(byte(CodeReady)), 0},
		"working with a file":      {message(byte(CodeWorking)), 1},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := packets(t)
			file, peer := openPackets(t)
			defer unix.Close(peer)
			var oob []byte
			if test.rights > 0 {
				oob = unix.UnixRights(slices.Repeat([]int{file}, test.rights)...)
			}
			if err := unix.Sendmsg(a, test.data, oob, nil, 0); err != nil {
				t.Fatal(err)
			}
			if m, rights, err := ReceiveCode(b); !errors.Is(err, ErrCode) {
				t.Errorf("got %+v with %v, %v, want %v", m, rights, err, ErrCode)
			}
			// With our own closed, the peer sees the end unless one is left.
			unix.Close(file)
			one := make([]byte, 1)
			if n, err := unix.Read(peer, one); n != 0 || err != nil {
				t.Errorf("a descriptor is left: read %d, %v", n, err)
			}
		})
	}
	a, b := packets(t)
	unix.Shutdown(a, unix.SHUT_WR)
	if _, _, err := ReceiveCode(b); err != unix.EPIPE {
		t.Errorf("after the end: %v", err)
	}
}

func FuzzCodeMessage(f *testing.F) {
	f.Add([]byte("WLCC\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), 0)
	f.Add([]byte("WLCC\x04\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x00"), 0)
	f.Fuzz(func(t *testing.T, data []byte, rights int) {
		var m CodeMessage
		if err := m.decode(data, rights); err != nil && !errors.Is(err, ErrCode) || err == nil && rights != m.Kind.rights() {
			t.Errorf("%v: %+v with %d descriptors", err, m, rights)
		}
	})
}

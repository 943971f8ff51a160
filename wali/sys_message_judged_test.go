package wali

import (
	"encoding/binary"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// TestReceivedDescriptorsAreJudged has a native program send what no guest may hold,
// between two descriptors that it may.
func TestReceivedDescriptorsAreJudged(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	memory, err := unix.Open("/proc/self/mem", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	private, err := unix.MemfdCreate("walisup-test", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	null, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	closeLater(t, memory, private, null)
	ours, theirs := socketPair(t, unix.SOCK_DGRAM)
	for _, call := range []string{"recvmsg", "recvmmsg"} {
		if err := unix.Sendmsg(theirs, []byte("x"), unix.UnixRights(null, memory, private, null), nil, 0); err != nil {
			t.Fatal(err)
		}
		const room = 64
		data, control := g.alloc(16), g.alloc(room)
		iov := g.words(data, 16)
		header := g.words(0, 0, iov, 1, 0, control, room, 0, 0, 0)
		if call == "recvmsg" {
			g.must("recvmsg", ours, header, unix.MSG_CMSG_CLOEXEC)
		} else {
			g.must("recvmmsg", ours, header, 1, unix.MSG_CMSG_CLOEXEC, 0)
		}
		if flags := g.word(header + 32); flags&unix.MSG_CTRUNC == 0 {
			t.Errorf("%s: flags %#x say that all descriptors are there", call, flags)
		}
		used := g.word(header + 24)
		if used != 32 {
			t.Fatalf("%s: %d bytes of control data", call, used)
		}
		b := g.bytes(control, int(used))
		for i, want := range []bool{true, false, false, true} {
			fd := int32(binary.LittleEndian.Uint32(b[cmsgHeader+4*i:]))
			if (fd >= 0) != want {
				t.Errorf("%s: descriptor %d of the message is %d", call, i, fd)
			}
			if fd >= 0 {
				unix.Close(int(fd))
			}
		}
	}
}

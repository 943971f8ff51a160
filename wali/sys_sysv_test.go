package wali

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

const ipcPrivate, ipcRmid = 0, 0

func TestSemaphores(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	id := int(g.must("semget", ipcPrivate, 3, 0o600))
	t.Cleanup(func() { g.callRow("semctl", id, 0, ipcRmid, int64(0)) })

	const semGetVal, semSetVal, semGetPid = 12, 16, 11
	g.must("semctl", id, 1, semSetVal, int64(5))
	if r := g.must("semctl", id, 1, semGetVal, int64(0)); r != 5 {
		t.Errorf("value %d, want 5", r)
	}
	// { num u16, op i16, flags i16 }: take 2 of the second, give 1 to the third.
	ops := g.words(1|0xfffe<<16, 0|2<<16, 1)
	g.must("semop", id, ops, 2)
	values := g.alloc(6)
	g.must("semctl", id, 0, semGetAll, int64(values))
	if b := g.bytes(values, 6); b[0] != 0 || b[2] != 3 || b[4] != 1 {
		t.Errorf("values %v", b)
	}
	g.write(values, []byte{9, 0, 8, 0, 7, 0})
	g.must("semctl", id, 0, semSetAll, int64(values))
	if r := g.must("semctl", id, 2, semGetVal, int64(0)); r != 7 {
		t.Errorf("value %d, want 7", r)
	}
	if r := g.must("semctl", id, 2, semGetPid, int64(0)); int(r) != os.Getpid() {
		t.Errorf("pid %d, want %d", r, os.Getpid())
	}
	// struct semid_ds as x86-64 has it: the number of semaphores at 80.
	for _, flag := range []int{0, ipc64} {
		ds := g.alloc(104)
		g.must("semctl", id, 0, ipcStat|flag, int64(ds))
		if n := g.long(ds + 80); n != 3 || g.word(ds+4) != uint32(os.Getuid()) || g.word(ds+20)&0o777 != 0o600 {
			t.Errorf("%d semaphores of user %d, mode %o", n, g.word(ds+4), g.word(ds+20))
		}
	}
	g.want(unix.EAGAIN, g.callRow("semtimedop", id, g.words(0|0xfff0<<16, 0), 1, g.longs(0, 1e6)))
	g.want(unix.EFAULT, g.callRow("semctl", id, 0, semGetAll, int64(guestHole)))
	g.want(unix.EFAULT, g.callRow("semctl", id, 0, ipcStat, int64(0)))
	g.want(unix.EFAULT, g.callRow("semop", id, guestHole, 1))
	g.want(unix.EINVAL, g.callRow("semop", id, ops, 0))
	g.want(unix.E2BIG, g.callRow("semop", id, ops, 1<<30))
	g.want(unix.EINVAL, g.callRow("semctl", id, 0, 99, int64(0)))
	g.must("semctl", id, 0, ipcRmid, int64(0))
	g.want(unix.EINVAL, g.callRow("semop", id, ops, 1))
}

func TestSystemVMessages(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	id := int(g.must("msgget", ipcPrivate, 0o600))
	t.Cleanup(func() { g.callRow("msgctl", id, ipcRmid, 0) })
	// struct msgbuf: type, a long, and text.
	buf := g.put(append([]byte{42, 0, 0, 0, 0, 0, 0, 0}, "text"...))
	g.must("msgsnd", id, buf, 4, 0)
	ds := g.alloc(120)
	if g.must("msgctl", id, ipcStat, ds); g.long(ds+80) != 1 || g.long(ds+72) != 4 {
		t.Errorf("%d messages of %d bytes", g.long(ds+80), g.long(ds+72))
	}
	in := g.alloc(32)
	g.want(unix.ENOMSG, g.callRow("msgrcv", id, in, 24, int64(41), 0o4000))
	g.want(unix.E2BIG, g.callRow("msgrcv", id, in, 2, int64(42), 0))
	if n := g.must("msgrcv", id, in, 24, int64(-50), 0); n != 4 || g.long(in) != 42 || string(g.bytes(in+8, 4)) != "text" {
		t.Errorf("%d bytes of type %d: %q", n, g.long(in), g.bytes(in+8, 4))
	}
	g.want(unix.EFAULT, g.callRow("msgsnd", id, guestHole, 4, 0))
	g.want(unix.EINVAL, g.callRow("msgsnd", id, buf, -1, 0))
	g.want(unix.EFAULT, g.callRow("msgctl", id, ipcStat, 0))
	g.must("msgctl", id, ipcRmid, 0)
}

func TestSharedMemoryControl(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	id := int(g.must("shmget", ipcPrivate, 10000, 0o600))
	t.Cleanup(func() { g.callRow("shmctl", id, ipcRmid, 0) })
	// struct shmid_ds: the guest's size_t of 4 bytes at 48 and padding.
	ds := g.alloc(112)
	if g.must("shmctl", id, ipcStat, ds); g.word(ds+48) != 10000 || g.long(ds+88) != 0 || int(g.word(ds+80)) != os.Getpid() {
		t.Errorf("size %d, attached %d, creator %d", g.word(ds+48), g.long(ds+88), g.word(ds+80))
	}
	g.want(unix.EFAULT, g.callRow("shmctl", id, ipcStat, guestHole))
	g.must("shmctl", id, ipcRmid, 0)
	g.want(unix.EINVAL, g.callRow("shmctl", id, ipcStat, ds))
}

func TestMessageQueue(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	// As the C library hands it over, without the slash.
	name := g.string(fmt.Sprintf("walisup-test-%d", os.Getpid()))
	attr := g.longs(0, 4, 32, 0, 0, 0, 0, 0)
	r := g.callRow("mq_open", name, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_NONBLOCK|unix.O_CLOEXEC, 0o600, attr)
	if r == -int64(unix.ENOSYS) {
		t.Skip("this kernel has no message queues")
	}
	if r < 0 {
		t.Fatal(unix.Errno(-r))
	}
	fd := int(r)
	closeLater(t, fd)
	t.Cleanup(func() { g.callRow("mq_unlink", name) })

	const sigevNone, sigevSignal = 1, 0
	g.must("mq_notify", fd, g.words(7, 0, sigevNone, 0))
	g.want(unix.EBUSY, g.callRow("mq_notify", fd, g.words(7, 10, sigevSignal, 0)))
	g.must("mq_notify", fd, 0)
	g.must("mq_timedsend", fd, g.string("low"), 3, 1, 0)
	g.must("mq_timedsend", fd, g.string("high"), 4, 9, 0)
	if g.must("mq_getsetattr", fd, 0, attr); g.long(attr) != unix.O_NONBLOCK || g.long(attr+8) != 4 || g.long(attr+16) != 32 || g.long(attr+24) != 2 {
		t.Errorf("attributes %v", g.bytes(attr, 32))
	}
	in, priority := g.alloc(32), g.alloc(4)
	if n := g.must("mq_timedreceive", fd, in, 32, priority, 0); string(g.bytes(in, int(n))) != "high" || g.word(priority) != 9 {
		t.Errorf("%q, priority %d", g.bytes(in, int(n)), g.word(priority))
	}
	g.want(unix.EMSGSIZE, g.callRow("mq_timedreceive", fd, in, 31, priority, 0))
	g.must("mq_timedreceive", fd, in, 32, 0, 0)
	g.want(unix.EAGAIN, g.callRow("mq_timedreceive", fd, in, 32, 0, 0))

	// SIGEV_THREAD as the C library does it: a netlink socket as "signal"
	// and 32 bytes that it gets back with the last one changed.
	const sigevThreadMode = 2
	cookie := make([]byte, 32)
	copy(cookie, "cookie")
	socket, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	closeLater(t, socket)
	g.must("mq_notify", fd, g.words(g.put(cookie), uint32(socket), sigevThreadMode, 0))
	g.must("mq_timedsend", fd, g.string("x"), 1, 0, 0)
	back := make([]byte, 64)
	if n, err := unix.Read(socket, back); err != nil || n != 32 || string(back[:6]) != "cookie" || back[31] != 1 {
		t.Errorf("%d bytes, %v: %q", n, err, back[:max(n, 0)])
	}
	g.want(unix.EBADF, g.callRow("mq_notify", fd, g.words(g.put(cookie), uint32(reservedDescriptor(t)), sigevThreadMode, 0)))
	g.want(unix.EFAULT, g.callRow("mq_notify", fd, guestHole))
	g.want(unix.EINVAL, g.callRow("mq_notify", fd, g.words(0, 10, 77, 0)))
	g.must("mq_unlink", name)
}

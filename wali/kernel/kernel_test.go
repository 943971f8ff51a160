package kernel

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

func TestSyscallResults(t *testing.T) {
	if got := Syscall(unix.SYS_GETPID, 0, 0, 0, 0, 0, 0); got != int64(unix.Getpid()) {
		t.Errorf("getpid = %d, want %d", got, unix.Getpid())
	}
	if got := Syscall(unix.SYS_CLOSE, ^uintptr(0), 0, 0, 0, 0, 0); got != -int64(unix.EBADF) {
		t.Errorf("close(-1) = %d, want -EBADF", got)
	}
}

func TestBlockingStopsBeforeTheKernelWhenASignalIsPending(t *testing.T) {
	var fds [2]int
	if err := unix.Pipe(fds[:]); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[0])
	defer unix.Close(fds[1])
	var buf [1]byte
	gate := Gate{Pending: 1}
	// The pipe is empty: had the kernel been entered, this would never return.
	r := Blocking(&gate, unix.SYS_READ, uintptr(fds[0]), uintptr(unsafe.Pointer(&buf[0])), 1, 0, 0, 0)
	if r != -ERESTARTSYS {
		t.Fatalf("read = %d, want -ERESTARTSYS", r)
	}
	gate.Pending = 0
	unix.Write(fds[1], []byte{7})
	r = Blocking(&gate, unix.SYS_READ, uintptr(fds[0]), uintptr(unsafe.Pointer(&buf[0])), 1, 0, 0, 0)
	if r != 1 || buf[0] != 7 {
		t.Fatalf("read = %d (%d), want 1 byte", r, buf[0])
	}
}

func TestWindowEndsAtTheSystemCall(t *testing.T) {
	lo, hi, abort := Window()
	if hi <= lo || hi-lo > 32 || abort == 0 {
		t.Fatalf("window %#x-%#x, abort %#x", lo, hi, abort)
	}
}

func BenchmarkSyscallGetpid(b *testing.B) {
	for b.Loop() {
		Syscall(unix.SYS_GETPID, 0, 0, 0, 0, 0, 0)
	}
}

func BenchmarkBlockingGetpid(b *testing.B) {
	var gate Gate
	for b.Loop() {
		Blocking(&gate, unix.SYS_GETPID, 0, 0, 0, 0, 0, 0)
	}
}

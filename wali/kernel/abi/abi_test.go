package abi

import (
	"runtime"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What is sent with a mark arrives with it: the kernel takes the siginfo and hands it on.
func TestMarkedSignalArrives(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const mark = 0x1234_5678_9abc_def0
	// One that the Go runtime has no use for, blocked in this thread alone.
	const sig = unix.SIGSTKFLT
	set, old := unix.Sigset_t{Val: [16]uint64{1 << (sig - 1)}}, unix.Sigset_t{}
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &set, &old); err != nil {
		t.Fatal(err)
	}
	defer unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil)
	var sent, got Siginfo
	sent.Mark(int(sig), unix.Getpid(), mark)
	if _, _, e := syscall.RawSyscall6(unix.SYS_RT_TGSIGQUEUEINFO, uintptr(unix.Getpid()), uintptr(unix.Gettid()), uintptr(sig),
		uintptr(unsafe.Pointer(&sent)), 0, 0); e != 0 {
		t.Fatal(e)
	}
	r, _, e := syscall.RawSyscall6(unix.SYS_RT_SIGTIMEDWAIT, uintptr(unsafe.Pointer(&set)), uintptr(unsafe.Pointer(&got)), 0, 8, 0, 0)
	if e != 0 || r != uintptr(sig) {
		t.Fatalf("signal %d, %v", r, e)
	}
	if got.Signo() != int(sig) || !got.Marked(mark) || got.Marked(mark+1) {
		t.Errorf("got %x", got)
	}
}

func TestFault(t *testing.T) {
	s := Siginfo{20: 0xff, 100: 0xff}
	s.Fault(11, 2, 0x7fff_1234_5678)
	if s.Signo() != 11 || s.Code() != 2 || s.Address() != 0x7fff_1234_5678 || s.Marked(0) || s[100] != 0 {
		t.Errorf("got %x", s)
	}
}

// An action comes back from the kernel as it was given.
func TestSetAction(t *testing.T) {
	var before, now Sigaction
	act := Sigaction{Handler: SigIgnore, Flags: SARestart, Mask: 1 << 9}
	if e := SetAction(unix.SIGURG, &act, &before); e != 0 {
		t.Fatal(e)
	}
	if e := SetAction(unix.SIGURG, &before, &now); e != 0 {
		t.Fatal(e)
	}
	if now.Handler != SigIgnore || now.Flags&SARestart == 0 || now.Mask != act.Mask {
		t.Errorf("got %+v", now)
	}
	if e := SetAction(unix.SIGKILL, &act, nil); e != unix.EINVAL {
		t.Errorf("SIGKILL: %v", e)
	}
}

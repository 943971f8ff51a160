package helper

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"walisup/helper/engine"
)

// Every trap is a signal that a native program would get, with a text for people.
func TestTrapsAreSignals(t *testing.T) {
	for trap := engine.NoTrap + 1; trap <= engine.NullReference; trap++ {
		s := &trapSignals[trap]
		info := s.info()
		if s.signal == 0 || s.text == "" || info.Signo() != int(s.signal) || info.Code() != s.code || info.Address() != 0 {
			t.Errorf("trap %d is %+v, siginfo %x", trap, s, info[:24])
		}
	}
	for trap, want := range map[engine.Trap]struct {
		signal unix.Signal
		code   int
	}{
		engine.DivideByZero: {unix.SIGFPE, 1}, // FPE_INTDIV
		engine.Unreachable:  {unix.SIGILL, 2}, // ILL_ILLOPN
		engine.OutOfBounds:  {unix.SIGSEGV, 1},
	} {
		if s := trapSignals[trap]; s.signal != want.signal || s.code != want.code {
			t.Errorf("trap %d is %v with code %d", trap, s.signal, s.code)
		}
	}
}

func TestByteSize(t *testing.T) {
	for n, want := range map[uint32]string{0: "0 MB", 1 << 20: "1 MB", 8 << 20: "8 MB", 64 << 10: "64 kB", 4097: "4097 bytes"} {
		if got := byteSize(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func TestExitStatusIsWaitStatus(t *testing.T) {
	for status, want := range map[int]int{0: 0, 3: 3, 255: 255, 256: 0, -1: 255} {
		if got := exitStatus(status); !got.Exited() || got.ExitStatus() != want {
			t.Errorf("%d: %#x", status, got)
		}
	}
}

func TestErrnoOf(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want unix.Errno
	}{
		{&fileError{unix.EACCES}, unix.EACCES},
		{&fileError{errors.New("no module")}, unix.ENOEXEC},
		{errors.Join(errors.New("seal"), unix.EBUSY), unix.EBUSY},
	} {
		if got := errnoOf(tc.err, unix.ENOEXEC); got != tc.want {
			t.Errorf("%v: %v, want %v", tc.err, got, tc.want)
		}
	}
}

func TestModuleErrorsHaveAStatus(t *testing.T) {
	b := &bootstrap{Boot: newBoot("/app.wasm")}
	var e *exitError
	for _, err := range []error{b.moduleError(&fileError{unix.EIO}), b.engineError(&engine.ModuleError{Err: unix.EIO})} {
		if !errors.As(err, &e) || e.status != exitNotRunnable || !strings.HasPrefix(err.Error(), "/app.wasm: ") {
			t.Errorf("%v", err)
		}
	}
	for _, err := range []error{b.moduleError(unix.EIO), b.engineError(unix.EIO)} {
		if errors.As(err, &e) || !errors.Is(err, unix.EIO) {
			t.Errorf("%v is the module's fault", err)
		}
	}
}

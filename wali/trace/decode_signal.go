package trace

import (
	"math/bits"
	"strings"

	"golang.org/x/sys/unix"
)

// signalDecoder has the decoders of what concerns signals and processes.
func signalDecoder(name string) func(f *frame, i int) {
	switch name {
	case "signal":
		return func(f *frame, i int) { f.signalName(int(f.a.Int(i))) }
	case "sigset":
		return func(f *frame, i int) {
			p := f.a.Ptr(i)
			set, e := f.t.Memory.Load64(p)
			if p == 0 || e != 0 {
				f.pointer(p)
				return
			}
			f.signalSet(set)
		}
	case "sigaction":
		return (*frame).sigaction
	case "siginfo":
		return func(f *frame, i int) {
			var b [128]byte
			if f.a.Ptr(i) != 0 && f.done && (f.failed() || f.result == 0 && f.spec.name == "waitid" && f.nobody(f.a.Ptr(i))) {
				f.pointer(f.a.Ptr(i))
				return
			}
			if f.given(f.a.Ptr(i), b[:]) {
				f.siginfo(b[:], false)
			}
		}
	case "altstack":
		return func(f *frame, i int) {
			var b [12]byte
			if !f.given(f.a.Ptr(i), b[:]) {
				return
			}
			f.str("{ss_sp=")
			f.pointer(uint32(u32(b[:], 0)))
			f.str(", ss_flags=")
			f.flags(altStackFlags, u32(b[:], 4))
			f.str(", ")
			f.named("ss_size", int64(u32(b[:], 8)))
			f.raw('}')
		}
	case "wstatus":
		return func(f *frame, i int) {
			p := f.a.Ptr(i)
			status, e := f.t.Memory.Load32(p)
			if p == 0 || e != 0 || f.failed() || f.result == 0 {
				f.pointer(p)
				return
			}
			f.str("[")
			f.waitStatus(unix.WaitStatus(status))
			f.str("]")
		}
	case "clone":
		return func(f *frame, i int) {
			v := f.a[i]
			if v&^0xff != 0 {
				f.flags(cloneFlags, v&^0xff)
				f.raw('|')
			}
			f.signalName(int(v & 0xff))
		}
	case "cloneargs":
		return func(f *frame, i int) {
			var b [64]byte
			if !f.given(f.a.Ptr(i), b[:]) {
				return
			}
			f.str("{flags=")
			f.flags(cloneFlags, u64(b[:], 0))
			f.str(", exit_signal=")
			f.signalName(int(u64(b[:], 32)))
			f.str(", stack=")
			f.hex(u64(b[:], 40))
			f.str(", stack_size=")
			f.hex(u64(b[:], 48))
			f.raw('}')
		}
	}
	return nil
}

// nobody reports whether waitid(2) has found no process.
func (f *frame) nobody(p uint32) bool {
	signo, _ := f.t.Memory.Load32(p)
	return signo == 0
}

// signalName writes a signal; 0, which is none, stays a number.
func (x *text) signalName(sig int) {
	switch {
	case sig == int(unix.SIGIO):
		x.str("SIGIO")
	case sig == 32:
		x.str("SIGRTMIN")
	case sig > 32 && sig <= 64:
		x.str("SIGRT_")
		x.dec(int64(sig - 32))
	case sig > 0 && sig < 32:
		x.str(unix.SignalName(unix.Signal(sig)))
	default:
		x.dec(int64(sig))
	}
}

// signalSet writes the names of signals, or of those that are missing if that is
// shorter.
func (x *text) signalSet(set uint64) {
	if bits.OnesCount64(set) > 42 {
		x.raw('~')
		set = ^set
	}
	x.raw('[')
	for sig := 1; sig <= 64; sig++ {
		if set&(1<<(sig-1)) == 0 {
			continue
		}
		set &^= 1 << (sig - 1)
		var name text
		var space [room + 20]byte
		name.b = space[:0]
		name.signalName(sig)
		x.str(strings.TrimPrefix(string(name.b), "SIG"))
		if set != 0 {
			x.raw(' ')
		}
	}
	x.raw(']')
}

// sigaction is the guest's packed struct: handler u32 0, flags u64 4, restorer u32
// 12, mask u64 16.
func (f *frame) sigaction(i int) {
	var b [24]byte
	if !f.fields(f.a.Ptr(i), b[:]) {
		return
	}
	f.str("{sa_handler=")
	switch handler := uint32(u32(b[:], 0)); handler {
	case 0:
		f.str("SIG_DFL")
	case 0xfffffffe:
		f.str("SIG_IGN")
	default:
		f.hex(uint64(handler))
	}
	f.str(", sa_mask=")
	f.signalSet(u64(b[:], 16))
	f.str(", sa_flags=")
	f.flags(saFlags, u64(b[:], 4)&0xffffffff)
	if u64(b[:], 4)&0x04000000 != 0 {
		f.str(", sa_restorer=")
		f.pointer(uint32(u32(b[:], 12)))
	}
	f.raw('}')
}

func (f *frame) waitStatus(status unix.WaitStatus) {
	switch {
	case status.Exited():
		f.str("{WIFEXITED(s) && WEXITSTATUS(s) == ")
		f.dec(int64(status.ExitStatus()))
	case status.Signaled():
		f.str("{WIFSIGNALED(s) && WTERMSIG(s) == ")
		f.signalName(int(status.Signal()))
		if status.CoreDump() {
			f.str(" && WCOREDUMP(s)")
		}
	case status.Stopped():
		f.str("{WIFSTOPPED(s) && WSTOPSIG(s) == ")
		f.signalName(int(status.StopSignal()))
	case status.Continued():
		f.str("{WIFCONTINUED(s)")
	default:
		f.hex(uint64(status))
		return
	}
	f.raw('}')
}

// Codes of siginfo_t; asm-generic/siginfo.h.
var (
	codeNames = []constant{
		{0, "SI_USER"}, {0x80, "SI_KERNEL"}, {1<<64 - 1, "SI_QUEUE"}, {1<<64 - 2, "SI_TIMER"}, {1<<64 - 3, "SI_MESGQ"},
		{1<<64 - 4, "SI_ASYNCIO"}, {1<<64 - 5, "SI_SIGIO"}, {1<<64 - 6, "SI_TKILL"},
	}
	childCodes = []constant{{1, "CLD_EXITED"}, {2, "CLD_KILLED"}, {3, "CLD_DUMPED"}, {4, "CLD_TRAPPED"}, {5, "CLD_STOPPED"}, {6, "CLD_CONTINUED"}}
	segvCodes  = []constant{{1, "SEGV_MAPERR"}, {2, "SEGV_ACCERR"}, {3, "SEGV_BNDERR"}, {4, "SEGV_PKUERR"}}
	busCodes   = []constant{{1, "BUS_ADRALN"}, {2, "BUS_ADRERR"}, {3, "BUS_OBJERR"}}
	fpeCodes   = []constant{{1, "FPE_INTDIV"}, {2, "FPE_INTOVF"}, {3, "FPE_FLTDIV"}, {4, "FPE_FLTOVF"}, {5, "FPE_FLTUND"}, {6, "FPE_FLTRES"}, {7, "FPE_FLTINV"}, {8, "FPE_FLTSUB"}}
	illCodes   = []constant{{1, "ILL_ILLOPC"}, {2, "ILL_ILLOPN"}, {3, "ILL_ILLADR"}, {4, "ILL_ILLTRP"}}
	pollCodes  = []constant{{1, "POLL_IN"}, {2, "POLL_OUT"}, {3, "POLL_MSG"}, {4, "POLL_ERR"}, {5, "POLL_PRI"}, {6, "POLL_HUP"}}
)

func (x *text) signalCode(sig unix.Signal, code int64) {
	table := codeNames
	if code > 0 && code < 0x80 {
		switch sig {
		case unix.SIGCHLD:
			table = childCodes
		case unix.SIGSEGV:
			table = segvCodes
		case unix.SIGBUS:
			table = busCodes
		case unix.SIGFPE:
			table = fpeCodes
		case unix.SIGILL:
			table = illCodes
		case unix.SIGIO:
			table = pollCodes
		}
	}
	if name, ok := lookup(table, uint64(code)); ok {
		x.str(name)
		return
	}
	x.dec(code)
}

// siginfo writes a siginfo_t: signo i32 0, errno i32 4, code i32 8, and from 16 on
// what the code says. native means that addresses are the kernel's.
func (f *frame) siginfo(b []byte, native bool) {
	sig, code := unix.Signal(i32(b, 0)), i32(b, 8)
	f.str("{si_signo=")
	f.signalName(int(sig))
	if i32(b, 4) != 0 {
		f.str(", si_errno=")
		f.str(errorName(unix.Errno(i32(b, 4))))
	}
	f.str(", si_code=")
	f.signalCode(sig, code)
	sender := func() {
		f.str(", ")
		f.named("si_pid", i32(b, 16))
		f.str(", ")
		f.named("si_uid", i32(b, 20))
	}
	switch {
	case code == 0 || code == -6:
		sender()
	case code == -2: // SI_TIMER
		f.str(", ")
		f.named("si_timerid", i32(b, 16))
		f.str(", ")
		f.named("si_overrun", i32(b, 20))
		f.value(b, 24)
	case code < 0:
		sender()
		f.value(b, 24)
	case code == 0x80:
	case sig == unix.SIGCHLD:
		sender()
		f.str(", si_status=")
		if code == 1 {
			f.dec(i32(b, 24))
		} else {
			f.signalName(int(i32(b, 24)))
		}
		f.str(", ")
		f.named("si_utime", i64(b, 32))
		f.str(", ")
		f.named("si_stime", i64(b, 40))
	case sig == unix.SIGIO:
		f.str(", ")
		f.named("si_band", i64(b, 16))
		f.str(", ")
		f.named("si_fd", i32(b, 24))
	case sig == unix.SIGSEGV || sig == unix.SIGBUS || sig == unix.SIGFPE || sig == unix.SIGILL:
		f.str(", si_addr=")
		address := u64(b, 16)
		if !native {
			address = u32(b, 16)
		} else if f.t.Memory.Contains(uintptr(address)) {
			address -= uint64(f.t.Memory.Base())
		}
		if address == 0 {
			f.str("NULL")
		} else {
			f.hex(address)
		}
	}
	f.raw('}')
}

// value is union sigval.
func (f *frame) value(b []byte, at int) {
	if u64(b, at) == 0 {
		return
	}
	f.str(", si_value={")
	f.named("int", i32(b, at))
	f.str(", ptr=")
	f.pointer(uint32(u32(b, at)))
	f.raw('}')
}

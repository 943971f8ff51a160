package signals

import (
	"testing"

	"golang.org/x/sys/unix"

	"walisup/wali/kernel/abi"
)

func TestDecide(t *testing.T) {
	handler := Action{Handler: 7}
	ignore := Action{Handler: HandlerIgnore}
	byDefault := Action{}
	tests := []struct {
		name           string
		act            Action
		sig            unix.Signal
		fault, blocked bool
		want           Fate
	}{
		{"caught", handler, unix.SIGUSR1, false, false, Handle},
		{"table index 1 is a handler, not SIG_IGN", Action{Handler: 1}, unix.SIGUSR1, false, false, Handle},
		{"ignored", ignore, unix.SIGUSR1, false, false, Discard},
		{"fatal by default", byDefault, unix.SIGUSR1, false, false, Die},
		{"ignored by default", byDefault, unix.SIGCHLD, false, false, Discard},
		{"stops by default, which the kernel does", byDefault, unix.SIGTSTP, false, false, Discard},
		{"real-time signal", byDefault, 40, false, false, Die},

		{"sent and blocked", handler, unix.SIGSEGV, false, true, Hold},
		{"sent, blocked and ignored: sigtimedwait may want it", ignore, unix.SIGSEGV, false, true, Hold},
		{"sent and ignored", ignore, unix.SIGSEGV, false, false, Discard},

		{"fault, caught", handler, unix.SIGSEGV, true, false, Handle},
		{"fault cannot be ignored", ignore, unix.SIGSEGV, true, false, Die},
		{"fault, by default", byDefault, unix.SIGFPE, true, false, Die},
		{"fault cannot be put off", handler, unix.SIGSEGV, true, true, Die},
		{"fault, ignored and blocked", ignore, unix.SIGBUS, true, true, Die},
	}
	for _, tt := range tests {
		if got := Decide(&tt.act, int(tt.sig), tt.fault, tt.blocked); got != tt.want {
			t.Errorf("%s: got %d, want %d", tt.name, got, tt.want)
		}
	}
}

func TestChanged(t *testing.T) {
	tests := []struct {
		mask uint64
		how  int
		set  uint64
		want uint64
	}{
		{0b0011, unix.SIG_BLOCK, 0b0110, 0b0111},
		{0b0011, unix.SIG_UNBLOCK, 0b0110, 0b0001},
		{0b0011, unix.SIG_SETMASK, 0b0110, 0b0110},
		{0, unix.SIG_SETMASK, ^uint64(0), ^uint64(NeverBlocked)},
		{0, unix.SIG_BLOCK, NeverBlocked | 1, 1},
	}
	for _, tt := range tests {
		if got := Changed(tt.mask, tt.how, tt.set); got != tt.want {
			t.Errorf("Changed(%#x, %d, %#x) = %#x, want %#x", tt.mask, tt.how, tt.set, got, tt.want)
		}
	}
}

func TestForKernel(t *testing.T) {
	table := Table{Catch: 0x1000, Return: 0x2000}
	const always = abi.SASiginfo | abi.SAOnstack | abi.SARestorer
	tests := []struct {
		name string
		act  Action
		want abi.Sigaction
	}{
		{"default", Action{}, abi.Sigaction{Handler: abi.SigDefault}},
		{"ignore keeps what concerns children", Action{Handler: HandlerIgnore, Flags: abi.SANocldwait | abi.SARestart, Mask: 1},
			abi.Sigaction{Handler: abi.SigIgnore, Flags: abi.SANocldwait}},
		{"handler: all signals are blocked until it runs", Action{Handler: 3, Mask: 1, Flags: abi.SARestart | abi.SANodefer},
			abi.Sigaction{Handler: 0x1000, Restorer: 0x2000, Mask: All, Flags: always | abi.SARestart}},
		{"reset", Action{Handler: 3, Flags: abi.SAResethand | abi.SANocldstop},
			abi.Sigaction{Handler: 0x1000, Restorer: 0x2000, Mask: All, Flags: always | abi.SAResethand | abi.SANocldstop}},
	}
	for _, tt := range tests {
		if got := table.forKernel(&tt.act); got != tt.want {
			t.Errorf("%s: got %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

func TestTable(t *testing.T) {
	var table Table
	table.InheritIgnored(bit(1) | bit(64))
	if got := table.Ignored(); got != bit(1)|bit(64) {
		t.Errorf("inherited: %#x", got)
	}
	act := Action{Handler: 5, Flags: abi.SARestart, Mask: 9}
	if old, e := table.Replace(1, &act); e != 0 || old.Handler != HandlerIgnore {
		t.Errorf("Replace: %+v, %v", old, e)
	}
	if got := table.Action(1); got != act || !got.Caught() || got.HasInfo() {
		t.Errorf("Action: %+v", got)
	}
	table.Replace(64, &Action{Handler: HandlerIgnore, Mask: 3})
	table.Clear()
	if got := table.Action(1); got != (Action{}) {
		t.Errorf("cleared: %+v", got)
	}
	if got := table.Action(64); got != (Action{Handler: HandlerIgnore}) {
		t.Errorf("cleared, ignored before: %+v", got)
	}
}

func TestAltStackReplacement(t *testing.T) {
	present := AltStack{SP: 0x1000, Size: 0x2000}
	tests := []struct {
		name  string
		sp    uint32
		flags int32
		size  uint32
		on    bool
		want  AltStack
		e     unix.Errno
	}{
		{"new one", 0x8000, 0, 2048, false, AltStack{SP: 0x8000, Size: 2048}, 0},
		{"SS_ONSTACK is no error", 0x8000, stackOn, 2048, false, AltStack{SP: 0x8000, Size: 2048}, 0},
		{"SS_AUTODISARM is kept", 0x8000, stackAutoDisarm, 2048, false, AltStack{SP: 0x8000, Size: 2048, Flags: stackAutoDisarm}, 0},
		{"disabled: the rest does not count", 0x8000, stackDisable, 1, false, AltStack{}, 0},
		{"too small", 0x8000, 0, 2047, false, AltStack{}, unix.ENOMEM},
		{"unknown flag", 0x8000, 4, 2048, false, AltStack{}, unix.EINVAL},
		{"in use", 0x8000, 0, 2048, true, AltStack{}, unix.EPERM},
	}
	for _, tt := range tests {
		if got, e := present.Replacement(tt.sp, tt.flags, tt.size, tt.on); got != tt.want || e != tt.e {
			t.Errorf("%s: %+v, %v; want %+v, %v", tt.name, got, e, tt.want, tt.e)
		}
	}
}

func TestHandlerStack(t *testing.T) {
	alt := AltStack{SP: 0x1000, Size: 0x1000}
	onAlt := &Action{Handler: 1, Flags: abi.SAOnstack}
	tests := []struct {
		name  string
		stack AltStack
		act   *Action
		sp    uint32
		want  uint32
	}{
		{"without SA_ONSTACK", alt, &Action{Handler: 1}, 0x9010, 0x9010 - RedZone},
		{"without a stack", AltStack{}, onAlt, 0x9010, 0x9010 - RedZone},
		{"from outside", alt, onAlt, 0x9010, 0x2000},
		{"from its last byte", alt, onAlt, 0x2000, 0x2000 - RedZone},
		{"from its lowest address, which is below it", alt, onAlt, 0x1000, 0x2000},
		{"aligned", alt, &Action{Handler: 1}, 0x901f, (0x901f - RedZone) &^ 15},
	}
	for _, tt := range tests {
		if got := tt.stack.HandlerStack(tt.act, tt.sp); got != tt.want {
			t.Errorf("%s: %#x, want %#x", tt.name, got, tt.want)
		}
	}
	for _, tt := range []struct {
		stack AltStack
		on    bool
		want  int32
	}{{AltStack{}, false, stackDisable}, {alt, false, 0}, {alt, true, stackOn}} {
		if got := tt.stack.State(tt.on); got != tt.want {
			t.Errorf("State of %+v: %d, want %d", tt.stack, got, tt.want)
		}
	}
}

package seccomp

import (
	"fmt"
	"math"

	"golang.org/x/sys/unix"
)

// Action is what becomes of a call: what a filter returns.
type Action uint32

// Actions without a value of their own.
const (
	Allow       Action = unix.SECCOMP_RET_ALLOW
	Log         Action = unix.SECCOMP_RET_LOG
	Trap        Action = unix.SECCOMP_RET_TRAP
	KillThread  Action = unix.SECCOMP_RET_KILL_THREAD
	KillProcess Action = unix.SECCOMP_RET_KILL_PROCESS
)

// Errno makes a call fail.
func Errno(e unix.Errno) Action { return unix.SECCOMP_RET_ERRNO | Action(e)&unix.SECCOMP_RET_DATA }

// trace leaves a call to a tracer, of which there is none: it fails with ENOSYS.
func trace(value uint16) Action { return unix.SECCOMP_RET_TRACE | Action(value) }

// severity orders actions as the kernel does where filters disagree: the lowest counts.
func (a Action) severity() int32 { return int32(a & unix.SECCOMP_RET_ACTION_FULL) }

// Profile says what becomes of system calls.
type Profile struct {
	Default Action // of calls that no rule is for
	Rules   []Rule
}

// Rule is for one call. Of several for the same call the first counts whose conditions
// hold.
type Rule struct {
	Call   uint32 // the call's number
	Action Action
	If     []Condition // all of which must hold
}

// Condition is about one argument of a call.
type Condition struct {
	Arg   int // 0 to 5
	Op    Op
	Value uint64
	Mask  uint64 // for Masked

	// Values are what In compares with.
	Values []uint32
}

// Op is how a condition compares.
type Op int

// The comparisons. Those that end in 32 look at the lower half of an argument, as the
// kernel does where it takes an int.
const (
	Equal Op = iota
	NotEqual
	Less
	LessEqual
	Greater
	GreaterEqual
	Masked   // argument & Mask == Value
	Masked32 // the same with 32 bits
	In32     // one of Values
)

// mostValues is how many values one In32 can compare with: a jump in a filter is short.
const mostValues = 200

func (c *Condition) check() error {
	switch {
	case c.Arg < 0 || c.Arg > 5:
		return fmt.Errorf("a call has arguments 0 to 5, not %d", c.Arg)
	case c.Op < Equal || c.Op > In32:
		return fmt.Errorf("no comparison %d", c.Op)
	case c.Op == In32 && len(c.Values) > mostValues:
		return fmt.Errorf("%d values to compare with, at most %d are possible", len(c.Values), mostValues)
	case c.Op == Masked32 && (c.Mask > math.MaxUint32 || c.Value > math.MaxUint32):
		return fmt.Errorf("%#x and %#x are to be numbers of 32 bits", c.Mask, c.Value)
	}
	return nil
}

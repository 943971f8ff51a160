package wali

import (
	"bytes"
	"testing"

	"golang.org/x/sys/unix"
)

// out stands for a pointer to a zeroed buffer of that size, which the call
// fills; in for a pointer to these bytes.
type (
	out int
	in  []byte
)

// passedCalls are calls that are handed to the kernel as they are, with arguments
// for which nothing changes.
var passedCalls = map[string][]any{
	"getpid":                  nil,
	"getppid":                 nil,
	"getuid":                  nil,
	"geteuid":                 nil,
	"getgid":                  nil,
	"getegid":                 nil,
	"getpgrp":                 nil,
	"getpgid":                 {0},
	"getsid":                  {0},
	"getresuid":               {out(4), out(4), out(4)},
	"getresgid":               {out(4), out(4), out(4)},
	"getgroups":               {100, out(400)},
	"uname":                   {out(390)},
	"getpriority":             {0, 0},
	"ioprio_get":              {1, 0},
	"sched_getscheduler":      {0},
	"sched_getparam":          {0, out(4)},
	"sched_getattr":           {0, out(48), 48, 0},
	"sched_getaffinity":       {0, 128, out(128)},
	"sched_rr_get_interval":   {0, out(16)},
	"sched_get_priority_max":  {1},
	"sched_get_priority_min":  {1},
	"sched_yield":             nil,
	"membarrier":              {0, 0, 0},
	"capget":                  {in(int32s(0x20080522, 0)), out(24)},
	"landlock_create_ruleset": {0, 0, 1},
	"statfs":                  {in("/proc\x00"), out(120)},
	"clock_settime":           {unix.CLOCK_MONOTONIC, in(make([]byte, 16))},
	"settimeofday":            {in(bytes.Repeat([]byte{255}, 16)), 0},
	"readahead":               {-1, int64(0), 4096},
	"process_mrelease":        {-1, 0},
	"pidfd_open":              {-1, 0},
	"setpgid":                 {0, -1},
	"setpriority":             {9, 0, 0},
	"sched_setscheduler":      {0, 99, in(int32s(0))},
	"sched_setparam":          {0, in(int32s(7))},
	"sched_setaffinity":       {0, 8, in(make([]byte, 8))},
	"setns":                   {-1, 0},
}

// TestPassedCallsAreTheKernels makes these calls, and the same ones natively, and
// compares results and what was stored.
func TestPassedCallsAreTheKernels(t *testing.T) {
	t.Parallel()
	for name, args := range passedCalls {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGuest(t)
			rowArgs, rowOut := g.lay(args)
			nativeArgs, nativeOut := g.lay(args)
			row := Lookup(name)
			kinds, _ := parseArgs(row.Args)
			var host [6]uintptr
			for i, arg := range nativeArgs {
				host[i] = kinds[i].host(rawValue(t, arg), g.Memory)
			}
			got := g.callRow(name, rowArgs...)
			want := g.Thread.call(row.NR.host(), host[0], host[1], host[2], host[3], host[4], host[5])
			if got != want {
				t.Errorf("result %d, natively %d", got, want)
			}
			for i := range rowOut {
				a, b := g.bytes(rowOut[i].p, rowOut[i].n), g.bytes(nativeOut[i].p, nativeOut[i].n)
				if !bytes.Equal(a, b) {
					t.Errorf("stored %v, natively %v", a, b)
				}
			}
		})
	}
}

// buffer is where a call stores something.
type buffer struct {
	p uint32
	n int
}

// lay puts buffers and bytes of args to guest memory, in new places.
func (g *guest) lay(args []any) (laid []any, buffers []buffer) {
	for _, arg := range args {
		switch v := arg.(type) {
		case out:
			p := g.alloc(int(v))
			buffers = append(buffers, buffer{p, int(v)})
			laid = append(laid, p)
		case in:
			laid = append(laid, g.put(v))
		default:
			laid = append(laid, arg)
		}
	}
	return laid, buffers
}

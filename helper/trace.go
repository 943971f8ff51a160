package helper

import (
	"fmt"

	"golang.org/x/sys/unix"

	"walisup/ipc"
	"walisup/wali/trace"
)

// alwaysTraced is the control word of a process that is traced for all its life.
var alwaysTraced uint32 = 1

// trace prepares the process for being traced, if it is to be.
func (p *program) trace() error {
	if p.boot.Trace == "" {
		return nil
	}
	var config ipc.TraceConfig
	if err := config.UnmarshalText([]byte(p.boot.Trace)); err != nil {
		return fmt.Errorf("%w: %w", ipc.ErrBoot, err)
	}
	p.tracer = trace.New(p.boot.first+ipc.TraceOffset, &config)
	p.process.Tracer, p.process.TraceControl = p.tracer, &alwaysTraced
	return nil
}

// showTrace lets the next helper have the pipe for trace records, and hideTrace
// keeps native programs from having it.
func (b *bootstrap) showTrace() { b.setTraceFlags(0) }
func (b *bootstrap) hideTrace() { b.setTraceFlags(unix.FD_CLOEXEC) }

func (b *bootstrap) setTraceFlags(flags int) {
	if b.Trace != "" {
		unix.FcntlInt(uintptr(b.first+ipc.TraceOffset), unix.F_SETFD, flags)
	}
}
